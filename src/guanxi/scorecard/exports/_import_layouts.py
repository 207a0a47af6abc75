"""Import layouts of customer systems: columns, limits and formats.

Limits that depend on the edition are those of the smallest edition that documents them. If a system documents
none, the strictest of the other systems applies. ``docs/exports.md`` gives the sources.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Layout:
    """Import file format of a customer system.

    Attributes
    ----------
    title : str
        Name of the system.
    fields : mapping of str to str
        Column of the scorecard -> default heading; the first is the customer.
    rows, columns, size : int
        Limits of records, columns and bytes per file.
    text_length : int
        Limit of characters per text, counted in UTF-16 code units.
    byte_order_mark : bool
        Whether the file starts with a UTF-8 byte order mark, for Excel.
    date_format : str
        Format for ``strftime``.
    true, false : str
        Values of a checkbox.
    forbidden : str
        Characters not allowed in texts.
    """

    title: str
    fields: Mapping[str, str]
    rows: int
    columns: int
    size: int
    text_length: int = 255
    byte_order_mark: bool = False
    date_format: str = "%Y-%m-%d"
    true: str = "true"
    false: str = "false"
    forbidden: str = ""


def _fields(*headings: str) -> dict[str, str]:
    return dict(zip(_EXPORTED, headings, strict=True))


_EXPORTED = (
    "customer_id", "score", "grade", "tier", "churn_probability", "clv", "next_purchase_date", "driver_1_text"
)  # fmt: skip
_ENGLISH = _fields(
    "Customer ID", "Guanxi Score", "Guanxi Grade", "Guanxi Tier", "Churn Probability", "Expected Value",
    "Next Purchase Date", "Main Driver",
)  # fmt: skip
LAYOUTS: dict[str, Layout] = {
    "fxiaoke": Layout(
        title="Fxiaoke (纷享销客)",
        fields=_fields(
            "客户编号", "关系评分", "关系等级", "客户层级", "流失概率", "预期价值", "预计下次购买日期",
            "主要原因",
        ),
        rows=25_000, columns=90, size=20 * MEGABYTE, byte_order_mark=True, true="是", false="否",
    ),
    "hubspot": Layout("HubSpot", _ENGLISH, rows=500_000, columns=999, size=20 * MEGABYTE, text_length=65_536),
    "salesforce": Layout(
        title="Salesforce",
        fields=_fields(
            "Customer_Id__c", "Guanxi_Score__c", "Guanxi_Grade__c", "Guanxi_Tier__c", "Churn_Probability__c",
            "Expected_Value__c", "Next_Purchase_Date__c", "Main_Driver__c",
        ),
        rows=50_000, columns=90, size=100 * MEGABYTE,
    ),
    "zoho": Layout(
        "Zoho CRM", _ENGLISH, rows=25_000, columns=200, size=25 * MEGABYTE, date_format="%m/%d/%Y",
        forbidden='"|<>',
    ),
}  # fmt: skip
