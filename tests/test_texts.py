"""Texts: the same keys and the same numbers in both languages, and none that nothing says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

import guanxi
from guanxi.served.texts import texts

SOURCE = Path(guanxi.__file__).parent
ROOMS = sorted(path.parent for path in SOURCE.rglob("en.toml"))


def package_of(room: Path) -> str:
    return ".".join(room.relative_to(SOURCE.parent).parts)


def leaves(told, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(told, str):
        yield path, told
        return
    for name, below in told.items() if isinstance(told, dict) else enumerate(told):
        yield from leaves(below, (*path, str(name)))


def filled_in(text: str) -> list[tuple[str, str]]:
    return sorted((name, spec) for _, name, spec, _ in Formatter().parse(text) if name is not None)


def code_of(room: Path) -> str:
    files = [path for ending in ("*.py", "*.html", "page.js") for path in sorted(room.rglob(ending))]
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


@pytest.fixture(scope="module")
def whole_code() -> str:
    return code_of(SOURCE)


@pytest.fixture(params=ROOMS, ids=package_of)
def room(request) -> Path:
    return request.param


def test_every_room_that_speaks_is_found():
    assert {"guanxi.served", "guanxi.report", "guanxi.scorecard.report"} <= set(map(package_of, ROOMS))


def test_both_languages_have_the_same_keys_and_take_the_same_numbers(room):
    english, chinese = (dict(leaves(texts(package_of(room), language))) for language in ("en", "zh"))
    assert list(english) == list(chinese)
    for key, text in english.items():
        assert text, key
        assert chinese[key], key
        assert filled_in(text) == filled_in(chinese[key]), key


def test_every_key_is_used(room, whole_code):
    """By its name in the code, or as what an f-string of the room makes of a name in the code."""
    here = code_of(room) + code_of(SOURCE / "report")  # whose templates all pages share
    made = {tuple(each) for each in re.findall(r'f"(\w*)\{[^{}"]+\}(\w*)"', here) if any(each)}

    words = set(re.findall(r"\w+", whole_code))
    told = [text for _, text in leaves(texts(package_of(room), "en"))]
    placeholders = {name for text in told for name, _ in filled_in(text)}

    def made_by_code(name: str) -> bool:
        return name in words or f'"{name}"' in whole_code

    def used(key: str) -> bool:
        if (
            key.isdecimal()
            or key in placeholders
            or any(each in whole_code for each in (f'"{key}"', f"'{key}'", f" t.{key}"))
        ):
            return True
        return any(
            key.startswith(before)
            and key.endswith(after)
            and made_by_code(key.removeprefix(before).removesuffix(after))
            for before, after in made
        )

    # Names of features are made by SQL expressions: tests/report/test_answer.py compares them with a table.
    told_of = [path for path, _ in leaves(texts(package_of(room), "en")) if path[0] != "features"]
    keys = {key for path in told_of for key in path}
    assert sorted(key for key in keys if not used(key)) == []


@pytest.mark.parametrize("package", ["guanxi.report", "guanxi.scorecard.report"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_no_line_of_a_page_begins_with_a_per_cent_sign(package, language):
    assert [text for _, text in leaves(texts(package, language)) if " %" in text] == []
