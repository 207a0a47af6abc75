"""Styles in which programs and people write a transaction log, for benchmarks/files.py."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import random
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import xlsxwriter

from guanxi.errors import GuanxiError
from guanxi.params import parse_columns

CANONICAL = ["customer_id", "timestamp", "amount"]
EPOCH, EXCEL = datetime(1970, 1, 1), datetime(1899, 12, 30)
# decimal sign and thousands separator; "indian" groups by two after the first three digits
NUMBERS = [
    (".", ""), (".", ""), (".", ","), (",", ""), (",", "."), (",", " "), (",", "\u00a0"), (",", "\u202f"),
    (".", "'"), (".", "’"), (".", "indian"),
]  # fmt: skip
CURRENCIES = [
    "$%s",
    "%s €",
    "€ %s",
    "£%s",
    "R$ %s",
    "CHF %s",
    "%s kr",
    "%s zł",
    "￥%s",
    "₹%s",
    "EUR %s",
    "%s USD",
]
NEGATIVES = ["-%s", "-%s", "(%s)", "%s-", "−%s"]
DAYS = [
    "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%-m/%-d/%Y", "%-d.%-m.%Y",
    "%d-%m-%Y", "%m-%d-%Y", "%d.%m.%y", "%-m/%-d/%y", "%d/%m/%y", "%d-%m-%y", "%d-%b-%y", "%d-%b-%Y",
    "%d %b %Y", "%b %d, %Y", "%d %B %Y", "%Y年%m月%d日", "%Y%m%d", "serial",
]  # fmt: skip
CLOCKS = ["%H:%M", "%H:%M:%S", "%-I:%M %p", "%I:%M:%S %p"]
WHOLE_TIMES = [
    "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S+02:00", "%Y-%m-%d %H:%M:%S +0200",
    "%Y%m%d%H%M%S", "%a, %d %b %Y %H:%M:%S", "seconds", "milliseconds", "microseconds", "serial",
]  # fmt: skip
CITIES = {
    "utf-8": ["Zürich", "São Paulo", "東京", "Oslo"],
    "utf-8-sig": ["Zürich", "上海", "Oslo"],
    "utf-16": ["Zürich", "上海", "Oslo"],
    "utf-16-le": ["Zürich", "Málaga", "Oslo"],
    "cp1252": ["Zürich", "Málaga", "Oslo"],
    "latin-1": ["Genève", "Århus", "Oslo"],
    "cp850": ["Köln", "München", "Bonn"],
    "gb18030": ["上海", "北京市", "广州"],
    "shift_jis": ["東京", "大阪", "名古屋"],
    "cp1251": ["Москва", "Казань", "Самара"],
    "koi8_r": ["Москва", "Казань", "Самара"],
    "cp1250": ["Łódź", "Kraków", "Poznań"],
    "cp1254": ["İstanbul", "Şişli", "Beyoğlu"],
    "mac_roman": ["Zürich", "Málaga", "Oslo"],
    "big5": ["台北", "高雄市", "香港"],
    "euc_kr": ["서울", "부산", "인천"],
}
NAMES = [
    ("CustomerID", "InvoiceDate", "Total"),
    ("customer", "order_date", "total"),
    ("Kunde", "Datum", "Betrag"),
    ("Customer ID", "Order Date", "Sales"),
    ("cliente", "fecha", "importe"),
    ("客户", "日期", "金额"),
    ("client_id", "created_at", "amount"),
    ("Name, full", "Date, UTC", "Amount (net, EUR)"),
    ("customer_id", "timestamp", "amount"),
]
MISSING = ["", "NULL", "nan", "N/A", "None", "-", "GUEST", "null", "#N/A"]
TOTALS = ["Grand Total", "Total", "Summe", "合计", "TOTAL"]
NOTES = [
    "",
    "gift",
    'two\nlines, "quoted"',
    'he said, "hi"',
    'a "big" one',
    '"big" one',
    "two\nlines",
    "a, b; c\td|e",
    "it's",
    "ok",
]
TITLES = [
    ["Sales report"],
    ["Sales report", ""],
    ["# made by a program", "# on 2023-01-01"],
    ["Umsätze je Kunde", "Zeitraum: alles", ""],
]
FORMATS = [
    *["csv"] * 14, "gz", "bz2", "zst", "zip", "xlsx", "xlsx of text", "jsonl", "feather", "parquet",
    "parquet of text", "folder", "xlsx named csv", "gz named csv",
    "aligned table", "psql table", "mysql table",
]  # fmt: skip
TABLES = {"xlsx", "jsonl", "feather", "parquet"}  # formats without text around the cells
DELIMITERS = [",", ",", ";", ";", "\t", "|"]
Row = tuple[str, datetime, Decimal]


@dataclass
class Export:
    """One file, and the true table in it."""

    seed: int
    format: str
    rows: list[Row]
    lines: list[list[Any]] = field(default_factory=list)  # cells as written, dirt included
    header: list[str] = field(default_factory=list)
    columns: dict[str, str] = field(default_factory=dict)
    dirt: list[str] = field(default_factory=list)
    times: dict[str, datetime] = field(default_factory=dict)  # as written: as meant
    quantities: list[int] = field(default_factory=list)
    numbers: tuple[str, str] = (".", "")
    encoding: str = "utf-8"
    delimiter: str = ","
    above: list[str] = field(default_factory=list)
    below: list[str] = field(default_factory=list)
    line_end: str = "\n"
    quoting: int = csv.QUOTE_MINIMAL
    backslash: bool = False
    named: bool = True
    unmapped: bool = False
    trailing: str = ""

    def truth(self) -> Counter[tuple[str, str, float]]:
        quantities = self.quantities or [1] * len(self.rows)
        return Counter(
            (customer, f"{day:%Y-%m-%d %H:%M:%S}", quantity * float(amount))
            for (customer, day, amount), quantity in zip(self.rows, quantities, strict=True)
        )

    def is_true(self, key: str, value: str) -> bool:
        """Whether a user who knows this file would choose the offered setting."""
        decimal, thousands = self.numbers
        if key == "data.columns":
            try:
                offered = parse_columns(value)  # NAME is left to the user
                return all(column in ("NAME", self.columns[name]) for name, column in offered.items())
            except GuanxiError:
                return False
        if key == "data.timestamp_format":
            counted = "%" not in value and all(text.replace(".", "").isdigit() for text in self.times)
            return counted or all(meant == read_as(text, value) for text, meant in self.times.items())
        if key == "data.encoding":
            return self.format.split()[0] not in TABLES and same_bytes(self.text(), self.encoding, value)
        thousands_true = value == ("," if thousands == "indian" else thousands)
        return {
            "data.decimal": value == decimal,
            "data.thousands": thousands_true
            or (value.isspace() and thousands.isspace())
            or {value, thousands} == {"'", "’"},
            "data.header": value == str(self.named).lower(),
            "data.skip_lines": value.isdigit() and int(value) in (len(self.above), len(self.above) + 1),
            "data.sheet": value == "Data",
        }.get(key, False)

    def text(self) -> str:
        """Whole file as text, if it is a file of text."""
        if self.format.endswith(" table"):
            return self.line_end.join(
                [*self.above, *drawn(self.header, self.lines, self.format), *self.below, ""]
            )
        written = io.StringIO()
        writer = csv.writer(
            written, delimiter=self.delimiter, lineterminator=self.trailing + self.line_end,
            quoting=self.quoting, doublequote=not self.backslash, escapechar="\\" if self.backslash else None,
        )  # fmt: skip
        writer.writerows([*([self.header] if self.named else []), *self.lines])
        above = "".join(line + self.line_end for line in self.above)
        return above + written.getvalue() + "".join(line + self.line_end for line in self.below)

    def write(self, folder: Path) -> Path:
        """Write the file under a name that goes with its format, or does not."""
        kind, _, told = self.format.partition(" named ")
        kind = kind.removesuffix(" of text")
        ends = {
            "aligned table": "txt",
            "psql table": "txt",
            "mysql table": "txt",
            "gz": "csv.gz",
            "bz2": "csv.bz2",
            "zst": "csv.zst",
        }
        path = folder / f"{self.seed}.{told or ends.get(kind, kind)}"
        cells = pd.DataFrame(self.lines, columns=self.header)
        if kind in TABLES:
            _write_table(path, kind, cells, self.above)
            return path
        content = self.text().encode(self.encoding)
        if kind == "folder":
            path.mkdir()
            path = path / "one.csv"
        path.write_bytes(_packed(content, kind))
        return path.parent if kind == "folder" else path


def _packed(content: bytes, kind: str) -> bytes:
    if kind == "zip":
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("orders.csv", content)
        return packed.getvalue()
    if kind == "zst":
        return pa.Codec("zstd").compress(content, asbytes=True)
    return {"gz": gzip.compress, "bz2": bz2.compress}.get(kind, bytes)(content)


def _write_table(path: Path, kind: str, cells: pd.DataFrame, above: list[str]) -> None:
    if kind == "xlsx":
        with xlsxwriter.Workbook(path, {"default_date_format": "dd/mm/yyyy hh:mm:ss"}) as book:
            book.add_worksheet("Notes").write(0, 0, "Do not edit")
            sheet = book.add_worksheet("Data")
            for number, row in enumerate(
                [*([line] for line in above), list(cells.columns), *cells.to_numpy().tolist()]
            ):
                for place, cell in enumerate(row):
                    if isinstance(cell, (datetime, pd.Timestamp)):
                        sheet.write_datetime(number, place, cell)
                    elif cell is not None and cell == cell:
                        (sheet.write_string if isinstance(cell, str) else sheet.write_number)(
                            number, place, cell
                        )
    elif kind == "jsonl":
        cells.to_json(path, orient="records", lines=True, date_format="iso", force_ascii=False)
    else:
        (cells.to_parquet if kind == "parquet" else cells.to_feather)(path)


def same_bytes(text: str, encoding: str, other: str) -> bool:
    try:
        return text.encode(encoding).decode(other).lstrip("\ufeff") == text
    except (LookupError, UnicodeError):
        return False


def read_as(text: str, style: str) -> datetime | None:
    """Read a time as written under an offered format; a format of days leaves the clock to guanxi."""
    for clock in ["", *(" " + clock for clock in CLOCKS)]:
        try:
            found = datetime.strptime(text, (style + clock).replace("%-", "%"))
        except ValueError:
            continue
        return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found
    return None


def drawn(header: list[str], lines: list[list[str]], kind: str) -> list[str]:
    """Lines of a table as consoles draw it."""
    cells = [header, *lines]
    widths = [max(len(row[place]) for row in cells) for place in range(len(header))]
    padded = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in cells]
    rule = ["-" * width for width in widths]
    if kind == "aligned table":
        return ["  ".join(row).rstrip() for row in [padded[0], rule, *padded[1:]]]
    if kind == "psql table":
        body = [" " + " | ".join(row) for row in padded]
        return [body[0], "-" + "-+-".join(rule) + "-", *body[1:], f"({len(lines)} rows)"]
    edge = "+-" + "-+-".join(rule) + "-+"
    body = ["| " + " | ".join(row) + " |" for row in padded]
    return [edge, body[0], edge, *body[1:], edge]


def number_text(amount: Decimal, style: tuple[str, str], currency: str, negative: str) -> str:
    decimal, thousands = style
    whole, _, part = f"{abs(amount)}".partition(".")
    if thousands == "indian" and len(whole) > 3:
        head = whole[:-3]
        pairs = [head[max(0, end - 2) : end] for end in range(len(head), 0, -2)][::-1]
        whole = ",".join([*pairs, whole[-3:]])
    elif thousands != "indian":
        whole = f"{int(whole):,}".replace(",", thousands)
    text = currency % (whole + (decimal + part if part else ""))
    return negative % text if amount < 0 else text


def time_text(time: datetime, style: str) -> str:
    seconds = int((time - EPOCH).total_seconds())
    if style in ("seconds", "milliseconds", "microseconds"):
        return str(seconds * {"seconds": 1, "milliseconds": 1000, "microseconds": 1_000_000}[style])
    if style == "serial":
        days = (time - EXCEL) / timedelta(days=1)
        return str(int(days)) if days == int(days) else f"{days:.10f}"
    return (time + timedelta(hours=2 * ("0200" in style or "02:00" in style))).strftime(style)


def _true_log(draw: random.Random, resolution: str, low_days: bool) -> list[Row]:
    """Purchases of some customers over two years, with a few refunds on the day of the purchase."""
    customers = _identifiers(draw)
    start = datetime(draw.randint(2015, 2023), 1, 1)
    places, scale = draw.choice([(2, 60), (2, 60), (2, 900), (0, 9000), (0, 300000), (1, 60), (3, 60)])
    rows: list[Row] = []
    while len(rows) < draw.choice([60, 120]):
        time = start + timedelta(days=draw.randrange(700), seconds=draw.randrange(8 * 3600, 18 * 3600))
        time = time.replace(day=draw.randint(1, 12)) if low_days else time
        cut = {"D": {"hour": 0, "minute": 0, "second": 0}, "m": {"second": 0}, "s": {}}[resolution]
        time, amount = time.replace(**cut), draw.lognormvariate(0, 1) * scale
        rows.append((draw.choice(customers), time, Decimal(f"{amount:.{places}f}")))
        if draw.random() < 0.05:
            refund = rows[-1][2] / 2
            rows.append((rows[-1][0], time, -round(refund, places)))
    return rows


def _identifiers(draw: random.Random) -> list[str]:
    kind = draw.choice(["C%04d", "%d", "%06d", "customer %d", "%d@shop.example", "K-%d/A"])
    return [kind % number for number in draw.sample(range(100, 9999), 25)]


def _chance(draw: random.Random, share: float) -> bool:
    return draw.random() < share


def make_export(seed: int) -> Export:
    """Draw a style, and write the true log in it."""
    draw = random.Random(seed)
    format_ = draw.choice(FORMATS)
    typed = format_ in ("xlsx", "jsonl", "feather", "parquet", "xlsx named csv")
    days_only, low_days = _chance(draw, 0.5), _chance(draw, 0.1)
    style = (
        draw.choice(DAYS)
        if days_only
        else draw.choice(WHOLE_TIMES + [f"{day} {clock}" for day in DAYS[:-2] for clock in CLOCKS])
    )
    if format_.endswith(" table"):
        style = draw.choice(["%Y-%m-%d", "%d.%m.%Y", "%Y-%m-%dT%H:%M:%SZ"])
        days_only = not style.endswith("Z")
    resolution = "D" if days_only else "m" if style.endswith(("%H:%M", "%-I:%M %p")) else "s"
    export = Export(seed, format_, _true_log(draw, resolution, low_days))
    export.dirt += [f"format: {format_}"] + ["days up to 12 only"] * low_days
    if typed:
        _type_cells(draw, export)
    else:
        export.dirt.append(f"time: {style}")
        _write_cells(draw, export, style)
    _add_dirty_lines(draw, export, typed)
    if not typed and not format_.startswith(("xlsx", "parquet")):
        _dress(draw, export)
    return export


def _type_cells(draw: random.Random, export: Export) -> None:
    """Cells of formats that know times and numbers."""
    names = draw.choice(NAMES[:-1])
    export.header, export.columns = ["Order", *names], dict(zip(CANONICAL, names, strict=True))
    digits = all(row[0].isdigit() and row[0][0] != "0" for row in export.rows)
    kind: type = float if digits and _chance(draw, 0.5) else str
    export.dirt += ["ids that are floats"] * (kind is float)
    json_ids = int if kind is float and export.format == "jsonl" else kind
    export.lines = [
        [f"N{number}", json_ids(customer), time, float(amount)]
        for number, (customer, time, amount) in enumerate(export.rows)
    ]


def _write_cells(draw: random.Random, export: Export, style: str) -> None:
    """Cells of text."""
    table = export.format.endswith(" table")
    names = draw.choice(NAMES[:5] if table else NAMES)
    export.encoding = (
        "utf-8" if table or export.format.endswith("of text") else draw.choice([*CITIES, "utf-8", "utf-8"])
    )
    export.numbers = draw.choice([each for each in NUMBERS if not each[1].isspace()] if table else NUMBERS)
    currency = draw.choice(CURRENCIES) if _chance(draw, 0.3) and not table else "%s"
    negative, cities = draw.choice(NEGATIVES), CITIES[export.encoding]
    if export.encoding not in ("utf-8", "utf-8-sig", "utf-16", "gb18030") and not same_bytes(
        "".join((*names, currency, negative, export.numbers[1], style)), export.encoding, export.encoding
    ):
        currency, negative, names, export.numbers = "%s", "-%s", NAMES[0], (export.numbers[0], "")
        export.encoding = "utf-8" if "年" in style else export.encoding
    export.dirt += [
        f"number: 1{export.numbers[1]}234{export.numbers[0]}5", f"currency: {currency}",
        f"encoding: {export.encoding}", f"negative: {negative}",
    ]  # fmt: skip
    product = _chance(draw, 0.15) and not table
    if product:
        bought = [draw.randint(1, 5) for _ in export.rows]
        export.quantities = [  # of a refund: as many as were bought
            bought[place - (amount < 0)] for place, (_, _, amount) in enumerate(export.rows)
        ]
        export.dirt.append("quantity*price")
    export.times = {time_text(time, style): time for _, time, _ in export.rows}
    floats = (
        not table and all(row[0].isdigit() and row[0][0] != "0" for row in export.rows) and _chance(draw, 0.5)
    )
    export.dirt += ["ids that are floats"] * floats
    guard = '="%s"' if _chance(draw, 0.05) and not table else "%s"
    export.dirt += ["ids as formulas"] * (guard != "%s")
    pad = " " if _chance(draw, 0.1) and not table else ""
    export.dirt += ["ids with blanks"] * bool(pad)
    export.header = [
        "Order",
        names[0],
        names[1],
        names[2],
        *(["Quantity"] if product else []),
        "City",
        "Note",
    ]
    export.columns = dict(
        zip(CANONICAL, [*names[:2], f"Quantity*{names[2]}" if product else names[2]], strict=True)
    )
    for number, (customer, time, amount) in enumerate(export.rows):
        note = "" if table else draw.choice(NOTES)
        written = guard % (customer + ".0" * floats) + pad * (number % 3)
        cells = [
            f"N{number}",
            written,
            time_text(time, style),
            number_text(amount, export.numbers, currency, negative),
        ]
        cells += [str(export.quantities[number])] if product else []
        export.lines.append([*cells, "Oslo" if table else draw.choice(cities), note])


def _add_dirty_lines(draw: random.Random, export: Export, typed: bool) -> None:
    """Lines of guests and totals, which are nobody's purchases."""
    if typed and not isinstance(export.lines[0][1], str):
        return
    table = export.format.endswith(" table")
    clean = list(export.lines)
    if _chance(draw, 0.4):
        word = draw.choice(MISSING[1:] if table else MISSING)
        export.dirt.append(f"missing word: {word!r}")
        for _ in range(draw.choice([1, 5, 20])):
            export.lines.insert(
                draw.randrange(len(export.lines)),
                [cell if place != 1 else word for place, cell in enumerate(draw.choice(clean))],
            )
    if _chance(draw, 0.25) and not export.quantities and not typed:
        word, total = draw.choice(TOTALS[:3]), sum(row[2] for row in export.rows)
        amount = number_text(total, export.numbers, "%s", "-%s")
        line = ["-" if table else ""] * len(export.header)
        line[1], line[3] = word, amount
        line[2] = draw.choice([line[2], clean[-1][2]])
        export.dirt.append("total line, " + ("dated" if line[2] == clean[-1][2] else "without a date"))
        export.lines.append(line)
    if _chance(draw, 0.15):
        export.dirt.append("a line without an amount")
        broken = list(draw.choice(clean))
        broken[3] = None if typed else "NULL"
        export.lines.insert(3, broken)


