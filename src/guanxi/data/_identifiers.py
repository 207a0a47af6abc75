"""Identifiers of customers, written the same way in every table, and words for a missing value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ibis

# What spreadsheets and web pages leave around a value: blanks of any kind and width, byte order marks.
_BLANKS = " \t\n\r\v\f\u00a0\u1680\u202f\u205f\u3000\ufeff" + "".join(map(chr, range(0x2000, 0x200C)))
_BLANKS_AROUND = 4
_WITH_POINT, _WHOLE = r"^-?[0-9]+\.[0-9]+$", r"^-?[0-9]+\.0+$"


@ibis.udf.scalar.builtin(name="hex", signature=(("binary",), "string"))
def _hex(value):  # type: ignore[no-untyped-def]
    """Write bytes as hexadecimal digits."""


@ibis.udf.scalar.builtin(name="trim", signature=(("string", "string"), "string"))
def _trim(text, blanks):  # type: ignore[no-untyped-def]
    """Remove the given characters at both ends."""


def present(column: Any, missing: Sequence[str] = ()) -> Any:
    """Replace blank text, the words ``missing`` (in lower case) and NaN by null; text loses its guards."""
    if column.type().is_string():
        column = _without_guards(column)
        # Trimming is slow, and other texts are too long or do not begin with a blank.
        longest = max((len(word) + _BLANKS_AROUND for word in missing), default=0)
        suspect = (column.length() <= longest) | (column < "!") | (column > "~")
        word = _trim(column, _BLANKS).lower()
        return ibis.ifelse(suspect & word.isin(["", *missing]), ibis.null("string"), column)
    if column.type().is_floating():
        return ibis.ifelse(column.isnan(), ibis.null(column.type()), column)
    return column


def _without_guards(text: Any) -> Any:
    """Remove signs with which programs keep spreadsheets from reading numbers: ``="123"``, a back-tick."""
    # Groups in a replacement are written otherwise on Spark.
    formula = text.startswith('="') & text.re_search(r'^=".*"\s*$')
    return ibis.cases(
        (formula, text.re_replace(r'^="|"\s*$', "")),
        (text.startswith("`"), text.substr(1)),
        else_=text,
    )


def identifier(given: Any) -> Any:
    """Write identifiers that are :func:`present` in one way, whatever the type of their column.

    Integers and UUIDs stay. A column of whole numbers becomes integers, since a column with gaps holds them
    as floats; in text, ``1.0`` and ``1`` are one customer unless others, such as ``1.1``, show that these are
    codes. Text is trimmed. Bytes become hexadecimal digits.
    """
    kind = given.type()
    if kind.is_integer() or kind.is_uuid():
        return given
    if kind.is_binary():
        return _hex(given).lower()
    if kind.is_floating() or kind.is_decimal():
        whole = given.try_cast("int64")
        broken = given.notnull() & ~(whole.cast(kind) == given).fill_null(False)
        if not broken.any().execute():
            return whole
        return without_point(given.cast("string"))
    text = trimmed(given)
    return _unless_codes(text, text)


def trimmed(given: Any) -> Any:
    """Write identifiers as text without blanks around it."""
    return _trim(given.cast("string"), _BLANKS)


def _unless_codes(text: Any, others: Any) -> Any:
    """Leave out the fraction of whole numbers, unless others have another fraction than 0 and 1.0 is not 1.

    ``others`` is a column of text; the engine decides within the query, as Spark should run no other.
    """
    codes = others.contains(".") & others.re_search(_WITH_POINT) & ~others.re_search(_WHOLE)
    return ibis.ifelse(codes.any().as_scalar(), text, without_point(text))


def without_point(text: Any) -> Any:
    """Leave out the fraction of whole numbers."""
    return ibis.ifelse(text.endswith("0") & text.re_search(_WHOLE), text.re_replace(r"\.0+$", ""), text)


def identifier_like(given: Any, others: Any) -> Any:
    """Write identifiers as :func:`identifier` wrote those of another table; null where they do not fit."""
    kind = others.type()
    if given.type().is_string():
        text = trimmed(given)
        own = _unless_codes(text, others) if kind.is_string() else without_point(text)
    else:
        own = identifier(given)
    if own.type() == kind:
        return own
    text = own.cast("string")
    if kind.is_integer():
        # The engine would round 12.5 to customer 12.
        text = ibis.ifelse(text.re_search(r"^[+-]?[0-9]+$"), text, ibis.null("string"))
    return text.try_cast(kind)
