"""What the imports of customer systems take: columns, limits and ways of writing.

A limit that depends on the edition is that of the smallest one that documents it. Where a system documents
none, the strictest of the others stands in. ``docs/exports.md`` gives the source of each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Layout:
    """How one customer system wants its import files.

    Attributes
    ----------
    title : str
        Name of the system.
    fields : mapping of str to str
        Column of the scorecard -> heading, as proposed; the first names the customer.
    rows, columns, size : int
        At most so many records, columns and bytes a file.
    text_length : int
        At most so many characters a text; counted in UTF-16 units, which is never too few.
    byte_order_mark : bool
        Whether the UTF-8 of the file is announced, as Excel wants it.
    date_format : str
        As ``strftime`` takes it.
    true, false : str
        Words for a ticked and an empty box.
    forbidden : str
        Characters that no text may hold.
    """

    title: str
    fields: Mapping[str, str]
    rows: int
    columns: int
    size: int
    text_length: int
    byte_order_mark: bool
    date_format: str
    true: str
    false: str
    forbidden: str


LAYOUTS: dict[str, Layout] = {
    "fxiaoke": Layout(
        title="Fxiaoke (纷享销客)",
        fields={
            "customer_id": "客户编号",
            "score": "关系评分",
            "grade": "关系等级",
            "tier": "客户层级",
            "churn_probability": "流失概率",
            "clv": "预期价值",
            "next_purchase_date": "预计下次购买日期",
            "driver_1_text": "主要原因",
        },
        rows=25_000,
        columns=90,
        size=20 * MEGABYTE,
        text_length=255,
        byte_order_mark=True,
        date_format="%Y-%m-%d",
        true="是",
        false="否",
        forbidden="",
    ),
    "hubspot": Layout(
        title="HubSpot",
        fields={
            "customer_id": "Customer ID",
            "score": "Guanxi Score",
            "grade": "Guanxi Grade",
            "tier": "Guanxi Tier",
            "churn_probability": "Churn Probability",
            "clv": "Expected Value",
            "next_purchase_date": "Next Purchase Date",
            "driver_1_text": "Main Driver",
        },
        rows=500_000,
        columns=999,
        size=20 * MEGABYTE,
        text_length=65_536,
        byte_order_mark=False,
        date_format="%Y-%m-%d",
        true="true",
        false="false",
        forbidden="",
    ),
    "salesforce": Layout(
        title="Salesforce",
        fields={
            "customer_id": "Customer_Id__c",
            "score": "Guanxi_Score__c",
            "grade": "Guanxi_Grade__c",
            "tier": "Guanxi_Tier__c",
            "churn_probability": "Churn_Probability__c",
            "clv": "Expected_Value__c",
            "next_purchase_date": "Next_Purchase_Date__c",
            "driver_1_text": "Main_Driver__c",
        },
        rows=50_000,
        columns=90,
        size=100 * MEGABYTE,
        text_length=255,
        byte_order_mark=False,
        date_format="%Y-%m-%d",
        true="true",
        false="false",
        forbidden="",
    ),
    "zoho": Layout(
        title="Zoho CRM",
        fields={
            "customer_id": "Customer ID",
            "score": "Guanxi Score",
            "grade": "Guanxi Grade",
            "tier": "Guanxi Tier",
            "churn_probability": "Churn Probability",
            "clv": "Expected Value",
            "next_purchase_date": "Next Purchase Date",
            "driver_1_text": "Main Driver",
        },
        rows=25_000,
        columns=200,
        size=25 * MEGABYTE,
        text_length=255,
        byte_order_mark=False,
        date_format="%m/%d/%Y",
        true="true",
        false="false",
        forbidden='"|<>',
    ),
}
