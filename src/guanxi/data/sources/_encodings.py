"""Encodings in which text that is not UTF-8 can be read, likeliest first, each with what it reads.

Several encodings give letters for the same bytes, so none is ever used by itself: whoever knows the customers
chooses. The order comes from how many words beyond ASCII each encoding makes that some language could have.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

# Of encodings that read the same, the first is offered.
_CANDIDATES = (
    *("cp1252", "cp1250", "cp1254", "cp1257", "cp1251", "koi8_r", "cp866", "cp1253", "cp1255", "cp1256"),
    *("cp874", "gb18030", "cp932", "cp949", "big5", "euc_jp", "iso8859_2", "iso8859_9", "cp850", "cp852"),
    *("mac_roman",),
)
_NAMES = {"cp932": "shift_jis", "cp949": "euc_kr"}  # the usual names, where every letter is in both
_MOST = 5  # offered
_LEAST = 0.4  # of the best encoding's plausibility
_LONGEST_READING = 24

_LANGUAGES = [
    *("äöüß", "àâæçéèêëîïôœùûüÿ", "áéíñóúü", "ãáàâçéêíõóôúü", "àèéìîòóù", "åäöæøé", "àçéèíïóòúü·"),
    *("ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž", "áéíóöőúüű", "ăâîșşțţ", "čćđšž", "çğıİöşüâî"),
    *("āčēģīķļņšūž", "ąčęėįšųūž", "äõöüšž", "ĉĝĥĵŝŭ"),
]
_RARE_LANGUAGES = ["áðéíóúýþæö", "ċġħż"]  # their letters stand where frequent languages have others
_QUOTATION = "‘’“”„«»‹›–—…·•¿¡\u00a0\u202f"
_BESIDE_NUMBERS = "€£¥￥￡₹₩₽₺₴₫₪฿°№§½¼"
_BEHIND_WORDS = "©®™†"
_VOWELS = set("аеёиоуыэюяіїєαεηιουωάέήίόύώϊ")
# Rows of the Chinese, Japanese and Korean standards with the characters in daily use, and their weight: the
# fewer they are, the more it says that all characters are among them.
_DAILY = {
    "gb18030": ("gb2312", 0xB0, 0xD7, 0.9),
    "big5": ("big5", 0xA4, 0xC6, 0.85),
    "cp932": ("shift_jis", 0x88, 0x97, 0.85),
    "euc_jp": ("euc_jp", 0xB0, 0xCF, 0.85),
    "cp949": ("euc_kr", 0xB0, 0xC8, 0.95),
}
_EAST_ASIAN = {"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "HANGUL", "FULLWIDTH", "HALFWIDTH"}
_RUN = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True)
class EncodingProposal:
    """An encoding, and what it reads where others read something else."""

    encoding: str
    reading: str

    def __str__(self) -> str:
        return f"--set data.encoding={self.encoding} (which reads {self.reading!r})"


def propose_encodings(words: Sequence[bytes]) -> list[EncodingProposal]:
    r"""Propose encodings for words with bytes beyond ASCII, best first; none if nothing like words comes out.

    Examples
    --------
    >>> [proposal.encoding for proposal in propose_encodings([b"Z\xfcrich", b"Pozna\xf1"])]
    ['cp1252', 'cp1250', 'cp1256']
    """
    readings = {
        encoding: tuple(word.decode(encoding, "replace") for word in words) for encoding in _CANDIDATES
    }
    scores = {encoding: sum(_word(word, encoding) for word in read) for encoding, read in readings.items()}
    order = sorted(readings, key=lambda encoding: -scores[encoding])  # ties stay in the order of candidates
    first = {readings[encoding]: encoding for encoding in reversed(order)}
    least = _LEAST * scores[order[0]]
    likely = [each for each in order if scores[each] >= least > 0 and first[readings[each]] == each][:_MOST]
    telling = max(zip(*(readings[encoding] for encoding in likely), strict=True), key=_distinct, default=())
    return [
        EncodingProposal(_NAMES.get(encoding, encoding), _printable(reading))
        for encoding, reading in zip(likely, telling, strict=True)
    ]


def encoding_advice(proposals: Sequence[EncodingProposal]) -> str:
    """Name the settings among which to choose; blank if there are none.

    Examples
    --------
    >>> encoding_advice([EncodingProposal("cp1252", "Köln"), EncodingProposal("cp1250", "Kőln")])
    "use --set data.encoding=cp1252 (which reads 'Köln') or --set data.encoding=cp1250 (which reads 'Kőln')"
    """
    return f"use {' or '.join(map(str, proposals))}" if proposals else ""


def _distinct(readings: tuple[str, ...]) -> int:
    return len(set(readings))


def _printable(reading: str) -> str:
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in reading[:_LONGEST_READING])


def _word(word: str, encoding: str) -> float:
    """Judge a word, from 0 to 1, by the least plausible of its letters and signs beyond ASCII."""
    runs = [run for run in _RUN.findall(word) if not run.isascii()]
    signs = [at for at, letter in enumerate(word) if letter > "\x7f" and not letter.isalpha()]
    if len(signs) > 1 and not runs and not any(map(str.isdigit, word)):
        return 0.1
    judged = [_sign(word[at], word[max(0, at - 1) : at], word[at + 1 : at + 2]) for at in signs]
    return min([*judged, *(_run(run, encoding) for run in runs)], default=0.0)


def _sign(sign: str, before: str, after: str) -> float:
    """Judge a character that is no letter by those beside it."""
    if sign in "’·":
        return 1.0
    if unicodedata.category(sign) in ("Mn", "Mc"):  # vowels of scripts other than Latin
        return float(not before.isascii())
    if sign in _QUOTATION:
        return float(not (before.isalpha() and after.isalpha()))
    if sign in _BESIDE_NUMBERS:
        return float((not before.isalpha() and not after.isalpha()) or sign == "°")
    if sign in _BEHIND_WORDS:
        return float(not after.isalnum())
    full_width = "\u3000" <= sign <= "\u303f" or "\uff00" <= sign <= "\uff60"
    return float(full_width and not any(beside.isascii() and beside.isalpha() for beside in (before, after)))


def _run(letters: str, encoding: str) -> float:
    """Judge letters without anything between them: they are of one script, and of a language if Latin."""
    if letters in ("º", "ª"):
        return 1.0
    scripts = {unicodedata.name(letter, "?").split()[0] for letter in letters}
    if scripts <= _EAST_ASIAN:
        return sum(_east_asian(letter, encoding) for letter in letters) / len(letters)
    if len(scripts) > 1 or not _cased(letters):
        return 0.0
    if scripts <= {"CYRILLIC", "GREEK"}:
        return _spoken(letters)
    if scripts <= {"HEBREW", "ARABIC", "THAI"}:
        return 0.85 if len(letters) > 1 else 0.5
    return _latin(letters) if scripts == {"LATIN"} else 0.0


def _cased(letters: str) -> bool:
    """Whether letters beyond ASCII are upper-case only at the beginning or in a word of capitals."""
    return letters.isupper() or not any(letter > "\x7f" and letter.isupper() for letter in letters[1:])


def _spoken(letters: str) -> float:
    """Judge Cyrillic and Greek, which other alphabets become without vowels or capitals."""
    vowels = sum(letter in _VOWELS for letter in letters.lower()) / len(letters)
    if len(letters) > 3 and not 0.15 < vowels < 0.8:
        return 0.2
    return 0.95 if letters.istitle() else 0.8


def _latin(letters: str) -> float:
    foreign = {letter for letter in letters.replace("İ", "i").lower() if letter > "\x7f"}
    if len(letters) > 2 and sum(letter > "\x7f" for letter in letters) > 0.75 * len(letters):
        return 0.0
    if any(foreign <= set(language) for language in _LANGUAGES):
        return 1.0
    return 0.8 if any(foreign <= set(language) for language in _RARE_LANGUAGES) else 0.3


def _east_asian(letter: str, encoding: str) -> float:
    if encoding not in _DAILY:
        return 0.0
    if "\uff61" <= letter <= "\uff9f":  # Japanese of half width
        return 0.3
    if "\u3040" <= letter <= "\u30ff":
        return 1.0 if encoding in ("cp932", "euc_jp") else 0.2
    standard, first, last, weight = _DAILY[encoding]
    try:
        row = letter.encode(standard)[0]
    except UnicodeEncodeError:
        return 0.1
    return weight if first <= row <= last else 0.2
