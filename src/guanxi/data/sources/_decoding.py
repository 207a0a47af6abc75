"""Text converted to UTF-8, and encodings proposed for text that does not fit the one that is set."""

from __future__ import annotations

import codecs
import re
import shutil
from pathlib import Path

from guanxi.errors import SourceError

_BLOCK = 1 << 22
_SAMPLE = 1 << 16
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # before the mark of UTF-16, which is its beginning
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_FOREIGN = re.compile(rb"[^\r\n]*[\x80-\xff][^\r\n]*")
_HIGH = re.compile(rb"[A-Za-z]?[\x80-\xff]+[A-Za-z]?")
# A sign between digits separates thousands in any language.
_THOUSANDS = re.compile(rb"(?<=\d)(?:\x810\x842|[\x80-\xff][\x80-\xff@-~]?)(?=\d)")
_WESTERN = re.compile(rb"[\x80-\xff]|[A-Za-z][\x80-\xff]{1,2}[A-Za-z]?|[\x80-\xff]{1,2}[A-Za-z]")
_JAPANESE = re.compile("[\u3040-\u30ff\u4e00-\u9fff￥’]")
_SIGNS = "€–’°£§"
# One byte per letter first; of those that fit equally well, the first is proposed.
_SINGLE_BYTE = ("cp1252", "cp1250", "cp1254", "cp850")
_OTHERS = [
    "gb18030",
    "big5",
    "euc_kr",
    "cp1251",
    "koi8_r",
    "cp866",
    "cp1253",
    "cp1255",
    "cp1256",
]


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
        raise SourceError(
            f"{given}: not text in encoding {encoding} ({error}): set its encoding, as in {_advice(path)}"
        ) from None
    return copy


def _advice(path: Path) -> str:
    return f"--set data.encoding={propose_encoding(path) or 'latin-1'}"


def propose_encoding(path: Path) -> str | None:
    """Propose an encoding for text that is not UTF-8; None if none fits, or it is no text.

    Without a byte order mark several encodings can fit, so a proposal is never used by itself.
    """
    with path.open("rb") as file:
        head = file.read(_SAMPLE)
        zeros = [head[first::2].count(0) for first in (0, 1)]
        if max(zeros) > len(head) / 8 > 8 * min(zeros):
            return "utf-16-le" if zeros[1] > zeros[0] else "utf-16-be"
        if any(zeros):
            return None
        sample = b""
        file.seek(0)
        while len(sample) < _SAMPLE and (block := file.read(_BLOCK)):
            sample += b"\n".join(_FOREIGN.findall(block))[:_SAMPLE]
    plain = _without_thousands(sample)
    words = _HIGH.findall(plain)
    if not words:
        return None
    if _is_shift_jis(sample):
        return "shift_jis"
    if 2 * sum(bool(_WESTERN.fullmatch(word)) for word in words) > len(words):
        return max(_SINGLE_BYTE, key=lambda name: _letters(plain, name))
    return _propose_multi_byte(sample)


def _without_thousands(sample: bytes) -> bytes:
    words = _THOUSANDS.sub(b"", sample)
    return words if _HIGH.search(words) else sample


def _is_shift_jis(sample: bytes) -> bool:
    """Whether text is Japanese, whose characters may end in a byte that is an ASCII letter."""
    try:
        foreign = [letter for letter in sample.decode("shift_jis") if letter > "\x7f"]
    except UnicodeDecodeError:
        return False
    low = sum(b"\x80" < sample[at : at + 1] < b"\xa0" for at in range(len(sample)))
    return low > len(foreign) / 2 and len(_JAPANESE.findall("".join(foreign))) > 0.9 * len(foreign)


def _letters(sample: bytes, encoding: str) -> float:
    """Return the share of letters and usual signs among the characters beyond ASCII."""
    foreign = [letter for letter in sample.decode(encoding, "replace") if letter > "\x7f"]
    return sum(letter.isalpha() or letter in _SIGNS for letter in foreign) / len(foreign)


def _propose_multi_byte(sample: bytes) -> str | None:
    from charset_normalizer import from_bytes

    matches = from_bytes(sample, cp_isolation=_OTHERS)
    best = matches.best()
    if best is None:
        return None
    equal = {
        match.encoding for match in matches if (match.chaos, match.coherence) == (best.chaos, best.coherence)
    }
    return next(name for name in _OTHERS if name in equal)


def _mixed_line_endings(path: Path) -> bool:
    """Whether a file mixes line endings, which the engine rejects."""
    pairs = returns = feeds = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            pairs += block.count(b"\r\n")
            returns += block.count(b"\r")
            feeds += block.count(b"\n")
    return sum((pairs > 0, returns > pairs, feeds > pairs)) > 1
