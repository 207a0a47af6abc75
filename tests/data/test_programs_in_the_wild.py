"""More exports of programs: one true log, as each writes it, is read as it is or refused with the reason."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from guanxi.errors import GuanxiError

OPEN = Callable[..., Any]
AMOUNTS = [12.5, 950, 1234.5, 99, 48.9, 12500, 7.25, 123456.5]
C = "customer_id=Customer,timestamp=Date,amount=Total"
DAY, MINUTE = "%Y-%m-%d", "%Y-%m-%d %H:%M"


def true_log() -> list[tuple[int, datetime, float]]:
    """Forty purchases of eight customers within two years, and two refunds."""
    rows = []
    for number in range(40):
        day = datetime(2020, 1, 3, 9, 5) + timedelta(days=17 * number, minutes=37 * number % 600)
        rows.append((10012 + number * 3 % 8 * 7, day, float(AMOUNTS[number * 5 % 8])))
        if number in (7, 23):
            rows.append((rows[-1][0], day, -rows[-1][2] / 2))
    return rows


def us(amount: float) -> str:
    return f"{amount:,.2f}"


def dollars(amount: float) -> str:
    return f'"{"-" if amount < 0 else ""}${us(abs(amount))}"'


def german(amount: float) -> str:
    return us(amount).translate(str.maketrans(",.", ".,"))


def nordic(amount: float) -> str:
    return f"{amount:.0f},-" if amount == int(amount) else f"{amount:.2f}".replace(".", ",")


@dataclass(frozen=True)
class Program:
    """``line`` writes one line of the file; ``said`` stands in the message if the file is refused."""

    name: str
    header: str
    line: Callable[[int, datetime, float], str]
    columns: str = C
    kept: str = DAY
    above: str = ""
    below: str = ""
    rejected: tuple[tuple[str, int], ...] = ()
    settings: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    encoding: str = "utf-8"
    file: str = "export.csv"
    customer: str = "{}"

    def write(self, folder: Path) -> Path:
        lines = [self.line(*row) for row in true_log()]
        text = self.above + "\n".join([*([self.header] if self.header else []), *lines, ""]) + self.below
        path = folder / self.file
        path.write_bytes(text.encode(self.encoding))
        return path

    def truth(self) -> Counter[tuple[str, str, float]]:
        return Counter(
            (self.customer.format(customer), str(datetime.strptime(f"{day:{self.kept}}", self.kept)), amount)
            for customer, day, amount in true_log()
        )


def oracle_page(customer: int, day: datetime, amount: float) -> str:
    """SQL*Plus repeats its header on every page."""
    header = "\nCUSTOMER_ID ORDER_DAT      TOTAL\n----------- --------- ----------\n"
    line = f"{customer:>11} {day:%d-%b-%y} {amount:>10.2f}".upper()
    return (header if customer == 10012 else "") + line


def mongo(customer: int, day: datetime, amount: float) -> str:
    return json.dumps(
        {
            "_id": {"$oid": f"{customer:024x}"},
            "customer": {"$numberInt": str(customer)},
            "at": {"$date": f"{day:%Y-%m-%dT%H:%M:%SZ}"},
            "total": {"$numberDecimal": str(amount)},
        }
    )


READ = [
    Program("Square", "Date,Time,Time Zone,Net Sales,Customer ID",
        lambda c, t, a: f"{t:%m/%d/%y},{t:%H:%M:%S},Pacific Time (US & Canada),{dollars(a)},{c}",
        "customer_id=Customer ID,timestamp=Date,amount=Net Sales",
        settings=("data.timestamp_format=%m/%d/%y",)),
    Program("Lightspeed", "ID,Completed,Customer,Total",
        lambda c, t, a: f'1,"{t:%b %d, %Y %-I:%M} {f"{t:%p}".lower()}",{c},{dollars(a)}',
        "customer_id=Customer,timestamp=Completed,amount=Total", MINUTE),
    Program("Magento", '"ID","Purchase Point","Purchase Date","Bill-to Name","Grand Total (Base)"',
        lambda c, t, a: f'"1","Main\n   Store","{t:%b %-d, %Y, %-I:%M:%S %p}","{c}",{dollars(a)}',
        "customer_id=Bill-to Name,timestamp=Purchase Date,amount=Grand Total (Base)", MINUTE),
    Program("Xero", "*ContactName,*InvoiceNumber,*InvoiceDate,*DueDate,Total",
        lambda c, t, a: f"{c},INV-1,{t:%d/%m/%Y},{t:%d/%m/%Y},{a:.4f}",
        "customer_id=*ContactName,timestamp=*InvoiceDate,amount=Total"),
    Program("eBay", "Sales Record Number,Buyer Username,Sale Date,Total Price",
        lambda c, t, a: f"1,u{c},{t:%b-%d-%y},{dollars(a)}",
        "customer_id=Buyer Username,timestamp=Sale Date,amount=Total Price", customer="u{}", above="\n",
        below="\n42,record(s) downloaded,from Jan-01-20,to Dec-31-21\nSeller ID : shop\n",
        rejected=(("ragged_line", 1), ("unparsable_timestamp", 1)),
        settings=("data.timestamp_format=%b-%d-%y",)),
    Program("PayPal, German", '"Datum","Uhrzeit","Name","Währung","Brutto","Absender E-Mail-Adresse"',
        lambda c, t, a: f'"{t:%d.%m.%Y}","{t:%H:%M:%S}","N","EUR","{german(a)}","{c}"',
        "customer_id=Absender E-Mail-Adresse,timestamp=Datum,amount=Brutto", encoding="utf-8-sig"),
    Program("Klarna", "sale_date;customer;amount;currency",
        lambda c, t, a: f"{t:%Y-%m-%dT%H:%M:%SZ};{c};{a:.2f};SEK",
        "customer_id=customer,timestamp=sale_date", MINUTE),
    Program("Salesforce", '"Account Name","Close Date","Amount Currency","Amount"',
        lambda c, t, a: f'"{c}","{t:%-m/%-d/%Y}","USD","{a}"',
        "customer_id=Account Name,timestamp=Close Date,amount=Amount",
        below='\n\n"Opportunities Report"\n"Confidential Information - Do Not Distribute"\n',
        rejected=(("ragged_line", 2),)),
    Program("Sage, without a header", "", lambda c, t, a: f"SI,{c},4000,1,{t:%d/%m/%Y},Goods,{a:.2f},T1,0.00",
        "customer_id=2,timestamp=5,amount=7", settings=("data.header=false",)),
    Program("Navision", "Kundennr.;Buchungsdatum;Betrag (MW)",
        lambda c, t, a: f"{c};{t:%d.%m.%y};{german(a)}",
        "customer_id=Kundennr.,timestamp=Buchungsdatum,amount=Betrag (MW)",
        settings=("data.timestamp_format=%d.%m.%y",)),
    Program("Alipay", "交易时间          ,交易分类,交易对方 ,收/支     ,金额,备注,",
        lambda c, t, a: f"{t:%Y-%m-%d %H:%M:%S} ,日用百货,{c}\t,收入,{a:.2f},\t,",
        "customer_id=交易对方,timestamp=交易时间,amount=金额", MINUTE, encoding="gb18030",
        above="-" * 60 + "\n导出信息：\n姓名：张三\n起始时间：[2020-01-01 00:00:00]\n\n" + "-" * 60 + "\n",
        settings=("data.encoding=gb18030",)),
    Program("Taobao, ids as formulas", '"订单编号","买家会员名","总金额","订单创建时间"',
        lambda c, t, a: f'"=""1""","=""{c}""","{a:.2f}","{t:%Y-%m-%d %H:%M:%S}"',
        "customer_id=买家会员名,timestamp=订单创建时间,amount=总金额", MINUTE),
    Program("Excel, everything as formulas", "Customer,Date,Total",
        lambda c, t, a: f'="{c}",="{t:%Y-%m-%d}",="{a}"'),
    Program("WeChat Pay, back-ticks", "交易时间,商户号,用户标识,订单金额",
        lambda c, t, a: f"`{t:%Y-%m-%d %H:%M:%S},`1230000109,`{c},`{a:.2f}",
        "customer_id=用户标识,timestamp=交易时间,amount=订单金额", MINUTE, encoding="utf-8-sig",
        below="总交易单数,应结订单总金额\n`42,`139000.00\n", rejected=(("ragged_line", 2),)),
    Program("PostgreSQL, COPY", "", lambda c, t, a: f"1\t{c}\t{t:%Y-%m-%d %H:%M:%S.000001}+00\t{a:.2f}\t\\N",
        "customer_id=2,timestamp=3,amount=4", MINUTE, settings=("data.header=false",), file="export.tsv"),
    Program("MongoDB, JSON", "", mongo, "customer_id=customer,timestamp=at,amount=total", MINUTE,
        file="export.json"),
    Program("Google Sheets", "Timestamp,Customer,Total",
        lambda c, t, a: f"{t:%-m/%-d/%Y %-H:%M:%S},{c},{dollars(a)}",
        "customer_id=Customer,timestamp=Timestamp,amount=Total", MINUTE),
    Program("LibreOffice", '"Customer";"Date";"Total"',
        lambda c, t, a: f'"{c}";{t:%Y-%m-%d};{str(a).replace(".", ",")}'),
    Program("SAS, days", "Customer,Date,Total", lambda c, t, a: f"{c},{f'{t:%d%b%Y}'.upper()},{dollars(a)}"),
    Program("SAS, times", "Customer,Date,Total", lambda c, t, a: f"{c},{f'{t:%d%b%Y:%H:%M:%S}'.upper()},{a}",
        kept=MINUTE),
    Program("SAS, missing is a point", "Customer,Date,Total", lambda c, t, a: f"{c},{t:%Y-%m-%d},{a}",
        below=".,2020-05-05,5\n10012,2020-05-05,.\n",
        rejected=(("missing_customer", 1), ("missing_amount", 1))),
    Program("Stata, days", "Customer,Date,Total", lambda c, t, a: f"{c},{f'{t:%d%b%Y}'.lower()},{a}"),
    Program("Stata, times", "Customer,Date,Total",
        lambda c, t, a: f"{c},{f'{t:%d%b%Y %H:%M:%S}'.lower()},{a}", kept=MINUTE),
    Program("pandas, with a time zone", ",Customer,Date,Total",
        lambda c, t, a: f"1,{c},{t:%Y-%m-%d %H:%M:%S}+00:00,{a}", kept=MINUTE),
    Program("Norway, a dash for no cents", "Customer;Date;Total",
        lambda c, t, a: f"{c};{t:%Y-%m-%d};{nordic(a)}"),
    Program("Toast", "Opened,Guest,Amount", lambda c, t, a: f"{t:%-m/%-d/%y %-I:%M %p},{c},{a}",
        "customer_id=Guest,timestamp=Opened,amount=Amount", MINUTE,
        settings=("data.timestamp_format=%m/%d/%y",)),
    Program("Odoo, indented groups", "Customer,Date,Total",
        lambda c, t, a: f"    {c},{t:%Y-%m-%d %H:%M:%S},{a}", kept=MINUTE),
    Program("Brazil, ids with points", "Customer;Date;Total",
        lambda c, t, a: f"123.456.{c}-09;{t:%d/%m/%Y};{german(a)}", customer="123.456.{}-09"),
]  # fmt: skip
REFUSED = [
    Program("Oracle, two-digit years on every page", "", oracle_page,
        "customer_id=CUSTOMER_ID,timestamp=ORDER_DAT,amount=TOTAL",
        said=("data.timestamp_format=%d-%b-%y",), file="export.txt"),
    Program("Oracle, names not given", "", oracle_page, "", file="export.txt",
        said=("customer_id=CUSTOMER_ID,timestamp=ORDER_DAT,amount=TOTAL",)),
    Program("DATEV, days without years", "Konto;Belegdatum;Umsatz",
        lambda c, t, a: f'{c};{t:%d%m};{str(abs(a)).replace(".", ",")}',
        "customer_id=Konto,timestamp=Belegdatum,amount=Umsatz", above='"EXTF";700;21;"Buchungsstapel"\n',
        said=("times cannot be read",)),
    Program("Amazon, zones by name", "date/time,buyer,total",
        lambda c, t, a: f'"{t:%b %-d, %Y %-I:%M:%S %p} PST",{c},{a}',
        "customer_id=buyer,timestamp=date/time,amount=total", said=("write zones as offsets",)),
    Program("Mercado Libre, Spanish months", "Customer;Date;Total",
        lambda c, t, a: f"{c};{t.day} de {('enero', 'mayo', 'agosto')[t.month % 3]} de {t.year};{a}",
        said=("names of months or half-days in other languages",)),
    Program("ISO weeks", "Customer,Date,Total", lambda c, t, a: f"{c},{t:%G-W%V},{a}", said=("weeks",)),
    Program("Thailand, Buddhist years", "Customer,Date,Total",
        lambda c, t, a: f"{c},{t:%d/%m}/{t.year + 543},{a}", said=("Buddhist",)),
    Program("Sweden, cents behind a colon", "Customer;Date;Total",
        lambda c, t, a: f'{c};{t:%Y-%m-%d};{f"{a:.2f}".replace(".", ":")} kr', said=("amount",)),
    Program("a bank, CR and DR", "Customer,Date,Total",
        lambda c, t, a: f'{c},{t:%Y-%m-%d},"{us(abs(a))} {"CR" if a > 0 else "DR"}"', said=("CR",)),
    Program("R, write.table", '"Customer" "Date" "Total"', lambda c, t, a: f'"7" "{c}" "{t:%Y-%m-%d}" {a}',
        said=("the lines have 4 fields, but the header has 3",)),
    Program("R, write.table with commas", '"Customer","Date","Total"',
        lambda c, t, a: f'"7","{c}","{t:%Y-%m-%d}",{a}',
        said=("the lines have 4 fields, but the header has 3", "data.header=false")),
]  # fmt: skip


def named(program: Program) -> str:
    return program.name


@pytest.mark.parametrize("program", READ, ids=named)
def test_read(program: Program, tmp_path: Path, open_file: OPEN) -> None:
    found = open_file(program.write(tmp_path), program.columns, *program.settings)
    assert found.table == program.truth()
    assert found.rejected == dict(program.rejected)
    assert found.advised


@pytest.mark.parametrize("program", [each for each in READ if each.settings], ids=named)
def test_its_settings_are_named(program: Program, tmp_path: Path, open_file: OPEN) -> None:
    with pytest.raises(GuanxiError) as refusal:
        open_file(program.write(tmp_path), program.columns)
    assert [each for each in program.settings if each not in str(refusal.value)] == []


@pytest.mark.parametrize("program", REFUSED, ids=named)
def test_refused_with_the_reason(program: Program, tmp_path: Path, open_file: OPEN) -> None:
    with pytest.raises(GuanxiError) as refusal:
        open_file(program.write(tmp_path), program.columns)
    assert "\n" not in str(refusal.value)
    assert [words for words in program.said if words not in str(refusal.value)] == []
