"""Free text: personal details masked, languages told apart, topics recovered."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from guanxi.errors import DataError
from guanxi.scorecard.voice._languages import languages_of, tokens
from guanxi.scorecard.voice._masking import mask
from guanxi.scorecard.voice._topics import find_topics


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("write to ann.lee+x@mail.co.uk please", "write to [e-mail] please"),
        ("card 4111 1111 1111 1111 was charged", "card [card number] was charged"),
        ("call 0171-555 1234 or (555) 123-4567", "call [phone] or [phone]"),
        ("+86 138 1234 5678", "[phone]"),
        ("IBAN DE89 3704 0044 0532 0130 00", "IBAN [account number]"),
        ("SSN 123-45-6789", "SSN [ID number]"),
        ("身份证11010519491231002X", "身份证[ID number]"),
        ("order 20240512345678 is late", "order [number] is late"),
        ("my name is john, I spoke with Mrs. Smith-Jones", "my name is [name], I spoke with Mrs. [name]"),
        ("mr miller was rude. Regards, Ann Lee", "mr [name] was rude. Regards, [name]"),
        ("我叫张伟，电话13812345678", "我叫[name]，电话[phone]"),
        ("联系人：李小明 微信号: zhang_wei88", "联系人：[name] 微信号: [account]"),
        ("王经理和刘总都没有回复", "[name]经理和[name]总都没有回复"),
        ("see https://x.com/u?id=3 or ask @john_doe", "see [link] or ask [account]"),
    ],
)
def test_personal_details_are_masked(said, shown):
    assert mask(said) == shown


@pytest.mark.parametrize(
    "said",
    [
        "paid 1,250.00 EUR on 2024-05-01, 12/31/2024 at 10:30:45, 3 times in 2023",
        "I am Angry and waited 45 minutes for version 10.15.7",
        "总是很慢，高总价，2024年5月1日，等了两个星期",
        "Iphone 15 Pro, error 404",
    ],
)
def test_what_is_not_personal_stays(said):
    assert mask(said) == said


@given(st.text(max_size=80))
def test_masking_twice_changes_nothing_more(said):
    once = mask(said)
    assert mask(once) == once


def test_languages():
    said = {
        "客服 APP 打不开": "zh",
        "iPhone 15 Pro 发热": "zh",
        "アプリが落ちます": "ja",
        "배송이 너무 늦어요": "ko",
        "the app is slow and I was charged twice": "en",
        "too expensive": "en",
        "die App ist zu langsam und ich bin nicht zufrieden": "de",
        "le service est trop lent et je ne suis pas content": "fr",
        "el servicio es muy lento y no estoy contento": "es",
        "очень дорого": "other",
        "12345": "other",
    }
    assert dict(zip(said, languages_of(list(said)), strict=True)) == said


def test_short_texts_have_the_language_of_the_others():
    assert languages_of(["ich bin nicht zufrieden", "zu teuer", "Preis"]) == ["de"] * 3


def test_words_of_each_language():
    assert tokens("The refunds took 2 weeks!", "en") == ["refunds", "weeks"]
    assert tokens("价格太贵了，客服态度很差", "zh") == ["价格", "太贵", "客服", "态度", "很差"]
    assert tokens("配送", "ja") == ["配送"]
    assert tokens("mail [e-mail] and call [phone]", "en") == ["mail", "call"]


@pytest.mark.slow
def test_chinese_is_cut_without_a_warning_or_the_network():
    program = (
        "import socket; socket.socket.connect = None\n"
        "from guanxi.scorecard.voice._languages import tokens; print(len(tokens('客服态度很差', 'zh')))"
    )
    done = subprocess.run(
        [sys.executable, "-B", "-W", "error", "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "3\n", "")


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.slow
def test_topics_and_their_number_are_recovered(comments, language):
    texts, truth = comments(language, 500)
    found = find_topics(texts, list(range(500)), language)
    assert len(found.words) == 4
    assert adjusted_rand_score(truth, found.shares.argmax(axis=1)) > 0.9
    chosen = found.stability.set_index("topics")["stability"]
    assert chosen[4] > 0.95 > 0.92 > chosen[6]
    assert found.shares.sum(axis=1) == pytest.approx(np.ones(500))


def test_the_order_of_the_customers_changes_no_topic(comments):
    texts, _ = comments("en", 200)
    order = np.random.default_rng(1).permutation(200)
    found = find_topics(texts, list(range(200)), "en", topics=4)
    again = find_topics([texts[place] for place in order], order.tolist(), "en", topics=4)
    assert {frozenset(words) for words in again.words} == {frozenset(words) for words in found.words}
    assert found.stability.empty


def test_no_topic_is_the_story_of_one_customer(comments):
    texts, _ = comments("en", 200)
    story = ["my dragon ate the treasure and the castle"] * 60
    found = find_topics(texts + story, [*range(200), *[200] * 60], "en", topics=4)
    assert not {"dragon", "treasure", "castle"} & {word for words in found.words for word in words}
    assert (found.shares[200:] == 0).all()


def test_singular_and_plural_are_one_word(comments):
    texts, _ = comments("en", 120)
    texts = [text.replace("invoice", "invoices") if place % 2 else text for place, text in enumerate(texts)]
    words = {word for own in find_topics(texts, list(range(120)), "en", topics=4).words for word in own}
    assert "invoice" in words
    assert "invoices" not in words


def test_texts_that_do_not_suffice():
    with pytest.raises(DataError, match="29 texts, at least 30"):
        find_topics(["late parcel"] * 29, list(range(29)), "en")
    with pytest.raises(DataError, match="fewer than two words"):
        find_topics(["the and of"] * 40, list(range(40)), "en")
    with pytest.raises(DataError, match="fewer than two words"):
        find_topics(
            [f"word{chr(97 + place % 26)}{chr(97 + place // 26)}" for place in range(40)], [1] * 40, "en"
        )
