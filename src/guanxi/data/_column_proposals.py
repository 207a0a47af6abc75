"""Proposals of which column is which, for messages: by the names that programs use, else by content."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from guanxi.data.sources.source_table import SourceTable
from guanxi.params import REQUIRED_COLUMNS

# Names without case, blanks and signs, likeliest first: English, German, Spanish, French, Chinese, Japanese.
NAMES = {
    "customer_id": """
        customerid custid customernumber customerno custno customercode customeruniqueid customer cust
        clientid userid buyerid memberid memberno shopperid contactid accountid cardnumber cardno client
        user buyer member billingemail customeremail useremail email emailaddress kundennummer kundennr
        kundenid kunde debitor idcliente clienteid codigocliente rutcliente cliente rut idclient
        codeclient numeroclient 客户编号 客户id 客户号 客户 会员编号 会员id 会员号 会员 用户id 用户编号
        用户 买家 顾客编号 顾客 顧客番号 顧客 customername fullname payer account id name
    """,
    "timestamp": """
        timestamp invoicedate orderdate orderdatetime purchasedate orderpurchasetimestamp transactiondate
        transdate trandate saledate salesdate paidat createdat createdutc created createddate datecreated
        bookingdate postingdate datetime date time day belegdatum rechnungsdatum bestelldatum
        auftragsdatum kaufdatum buchungsdatum buchungstag datum zeitpunkt zeit fechafactura fechapedido
        fechacompra fechaemision fechaventa fecha datecommande datefacture dateachat 下单时间 订单日期
        订单时间 交易日期 交易时间 购买日期 付款时间 创建时间 日期 时间 注文日 購入日 month monat mes
        mois 月份 year jahr
    """,
    "amount": """
        amount totalamount orderamount transactionamount tranamount amountpaid paymentvalue ordertotal
        totalprice linetotal grandtotal total salesamount sales revenue turnover netamount netsales
        ordervalue value spend spent paid gross net subtotal betrag gesamtbetrag rechnungsbetrag
        nettobetrag nettowert umsatz wert summe importe monto venta ventas montant montantttc montantht
        chiffredaffaires 实付金额 订单金额 付款金额 交易金额 消费金额 总金额 金额 销售额 金額 売上
    """,
    "quantity": """
        quantity qty units menge anzahl stück stueck cantidad quantité quantite qte 数量 件数
    """,
    "price": """
        unitprice price itemprice einzelpreis stückpreis preis preciounitario precio prixunitaire prix
        单价 价格
    """,
}
_PROPOSED = (*REQUIRED_COLUMNS, "amount")
_LEAST_PART = 4
_WHOLE = ("name", "paid", "time", "user")  # as a part of a name they say too little
# Names that say something else, though a part of them or their content may fit.
_NOT = {
    "timestamp": re.compile("birth|geburt|nacimiento|naissance|生日|出生"),
    "amount": re.compile(
        "^(total)?(tax|vat|steuer|mwst|discount|rabatt|shipping|versand|refund)|refunded|items|quantity|qty|menge|anzahl"
    ),
}
_SAMPLE = 1000
_FEWEST_PERIODS = 3
_MONTH = (
    "(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|mär|mrz|mai|okt|dez|ene|abr|ago|dic|janv|févr|avr|juin"
    r"|juil|août|déc)[^\W\d]*"
)
_PERIOD = re.compile(
    r"(19|20)\d\d([-/. ]?(\d{1,2}|Q[1-4])([-/. ]\d{1,2})?( 00:00:00)?)?|(19|20)\d\d年(\d{1,2}月)?|\d{1,2}月"
    r"|\d{1,2}[-/.](\d{1,2}[-/.])?(19|20)\d\d|Q[1-4]([-/. ]?(19|20)?\d\d)?"
    rf"|{_MONTH}\.?([-/. ]?'?((19|20)?\d\d))?|(19|20)?\d\d[-/. ]{_MONTH}",
    re.IGNORECASE,
)
_DATE = re.compile(r"\s*\d{1,4}(?:([-/.年])\d{1,2}(\1|月)|[-/. ]?[^\W\d]{3,9}\.?,?[-/. ]?)\d{1,4}")
_NUMBER = re.compile(r"\s*[-+(]?\s*\D{0,3}\s*\d[\d.,' ]*\D{0,4}$")
_MOST = 0.9


def propose_columns(source: SourceTable, given: Mapping[str, str]) -> dict[str, str]:
    """Propose a column for each required one, and the amount, that ``given`` does not map to one there is.

    A proposal may be a product, as in ``Quantity*Price``; those that cannot be guessed are left out.
    """
    free = [name for name in source.columns if name not in given.values()]
    found = dict(given)
    for name in _PROPOSED:
        if name not in found and (column := named_column(NAMES[name], _possible(name, free))) is not None:
            found[name] = column
            free.remove(column)
    if "amount" not in found:
        mapped = (given.get("quantity"), given.get("unit_price"))
        named = (named_column(NAMES[name], free) for name in ("quantity", "price"))
        factors = [column or other for column, other in zip(mapped, named, strict=True)]
        if None not in factors:
            found["amount"] = "*".join(map(str, factors))
            free = [name for name in free if name not in factors]
    left = [name for name in ("timestamp", "amount", "customer_id") if name not in found]
    return found | (_by_content(source, left, free) if left else {})


def is_wide(source: SourceTable) -> bool:
    """Whether most columns are named like days, months or years, so that a line holds many purchases.

    Examples
    --------
    Customers by months, as a pivot table writes them: ``customer, 2022-01, 2022-02, 2022-03``.
    """
    periods = [name for name in source.columns if _PERIOD.fullmatch(name.strip())]
    return len(periods) >= _FEWEST_PERIODS and 2 * len(periods) > len(source.columns)


def columns_option(columns: Mapping[str, str]) -> str:
    """Write the option that maps the required columns and the amount, with NAME for those unknown.

    Examples
    --------
    >>> columns_option({"customer_id": "Kunde", "timestamp": "timestamp", "amount": "Menge*Preis"})
    "--columns 'customer_id=Kunde,amount=Menge*Preis'"
    """
    known = dict.fromkeys(_PROPOSED, "NAME") | dict(columns)
    parts = [f"{name}={column}" for name, column in known.items() if name != column]
    return f"--columns {shlex.quote(','.join(parts))}"


def named_column(names: str, columns: Iterable[str]) -> str | None:
    """Return the column with the likeliest of some names, or else with one of them as a part of its own."""
    plain = {column: plain_name(column) for column in columns}
    for name in names.split():
        for column, written in plain.items():
            if written == name:
                return column
    for name in names.split():
        for column, written in plain.items():
            if name in written and name not in _WHOLE and (len(name) >= _LEAST_PART or not name.isascii()):
                return column
    return None


def plain_name(column: str) -> str:
    """Strip a column's name of case, blanks and signs."""
    return re.sub(r"[\W_]+", "", column).lower()


def _possible(name: str, columns: Iterable[str]) -> list[str]:
    return [each for each in columns if name not in _NOT or not _NOT[name].search(plain_name(each))]


def _by_content(source: SourceTable, wanted: list[str], columns: list[str]) -> dict[str, str]:
    """Propose columns by what they hold, where only one column comes into question."""
    if not columns:
        return {}
    sample = source.table.select(columns).limit(_SAMPLE).execute()
    found: dict[str, str] = {}
    for name in wanted:
        others = [each for each in _possible(name, columns) if each not in found.values()]
        fitting = [each for each in others if _may_be(name, sample[each])]
        if len(fitting) == 1:
            found[name] = fitting[0]
    return found


def _may_be(name: str, values: Any) -> bool:
    text = values.dropna().astype(str)
    if not len(text):
        return False
    dates = text.str.match(_DATE).mean()
    if name == "timestamp":
        return bool(dates > _MOST)
    if name == "amount":
        return bool(text.str.fullmatch(_NUMBER).mean() > _MOST > dates and text.str.contains(r"[.,]\d").any())
    repeats = len(text) - text.nunique()
    return bool(
        dates < 1 - _MOST and repeats and text.nunique() > 1 and not text.str.contains(r"\d[.,]\d").all()
    )
