"""Encodings proposed for text that is not UTF-8."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from guanxi.data.sources._encodings import EncodingProposal, propose_encodings
from guanxi.data.transactions import TransactionLog

HEADER = "customer_id,timestamp,amount\n"


@pytest.mark.parametrize(
    ("words", "encoding"),
    [
        (["Århus"], "cp850"),
        (["München", "Köln"], "mac_roman"),
        (["Plzeň", "Poznań"], "cp1250"),
        (["Žižka", "Košice"], "iso8859_2"),
        (["Győr", "Łódź"], "cp852"),
        (["Yıldız", "İstanbul"], "cp1254"),
        (["Rīga", "Jēkabpils"], "cp1257"),
        (["Москва", "Казань"], "koi8_r"),
        (["Москва", "Казань"], "cp866"),
        (["Παπαδόπουλος"], "cp1253"),
        (["תל אביב"], "cp1255"),
        (["الرياض"], "cp1256"),
        (["เชียงใหม่"], "cp874"),
        (["客户", "北京市", "1\\u202f234,50"], "gb18030"),
        (["高雄市"], "big5"),
        (["東京", "大阪"], "shift_jis"),
        (["東京", "カタカナ"], "euc_jp"),
        (["부산"], "euc_kr"),
    ],
)
def test_the_right_one_is_among_those_offered_with_what_it_reads(words: list[str], encoding: str) -> None:
    found = {
        proposal.encoding: proposal.reading
        for proposal in propose_encodings([word.encode(encoding) for word in words])
    }
    assert 1 <= len(found) <= 5
    assert found[encoding] in words


def test_encodings_that_read_alike_are_offered_once() -> None:
    assert propose_encodings(["Köln".encode("cp1252")]) == [EncodingProposal("cp1252", "Köln")]


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_a_damaged_line_does_not_speak_against_the_encoding_of_the_others(
    encoding: str, read_lines: Callable[..., TransactionLog]
) -> None:
    lines = HEADER + "".join(f"客户{name},2020-01-01,5\n" for name in "甲乙丙丁戊己庚辛")
    log = read_lines(lines.encode(encoding) + b"J\xff\xffrg,2020-01-01,5\n", encoding=encoding)
    (found,) = log.findings
    assert (found.name, found.setting) == ("invalid_encoding", None)
    assert found.text.endswith(
        "correct these lines in the source, or set the encoding of the whole file, data.encoding"
    )


def test_bytes_that_are_no_words_get_no_proposal() -> None:
    assert propose_encodings([bytes(range(0x80, 0x100)), b"\\x81\\x8d\\x8f"]) == []
