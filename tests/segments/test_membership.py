"""Customers in a segment given by a condition."""

from __future__ import annotations

import pandas as pd
import pytest

from guanxi.errors import ParamsError
from guanxi.segments.membership import segment_members, segment_name

CUSTOMERS = pd.DataFrame({"tier": ["high", "low", None], "frequency": [3.0, 0.0, 5.0]})


@pytest.mark.parametrize(
    ("when", "members"),
    [
        ({}, [True, True, True]),
        ({"tier": "high"}, [True, False, False]),
        ({"frequency": ">= 3"}, [True, False, True]),
        ({"frequency": ">= 3", "tier": ["high", "low"]}, [True, False, False]),
    ],
)
def test_members_are_those_who_meet_the_condition(when, members):
    assert segment_members(CUSTOMERS, when, "scenario").tolist() == members


def test_names_say_the_condition():
    assert segment_name({}) == "everyone"
    assert (
        segment_name({"tier": ["high", "low"], "frequency": "> 2"}) == "tier in (high, low) and frequency > 2"
    )


@pytest.mark.parametrize(
    ("when", "message"),
    [
        ({"teir": "high"}, "plan 3: column 'teir' is unknown: did you mean tier?"),
        ({"tier": "middle"}, "plan 3: no customer is in the segment tier == middle: change the condition"),
        ({"frequency": "=> 3"}, "plan 3: operator '=>' of frequency is unknown: did you mean >=?"),
    ],
)
def test_segments_that_cannot_be(when, message):
    with pytest.raises(ParamsError) as caught:
        segment_members(CUSTOMERS, when, "plan 3")
    assert str(caught.value) == message
