"""What customers say, from relation tables to the chapter of the page."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from guanxi.data.relations.tables import read_relations
from guanxi.errors import DataError, ParamsError
from guanxi.features.relations.statements import ratings_until
from guanxi.params import Params, load_params
from guanxi.report.chapters import render_chapter
from guanxi.scorecard.voice._churn_reasons import _value_share, churn_reasons
from guanxi.scorecard.voice._satisfaction_drivers import servqual_gaps
from guanxi.scorecard.voice._topic_outcomes import summarise_topics
from guanxi.scorecard.voice._voice import Voice, hear_customers
from guanxi.scorecard.voice._voice_chapter import voice_chapter, voice_figures

AS_OF = date(2024, 12, 31)
NOBODY = pd.DataFrame({"customer_id": []})
QUESTIONS = {"quality": ["q1", "q2", "q3", "q4"], "satisfaction": ["s1", "s2", "s3"]}


def hear(
    tables: dict[str, pd.DataFrame], voice: dict[str, Any] | None = None, **known: pd.DataFrame
) -> Voice:
    params = Params(scorecard={"voice": voice or {}})
    relations = read_relations(params, tables=tables)
    customers, attributes = known.get("customers", NOBODY), known.get("attributes", NOBODY)
    return hear_customers(relations, customers, attributes, AS_OF, params.scorecard.voice, 0)


def reasons(*rows: tuple[str, str]) -> Any:
    table = pd.DataFrame(rows, columns=["customer_id", "reason"])
    return read_relations(Params(), tables={"cancellations": table})


def questionnaires(seed: int, *, shift: float = 0.0, stretch: float = 1.0, size: int = 500) -> pd.DataFrame:
    """Answers from 1 to 7 in two countries; in B a question is easier, or answers are more extreme."""
    generator = np.random.default_rng(seed)
    parts = []
    for place, country in enumerate("AB"):
        latent = generator.multivariate_normal([0.3 * place, 0.1 * place], [[1, 0.6], [0.6, 1]], size)
        meant = np.column_stack([latent[:, [0] * 4], latent[:, [1] * 3]]) + 0.8 * generator.normal(
            size=(size, 7)
        )
        if place:
            meant[:, 1] += shift
            meant *= stretch
        columns = [question for own in QUESTIONS.values() for question in own]
        answers = pd.DataFrame(np.clip(np.round(4 + 1.2 * meant), 1, 7), columns=columns)
        parts.append(answers.assign(country=country))
    table = pd.concat(parts, ignore_index=True)
    return table.assign(customer_id=[f"c{place}" for place in range(len(table))])


class TestReasons:
    WORTH = pd.DataFrame({"customer_id": list("abcd"), "value_at_risk": [60.0, 20.0, 10.0, 10.0]})

    def test_by_hand(self):
        given = reasons(
            ("a", "price"), ("b", "service"), ("c", "service"), ("d", "service"), ("x", "service")
        )
        found = churn_reasons(given, self.WORTH, AS_OF).set_index("reason")
        assert list(found.index) == ["price", "service"]
        assert found["customers"].to_dict() == {"price": 1, "service": 4}
        assert found["value_at_risk"].to_dict() == {"price": 60.0, "service": 40.0}
        assert found["value_share"].to_dict() == pytest.approx({"price": 0.6, "service": 0.4})
        assert found.loc["service", "value_known"] == 3
        assert (found["value_share_lower"] < found["value_share"]).all()

    def test_without_values_the_most_common_is_first(self):
        found = churn_reasons(reasons(("a", "price"), ("b", "it"), ("c", "it")), NOBODY, AS_OF)
        assert found["reason"].tolist() == ["it", "price"]
        assert found["value_share"].isna().all()

    def test_personal_details_are_masked(self):
        found = churn_reasons(reasons(("a", "call me at 0171-5551234")), NOBODY, AS_OF)
        assert found["reason"].tolist() == ["call me at [phone]"]

    def test_interval_of_the_share_of_value_covers_the_truth(self):
        """A reason of half of the customers, whose values have the same distribution; 300 samples of 200."""
        inside = []
        for seed in range(300):
            generator = np.random.default_rng(seed)
            worth = generator.gamma(1.0, 10.0, 200)
            said = np.where(generator.random(200) < 0.5, "price", "service")
            found = _value_share(pd.Series(worth), said == "price")
            inside.append(found["value_share_lower"] <= 0.5 <= found["value_share_upper"])
        assert 0.85 <= np.mean(inside) <= 0.95  # 90 %, standard error 1.7


class TestTopics:
    @pytest.fixture
    def statements(self, comments) -> pd.DataFrame:
        texts, truth = comments("en", 800, 3)
        generator = np.random.default_rng(0)
        topic = np.array(truth)
        return pd.DataFrame(
            {
                "customer_id": [f"c{place % 400}" for place in range(800)],
                "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(generator.integers(0, 365, 800), "D"),
                "text": texts,
                "source": "tickets",
                "satisfaction": np.where(topic == 2, 0.2, 0.7) + 0.1 * generator.normal(size=800),
                "language": "en",
            }
        ).assign(topic=topic)

    def test_what_is_known_of_those_who_raise_a_topic(self, statements):
        raised = statements[statements["topic"] == 2]["customer_id"].unique()
        people = pd.DataFrame({"customer_id": statements["customer_id"].unique()})
        people["churn_probability"] = np.where(people["customer_id"].isin(raised), 0.6, 0.3)
        people["churn_probability"] += np.random.default_rng(1).normal(0, 0.05, len(people))
        people["value_at_risk"] = 1.0
        found = summarise_topics(statements, people).table
        app = found[found["words"].str.contains("crashes")].iloc[0]
        assert abs(app["customers"] - len(raised)) < 0.1 * len(raised)
        assert app["satisfaction_difference"] == pytest.approx(-0.5, abs=0.05)
        assert app["satisfaction_difference_upper"] < -0.4
        assert app["churn_difference"] == pytest.approx(0.3, abs=0.05)
        assert app["churn_clear"]
        assert app["value_at_risk"] == app["customers"]

    def test_a_rising_topic_is_told_from_steady_ones(self, statements):
        late = statements["day"] >= "2024-07-01"
        kept = statements[(statements["topic"] != 2) | late]
        found = summarise_topics(kept, NOBODY, topics=4).table.set_index("words")
        rising = found[found["trend"] == "rising"]
        assert len(rising) == 1
        assert "crashes" in rising.index[0]

    @pytest.mark.slow
    def test_examples_are_masked_and_of_different_customers(self, statements):
        told = statements.assign(text="call 0171-5551234, " + statements["text"])
        relations = read_relations(
            Params(),
            tables={
                "tickets": told.rename(columns={"day": "opened", "text": "comment"})[
                    ["customer_id", "opened", "comment"]
                ]
            },
        )
        found = hear_customers(relations, NOBODY, NOBODY, AS_OF, Params().scorecard.voice, 0)
        assert found.topics is not None
        examples = found.topics.examples
        assert examples["example"].str.contains("[phone]", regex=False).all()
        assert (examples.groupby("topic").size() <= 3).all()
        assert examples["example"].is_unique

    def test_few_comments_are_counted_and_not_summarised(self):
        tickets = pd.DataFrame(
            {"customer_id": list("ab"), "opened": "2024-05-01", "comment": ["late", "slow"]}
        )
        found = hear({"tickets": tickets})
        assert found.topics is not None
        assert found.topics.table.empty
        assert found.topics.notes == ({"what": "few_texts", "language": "en", "count": 2},)


class TestDrivers:
    def test_drivers_of_questionnaires_leave_out_the_outcome_and_what_follows(self):
        table = questionnaires(0)
        table["l1"] = table["s1"]
        constructs = QUESTIONS | {"image": ["q4"], "quality": ["q1", "q2", "q3"], "loyalty": ["l1"]}
        found = hear({"questionnaires": table}, {"constructs": constructs, "scale": [1, 7]})
        assert found.drivers is not None
        assert set(found.drivers.table["driver"]) == {"quality", "image"}
        assert found.paths is not None
        assert set(found.paths.paths["target"]) == {"satisfaction", "loyalty"}
        mean = (table[["q1", "q2", "q3"]].mean(axis=1).mean() - 1) / 6
        performance = found.drivers.table.set_index("driver")["performance"]
        assert performance["quality"] == pytest.approx(100 * mean)

    def test_quadrants(self):
        generator = np.random.default_rng(0)
        table = pd.DataFrame(generator.integers(1, 8, size=(400, 4)), columns=list("abcd")).astype(float)
        table[["a", "c"]] = np.ceil(table[["a", "c"]] / 2)  # low performance
        table["y"] = np.clip(np.round((2 * table["a"] + table["b"]) / 2 + generator.normal(size=400)), 1, 7)
        found = hear({"questionnaires": table.assign(customer_id=range(400))}, {"outcome": "y"})
        assert found.drivers is not None
        quadrant = found.drivers.table.set_index("driver")["quadrant"].to_dict()
        assert quadrant == {"a": "concentrate", "b": "keep_up", "c": "low_priority", "d": "overkill"}

    def test_ratings_of_surveys_by_dimension(self):
        generator = np.random.default_rng(1)
        rows = []
        for customer in range(200):
            quality, price = generator.integers(1, 6, 2)
            rows += [(customer, "csat", quality, "quality"), (customer, "csat", price, "price")]
            rows.append((customer, "csat", int(np.clip(quality + generator.integers(-1, 2), 1, 5)), None))
        table = pd.DataFrame(rows, columns=["customer_id", "instrument", "score", "dimension"])
        found = hear({"surveys": table.assign(timestamp="2024-05-01")})
        assert found.drivers is not None
        assert found.drivers.table["driver"].tolist() == ["quality", "price"]
        assert found.drivers.table["share"][0] > 0.9

    def test_gaps_by_hand(self):
        rows = [("a", 4, 7), ("a", 6, 7), ("b", 1, 7)]
        table = pd.DataFrame(rows, columns=["customer_id", "score", "expectation"])
        table = table.assign(timestamp="2024-05-01", instrument="servqual", dimension="empathy")
        relations = read_relations(Params(), tables={"surveys": table})
        found = servqual_gaps(ratings_until(relations, AS_OF)).iloc[0]
        assert found["customers"] == 2
        assert found["gap"] == pytest.approx(((-3 - 1) / 2 / 6 - 1) / 2)  # of a: -1/3, of b: -1

    @pytest.mark.parametrize(
        ("voice", "message"),
        [
            (
                {"constructs": {"quality": ["q9"]}},
                "'q9' is not a question with numbers for answers; there are q1,",
            ),
            (
                {"scale": [1, 5]},
                r"q1 has the answer \d, off the scale from 1 to 5: correct scorecard.voice.scale",
            ),
            ({"culture": "planet"}, "'planet' is neither an attribute of relations.customers nor a column"),
        ],
    )
    def test_what_does_not_exist_is_refused(self, voice, message):
        with pytest.raises(DataError, match=message):
            hear({"questionnaires": questionnaires(0)}, voice)

    def test_an_unknown_outcome_is_a_note(self):
        found = hear({"questionnaires": questionnaires(0)}, {"outcome": "joy"})
        assert found.drivers is None
        assert (
            "'joy' is not a question or construct: choose scorecard.voice.outcome from q1" in found.notes[0]
        )

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ('{"constructs": {"a": ["q"], "b": ["q"]}}', "question 'q' is in a and b: keep one"),
            ('{"constructs": {"a": []}}', "construct 'a' has no question"),
            ('{"scale": [5, 1]}', "write the lowest and the highest answer"),
        ],
    )
    def test_parameters_that_contradict_themselves(self, given, message):
        with pytest.raises(ParamsError, match=message):
            load_params(overrides=[f"scorecard.voice={given}"])


class TestStyles:
    def judged(self, **how: float) -> list[str]:
        voice = {"constructs": QUESTIONS, "scale": [1, 7]}
        found = [hear({"questionnaires": questionnaires(seed, **how)}, voice).styles for seed in range(5)]
        return [each.verdict for each in found if each is not None]

    @pytest.mark.slow
    def test_equal_questions_are_comparable_and_an_easier_one_is_not(self):
        assert self.judged() == ["means"] * 5
        assert self.judged(shift=1.0) == ["relations"] * 5

    def test_extreme_answers_are_seen(self):
        found = hear(
            {"questionnaires": questionnaires(0, stretch=2.0)}, {"constructs": QUESTIONS, "scale": [1, 7]}
        )
        assert found.styles is not None
        extreme = found.styles.styles.set_index("group").loc["B"]
        assert extreme["extreme_difference_lower"] > 0.1
        text = " ".join(voice_chapter(found, "en").paragraphs)
        assert "B chooses the ends of the scale more often than others" in text

    def test_styles_by_hand(self):
        table = pd.DataFrame(
            {"customer_id": range(20), "q": [1, 5] * 10, "p": [3, 4] * 10, "country": ["A", "B"] * 10}
        )
        found = hear({"questionnaires": table}, {"scale": [1, 5]})
        assert found.styles is not None
        styles = found.styles.styles.set_index("group")
        assert styles.loc["A", ["net_acquiescence", "extreme", "midpoint"]].tolist() == [-0.5, 0.5, 0.5]
        assert styles.loc["B", ["net_acquiescence", "extreme", "midpoint"]].tolist() == [1.0, 0.5, 0.0]
        assert found.styles.verdict == "unknown"


@pytest.fixture(scope="module")
def everything(comments) -> Voice:
    texts = comments("en", 150, 1)[0] + comments("zh", 150, 2)[0]
    ids = [f"c{place}" for place in range(300)]
    tickets = pd.DataFrame(
        {
            "customer_id": ids,
            "opened": pd.date_range("2024-01-01", periods=300).astype("str"),
            "satisfaction": [1, 3, 5] * 100,
            "comment": texts,
        }
    )
    gaps = pd.DataFrame(
        {
            "customer_id": ids[:50],
            "timestamp": "2024-05-01",
            "instrument": "servqual",
            "dimension": "empathy",
            "score": [4, 5] * 25,
            "expectation": 6,
        }
    )
    left = pd.DataFrame({"customer_id": ids[:60], "reason": ["price <b>", "service"] * 30})
    customers = pd.DataFrame(
        {"customer_id": ids, "churn_probability": np.linspace(0, 1, 300), "value_at_risk": np.arange(300.0)}
    )
    tables = {"tickets": tickets, "surveys": gaps, "cancellations": left, "questionnaires": questionnaires(0)}
    constructs = QUESTIONS | {"image": ["q4"], "quality": ["q1", "q2", "q3"]}
    return hear(tables, {"constructs": constructs, "scale": [1, 7]}, customers=customers)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.slow
def test_the_chapter_tells_everything_in_both_languages(everything, language):
    chapter = voice_chapter(everything, language)
    html = render_chapter(chapter, language).html
    assert not re.search(r"[{}]|nan", " ".join((*chapter.paragraphs, *chapter.notices)))
    assert [picture.uri != "" for picture in chapter.pictures] == [True] * 4
    assert len(chapter.tables) == 9
    assert "price &lt;b&gt;" in html
    chinese = bool(re.search("[\u4e00-\u9fff]", "".join(chapter.heading)))
    assert chinese == (language == "zh")
    for table in chapter.tables:
        assert set(table.headings) <= set(table.table.columns)


def test_every_table_has_a_file(everything):
    assert set(everything.tables()) == {
        *(
            "voice_reasons",
            "voice_servqual_gaps",
            "voice_topics",
            "voice_topic_examples",
            "voice_topic_quarters",
        ),
        *("voice_languages", "voice_drivers", "voice_paths", "voice_constructs", "voice_questions"),
        *("voice_styles", "voice_invariance"),
    }


def test_nothing_said():
    found = hear({"tickets": pd.DataFrame({"customer_id": ["a"], "opened": ["2024-05-01"]})})
    assert found.empty
    assert found.tables() == {}
    assert voice_figures(found, "en") == {}


def test_churn_reasons_of_telco(shared_data):
    """The shares of the published table of churn reasons: 313 of 1,869 had better devices elsewhere."""
    status = pd.read_parquet(shared_data / "telco_satisfaction" / "telco_status.parquet")
    columns = {"customer_id": "Customer ID", "reason": "Churn Reason", "category": "Churn Category"}
    params = Params(relations={"cancellations": {"columns": columns}})
    relations = read_relations(params, tables={"cancellations": status})
    worth = pd.DataFrame(
        {"customer_id": status["Customer ID"], "value_at_risk": status["CLTV"].astype("float64")}
    )
    found = churn_reasons(relations, worth, AS_OF)
    assert found["customers"].sum() == status["Churn Reason"].notna().sum() == 1869
    by_hand = status.groupby(["Churn Category", "Churn Reason"])["CLTV"].sum()
    given = found.set_index(["category", "reason"])["value_at_risk"]
    assert given.is_monotonic_decreasing
    assert given.to_dict() == by_hand.to_dict()
    assert found.set_index("reason").loc["Competitor had better devices", "customers"] == 313
