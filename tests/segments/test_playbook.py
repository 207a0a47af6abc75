"""Rules of the playbook: what they match, and what is said where one cannot be used."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from guanxi.errors import ParamsError
from guanxi.params import Params, PlaybookRule, load_params
from guanxi.segments._conditions import parse_condition
from guanxi.segments.playbook import (
    idle_rules,
    playbook_conditions,
    recommend_actions,
    summarise_actions,
    usual_playbook,
)

ROOT = Path(__file__).parents[2]
CUSTOMERS = pd.DataFrame(
    {
        "customer_id": list("abcde"),
        "tier": ["high", "high", "middle", "low", None],
        "churn_probability": [0.9, 0.5, 0.6, np.nan, 0.2],
        "clv": [100.0, 50.0, 10.0, 1.0, 20.0],
        "value_at_risk": [90.0, 25.0, 6.0, np.nan, 4.0],
        "contract": [True, False, True, True, False],
        "year": pd.array([2019, 2020, 2021, None, 2020], dtype="Int64"),
        "answer": ["> 5 years", "bed and breakfast", "bed", "NA", "5"],
    }
)


@pytest.mark.parametrize(
    ("when", "found"),
    [
        ({}, "abcde"),
        ({"tier": "high"}, "ab"),
        ({"tier": ["high", "low"]}, "abd"),
        ({"tier": "!= high"}, "cd"),  # what is unknown passes no test
        ({"tier": "!= high and != low"}, "c"),
        ({"churn_probability": "> 0.5"}, "ac"),
        ({"churn_probability": ">=.5"}, "abc"),
        ({"churn_probability": "!= 0.5"}, "ace"),
        ({"churn_probability": 0.5}, "b"),
        ({"churn_probability": [0.5, "0.6"]}, "bc"),
        ({"churn_probability": ">= 0.2 and < 0.6"}, "be"),
        ({"tier": "high", "churn_probability": "> 0.5"}, "a"),
        ({"contract": True}, "acd"),
        ({"contract": "false"}, "be"),
        ({"year": 2020}, "be"),
        ({"year": "<= 2020"}, "abe"),
        ({"answer": "== > 5 years"}, "a"),
        ({"answer": "bed and breakfast"}, "b"),
        ({"answer": 5}, "e"),
        ({"answer": "!= bed"}, "abe"),
    ],
)
def test_conditions_by_hand(when, found):
    assert "".join(CUSTOMERS["customer_id"][parse_condition(when, "rule").holds(CUSTOMERS)]) == found


@pytest.mark.parametrize(
    ("when", "message"),
    [
        ({"teir": "high"}, "playbook rule 2: column 'teir' is unknown: did you mean tier?"),
        (
            {"zzz": 1},
            "playbook rule 2: column 'zzz' is unknown: known here: customer_id, tier, churn_probability",
        ),
        ({"clv": "=> 5"}, "playbook rule 2: operator '=>' of clv is unknown: did you mean >=?"),
        ({"clv": "≥ 5"}, "playbook rule 2: operator '≥' of clv is unknown: did you mean >=?"),
        ({"clv": "= 5"}, "playbook rule 2: operator '=' of clv is unknown: did you mean ==?"),
        ({"clv": "!! 5"}, "playbook rule 2: operator '!!' of clv is unknown: known are < <= > >= == !="),
        ({"clv": "> much"}, "playbook rule 2: clv > much, and 'much' is not a number"),
        ({"clv": ">"}, "playbook rule 2: clv: no value after >: write one, as in > 0.5"),
        ({"clv": "much"}, "playbook rule 2: clv == much: clv is numeric, and 'much' is not a number"),
        ({"tier": "> 1"}, "playbook rule 2: tier > 1: tier is not numeric, so it cannot be compared by size"),
        (
            {"tier": None},
            "playbook rule 2: tier has no value to compare with: write one, or leave the line out",
        ),
        ({"tier": ""}, "playbook rule 2: tier has no value to compare with"),
        ({"tier": []}, "playbook rule 2: tier has an empty list: give the allowed values"),
    ],
)
def test_rules_that_cannot_be_used(when, message):
    rules = [PlaybookRule(when={}, action="wait"), PlaybookRule(when=when, action="call")]
    with pytest.raises(ParamsError, match=f"^{re.escape(message)}") as caught:
        recommend_actions(CUSTOMERS, rules)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ('[{"when":{},"actoin":"x"}]', "parameter playbook #1.actoin is unknown: did you mean action?"),
        ('[{"when":{},"action":"x"},{"when":3,"action":"x"}]', "parameter playbook #2.when = 3 is not valid"),
        ('[{"when":{}}]', "parameter playbook #1.action"),
        (
            '[{"when":{"tier":{"is":"high"}},"action":"x"}]',
            "parameter playbook #1.when.tier = {'is': 'high'} is not valid: write a value, a list of values",
        ),
        ('[{"when":{},"action":""}]', "parameter playbook #1.action = '' is not valid"),
        ('[{"when":{},"action":"x","cost":-1}]', "parameter playbook #1.cost = -1 is not valid"),
        ('["call"]', "parameter playbook #1 = 'call' is not valid: keys with values belong below it"),
        ("call", "parameter playbook = 'call' is not valid: write a list"),
    ],
)
def test_playbooks_of_another_form(given, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ParamsError, match=re.escape(message)):
        load_params(overrides=[f"playbook={given}"])


def test_the_commented_example_and_the_page_can_be_used(tmp_path):
    lines = (ROOT / "params.yaml").read_text(encoding="utf-8").splitlines()
    example = "\n".join(line.removeprefix("# ") for line in lines if re.match(r"#( playbook:$|   -)", line))
    page = (ROOT / "docs" / "segments.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    path = tmp_path / "params.yaml"
    for text in (example, shown):
        path.write_text(text, encoding="utf-8")
        params = load_params(path)
        assert len(playbook_conditions(params.playbook)) == 3
        path.write_text(params.to_yaml(), encoding="utf-8")
        assert load_params(path) == params
    assert yaml.safe_load(example) == yaml.safe_load(shown)
    assert Params().playbook == ()


def test_the_first_rule_that_fits_wins():
    rules = [
        PlaybookRule(
            when={"tier": "high", "churn_probability": "> 0.5"}, action="call", channel="phone", cost=5
        ),
        PlaybookRule(when={"tier": ["high", "middle"]}, action="write", channel="email", cost=0.5),
        PlaybookRule(when={"churn_probability": "< 0.5"}, action="wait"),
    ]
    order = [3, 1, 4, 0, 2]
    actions = recommend_actions(CUSTOMERS.iloc[order], rules)
    assert actions["customer_id"].tolist() == list("dbeac")
    assert actions["action"].fillna("").tolist() == ["", "write", "wait", "call", "write"]
    assert actions["action_channel"].fillna("").tolist() == ["", "email", "", "phone", "email"]
    assert actions["action_cost"].tolist() == [0.0, 0.5, 0.0, 5.0, 0.5]
    summary = summarise_actions(CUSTOMERS.iloc[order].merge(actions, on="customer_id"))
    assert summary["action"].tolist() == ["call", "write", "wait"]
    assert summary["customers"].tolist() == [1, 2, 1]
    assert summary["cost"].tolist() == [5.0, 1.0, 0.0]
    assert summary["value_at_risk"].tolist() == pytest.approx([90.0, 31.0, 4.0])


def test_without_rules_nobody_has_an_action():
    actions = recommend_actions(CUSTOMERS, ())
    assert actions["action"].isna().all()
    assert (actions["action_cost"] == 0.0).all()
    assert summarise_actions(CUSTOMERS.merge(actions, on="customer_id")).empty


def test_a_column_is_missed_before_any_rule_is_tried():
    rules = [PlaybookRule(when={"tier": "> 1"}, action="a"), PlaybookRule(when={"teir": 1}, action="b")]
    with pytest.raises(ParamsError, match="playbook rule 2: column 'teir' is unknown"):
        recommend_actions(CUSTOMERS, rules)


def test_rules_that_nobody_gets_the_action_of_are_told():
    conditions = [{"tier": "high"}, {"clv": "> 1000"}, {"tier": ["high", "middle"]}, {"clv": ">= 50"}]
    rules = [PlaybookRule(when=when, action=f"do {place}") for place, when in enumerate(conditions, 1)]
    assert idle_rules(CUSTOMERS, rules) == [
        (2, "do 2", False),
        (4, "do 4", True),
    ]
    actions = recommend_actions(CUSTOMERS, rules)["action"].dropna()
    assert set(actions) == {"do 1", "do 3"}


def test_the_usual_playbook_calls_back_only_who_is_leaving():
    customers = pd.DataFrame(
        [
            ("slips away, whatever the tier", "slipping", "low", "lost", 0.9, "call"),
            ("leaves before the silence is long", "none", "high", "declining", 0.8, "call"),
            ("buys less often, and is as active as anyone", "protect", "high", "declining", 0.1, "keep"),
            ("one of the best", "protect", "middle", "mature", 0.1, "keep"),
            ("came back", "protect", "high", "won_back", 0.2, "thank"),
            ("gone long ago", "none", "low", "lost", 0.99, "offer"),
        ],
        columns=["customer_id", "list", "tier", "lifecycle_stage", "churn_probability", "meant"],
    )
    said = {
        "call": "Call, ask what went wrong, offer a way back",
        "keep": "Keep close: a personal contact, early access",
        "thank": "Thank them for coming back",
        "offer": "One last offer, then leave them in peace",
    }
    found = recommend_actions(customers, usual_playbook("en"))
    assert found["action"].tolist() == [said[meant] for meant in customers["meant"]]


def test_on_the_page_nobody_to_protect_is_asked_what_went_wrong(first_run):
    html = (first_run.output / "report.html").read_text(encoding="utf-8")
    lists = {name: html.split(f'id="{name}"')[1].split("</section>")[0] for name in ("slipping", "protect")}
    assert "ask what went wrong" in lists["slipping"]
    assert "ask what went wrong" not in lists["protect"]
