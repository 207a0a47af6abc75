"""Export of scores as CSV files for CRM systems, within the import limits of each."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import pandas as pd

from guanxi.data.sinks.files import write_atomically
from guanxi.data.sinks.formulas import neutralise
from guanxi.data.sinks.output_location import FOLDER_MANIFEST, FolderLocation, check_folder
from guanxi.data.temporary import temporary_folder
from guanxi.errors import ParamsError, did_you_mean
from guanxi.scorecard.exports._import_cells import CUSTOMER, Changes, check_identifiers, csv_line, csv_lines
from guanxi.scorecard.exports._import_layouts import LAYOUTS, Layout

OWN_EXPORT = re.compile(rf"contacts-\d{{3,}}\.csv|{re.escape(FOLDER_MANIFEST)}")


@dataclass(frozen=True)
class Export:
    """Files written for a customer system.

    Attributes
    ----------
    system : str
    folder : pathlib.Path
    files : mapping of str to int
        Customers in each file, in order.
    warnings : tuple of str
        One sentence for each change needed to meet the limits.
    """

    system: str
    folder: Path
    files: Mapping[str, int]
    warnings: tuple[str, ...]


def layout_of(system: str) -> Layout:
    """Look up a customer system by its name in params.yaml; ParamsError if it is unknown.

    Examples
    --------
    >>> layout_of("hubspot").text_length
    65536
    """
    if system in LAYOUTS:
        return LAYOUTS[system]
    raise ParamsError(f"exports.{system}: not a known customer system: {did_you_mean(system, LAYOUTS)}")


def export_customers(
    table: pd.DataFrame, folder: Path, system: str, fields: Mapping[str, str] | None = None
) -> Export:
    """Write the import files of one customer system, all or none.

    The folder contains ``contacts-001.csv``, … and ``_manifest.json`` and replaces an earlier export. Texts
    that a spreadsheet would evaluate are prefixed with an apostrophe, long texts are truncated with ``…``,
    numbers have a decimal point and at most four decimals, unknown values are empty.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per customer: ``customer_id`` and the columns to export.
    folder : pathlib.Path
    system : {"fxiaoke", "hubspot", "salesforce", "zoho"}
    fields : mapping of str to str, optional
        Column -> heading, in order; the customer always comes first. Default: the fields of the layout
        present in the table.

    Returns
    -------
    Export

    Raises
    ------
    ParamsError
        If the system or a column is unknown, or a heading is invalid.
    DataError
        If a customer identifier would be changed or a number is infinite.
    OutputError
        If the folder cannot be written or contains other files; an earlier export is kept.
    """
    headings = check_export(table, folder, system, fields)
    layout, target = layout_of(system), FolderLocation(folder, OWN_EXPORT)
    changes = Changes()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with temporary_folder(folder.parent) as staged:
        target.work_folder = staged / folder.name
        lines = csv_lines(table, list(headings), layout, changes)
        files = _write_files(lines, list(headings.values()), layout, target.work_folder)
        warnings = tuple(changes.sentences(layout))
        manifest = {"system": system, "fields": headings, "files": files, "warnings": warnings}
        target.put([target.work_folder / name for name in files], manifest)
    return Export(system, folder, files, warnings)


def check_export(
    table: pd.DataFrame, folder: Path, system: str, fields: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Run the checks of :func:`export_customers`, except for infinite numbers and disk errors; write nothing.

    Returns
    -------
    dict of str to str
        Column -> heading, in order.

    Raises
    ------
    ParamsError, DataError, OutputError
    """
    layout = layout_of(system)
    headings = _headings(table, layout, system, fields)
    check_identifiers(table[CUSTOMER], layout)
    check_folder(folder, OWN_EXPORT)
    return headings


def _headings(
    table: pd.DataFrame, layout: Layout, system: str, fields: Mapping[str, str] | None
) -> dict[str, str]:
    if fields is None:
        return {name: heading for name, heading in layout.fields.items() if name in table}
    headings = {CUSTOMER: fields.get(CUSTOMER, layout.fields[CUSTOMER])} | dict(fields)
    where = f"exports.{system}.fields"
    for name, heading in headings.items():
        if name not in table:
            hint = did_you_mean(name, table.columns, "name one of its columns")
            raise ParamsError(f"{where}.{name}: the scorecard has no such column: {hint}")
        if not _is_heading(heading, layout):
            none_of = f" and without {layout.forbidden}" if layout.forbidden else ""
            raise ParamsError(
                f"{where}.{name}: {heading!r} is no heading: write it on one line, without blanks around it, "
                f"without = + - @ at the start{none_of}"
            )
    [(heading, times)] = Counter(headings.values()).most_common(1)
    if times > 1:
        raise ParamsError(f"{where}: {times} columns have the heading {heading!r}: give each its own")
    if len(headings) > layout.columns:
        raise ParamsError(f"{where}: {len(headings)} columns; {layout.title} takes {layout.columns} at most")
    return headings


def _is_heading(heading: str, layout: Layout) -> bool:
    plain = bool(heading) and heading == heading.strip() and heading.isprintable()
    return plain and neutralise(heading) == heading and not set(heading) & set(layout.forbidden)


def _write_files(
    lines: Iterable[bytes], headings: Sequence[str], layout: Layout, folder: Path
) -> dict[str, int]:
    heading = ("\ufeff".encode() if layout.byte_order_mark else b"") + csv_line(headings)
    files = {}
    for number, part in groupby(_numbered(lines, layout, len(heading)), key=lambda numbered: numbered[0]):
        name = f"contacts-{number:03d}.csv"
        files[name] = _write_file(folder / name, heading, (line for _, line in part))
    return files or {"contacts-001.csv": _write_file(folder / "contacts-001.csv", heading, ())}


def _numbered(lines: Iterable[bytes], layout: Layout, heading: int) -> Iterator[tuple[int, bytes]]:
    """Yield each line with its file number, from 1: as few files as the limits allow."""
    number, rows, size = 1, 0, heading
    for line in lines:
        if rows == layout.rows or size + len(line) > layout.size:
            number, rows, size = number + 1, 0, heading
        rows, size = rows + 1, size + len(line)
        yield number, line


def _write_file(path: Path, heading: bytes, lines: Iterable[bytes]) -> int:
    rows = 0

    def write(temporary: Path) -> None:
        nonlocal rows
        with temporary.open("wb") as file:
            file.write(heading)
            for line in lines:
                file.write(line)
                rows += 1

    write_atomically(path, write)
    return rows
