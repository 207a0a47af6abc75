"""What customers said up to a cutoff, by hand."""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd
import pytest

from guanxi.data.relations.tables import Relations, read_relations
from guanxi.features.relations.statements import (
    comments_until,
    questionnaires_until,
    ratings_until,
    reasons_until,
)
from guanxi.params import Params

CUTOFF = date(2024, 6, 30)


def read(**tables: pd.DataFrame) -> Relations:
    return read_relations(Params(), tables=tables)


def frame(columns: str, *rows: tuple[Any, ...]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=columns.split())


def test_comments_of_all_tables_up_to_the_end_of_the_day():
    relations = read(
        tickets=frame(
            "customer_id opened closed satisfaction comment",
            ("a", "2024-06-30 23:59", "2024-06-30", 5, " slow app "),
            ("a", "2024-06-01", "2024-07-01", 1, "closed later"),
            ("b", "2024-07-01", None, 3, "too late"),
            ("b", "2024-05-01", None, 3, None),
        ),
        interactions=frame("customer_id timestamp comment", ("c", "2024-01-01", "interview")),
        cancellations=frame("customer_id comment", ("d", "too expensive")),
    )
    found = comments_until(relations, CUTOFF)
    assert found["text"].tolist() == ["closed later", "slow app", "interview", "too expensive"]
    assert found["source"].tolist() == ["tickets", "tickets", "interactions", "cancellations"]
    assert found["satisfaction"].isna().tolist() == [True, False, True, True]
    assert found["satisfaction"][1] == 1.0
    assert found["day"][1] == pd.Timestamp("2024-06-30")
    assert pd.isna(found["day"][3])


def test_a_comment_repeated_on_the_lines_of_an_answer_stands_once():
    relations = read(
        surveys=frame(
            "customer_id timestamp instrument score dimension comment",
            ("a", "2024-05-01", "csat", 5, "price", "fine"),
            ("a", "2024-05-01", "csat", 3, "service", "fine"),
            ("a", "2024-05-02", "csat", 3, "service", "fine"),
        )
    )
    assert comments_until(relations, CUTOFF)["satisfaction"].tolist() == [0.75, 0.5]


def test_the_latest_reason_of_each_customer():
    relations = read(
        cancellations=frame(
            "customer_id timestamp reason",
            ("a", "2024-01-01", "price"),
            ("a", "2024-05-01", "service"),
            ("a", "2024-08-01", "moved"),
            ("b", "2024-01-01", None),
            ("c", None, "price"),
        )
    )
    assert reasons_until(relations, CUTOFF).to_numpy().tolist() == [["a", "service"], ["c", "price"]]
    assert reasons_until(read(cancellations=frame("customer_id", ("a",))), CUTOFF).empty


def test_questionnaires_keep_every_question_as_number_or_text():
    relations = read(
        questionnaires=frame(
            "customer_id timestamp q1 q2 country",
            ("a", "2024-05-01", "7", "", "DE"),
            ("b", "2024-07-01", "9", "3", "FR"),
            ("a", "2024-06-01", "8", "2", "DE"),
        )
    )
    found = questionnaires_until(relations, CUTOFF)
    assert found.columns.tolist() == ["customer_id", "q1", "q2", "country"]
    assert found["q1"].tolist() == [7.0, 8.0]
    assert found["country"].tolist() == ["DE", "DE"]


def test_ratings_are_on_one_scale():
    relations = read(
        surveys=frame(
            "customer_id timestamp instrument score dimension expectation",
            ("a", "2024-05-01", "servqual", 4, "empathy", 7),
            ("a", "2024-05-01", "nps", 10, None, None),
        )
    )
    found = ratings_until(relations, CUTOFF).set_index("instrument")
    assert found.loc["servqual", ["rating", "expectation"]].tolist() == [0.5, 1.0]
    assert found.loc["nps", "rating"] == 1.0


@pytest.mark.parametrize("read_part", [comments_until, reasons_until, questionnaires_until, ratings_until])
def test_nothing_was_said(read_part):
    assert read_part(read(tickets=frame("customer_id opened", ("a", "2024-05-01"))), CUTOFF).empty
