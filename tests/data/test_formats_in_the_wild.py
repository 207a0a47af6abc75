"""The same purchases in every format that people have, also under a wrong name."""

from __future__ import annotations

import bz2
import gzip
import io
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from guanxi.errors import GuanxiError

COLUMNS = "customer_id=Customer,timestamp=Date,amount=Total"
LOG = pd.DataFrame(
    {
        "Customer": [f"C{number % 6:03}" for number in range(30)],
        "Date": pd.date_range("2020-01-05 10:30", periods=30, freq="17D").as_unit("us"),
        "Total": [12.5, 950.0, 1234.5, 48.9, 7.25, 12500.0] * 5,
    }
)
TRUTH = Counter(zip(LOG["Customer"], LOG["Date"].dt.strftime("%Y-%m-%d %H:%M:%S"), LOG["Total"], strict=True))
TEXT = LOG.to_csv(index=False)
OPEN = Callable[..., Any]


def workbook(sheets: dict[str, pd.DataFrame], row: int = 0) -> bytes:
    written = io.BytesIO()
    with pd.ExcelWriter(written, engine="xlsxwriter") as writer:
        for name, frame in sheets.items():
            frame.to_excel(writer, sheet_name=name, index=False, startrow=row)
            if row:
                writer.sheets[name].write(0, 0, "Sales report")
    return written.getvalue()


def zipped(**members: bytes) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("_", "."), content)
    return written.getvalue()


def arrow() -> bytes:
    written = io.BytesIO()
    LOG.to_feather(written)
    return written.getvalue()


NOTES = pd.DataFrame({"Notes": ["made by hand"]})
OTHERS = LOG.iloc[:4].assign(Total=1.0)
DAYS = (LOG["Date"] - pd.Timestamp("1899-12-30")) / pd.Timedelta(days=1)
NUMBERED = LOG.assign(Customer=[str(10 + number % 6) for number in range(30)])
FILES: dict[str, bytes] = {
    "plain.csv": TEXT.encode(),
    "packed.csv.gz": gzip.compress(TEXT.encode()),
    "packed.csv.bz2": bz2.compress(TEXT.encode()),
    "packed.csv.zst": pa.Codec("zstd").compress(TEXT.encode(), asbytes=True),
    "packed.zip": zipped(log_csv=TEXT.encode()),
    "workbook in a.zip": zipped(log_xlsx=workbook({"Data": LOG})),
    "workbook.xlsx": workbook({"Data": LOG}),
    "workbook with notes.xlsx": workbook({"Notes": NOTES, "Data": LOG}),
    "workbook with a smaller sheet.xlsx": workbook({"Old": OTHERS, "Data": LOG}),
    "workbook with a title.xlsx": workbook({"Data": LOG}, row=2),
    "workbook of text.xlsx": workbook({"Data": LOG.astype(str)}),
    "workbook of serial days.xlsx": workbook({"Data": LOG.assign(Date=DAYS.round(8))}),
    "lines.jsonl": LOG.to_json(orient="records", lines=True, date_format="iso").encode(),
    "lines.ndjson": LOG.to_json(orient="records", lines=True, date_format="iso").encode(),
    "array.json": LOG.to_json(orient="records", date_format="iso").encode(),
    "arrow.feather": arrow(),
    "arrow.arrow": arrow(),
    "log.parquet": LOG.to_parquet(),
    "category.parquet": LOG.astype({"Customer": "category"}).to_parquet(),
    "workbook named.csv": workbook({"Data": LOG}),
    "text named.xlsx": TEXT.encode(),
    "gzip named.csv": gzip.compress(TEXT.encode()),
    "zip named.csv": zipped(log_csv=TEXT.encode()),
    "zstandard named.csv": pa.Codec("zstd").compress(TEXT.encode(), asbytes=True),
    "parquet named.csv": LOG.to_parquet(),
    "text named.parquet": TEXT.encode(),
    "WORKBOOK.XLSX": workbook({"Data": LOG}),
}


@pytest.mark.parametrize("name", FILES)
def test_every_format(name: str, tmp_path: Path, open_file: OPEN) -> None:
    path = tmp_path / name
    path.write_bytes(FILES[name])
    found = open_file(path, COLUMNS)
    assert found.table == TRUTH
    assert found.rejected == {}


def test_the_largest_sheet_is_read_and_said_and_another_by_its_name(tmp_path: Path, open_file: OPEN) -> None:
    path = tmp_path / "two.xlsx"
    path.write_bytes(workbook({"Old": OTHERS, "Data": LOG}))
    assert "data.sheet" in open_file(path, COLUMNS).said
    assert open_file(path, COLUMNS, "data.sheet=Old").read == 4
    with pytest.raises(GuanxiError, match=r"Old.*Data"):
        open_file(path, COLUMNS, "data.sheet=None of these")


def test_an_archive_of_several_files_is_refused(tmp_path: Path, open_file: OPEN) -> None:
    path = tmp_path / "two.zip"
    path.write_bytes(zipped(one_csv=TEXT.encode(), two_csv=TEXT.encode()))
    with pytest.raises(GuanxiError, match=r"one\.csv.*two\.csv"):
        open_file(path, COLUMNS)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_folder(ending: str, tmp_path: Path, open_file: OPEN) -> None:
    for number, part in enumerate([LOG.iloc[:11], LOG.iloc[11:]]):
        content = part.to_csv(index=False).encode() if ending == "csv" else part.to_parquet()
        (tmp_path / f"{number}.{ending}").write_bytes(content)
    assert open_file(tmp_path, COLUMNS).table == TRUTH


@pytest.mark.parametrize("kind", ["xlsx", "parquet", "feather"])
def test_ids_that_became_floats_are_whole_numbers(kind: str, tmp_path: Path, open_file: OPEN) -> None:
    frame, path = NUMBERED.assign(Customer=NUMBERED["Customer"].astype(float)), tmp_path / f"ids.{kind}"
    write = {
        "parquet": frame.to_parquet,
        "feather": frame.to_feather,
        "xlsx": lambda to: to.write_bytes(workbook({"Data": frame})),
    }
    write[kind](path)
    assert {customer for customer, *_ in open_file(path, COLUMNS).table} == set(NUMBERED["Customer"])


@pytest.mark.parametrize(
    "content",
    [b"", b"\n\n", b"Customer,Date,Total\n", b"\xd0\xcf\x11\xe0broken", b"PK\x03\x04broken", b"PAR1"],
)
def test_what_is_no_table_is_refused_in_one_line(content: bytes, tmp_path: Path, open_file: OPEN) -> None:
    path = tmp_path / "export.csv"
    path.write_bytes(content)
    with pytest.raises(GuanxiError) as refusal:
        open_file(path, COLUMNS)
    assert "\n" not in str(refusal.value)