def _dress(draw: random.Random, export: Export) -> None:
    """What stands around the cells of a text file."""
    if export.format.endswith(" table"):
        export.below = [f"({len(export.lines)} rows affected)"] if export.format == "aligned table" else []
        return
    export.delimiter = draw.choice(DELIMITERS)
    export.line_end = draw.choice(["\n", "\n", "\r\n", "\r\n", "\r"])
    export.quoting = draw.choice([csv.QUOTE_MINIMAL, csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
    export.backslash = _chance(draw, 0.1)
    if export.line_end == "\r":
        export.lines = [[cell.replace("\n", " ") for cell in line] for line in export.lines]
    export.dirt += [
        f"delimiter: {export.delimiter!r}",
        f"line end: {export.line_end!r}",
        *["backslashes"] * export.backslash,
    ]
    if _chance(draw, 0.12):
        export.dirt.append("index column")
        export.header = ["", *export.header]
        export.lines = [[str(number), *line] for number, line in enumerate(export.lines)]
    if _chance(draw, 0.1):
        export.dirt.append("same header twice")
        export.header[-2:] = ["Note", "Note"]
    if _chance(draw, 0.1):
        export.dirt.append("trailing delimiter")
        export.trailing = export.delimiter
    _dress_header(draw, export)
    if _chance(draw, 0.1):
        export.dirt.append("words below")
        export.below = draw.choice(
            [["", f"({len(export.lines)} rows affected)"], ["", ""], ["End of report"]]
        )


def _dress_header(draw: random.Random, export: Export) -> None:
    if _chance(draw, 0.15):
        export.above = draw.choice(TITLES)
        if not same_bytes("".join(export.above), export.encoding, export.encoding):
            export.above = TITLES[0]
        export.dirt.append("title lines")
    elif _chance(draw, 0.06) and export.delimiter in ";,":
        export.above = [f"sep={export.delimiter}"]
        export.dirt.append("sep= line")
    elif _chance(draw, 0.06) and not export.quantities:
        export.named, shift = False, export.header[0] == ""
        export.columns = {name: str(place + 2 + shift) for place, name in enumerate(CANONICAL)}
        export.dirt.append("no header")
    elif _chance(draw, 0.1):
        export.header = [f" {name} " if name else name for name in export.header]
        export.dirt.append("header with blanks")
    # A price called total cannot be told from a total.
    export.unmapped = _chance(draw, 0.2) and export.named and not export.quantities
    export.dirt += ["columns not given"] * export.unmapped


def large_exports(lines: int) -> dict[str, Export]:
    """One clean large table in every format."""
    draw = random.Random(0)
    start, rows = datetime(2020, 1, 1), []
    for number in range(lines):
        time = start + timedelta(seconds=draw.randrange(700 * 86400))
        rows.append((f"C{number % 9000:05}", time, Decimal(f"{draw.lognormvariate(3, 1):.2f}")))
    found = {}
    for kind in dict.fromkeys(["csv", *FORMATS, "csv, German"]):
        export = Export(0, kind.partition(",")[0], rows, header=["id", "day", "total", "City"])
        export.columns = dict(zip(CANONICAL, export.header, strict=False))
        german = kind.endswith("German")
        export.delimiter = ";" if german else ","
        if kind in ("xlsx", "jsonl", "feather", "parquet", "xlsx named csv"):
            export.lines = [[customer, time, float(amount), "Oslo"] for customer, time, amount in rows]
        else:
            style, numbers = ("%d.%m.%Y %H:%M:%S", (",", ".")) if german else ("%Y-%m-%dT%H:%M:%S", (".", ""))
            export.lines = [
                [customer, time.strftime(style), number_text(amount, numbers, "%s", "-%s"), "Oslo"]
                for customer, time, amount in rows
            ]
        found[kind] = export
    return found
