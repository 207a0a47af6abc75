"""A catalogue of exports as programs write them, each read as the same true log or refused with what to set.

The log is written through a template: ``{amount:1.234,56-}`` writes an amount as the example shows it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from guanxi.errors import GuanxiError

pytestmark = pytest.mark.slow  # a hundred files of other programs take a minute

Table = Counter[tuple[str, str, float]]
EXCEL, UNIX = datetime(1899, 12, 30), datetime(1970, 1, 1)


class Money(float):
    """An amount that is written like an example."""

    def __format__(self, example: str) -> str:
        if example != example.strip():
            return format(self, example.strip()).rjust(len(example))
        digits = re.search(r"\d.*\d", example)
        assert digits, example
        whole = digits[0]
        decimal = whole[-3] if not whole[-3].isdigit() else ""
        places, whole = (2, whole[:-3]) if decimal else (0, whole)
        thousands = next((sign for sign in whole if not sign.isdigit()), "")
        head, _, tail = f"{abs(self):.{places}f}".partition(".")
        step = 2 if example.count(",") == 2 else 3
        groups, rest = [head[-3:]], head[:-3]
        while rest:
            groups, rest = [rest[-step:], *groups], rest[:-step]
        number = thousands.join(groups) + decimal + tail
        before, after = example[: digits.start()], example[digits.end() :]
        if before[:1] == "(":
            return before[1:] + number if self >= 0 else before + number + after
        minus = "" if self >= 0 else "-"
        return before + number + minus if after == "-" else minus + before + number + after


class Time(datetime):
    """A time that also knows the numbers that programs count."""

    def __format__(self, style: str) -> str:
        seconds = int((self - UNIX).total_seconds())
        numbers = {"s": seconds, "ms": seconds * 1000, "us": seconds * 1_000_000}
        if style == "serial":
            return f"{(self - EXCEL) / timedelta(days=1):.8f}"
        return str(numbers[style]) if style in numbers else super().__format__(style)


def true_log() -> list[tuple[int, Time, Money]]:
    """Forty purchases of eight customers within two years, some above a thousand, and two refunds."""
    rows = []
    for number in range(40):
        day = Time(2020, 1, 3, 9, 5) + timedelta(days=17 * number, minutes=37 * number % 600)
        amount = Money([12.5, 950, 1234.5, 99, 48.9, 12500, 7.25, 123456.5][number * 5 % 8])
        rows.append((10012 + number * 3 % 8 * 7, day, amount))
        if number in (7, 23):
            rows.append((rows[-1][0], day, Money(-amount / 2)))
    return rows


@dataclass(frozen=True)
class Export:
    """One kind of export; ``offers`` are the settings named when it is refused, the true one first."""

    name: str
    header: str
    line: str
    columns: str = "customer_id=Customer,timestamp=Date,amount=Total"
    customer: str = "{id}"
    kept: str = "%Y-%m-%d"
    above: str = ""
    below: str = ""
    more: tuple[tuple[str, str, float], ...] = ()  # true lines among those below
    rejected: tuple[tuple[str, int], ...] = ()
    settings: tuple[str, ...] = ()
    offers: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    encoding: str = "utf-8"
    end: str = "\n"
    file: str = "export.csv"
    whole: bool = False  # amounts without decimals
    low_days: bool = False  # days up to 12 only

    def rows(self) -> list[tuple[int, Time, Money]]:
        rows = [
            (i, day.replace(day=1 + day.day % 12) if self.low_days else day, m) for i, day, m in true_log()
        ]
        return [(i, day, Money(round(m)) if self.whole else m) for i, day, m in rows]

    def truth(self) -> Table:
        return Counter(
            (self.customer.format(id=i), f"{datetime.strptime(f'{day:{self.kept}}', self.kept)}", float(m))
            for i, day, m in self.rows()
        ) + Counter(self.more)

    def write(self, folder: Path) -> Path:
        lines = [self.line.format(id=i, day=day, amount=m, n=n) for n, (i, day, m) in enumerate(self.rows())]
        text = self.above + "\n".join([*([self.header] if self.header else []), *lines, ""]) + self.below
        path = folder / self.file
        path.write_bytes(text.replace("\n", self.end).encode(self.encoding))
        return path


RULE = "+----------+---------------------+-----------+"
READ_AT_ONCE = [
    Export("canonical names", "customer_id,timestamp,amount", "{id},{day:%Y-%m-%d},{amount:1234.56}", ""),
    Export("Excel, US", "Customer,Date,Total", '{id},{day:%-m/%-d/%Y},"{amount:$1,234.56}"',
        said=("data.timestamp_format=%m/%d/%Y",)),
    Export("Excel, British", "Customer,Date,Total", '{id},{day:%d/%m/%Y},"{amount:£1,234.56}"',
        said=("data.timestamp_format=%d/%m/%Y",)),
    Export("Excel, German", "Customer;Date;Total", "{id};{day:%d.%m.%Y};{amount:1.234,56}",
        said=("data.timestamp_format=%d.%m.%Y", "data.decimal=,")),
    Export("Excel, German, without thousands", "Customer;Date;Total",
        "{id};{day:%d.%m.%Y};{amount:1234,56 €}", said=("data.decimal=,",)),
    Export("Excel, German, commas quoted", "Customer,Date,Total",
        '{id},{day:%d.%m.%Y},"{amount:1.234,56 €}"'),
    Export("Excel, Unicode text", "Customer\tDate\tTotal", "{id}\t{day:%d.%m.%Y}\t{amount:1.234,56}",
        encoding="utf-16", end="\r\n"),
    Export("Excel, sep= line", "Customer;Date;Total", "{id};{day:%Y-%m-%d};{amount:1234,56}",
        above="sep=;\n", end="\r\n"),
    Export("Excel, accounting", "Customer,Date,Total", '{id},{day:%Y-%m-%d},"{amount:($1,234.56)}"'),
    Export("Excel for Mac", "Customer,Date,Total", "{id},{day:%Y-%m-%d},{amount:1234.56}", end="\r"),
    Export("Excel, serial days", "Customer,Date,Total", "{id},{day:serial},{amount:1234.56}",
        kept="%Y-%m-%d %H:%M"),
    Export("Excel, empty columns", "Customer,Date,Total,,,", "{id},{day:%Y-%m-%d},{amount:1234.56},,,",
        below=",,,,,\n,,,,,\n"),
    Export("Excel, formatted with title", "Customer;Date;Total", "{id};{day:%Y-%m-%d};{amount:1234,56}",
        above="Sales report;;\n;;\n"),
    Export("SSMS, results to text",
        "Customer    Date                    Total\n----------- ----------------------- -----------",
        "{id:<11} {day:%Y-%m-%d %H:%M:%S}.000 {amount:    1234.56}", kept="%Y-%m-%d %H:%M",
        below="\n(42 rows affected)\n"),
    Export("SSMS, NULL in results to text",
        "Customer    Date       Total\n----------- ---------- -----------",
        "{id:<11} {day:%Y-%m-%d} {amount:    1234.56}", below="NULL        2021-01-05       55.00\n",
        rejected=(("missing_customer", 1),)),
    Export("SSMS, NULL customers", "Customer,Date,Total",
        "{id},{day:%Y-%m-%d %H:%M:%S}.0000000,{amount:1234.56}", kept="%Y-%m-%d %H:%M",
        below="NULL,2021-01-05 10:00:00.0000000,55.00\n" * 3, rejected=(("missing_customer", 3),)),
    Export("sqlcmd -s, -W", "Customer,Date,Total\n--------,----,-----",
        "{id},{day:%Y-%m-%d},{amount:1234.56}", below="\n(42 rows affected)\n"),
    Export("MySQL, INTO OUTFILE", "Customer\tDate\tTotal\tNote",
        '"{id}"\t"{day:%Y-%m-%d %H:%M:%S}"\t"{amount:1234.56}"\t"a \\"big\\" one"', kept="%Y-%m-%d %H:%M",
        below='\\N\t"2021-01-05 10:00:00"\t"5.00"\t\\N\n', rejected=(("missing_customer", 1),)),
    Export("mysql -t",
        f"{RULE}\n| Customer | Date                | Total     |\n{RULE}",
        "| {id:<8} | {day:%Y-%m-%d %H:%M:%S} | {amount:  1234.56} |", kept="%Y-%m-%d %H:%M",
        below=f"{RULE}\n42 rows in set (0.00 sec)\n"),
    Export("psql, aligned",
        " Customer |        Date         |   Total\n----------+---------------------+-----------",
        " {id:>8} | {day:%Y-%m-%d %H:%M:%S} | {amount:  1234.56}", kept="%Y-%m-%d %H:%M",
        below="(42 rows)\n\n"),
    Export("psql, unaligned", "Customer|Date|Total", "{id}|{day:%Y-%m-%d %H:%M:%S}+00|{amount:1234.56}",
        kept="%Y-%m-%d %H:%M", below="(42 rows)\n"),
    Export("Oracle, SQL*Plus days", "Customer,Date,Total", "{id},{day:%d-%b-%Y},{amount:1234.56}"),
    Export("SAP, spreadsheet", "Kunde\tBelegdatum\tBetrag", "{id}\t{day:%d.%m.%Y}\t{amount:1.234,56-}",
        "customer_id=Kunde,timestamp=Belegdatum,amount=Betrag"),
    Export("SAP, list", "-" * 36 + "\n|Kunde   |Belegdatum|       Betrag|\n" + "-" * 36,
        "|{id:<8}|{day:%d.%m.%Y}|{amount:    1.234,56-}|",
        "customer_id=Kunde,timestamp=Belegdatum,amount=Betrag", above="05.01.2021  Umsätze  1\n\n",
        below="-" * 36 + "\n"),
    Export("Shopify, orders", "Name,Email,Financial Status,Currency,Total,Created at,Lineitem name",
        "#{n},{id}@shop.example,paid,EUR,{amount:1234.56},{day:%Y-%m-%d %H:%M:%S} +0000,Mug\n"
        "#{n},{id}@shop.example,,,,{day:%Y-%m-%d %H:%M:%S} +0000,Cup",
        "customer_id=Email,timestamp=Created at,amount=Total", "{id}@shop.example", "%Y-%m-%d %H:%M",
        rejected=(("missing_amount", 42),)),
    Export("WooCommerce, guests are 0", "order_id,order_date,customer_id,order_total",
        "{n},{day:%Y-%m-%d %H:%M:%S},{id},{amount:1234.56}", "timestamp=order_date,amount=order_total",
        kept="%Y-%m-%d %H:%M", below="99,2021-01-05 10:00:00,0,5.00\n" * 40,
        rejected=(("missing_customer", 40),)),
    Export("Stripe, payments", "id,Created (UTC),Amount,Amount Refunded,Currency,Customer ID",
        "ch_{n},{day:%Y-%m-%d %H:%M},{amount:1234.56},0.00,eur,cus_{id}",
        "customer_id=Customer ID,timestamp=Created (UTC),amount=Amount", "cus_{id}", "%Y-%m-%d %H:%M",
        below="ch_x,2021-01-05 10:00,5.00,0.00,eur,\n", rejected=(("missing_customer", 1),)),
    Export("PayPal", '"Date","Time","Name","Currency","Gross","From Email Address"',
        '"{day:%d/%m/%Y}","{day:%H:%M:%S}","N N","GBP","{amount:1,234.56}","{id}@shop.example"',
        "customer_id=From Email Address,timestamp=Date,amount=Gross", "{id}@shop.example",
        encoding="utf-8-sig"),
    Export("bank, title lines", "Customer;Date;Total", "{id};{day:%d.%m.%Y};{amount:1.234,56}",
        above='"Account:";"DE00 1234"\n"Period:";"all"\n\n'),
    Export("bank, minus behind", "Customer,Date,Total", "{id},{day:%Y-%m-%d},{amount:1234.56-}"),
    Export("Chile, with millions", "Customer;Date;Total", "{id};{day:%d-%m-%Y};{amount:$12.345}",
        whole=True, below="10012;05-01-2021;$1.250.000\n",
        more=(("10012", "2021-01-05 00:00:00", 1_250_000.0),), said=("data.decimal=,",)),
    Export("Switzerland", "Customer;Date;Total", "{id};{day:%d.%m.%Y};{amount:CHF 1'234.56}"),
    Export("Switzerland, typographic", "Customer;Date;Total", "{id};{day:%d.%m.%Y};{amount:1’234.56}"),
    Export("India", "Customer,Date,Total", '{id},{day:%d-%m-%Y},"{amount:₹1,23,456.50}"'),
    Export("Brazil", "Customer;Date;Total", "{id};{day:%d/%m/%Y};{amount:R$ 1.234,56}"),
    Export("France", "Customer;Date;Total", "{id};{day:%d/%m/%Y};{amount:1\u202f234,56 €}"),
    Export("Sweden", "Customer;Date;Total", "{id};{day:%Y-%m-%d};{amount:1 234,56 kr}"),
    Export("Poland", "Customer;Date;Total", "{id};{day:%d.%m.%Y};{amount:1\u00a0234,56 zł}"),
    Export("China", "客户,日期,金额", '{id},{day:%Y年%m月%d日},"{amount:￥1,234.56}"',
        "customer_id=客户,timestamp=日期,amount=金额", encoding="utf-8-sig"),
    Export("thousands beside plain numbers", "Customer,Date,Total",
        '{id},{day:%Y-%m-%d},"{amount:1,234.56}"'),
    Export("pandas, to_csv with index", ",Customer,Date,Total",
        "{n},{id},{day:%Y-%m-%d %H:%M:%S},{amount:1234.56}", kept="%Y-%m-%d %H:%M"),
    Export("pandas, ids with missing values", "Customer,Date,Total",
        "{id}.0,{day:%Y-%m-%d},{amount:1234.56}", below="nan,2021-01-05,5.0\n,2021-01-05,5.0\n",
        rejected=(("missing_customer", 2),)),
    Export("R, write.csv", '"","Customer","Date","Total"',
        '"{n}","{id}","{day:%Y-%m-%d}",{amount:1234.56}'),
    Export("R, write.csv2", '"";"Customer";"Date";"Total"',
        '"{n}";"{id}";"{day:%Y-%m-%d}";{amount:1234,56}'),
    Export("trailing commas", "Customer,Date,Total,", "{id},{day:%Y-%m-%d},{amount:1234.56},"),
    Export("trailing commas, not in the header", "Customer,Date,Total",
        "{id},{day:%Y-%m-%d},{amount:1234.56},"),
    Export("same header twice", "Note,Customer,Date,Total,Note",
        "a,{id},{day:%Y-%m-%d},{amount:1234.56},b"),
    Export("commas in names", '"Name, full","Date, UTC","Total, net"',
        "{id},{day:%Y-%m-%d},{amount:1234.56}",
        "customer_id=Name, full,timestamp=Date, UTC,amount=Total, net"),
    Export("comments above", "Customer,Date,Total", "{id},{day:%Y-%m-%d},{amount:1234.56}",
        above="# made by a program\n# 2021\n"),
    Export("title and blank line above", "Customer,Date,Total", "{id},{day:%Y-%m-%d},{amount:1234.56}",
        above="Sales report 2021\n\n"),
    Export("several blanks between", "Customer    Date          Total",
        "{id}       {day:%Y-%m-%d}    {amount:1234.56}"),
    Export("lines within a field", "Customer,Note,Date,Total",
        '{id},"two\nlines, ""quoted""",{day:%Y-%m-%d},{amount:1234.56}'),
    Export("blanks behind ids", "Customer,Date,Total", "{id},{day:%Y-%m-%d},{amount:1234.56}",
        below="10012 ,2021-01-05,1.00\n", more=(("10012", "2021-01-05 00:00:00", 1.0),)),
    *[
        Export(f"missing customers are {word}", "Customer,Date,Total",
            "{id},{day:%Y-%m-%d},{amount:1234.56}", below=f"{word},2021-01-05,55.00\n" * 5,
            rejected=(("missing_customer", 5),))
        for word in ("NULL", "nan", "N/A", "None", "-", "GUEST", "guest", "#N/A", "")
    ],
    *[
        Export(f"{word} line", "Customer,Date,Total", "{id},{day:%Y-%m-%d},{amount:1234.56}",
            below=f"{word},2021-12-31,{sum(m for *_, m in true_log()):.2f}\n",
            rejected=(("total_line", 1),))
        for word in ("Grand Total", "Total", "Summe", "合计")
    ],
    *[
        Export(f"times as {style}", "Customer;Date;Total", f"{{id}};{{day:{style}}};{{amount:1234.56}}",
            kept=kept)
        for kept, styles in {
            "%Y-%m": ["%Y-%m"],
            "%Y-%m-%d": [
                "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "%Y年%m月%d日", "%d %b %Y", "%b %d, %Y", "%d %B %Y",
                "%d-%b-%Y",
            ],
            "%Y-%m-%d %H:%M": [
                "s", "ms", "us", "%m/%d/%Y %I:%M:%S %p", "%-m/%-d/%Y %-I:%M %p", "%d.%m.%Y %H:%M",
                "%Y%m%d%H%M%S", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S.000+00:00",
                "%Y-%m-%d %H:%M:%S +0000",
            ],
        }.items()
        for style in styles
    ],
]  # fmt: skip
REFUSED = [
    Export("SSMS, saved as CSV", "", "{id},{day:%Y-%m-%d %H:%M:%S}.000,{amount:1234.56}",
        "customer_id=1,timestamp=2,amount=3", kept="%Y-%m-%d %H:%M", offers=("--set data.header=false",)),
    Export("Chile, nothing above a million", "Customer;Date;Total", "{id};{day:%d-%m-%Y};{amount:12.345}",
        whole=True, offers=("--set data.decimal=,", "--set data.decimal=.")),
    Export("China, gb18030", "客户,日期,金额", '{id},{day:%Y年%m月%d日},"{amount:￥1,234.56}"',
        "customer_id=客户,timestamp=日期,amount=金额", encoding="gb18030",
        offers=("--set data.encoding=gb18030",)),
    Export("Excel, German, ANSI", "Kunde;Date;Total;Ort", "{id};{day:%d.%m.%Y};{amount:1.234,56};Köln",
        "customer_id=Kunde,timestamp=Date,amount=Total", encoding="cp1252",
        offers=("--set data.encoding=cp1252",)),
    Export("accents in one line of forty", "Customer;Date;Total;City",
        "{id};{day:%Y-%m-%d};{amount:1234.56};Koeln", encoding="cp1252",
        below="10012;2021-01-05;1.00;Köln\n", more=(("10012", "2021-01-05 00:00:00", 1.0),),
        offers=("--set data.encoding=cp1252",)),
    Export("Excel, two-digit years, US", "Customer,Date,Total", "{id},{day:%-m/%-d/%y},{amount:1234.56}",
        offers=("--set data.timestamp_format=%m/%d/%y",)),
    Export("two-digit years, German", "Customer;Date;Total", "{id};{day:%d.%m.%y};{amount:1234,56}",
        offers=("--set data.timestamp_format=%d.%m.%y",)),
    Export("two-digit years, dashes", "Customer,Date,Total", "{id},{day:%d-%m-%y},{amount:1234.56}",
        offers=("--set data.timestamp_format=%d-%m-%y",)),
    Export("two-digit years, Oracle", "Customer,Date,Total", "{id},{day:%d-%b-%y},{amount:1234.56}",
        offers=("--set data.timestamp_format=%d-%b-%y",)),
    Export("days up to 12", "Customer,Date,Total", "{id},{day:%d/%m/%Y},{amount:1234.56}", low_days=True,
        offers=("--set data.timestamp_format=%d/%m/%Y", "--set data.timestamp_format=%m/%d/%Y")),
    Export("a wrong format that reads some lines", "Customer,Date,Total",
        "{id},{day:%d/%m/%Y},{amount:1234.56}", settings=("data.timestamp_format=%m/%d/%Y",),
        offers=("--set data.timestamp_format=%d/%m/%Y",)),
    Export("names not given", "customer,order_date,total", "{id},{day:%Y-%m-%d},{amount:1234.56}", "",
        offers=("--columns customer_id=customer,timestamp=order_date,amount=total",)),
]  # fmt: skip
REFUSED_FOR_GOOD = [
    Export("two currencies", "Customer,Date,Total", "{id},{day:%Y-%m-%d},{amount:$1234.56}",
        below="10012,2021-01-05,€5.00\n" * 20),
    Export("thousands or decimals", "Customer;Date;Total", "{id};{day:%Y-%m-%d};{amount:12,345}",
        whole=True, offers=("data.decimal=.", "data.decimal=,")),
    Export("a web page called .xls", "<table><tr><td>Customer</td><td>Date</td><td>Total</td></tr>",
        "<tr><td>{id}</td><td>{day:%Y-%m-%d}</td><td>{amount:1234.56}</td></tr>", file="export.xls",
        above="<html><body>"),
    Export("a time zone by its name", "Customer,Date,Total",
        "{id},{day:%Y-%m-%d %H:%M:%S} PST,{amount:1234.56}"),
    Export("percentages", "Customer,Date,Total", "{id},{day:%Y-%m-%d},{amount:12.34%}"),
]  # fmt: skip


