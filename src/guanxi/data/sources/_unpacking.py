"""Files recognised by their content, whatever their name, and unpacked."""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
import shutil
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, NamedTuple

import pyarrow as pa

from guanxi.errors import SourceError

_BLOCK = 1 << 22
_MOST_LAYERS = 3
_ZIP = b"PK\x03\x04"
_KINDS = {
    b"PAR1": "Parquet",
    b"ARROW1": "Arrow",
    b"\xff\xff\xff\xff": "Arrow",  # a stream without the file's frame
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "workbook",  # .xls
    _ZIP: "workbook",  # other archives are unpacked
}
_OTHERS = {
    b"SQLite format 3\0": "a SQLite database: export the table as CSV",
    b"%PDF": "a PDF document: export the table as CSV",
    b"FEA1": "a Feather file of version 1: write it as version 2 or Parquet",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive: unpack it",
    b"Rar!": "a RAR archive: unpack it",
}
_MARKUP = re.compile(rb"(\xef\xbb\xbf)?\s*<(!doctype|html|head|body|table|meta|style|\?xml)", re.IGNORECASE)
_JSON = re.compile(rb'(\xef\xbb\xbf)?\s*(\{\s*("|\}\s*$)|\[\s*[{\]])')


class DataFile(NamedTuple):
    """A file: ``given`` by the user, ``plain`` without compression, and the ``kind`` of its content."""

    given: Path
    plain: Path
    kind: str


def unpack(given: Path, folder: Path) -> DataFile:
    """Unpack a file into a folder, unless it is plain, and recognise its kind.

    Kinds are ``CSV`` (all other text), ``JSON``, ``workbook``, ``Arrow`` and ``Parquet``.

    Raises
    ------
    SourceError
        If it is damaged, an archive of several files, or of a kind that cannot be read.
    """
    plain = given
    try:
        for layer in range(_MOST_LAYERS + 1):
            head = _head(plain)
            opened = _opener(given, plain, head)
            if opened is None:
                return DataFile(given, plain, _kind(given, plain, head))
            if layer < _MOST_LAYERS:
                plain = folder / str(layer)
                with opened() as packed, plain.open("wb") as out:
                    shutil.copyfileobj(packed, out, _BLOCK)
    except (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, gzip.BadGzipFile) as error:
        raise SourceError(f"{given}: the compressed file is damaged ({error}): copy it again") from None
    except OSError as error:
        if error.errno is None:  # the decompressor's, not the system's
            raise SourceError(f"{given}: the compressed file is damaged ({error}): copy it again") from None
        raise SourceError(f"{given}: cannot be read: {error.strerror or error}") from None
    raise SourceError(f"{given}: is compressed more than {_MOST_LAYERS} times: unpack it")


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(4096)


def _opener(given: Path, path: Path, head: bytes) -> Callable[[], Any] | None:
    """Return what opens the content of a compressed file; None if it is plain."""
    if head.startswith(b"\x1f\x8b"):
        return lambda: gzip.open(path)
    if head.startswith(b"BZh") and head[4:10] == b"1AY&SY":
        return lambda: bz2.open(path)
    if head.startswith(b"\xfd7zXZ\0"):
        return lambda: lzma.open(path)
    if head.startswith(b"\x28\xb5\x2f\xfd"):
        return lambda: pa.CompressedInputStream(pa.OSFile(str(path)), "zstd")
    if head.startswith((_ZIP, b"PK\x05\x06")) and not _is_workbook(path):
        return lambda: _open_member(given, path)
    return None


def _open_member(given: Path, path: Path) -> IO[bytes]:
    archive = zipfile.ZipFile(path)
    members = [
        member
        for member in archive.infolist()
        if not member.is_dir() and not Path(member.filename).name.startswith(".")
        and not member.filename.startswith("__MACOSX/")
    ]  # fmt: skip
    if len(members) != 1:
        names = ", ".join(repr(member.filename)[1:-1] for member in members[:10]) or "none"
        fix = "unpack it and give the folder, to read all, or one of them" if members else "give another"
        raise SourceError(f"{given}: the archive holds {len(members)} files ({names}): {fix}")
    try:
        return archive.open(members[0])
    except (RuntimeError, NotImplementedError) as error:
        raise SourceError(f"{given}: cannot be unpacked ({error}): unpack it and give the file") from None


def _is_workbook(path: Path) -> bool:
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        if "mimetype" in names:
            return archive.read("mimetype").startswith(b"application/vnd.oasis.opendocument.spreadsheet")
    return any(name.startswith("xl/workbook") for name in names)


def _kind(given: Path, plain: Path, head: bytes) -> str:
    for start, what in _OTHERS.items():
        if head.startswith(start):
            raise SourceError(f"{given}: is {what}")
    if head[8:12] == b"DUCK":
        raise SourceError(f"{given}: is a DuckDB database: give its table, as in duckdb://{given}::TABLE")
    if _MARKUP.match(head):
        raise SourceError(
            f"{given}: is a page of HTML or XML, as some programs save under .xls: "
            "open it in a spreadsheet program and save it as .xlsx or CSV"
        )
    known = next((kind for start, kind in _KINDS.items() if head.startswith(start)), None)
    if known:
        return known
    # Text of several lines is no damaged Parquet.
    if plain.suffix.lower() in (".parquet", ".pq") and not (b"\n" in head and b"\0" not in head):
        return "Parquet"
    return "JSON" if _JSON.match(head) else "CSV"
