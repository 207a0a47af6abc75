"""Sheets of workbooks (.xlsx, .xlsm, .xls, .ods)."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from guanxi.data._findings import DataFinding
from guanxi.data.sources._header import column_names, find_header, skipped_finding
from guanxi.data.sources._records import ColumnKinds, Record, as_text, load_records
from guanxi.data.sources._unpacking import DataFile
from guanxi.data.sources.source_table import SourceTable
from guanxi.errors import SourceError
from guanxi.params import DataParams

_SAMPLE = 200


def read(connection: Any, source: str, files: list[DataFile], params: DataParams) -> SourceTable:
    """Read the sheets of each workbook into the engine; numbers and times keep their types."""
    records: list[Record] = []
    findings: tuple[DataFinding, ...] = ()
    columns: list[str] = []
    for file in files:
        sheets, found = _sheets(file, params)
        findings += found
        for name, cells in sheets.items():
            shown = f"{file.given}, sheet {name!r}"
            rows, names, more = _table(shown, cells, params)
            if columns and names != columns:
                raise SourceError(
                    f"{shown}: its columns differ from those of {files[0].given}: read them one by one"
                )
            columns = names
            findings += more
            records += rows
    kinds = ColumnKinds()
    for record in [dict.fromkeys(columns), *records]:
        kinds.add(record)
    table = load_records(connection, source, kinds.schema(), lambda: records)
    return SourceTable(table.name, table.table, table.unreadable, findings)


def _sheets(file: DataFile, params: DataParams) -> tuple[dict[str, list[list[Any]]], tuple[DataFinding, ...]]:
    """Return the cells of the sheets that are set, by name, else of the one with the most lines."""
    from python_calamine import CalamineError, PasswordError, SheetTypeEnum, load_workbook

    try:
        book = load_workbook(file.plain)
        known = [sheet.name for sheet in book.sheets_metadata if sheet.typ == SheetTypeEnum.WorkSheet]
        names = known if params.sheet is None else _chosen(file, params.sheet, known)
        sheets = {name: book.get_sheet_by_name(name).to_python(skip_empty_area=False) for name in names}
    except PasswordError:
        raise SourceError(f"{file.given}: is protected by a password: save it without one") from None
    except (CalamineError, OSError) as error:
        reason = " ".join(str(error).split())
        raise SourceError(
            f"{file.given}: not readable as a workbook ({reason}): save it again as .xlsx"
        ) from None
    if params.sheet is not None:
        return sheets, ()
    chosen = max(sheets, key=lambda name: len(sheets[name]))
    others = [f"{name} ({len(cells):,})" for name, cells in sheets.items() if cells and name != chosen]
    if not others:
        return {chosen: sheets[chosen]}, ()
    text = (
        f"{file.given}: sheet {chosen} is read, which has the most lines ({len(sheets[chosen]):,}); "
        f"not read: {', '.join(others)}"
    )
    setting = f"data.sheet={chosen}"
    if all(cells[0] == sheets[chosen][0] for cells in sheets.values() if cells):
        text += ", of the same columns: to read them all, --set 'data.sheet=*'"
        setting = "data.sheet=*"
    lines = sum(map(len, sheets.values())) - len(sheets[chosen])
    return {chosen: sheets[chosen]}, (DataFinding("sheet", text, lines, setting=setting),)


def _chosen(file: DataFile, sheet: str, known: list[str]) -> list[str]:
    """Return the sheet of a name, or those that match it as a pattern such as ``20*``."""
    names = [sheet] if sheet in known else [name for name in known if fnmatchcase(name, sheet)]
    if not names:
        raise SourceError(f"{file.given}: no sheet {sheet!r}: set data.sheet to one of {', '.join(known)}")
    return names


def _table(
    shown: str, cells: list[list[Any]], params: DataParams
) -> tuple[list[Record], list[str], tuple[DataFinding, ...]]:
    """Return the rows below the header as records, without blank rows and blank columns."""
    sample = [_texts(row) for row in cells[: _SAMPLE + (params.skip_lines or 0)]]
    header = find_header(sample, params)
    if header >= len(sample):
        raise SourceError(f"{shown}: no row is left to name the columns: the sheet has {len(sample)} rows")
    first = header + params.header
    body = [row for row in sample[first:] if any(row)]
    names, findings = column_names(shown, sample[header] if params.header else None, body, params)
    rows = [row for row in cells[first:] if any(cell != "" for cell in row)]
    filled = [
        (at, name)
        for at, name in enumerate(names)
        if (params.header and sample[header][at]) or any(row[at] != "" for row in rows)
    ]
    records = [{name: row[at] for at, name in filled} for row in rows]
    used = [name for _, name in filled]
    findings = tuple(
        found for found in findings if found.name != "unnamed_columns" or set(found.examples) & set(used)
    )
    return records, used, skipped_finding(shown, sample, header, params) + findings


def _texts(row: list[Any]) -> list[str]:
    return [as_text(cell).strip() if cell != "" else "" for cell in row]
