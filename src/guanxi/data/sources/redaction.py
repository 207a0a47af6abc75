"""Passwords and tokens in addresses and messages, masked before anybody sees them."""

from __future__ import annotations

import re

_HIDDEN = "***"
_WEB = r"https?|wss?|mlflow-artifacts"
_ADDRESS = re.compile(rf"(?i:(?P<web>\b(?:{_WEB})))?://[^:/@?#\s\[]*:")
_PORT = re.compile(r"\d{1,5}(?:[/?#:\s\"',;)]|$)")
_RUN = re.compile(r"(?:(?!::|://)[^\s\"<>])*")
_SECRETS = (
    r"pass(?:word|wd|phrase|code)?|pwd|pw|(?:(?:access|auth|refresh|id|sas|session|bearer)[_-]?)?token|secret"
    r"|(?:api|access|account|secret|private|shared)[_-]?(?:access[_-]?)?key|sig(?:nature)?|credentials?"
)
_OTHERS = (
    # A token in the place of the user; in addresses of databases that is a name.
    re.compile(rf"(?P<before>\b(?:{_WEB})://)[^:/@?#\s]+(?=@)", re.IGNORECASE),
    re.compile(r"(?P<before>%3A%2F%2F[^\s&%]*%3A)(?:(?!%3A%2F)[^\s&])*?(?=%40)", re.IGNORECASE),
    re.compile(
        rf"(?P<before>(?:(?<![^\W_])|(?<=%3F)|(?<=%26))(?:ssl|db|user|client|my)?(?:{_SECRETS})\s?(?:=|%3D)\s?)"
        r"(?:'[^'\n]*'|\"[^\"\n]*\"|(?:(?!::|%26)[^&;,\s'\"])+)",
        re.IGNORECASE,
    ),
)


def redact(text: str) -> str:
    """Mask the passwords and tokens in a text: in addresses, and after names such as ``password=``.

    Examples
    --------
    >>> redact("postgres://me:secret@host/db::sales")
    'postgres://me:***@host/db::sales'
    >>> redact("https://TOKEN@host/x?sig=abc&day=1")
    'https://***@host/x?sig=***&day=1'
    """
    text = _in_addresses(text)
    for pattern in _OTHERS:
        text = pattern.sub(lambda found: f"{found['before']}{_HIDDEN}", text)
    return text


def _in_addresses(text: str) -> str:
    parts, at = [], 0
    for found in _ADDRESS.finditer(text):
        if found.end() > at:
            end = _end_of_password(text, found.end(), web=found["web"] is not None)
            parts += [text[at : found.end()], _HIDDEN if end > found.end() else ""]
            at = end
    return "".join([*parts, text[at:]])


def _end_of_password(text: str, start: int, *, web: bool) -> int:
    """Find the @ that ends a password; ``start`` if there is none, but a port or a path.

    A password may hold any character, though most should be encoded. So it ends at the last @ before a blank,
    a quotation mark or ``::``; failing that, at the next one on the line.
    """
    run, port = _RUN.match(text, start), _PORT.match(text, start)
    assert run is not None
    within = re.split(r"[/?#]", run[0], maxsplit=1)[0] if web and port else run[0]
    if "@" in within:
        return start + within.rindex("@")
    if port or text.startswith("/", start):
        return start
    rest = text[start:].partition("\n")[0].partition("://")[0]
    return start + max(rest.find("@"), 0)
