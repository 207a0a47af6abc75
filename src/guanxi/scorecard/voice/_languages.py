"""Language of a text, and its words."""

from __future__ import annotations

import pkgutil
import re
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import cache

_HAN, _KANA, _HANGUL, _THAI, _LATIN = "HAN", "KANA", "HANGUL", "THAI", "LATIN"
_SCRIPTS = (
    (_HAN, re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")),
    (_KANA, re.compile("[\u3040-\u30ff]")),
    (_HANGUL, re.compile("[\uac00-\ud7af]")),
    (_THAI, re.compile("[\u0e00-\u0e7f]")),
    (_LATIN, re.compile("[A-Za-z\u00c0-\u024f]")),
)
_LETTERS_PER_CHARACTER = 8  # names of products and the like stay Latin in a Chinese text
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_MASKS = re.compile(r"\[(?:e-mail|link|account|card number|account number|ID number|phone|number|name)\]")
_OTHER = "other"


@cache
def function_words() -> dict[str, frozenset[str]]:
    """Words without a topic, by language."""
    found = pkgutil.get_data("guanxi.scorecard.voice", "function_words.toml")
    assert found is not None  # a file of the package
    return {name: frozenset(words.split()) for name, words in tomllib.loads(found.decode("utf-8")).items()}


def languages_of(texts: Sequence[str]) -> list[str]:
    """Detect the language of each text: ``zh, ja, ko, th, en, de, fr, es, it, pt, nl`` or ``other``.

    The script decides, and function words between languages in Latin script. Texts too short to tell are
    taken for the most common of these languages among the others, else for English if all their letters are.

    Examples
    --------
    >>> languages_of(["客服 APP 打不开", "the app crashes", "too expensive", "ich bin enttäuscht"])
    ['zh', 'en', 'en', 'de']
    """
    found = [_by_script(text) for text in texts]
    counts = Counter(name for name in found if name in _in_latin_script())
    usual = counts.most_common(1)[0][0] if counts else None
    return [
        name or usual or ("en" if text.isascii() else _OTHER) for name, text in zip(found, texts, strict=True)
    ]


def _by_script(text: str) -> str | None:
    """Language of a text; None if it is in Latin script and its words do not tell."""
    counts = {name: len(pattern.findall(text)) for name, pattern in _SCRIPTS}
    latin = counts[_LATIN] / _LETTERS_PER_CHARACTER
    if counts[_KANA] and counts[_KANA] + counts[_HAN] > latin:
        return "ja"
    own = {"zh": counts[_HAN], "ko": counts[_HANGUL], "th": counts[_THAI]}
    most = max(own, key=lambda name: own[name])
    if own[most] and own[most] >= latin:
        return most
    return _by_function_words(text) if counts[_LATIN] else _OTHER


@cache
def _in_latin_script() -> list[str]:
    return [name for name in function_words() if name != "zh"]


def _by_function_words(text: str) -> str | None:
    """Find the language with the most function words; None if several or none have them."""
    words, known = _spoken(text), function_words()
    hits = {name: sum(word in known[name] for word in words) for name in _in_latin_script()}
    most = max(hits.values())
    best = [name for name, count in hits.items() if count == most]
    return best[0] if most and len(best) == 1 else None


def tokens(text: str, language: str) -> list[str]:
    """Split a text into the words that can carry a topic.

    Chinese is cut by jieba's dictionary and model (jieba-rs); Japanese and Thai, which have no blanks between
    words, into pairs of characters. Function words, numbers and masked details are left out.

    Examples
    --------
    >>> tokens("The refunds took two weeks!", "en")
    ['refunds', 'weeks']
    >>> tokens("客服态度很差，退款等了两个星期", "zh")
    ['客服', '态度', '很差', '退款', '星期']
    """
    text = _MASKS.sub(" ", text)
    if language in ("ja", "th"):
        return _pairs(text)
    words = _cut(text) if language == "zh" else _spoken(text)
    left_out = function_words().get(language, frozenset())
    shortest = 1 if language in ("zh", "ko") else 2
    return [word for word in words if len(word) >= shortest and word not in left_out]


def _spoken(text: str) -> list[str]:
    return [word.replace("’", "'").lower() for word in _WORD.findall(unicodedata.normalize("NFKC", text))]


def _cut(text: str) -> list[str]:
    import rjieba  # its dictionary takes half a second

    pieces = rjieba.cut(unicodedata.normalize("NFKC", text), True)
    return [piece.lower() for piece in pieces if _WORD.fullmatch(piece)]


def _pairs(text: str) -> list[str]:
    runs = _WORD.findall(unicodedata.normalize("NFKC", text))
    return [run[place : place + 2] for run in runs for place in range(len(run) - 1)]
