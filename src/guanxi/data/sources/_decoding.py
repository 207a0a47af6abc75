"""Text converted to UTF-8, and encodings proposed for text that does not fit the one that is set."""

from __future__ import annotations

import codecs
import re
import shutil
from pathlib import Path

from guanxi.data.sources._encodings import EncodingProposal, encoding_advice, propose_encodings
from guanxi.errors import SourceError

_BLOCK = 1 << 22
_SAMPLE = 1 << 16
_SHOWN = 40
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # before the mark of UTF-16, which is its beginning
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# Characters of several bytes may end in any other sign of ASCII, such as a bar.
_FOREIGN_WORD = re.compile(rb'[^\x00-\x20",;]*[\x80-\xff][^\x00-\x20",;]*')
_WORDS = 500


def marked_encoding(path: Path) -> str | None:
    """Return the encoding that a byte order mark proves."""
    with path.open("rb") as file:
        head = file.read(4)
    return next((name for mark, name in _MARKS.items() if head.startswith(mark)), None)


def plain_text(given: Path, path: Path, encoding: str, copy: Path) -> Path:
    """Return a file that the engine can read: ``path`` itself, or ``copy`` converted to UTF-8.

    Bytes that cannot be decoded are kept, so that only their line is rejected later.
    """
    try:
        name = codecs.lookup(marked_encoding(path) or encoding).name
    except LookupError:
        raise SourceError(
            f"data.encoding {encoding!r} is unknown: use, for example, utf-8, latin-1, cp1252 or gb18030"
        ) from None
    if name in ("utf-8", "utf-8-sig", "ascii") and not _mixed_line_endings(path):
        return path
    try:
        with (
            path.open(encoding="utf-8-sig" if name == "utf-8" else name, errors="surrogateescape") as text,
            copy.open("w", encoding="utf-8", errors="surrogateescape", newline="\n") as out,
        ):
            shutil.copyfileobj(text, out, _BLOCK)
    except UnicodeError as error:
        raise SourceError(f"{given}: not text in encoding {encoding} ({error}): {_advice(path)}") from None
    return copy


def _advice(path: Path) -> str:
    return encoding_advice(propose(path)) or "use, for example, --set data.encoding=latin-1"


def propose(path: Path) -> list[EncodingProposal]:
    """Propose encodings for text, likeliest first; none if it is no text, or nearly all of it is UTF-8."""
    with path.open("rb") as file:
        head = file.read(_SAMPLE)
        zeros = [head[first::2].count(0) for first in (0, 1)]
        if max(zeros) > len(head) / 8 > 8 * min(zeros):
            encoding = "utf-16-le" if zeros[1] > zeros[0] else "utf-16-be"
            return [EncodingProposal(encoding, head.decode(encoding, "replace").split("\n")[0][:_SHOWN])]
        if any(zeros):
            return []
        words: dict[bytes, bytes] = {}  # by what they are without their digits
        file.seek(0)
        while len(words) < _WORDS and (block := file.read(_BLOCK)):
            for word in _FOREIGN_WORD.findall(block):
                words.setdefault(re.sub(rb"\d+", b"9", word), word)
    foreign = list(words.values())[:_WORDS]
    return [] if 2 * sum(map(_is_utf_8, foreign)) > len(foreign) else propose_encodings(foreign)


def _is_utf_8(word: bytes) -> bool:
    try:
        word.decode()
    except UnicodeDecodeError:
        return False
    return True


def _mixed_line_endings(path: Path) -> bool:
    """Whether a file mixes line endings, which the engine rejects."""
    pairs = returns = feeds = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            pairs += block.count(b"\r\n")
            returns += block.count(b"\r")
            feeds += block.count(b"\n")
    return sum((pairs > 0, returns > pairs, feeds > pairs)) > 1