def named(export: Export) -> str:
    return export.name


@pytest.mark.parametrize("export", READ_AT_ONCE, ids=named)
def test_read_at_once(export: Export, tmp_path: Path, open_file: Callable[..., Any]) -> None:
    found = open_file(export.write(tmp_path), export.columns, *export.settings)
    assert found.table == export.truth()
    assert dict(export.rejected).items() <= found.rejected.items()
    assert found.advised
    assert [setting for setting in export.said if setting not in found.said] == []


@pytest.mark.parametrize("export", REFUSED, ids=named)
def test_refused_with_the_setting_that_makes_it_right(
    export: Export, tmp_path: Path, open_file: Callable[..., Any]
) -> None:
    path = export.write(tmp_path)
    try:
        found = open_file(path, export.columns, *export.settings)
        assert found.table < export.truth()  # all else is rejected, and the advice says why
        said = found.said
    except GuanxiError as error:
        said = str(error).replace("'", "")
        assert "\n" not in said
    assert [setting for setting in export.offers if setting not in said] == []
    option, setting = export.offers[0].split(" ", 1)
    columns = setting if option == "--columns" else export.columns
    settings = [setting] if option == "--set" else []
    assert open_file(path, columns, *export.settings, *settings).table == export.truth()


@pytest.mark.parametrize("export", REFUSED_FOR_GOOD, ids=named)
def test_refused(export: Export, tmp_path: Path, open_file: Callable[..., Any]) -> None:
    with pytest.raises(GuanxiError) as refusal:
        open_file(export.write(tmp_path), export.columns, *export.settings)
    assert "\n" not in str(refusal.value)
    assert [setting for setting in export.offers if setting not in str(refusal.value)] == []
