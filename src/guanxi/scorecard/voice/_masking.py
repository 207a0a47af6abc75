"""Personal details in free text, replaced by what they are."""

from __future__ import annotations

import re

_NAME = r"[A-Z][\w'’-]+(?: (?:van |von |de |der |den |da |di )*[A-Z][\w'’-]+){0,2}"
_SURNAMES = (
    "欧阳|司马|上官|诸葛|夏侯|皇甫|尉迟|公孙|"
    "[王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈"
    "姚卢姜崔钟谭陆汪范金石廖贾夏韦方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤]"
)
_POLITE, _TITLES = "先生|女士|小姐|太太", "经理|主任|老师|师傅|总监|总(?![价额数量体共和统结是])"
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_DIGITS = re.compile(r"(?<![\w.,])\+?(?:[(（]?\d[\d()（）]*[ .\-–/]?){6,}(?![\w])|\d{6,}")
_IDENTITY = re.compile(r"(?<!\d)\d{17}[\dXx](?!\d)")
_IDENTITY_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_SOCIAL_SECURITY = re.compile(r"(?<!\d)\d{3}-\d{2}-\d{4}(?!\d)")
_DATE = re.compile(r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}")
_PLAIN = (
    (re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+", re.ASCII), "[e-mail]"),
    (re.compile(r"(?:https?://|www\.)[^\s，。；、）)]+", re.ASCII), "[link]"),
    (re.compile(r"(?<![\w@])@[A-Za-z0-9_]{3,}"), "[account]"),
    (
        re.compile(
            r"((?:微信|QQ|[Ww]e[Cc]hat|[Ww]hats[Aa]pp)(?:号|号码| ID| id)?\s*[:：是为]?\s*)[A-Za-z0-9_-]{5,}"
        ),
        r"\1[account]",
    ),
)
_NAMES = (
    # English: addressed, introduced, or signed.
    (
        re.compile(rf"(\b(?:Mr|Mrs|Ms|Miss|Dr|Prof|Herr|Frau|Madame|Monsieur|Señora?)\.? +){_NAME}"),
        r"\1[name]",
    ),
    (
        re.compile(
            r"(\b(?:[Mm]y name is|I am called|[Nn]ame:|[Ss]igned,?|[Ss]poke (?:to|with)|[Dd]ear) +)"
            rf"(?!(?:Mr|Mrs|Ms|Dr)\b){_NAME}"
        ),
        r"\1[name]",
    ),
    (re.compile(rf"(\b(?:[Tt]his is|I am|I['’]m) +){_NAME}(?= (?:from|of|at|calling)\b)"), r"\1[name]"),
    (
        re.compile(
            r"(\b(?:[Rr]egards|[Tt]hanks|[Cc]heers|[Ss]incerely|[Bb]est wishes|[Yy]ours)"
            rf"[,.!]? *[\n,–—-] *){_NAME}(?=\W*$)"
        ),
        r"\1[name]",
    ),
    (re.compile(r"(\b(?:(?:mr|mrs|dr|prof)\.?|my name is) +)[^\W\d_][\w'’-]+", re.IGNORECASE), r"\1[name]"),
    # Chinese: introduced, or a surname before a form of address.
    (
        re.compile(
            r"((?:我叫|我的名字是|名字叫|姓名(?:是|为)?[:：]?|联系人[:：]?|本人)\s*)"
            r"[\u4e00-\u9fff·]{2,4}(?=[\s，。,.；;、！!（(\d\[]|$)"
        ),
        r"\1[name]",
    ),
    (re.compile(rf"(?:{_SURNAMES})[\u4e00-\u9fff]{{0,2}}?({_POLITE})"), r"[name]\1"),
    (re.compile(rf"(?:{_SURNAMES})({_TITLES})"), r"[name]\1"),
)


def mask(text: str) -> str:
    """Replace e-mail addresses, links, accounts, card, identity and phone numbers, and names.

    Names are found by how they are introduced, addressed or signed: a name alone in a sentence stays.
    Any other number of six digits or more is replaced, too; dates stay.

    Examples
    --------
    >>> mask("My name is Ann Lee, call 0171-555 1234 or write to ann@lee.org")
    'My name is [name], call [phone] or write to [e-mail]'
    >>> mask("我叫张伟，电话13812345678")
    '我叫[name]，电话[phone]'
    """
    for pattern, label in _PLAIN:
        text = pattern.sub(label, text)
    text = _SOCIAL_SECURITY.sub("[ID number]", _IBAN.sub("[account number]", text))
    text = _IDENTITY.sub(lambda found: "[ID number]" if _is_identity(found[0]) else found[0], text)
    text = _DIGITS.sub(_number, text)
    for pattern, label in _NAMES:
        text = pattern.sub(label, text)
    return text


def _is_identity(number: str) -> bool:
    """Whether a Chinese identity number has a birth date and its check digit (GB 11643)."""
    total = sum(weight * int(digit) for weight, digit in zip(_IDENTITY_WEIGHTS, number, strict=False))
    return number[6:8] in ("19", "20") and "10X98765432"[total % 11] == number[-1].upper()


def _number(found: re.Match[str]) -> str:
    """Label a long number; the blank or sign after it stays."""
    given = found[0]
    number = given.rstrip(" .-–/")
    after = given[len(number) :]
    if _DATE.fullmatch(number):
        return given
    digits = re.sub(r"\D", "", number)
    if not number.startswith("+") and 13 <= len(digits) <= 19 and _luhn(digits):
        return f"[card number]{after}"
    if 7 <= len(digits) <= 15 and (len(digits) <= 13 or number.startswith("+")):
        return f"[phone]{after}"
    return f"[number]{after}"


def _luhn(digits: str) -> bool:
    """Whether the check digit of a card number is right (ISO/IEC 7812)."""
    doubled = [int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(digits))]
    return sum(each - 9 if each > 9 else each for each in doubled) % 10 == 0
