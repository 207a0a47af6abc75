"""A campaign from its file and the transactions: outcomes, effects, and what is refused."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

import guanxi
from guanxi.decisions.campaign import campaign_answer, campaign_summary, who_responds
from guanxi.decisions.campaign._inference import Inference
from guanxi.errors import DataError, HistoryError, ParamsError, SourceError
from guanxi.params import Params

DAY = pd.Timestamp("2024-07-01")
DAYS = 60


def simulated(seed: int, customers: int = 900, lift: float = 0.0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A log of 240 days, and a campaign 60 days before its end that multiplies the rates by 1 + lift."""
    random = np.random.default_rng(seed)
    rate, mean = random.gamma(1.5, 0.01, customers), random.gamma(6.0, 5.0, customers)
    treated = random.random(customers) < 0.5
    start = DAY - pd.Timedelta(days=180)
    lines = []
    for number in range(customers):
        before = random.random(random.poisson(rate[number] * 180)) * 180
        after = 180 + random.random(random.poisson(rate[number] * (1 + lift * treated[number]) * DAYS)) * DAYS
        for day in [0.0, *before, *after]:
            lines.append(
                (f"c{number}", start + pd.Timedelta(days=int(day)), mean[number] * random.gamma(8, 1 / 8))
            )
    lines.append(("end", DAY + pd.Timedelta(days=DAYS - 1), 1.0))
    log = pd.DataFrame(lines, columns=["customer_id", "timestamp", "amount"])
    file = pd.DataFrame({"customer_id": [f"c{number}" for number in range(customers)]})
    file["arm"], file["date"] = np.where(treated, "mail", "control"), DAY
    file["cost"] = np.where(treated, 0.5, 0.0)
    return log, file


def params(**given) -> Params:
    return Params(horizon_days=DAYS, campaign={"randomised": True, **given})


@pytest.fixture(scope="module")
def company() -> tuple[pd.DataFrame, pd.DataFrame]:
    return simulated(1, lift=1.0)


@pytest.fixture(scope="module")
def measured(company):
    log, file = company
    return guanxi.campaign(file, log, params=params(benchmarks={"purchase": 0.9}))


def effects(result) -> pd.DataFrame:
    return result.effects.table.set_index(["outcome", "method"])


class TestOutcomes:
    def test_they_are_counted_from_the_day_of_the_campaign_on(self):
        log = pd.DataFrame(
            {
                "customer_id": ["a"] * 5 + ["b", "b"],
                "timestamp": pd.to_datetime(
                    [
                        "2024-01-01",
                        "2024-06-30",
                        "2024-07-01",
                        "2024-08-29",
                        "2024-08-30",
                        "2024-01-01",
                        "2024-09-30",
                    ]
                ),
                "amount": [1.0, 2.0, 4.0, 8.0, 16.0, 1.0, 1.0],
                "margin": [0.5, 1.0, 2.0, 4.0, 8.0, 0.5, 0.5],
            }
        )
        file = pd.DataFrame({"customer_id": [f"x{k}" for k in range(38)], "arm": ["mail", "control"] * 19})
        file = pd.concat([file, pd.DataFrame({"customer_id": ["a", "b"], "arm": ["mail", "control"]})])
        others = pd.DataFrame({"customer_id": file["customer_id"], "timestamp": DAY - pd.Timedelta(days=90)})
        log = pd.concat([log, others.assign(amount=1.0, margin=0.5)])
        file["date"], file["cost"] = DAY, 1.0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of a log of so few customers
            found = guanxi.campaign(file, log, params=params())
        row = found.observed.outcomes[found.observed.experiment.customers["customer_id"] == "a"].iloc[0]
        assert row[["purchase", "purchase_count", "spend", "margin", "profit", "churn"]].to_list() == [
            *(1.0, 2.0, 12.0, 6.0, 5.0, 0.0)
        ]
        before = found.observed.before[found.observed.experiment.customers["customer_id"] == "a"].iloc[0]
        assert before["spend_before_1"] == 2.0
        assert before["spend_before_2"] == 1.0  # 90 days before
        other = found.observed.outcomes[found.observed.experiment.customers["customer_id"] == "b"].iloc[0]
        assert other["churn"] == 1.0

    def test_effect_of_known_size(self, company, measured):
        log, file = company
        table = effects(measured)
        later = log[log["timestamp"] >= DAY].groupby("customer_id")["amount"].sum()
        spend = file.set_index("customer_id").assign(spend=later).fillna({"spend": 0.0})
        means = spend.groupby("arm")["spend"].mean()
        plain = table.loc[("spend", "difference")]
        assert plain["estimate"] == pytest.approx(means["mail"] - means["control"])
        assert (table["kind"] == "effect").all()
        truth = 0.015 * DAYS * 30.0  # mean rate times mean amount, doubled by the campaign
        adjusted = table.loc[("spend", "adjusted")]
        assert adjusted["lower"] < truth < adjusted["upper"]
        assert adjusted["variance_saved"] > 0.2
        assert table.loc[("profit", "adjusted"), "estimate"] == pytest.approx(adjusted["estimate"] - 0.5)
        assert table.loc[("clv_change", "adjusted"), "lower"] > 0
        assert table.loc[("churn", "adjusted"), "upper"] < 0

    def test_columns_of_the_file_and_of_the_answer(self, measured):
        first = ["outcome", "arm", "method", "kind", "estimate", "lower", "upper", "baseline", "n"]
        assert list(measured.effects.table)[:9] == first
        outcomes = ["purchase", "purchase_count", "spend", "profit", "churn", "clv_change"]
        assert list(measured.effects.table["outcome"].unique()) == outcomes

    def test_indicators_before_after_and_benchmark(self, measured):
        table = measured.indicators.set_index(["indicator", "arm"])
        assert table.loc[("purchase", "control"), "verdict"] == "below"
        change = table.loc[("purchase_count", "mail")]
        assert change["value"] - change["before"] == pytest.approx(change["change"])
        assert change["change_lower"] > 0

    def test_the_answer_in_words(self, measured):
        text = campaign_summary(measured, params())
        assert text.startswith("mail raised spend per customer from ")
        assert "mail cost 0.500 per customer treated." in text
        page = campaign_answer(measured, params())
        assert [chapter.anchor for chapter in page.chapters] == ["answer", "quality", "response", "method"]
        chinese = campaign_answer(measured, params().model_copy(update={"language": "zh"}))
        assert "mail使人均消费额从" in chinese.chapters[0].paragraphs[0]

    def test_waves_on_several_days(self, company):
        log, file = company
        days = [DAY, DAY - pd.Timedelta(days=30)] * (len(file) // 2)
        found = guanxi.campaign(file.assign(date=days), log, params=params())
        assert "days_since_first_wave" in found.observed.covariates
        assert found.observed.outcomes["clv_change"].notna().all()
        odd = file.assign(date=np.where(file["arm"] == "mail", DAY, DAY - pd.Timedelta(days=30)))
        other = guanxi.campaign(odd, log, params=params())
        assert other.kind == "difference"
        assert "days_differ" in [each.key for each in other.remarks]

    def test_control_without_a_date(self, company):
        log, file = company
        dated = file.assign(date=file["date"].where(file["arm"] == "mail"))
        again = guanxi.campaign(dated, log, params=params()).effects.table
        assert again["estimate"].equals(guanxi.campaign(file, log, params=params()).effects.table["estimate"])

    def test_scores_of_surveys_are_no_effect(self, company):
        log, file = company
        answered = file.iloc[::3]
        surveys = pd.DataFrame(
            {"customer_id": answered["customer_id"], "timestamp": DAY + pd.Timedelta(days=5)}
        )
        surveys["score"] = np.where(answered["arm"] == "mail", 5, 4)
        surveys = pd.concat([surveys, surveys.assign(timestamp=DAY - pd.Timedelta(days=5), score=1)])
        relation = {"source": surveys, "constants": {"instrument": "csat", "scale_low": 1, "scale_high": 5}}
        given = params()
        given = given.model_copy(
            update={
                "relations": given.relations.model_copy(
                    update={"surveys": given.relations.surveys.model_copy(update=relation)}
                )
            }
        )
        found = guanxi.campaign(file, log, params=given)
        row = effects(found).loc[("score_csat", "difference")]
        assert ("score_csat", "adjusted") not in effects(found).index  # nothing varies within an arm
        assert (row["kind"], row["estimate"], row["n"]) == ("difference", 0.25, len(answered))
        assert "who_answered" in [each.key for each in found.remarks]

    def test_without_a_second_purchase_no_model_adjusts(self, company):
        log, file = company
        once = log[(log["timestamp"] >= DAY) | ~log["customer_id"].duplicated()]
        with pytest.warns(UserWarning, match="no prediction from before the campaign adjusts the estimates"):
            found = guanxi.campaign(file, once, params=params())
        assert "clv_change" not in found.observed.outcomes
        assert set(found.effects.table["method"]) == {"difference"}


class TestArms:
    def test_several_arms_are_corrected_by_holm(self):
        random = np.random.default_rng(4)
        arms = np.repeat(["control", "a", "b", "c"], 200)
        rows = pd.DataFrame({"arm": arms, "visit": random.random(800) < 0.2 + 0.1 * (arms == "a")})
        given = {"outcomes": ["visit"], "randomised": True}
        table = guanxi.campaign(rows, params=Params(campaign=given)).effects.table
        order = np.argsort(table["p_value"])
        expected = np.maximum.accumulate(np.array([3, 2, 1]) * table["p_value"].to_numpy()[order]).clip(max=1)
        assert table["p_adjusted"].to_numpy()[order] == pytest.approx(expected)
        plain = guanxi.campaign(rows, params=Params(campaign=given | {"correction": "none"})).effects.table
        assert plain["p_adjusted"].equals(plain["p_value"])

    def test_the_sentences_follow_the_corrected_p_values(self):
        arms = np.repeat(["control", "a", "b", "c"], 200)
        visit = np.concatenate([np.arange(200) < count for count in (40, 58, 44, 40)])
        rows = pd.DataFrame({"arm": arms, "first": np.arange(800) % 2, "visit": visit})
        given = {"outcomes": ["first", "visit"], "randomised": True}
        for correction, told in (("none", True), ("holm", False)):
            settings = Params(campaign=given | {"correction": correction})
            found = guanxi.campaign(rows, params=settings)
            row = found.effects.table.query("outcome == 'visit' and arm == 'a'").iloc[0]
            assert row["lower"] > 0
            assert (row["p_adjusted"] < 0.05) == told
            assert ("It also changed: visit" in campaign_summary(found, settings)) == told
            alone = Params(campaign=given | {"correction": correction, "outcomes": ["visit"]})
            text = campaign_summary(guanxi.campaign(rows, params=alone), alone)
            assert ("By itself the interval leaves 0 out" in text) != told

    def test_values_of_some_customers_only_are_no_effect(self):
        rows = pd.DataFrame({"arm": ["mail", "control"] * 100, "visit": [1, 0, 1, 1] * 50})
        rows["order"] = np.where(rows["visit"] == 1, np.arange(200.0), np.nan)
        given = Params(campaign={"outcomes": ["visit", "order"], "randomised": True})
        found = guanxi.campaign(rows, params=given)
        kinds = found.effects.table.set_index("outcome")["kind"]
        assert kinds.to_dict() == {"visit": "effect", "order": "difference"}
        assert [each.key for each in found.remarks] == ["values_of_some"]

    def test_nor_do_adjusted_differences_keep_it_then(self):
        random = np.random.default_rng(3)
        rows = pd.DataFrame({"arm": ["mail"] * 400 + ["control"] * 200, "x": random.normal(size=600)})
        rows["order"] = random.gamma(2.0, 20.0, 600)
        given = {"outcomes": ["order"], "covariates": ["x"], "randomised": "unknown"}
        for shares, kinds in (({}, {"difference", "effect"}), ({"mail": 1, "control": 1}, {"difference"})):
            found = guanxi.campaign(rows, params=Params(campaign=given | {"shares": shares}))
            assert set(found.effects.table["kind"]) == kinds

    @pytest.mark.slow
    def test_uplift_of_arms_of_unplanned_sizes_is_a_difference(self):
        random = np.random.default_rng(2)
        rows = pd.DataFrame({"arm": ["mail"] * 900 + ["control"] * 500, "x": random.normal(size=1400)})
        rows["visit"] = random.random(1400) < 0.4
        given = {"outcomes": ["visit"], "covariates": ["x"], "randomised": True}
        for shares, randomised in (({}, True), ({"mail": 1, "control": 1}, False)):
            settings = Params(campaign=given | {"shares": shares})
            learned, _ = who_responds(guanxi.campaign(rows, params=settings), settings)
            assert learned["mail"].randomised == randomised

    def test_relative_intervals_allow_for_the_error_of_the_baseline(self):
        random = np.random.default_rng(3)
        x = random.normal(size=600)
        arm = np.where(random.random(600) < 0.5, "mail", "control")
        rows = pd.DataFrame({"arm": arm, "x": x, "order": random.gamma(0.5, 20.0, 600)})
        given = {"outcomes": ["order"], "covariates": ["x"], "randomised": False}
        table = guanxi.campaign(rows, params=Params(campaign=given)).effects.table.set_index("method")
        plain, robust = table.loc["difference"], table.loc["doubly_robust_att"]
        # Chance alone decided the arms: both see the same ratio, and the same doubt about it.
        assert robust["relative"] == pytest.approx(robust["estimate"] / robust["baseline"])
        width = {name: np.log1p(row["relative_upper"]) - np.log1p(row["relative_lower"])
                 for name, row in (("plain", plain), ("robust", robust))}  # fmt: skip
        assert width["robust"] == pytest.approx(width["plain"], rel=0.05)

    def test_adjusted_estimates_hold_at_every_look_too(self):
        random = np.random.default_rng(3)
        rows = pd.DataFrame({"arm": ["mail", "control"] * 300, "x": random.normal(size=600)})
        rows["order"] = random.gamma(2.0, 20.0, 600)
        given = {"outcomes": ["order"], "covariates": ["x"], "randomised": False}
        early = given | {"looks": "repeated", "planned_customers": 1200}
        once, looked = (
            guanxi.campaign(rows, params=Params(campaign=each)).effects.table.set_index("method")
            for each in (given, early)
        )
        width = looked["upper"] - looked["lower"]
        wider = Inference(0.95, 0.5).critical(np.inf) / Inference(0.95).critical(np.inf)
        assert width["doubly_robust_att"] == pytest.approx(
            wider * (once["upper"] - once["lower"])["doubly_robust_att"]
        )
        ends = np.log1p(looked["relative_upper"]) - np.log1p(looked["relative_lower"])
        before = np.log1p(once["relative_upper"]) - np.log1p(once["relative_lower"])
        assert ends["doubly_robust_att"] == pytest.approx(wider * before["doubly_robust_att"])

    def test_only_a_randomised_campaign_has_effects(self):
        rows = pd.DataFrame({"arm": ["mail", "control"] * 100, "visit": [1, 0, 1, 1] * 50})
        for randomised in (False, "unknown"):
            given = Params(campaign={"outcomes": ["visit"], "randomised": randomised})
            found = guanxi.campaign(rows, params=given)
            assert set(found.effects.table["kind"]) == {"difference"}
            assert campaign_summary(found, given).startswith(
                "Whether mail worked, this comparison cannot tell"
            )
        given = Params(campaign={"outcomes": ["visit"], "randomised": True})
        assert set(guanxi.campaign(rows, params=given).effects.table["kind"]) == {"effect"}

    def test_sizes_that_do_not_fit_the_plan_take_the_word_effect(self):
        rows = pd.DataFrame({"arm": ["mail"] * 300 + ["control"] * 100, "visit": [1, 0] * 200})
        given = {"outcomes": ["visit"], "randomised": True}
        assert guanxi.campaign(rows, params=Params(campaign=given)).kind == "effect"
        planned = given | {"shares": {"mail": 0.5, "control": 0.5}}
        found = guanxi.campaign(rows, params=Params(campaign=planned))
        assert found.kind == "difference"
        assert [each.key for each in found.remarks] == ["sizes_not_as_planned"]
        right = given | {"shares": {"mail": 3, "control": 1}}
        assert guanxi.campaign(rows, params=Params(campaign=right)).kind == "effect"

    def test_a_plan_with_its_holdout_is_a_campaign_file(self, company):
        log, file = company
        plan = file.drop(columns="date").assign(arm=np.where(file["arm"] == "mail", "treated", "holdout"))
        others = pd.DataFrame({"customer_id": ["end"], "arm": ["none"], "cost": [0.0]})
        plan = pd.concat([plan, others], ignore_index=True)
        found = guanxi.campaign(plan, log, params=params(day=DAY.date()))
        assert found.observed.experiment.control == "holdout"
        assert len(found.observed.outcomes) == len(file)


class TestRefused:
    def test_a_customer_in_two_arms(self, company):
        log, file = company
        twice = pd.concat([file, file.iloc[[0]].assign(arm="other")])
        message = r"1 customers are in more than one arm \(first: 'c0' in .*lines 1 and 901\): keep the arm"
        with pytest.raises(DataError, match=message):
            guanxi.campaign(twice, log, params=params())
        again = pd.concat([file, file.iloc[[0]]])
        with pytest.raises(DataError, match=r"1 customers have several lines \(first: 'c0'"):
            guanxi.campaign(again, log, params=params())

    @pytest.mark.slow
    def test_no_control(self, company):
        log, file = company
        with pytest.raises(DataError, match=r"no arm is called control or holdout; the arms are 'a', 'b'"):
            guanxi.campaign(file.assign(arm=["a", "b"] * 450), log, params=params())
        with pytest.raises(
            DataError, match="no customer is in the control arm 'none'; the arms are 'control', 'mail'"
        ):
            guanxi.campaign(file, log, params=params(control="none"))
        with pytest.raises(DataError, match="all customers are in the arm 'control': nobody was treated"):
            guanxi.campaign(file.assign(arm="control"), log, params=params())

    def test_a_control_of_three(self, company):
        log, file = company
        small = file[(file["arm"] == "mail") | (file.groupby("arm").cumcount() < 3)]
        with pytest.raises(DataError, match="arm 'control' has 3 customers; intervals need at least 20"):
            guanxi.campaign(small, log, params=params())

    @pytest.mark.slow
    def test_outcomes_after_the_end_of_the_data(self, company):
        log, file = company
        late = file.assign(date=DAY + pd.Timedelta(days=10))
        message = "outcomes of 60 days end on 2024-09-08, after the data's end 2024-08-29: wait, set"
        with pytest.raises(HistoryError, match=message):
            guanxi.campaign(late, log, params=params())
        after = file.assign(date=DAY + pd.Timedelta(days=100))
        with pytest.raises(
            HistoryError, match="the latest campaign day is 2024-10-09, after the data's end 2024-08-29"
        ):
            guanxi.campaign(after, log, params=params(looks="repeated"))
        early = guanxi.campaign(late, log, params=params(looks="repeated"))
        assert early.observed.days == 50
        assert early.observed.information == pytest.approx(50 / 60)
        plain = guanxi.campaign(late, log, params=params().model_copy(update={"horizon_days": 50}))
        widths = [each.effects.table["upper"] - each.effects.table["lower"] for each in (early, plain)]
        assert (widths[0] > 1.5 * widths[1]).all()

    def test_fewer_customers_than_planned(self, company):
        log, file = company
        with pytest.raises(DataError, match="900 of 1,800 planned customers: an early look finds effects"):
            guanxi.campaign(file, log, params=params(planned_customers=1800))
        found = guanxi.campaign(file, log, params=params(planned_customers=1800, looks="repeated"))
        assert found.observed.information == 0.5

    def test_a_negative_cost(self, company):
        log, file = company
        with pytest.raises(
            DataError, match=r"line 1: the cost is -1, below 0 \(1 such lines\): write what each"
        ):
            guanxi.campaign(file.assign(cost=[-1.0] + [1.0] * 899), log, params=params())

    def test_treated_before_the_first_purchase(self, company):
        log, file = company
        new = pd.DataFrame(
            {"customer_id": ["n1", "n2"], "timestamp": DAY + pd.Timedelta(days=3), "amount": 5.0}
        )
        more = pd.concat([file, new.assign(arm=["mail", "control"], date=DAY, cost=0)[list(file)]])
        found = guanxi.campaign(more, pd.concat([log, new]), params=params())
        assert found.remarks[0].text() == (
            "2 customers (first: n1) had not bought before the day of their campaign. They are left out, in "
            "all arms alike."
        )
        assert len(found.observed.outcomes) == 900
        with pytest.raises(DataError, match="no customer had bought before the campaign"):
            guanxi.campaign(file.assign(customer_id=[f"z{k}" for k in range(900)]), log, params=params())

    def test_dates(self, company):
        log, file = company
        with pytest.raises(DataError, match="no column of the campaign's date: map it with"):
            guanxi.campaign(file.drop(columns="date"), log, params=params())
        gaps = file.assign(date=[DAY, None, DAY - pd.Timedelta(days=1)] * 300)
        with pytest.raises(DataError, match="line 2 has no date: give control customers the day"):
            guanxi.campaign(gaps, log, params=params())

    @pytest.mark.slow
    def test_columns(self, company):
        log, file = company
        with pytest.raises(SourceError, match="no column 'arm' for arm; it has customer_id, group"):
            guanxi.campaign(file.rename(columns={"arm": "group"}), log, params=params())
        with pytest.raises(ParamsError, match="nothing to measure: name the columns of outcomes"):
            guanxi.campaign(file, params=params())
        with pytest.raises(
            ParamsError, match="no column 'vist' as named in the section campaign: did you mean visit"
        ):
            guanxi.campaign(file.assign(visit=1), params=params(outcomes=["vist"]))
        with pytest.raises(DataError, match="the outcome 'text' is text, such as 'x'"):
            guanxi.campaign(file.assign(text="x"), params=params(outcomes=["text"]))
        with pytest.raises(
            ParamsError, match=r"campaign\.covariates has 'visit', which follows the campaign"
        ):
            guanxi.campaign(file.assign(visit=1), params=params(outcomes=["visit"], covariates=["visit"]))
        with pytest.raises(ParamsError, match=r"campaign\.benchmarks has 'buying', which is no indicator"):
            guanxi.campaign(file, log, params=params(benchmarks={"buying": 0.2}))
        with pytest.raises(DataError, match="line 2: 'dear' in column 'cost' is no number: correct it"):
            guanxi.campaign(file.assign(cost=["1", "dear", "2"] * 300), log, params=params())


@pytest.mark.slow
def test_intervals_cover_the_effect_of_whole_campaigns():
    """100 logs through the whole command; the share of 95 % has a standard error of 2.2 %."""
    truth, covered = 0.3 * 0.015 * DAYS * 30.0, []
    for seed in range(100):
        log, file = simulated(seed, customers=400, lift=0.3)
        row = effects(guanxi.campaign(file, log, params=params())).loc[("spend", "adjusted")]
        covered.append(row["lower"] <= truth <= row["upper"])
    assert np.mean(covered) >= 0.88


class TestFewCases:
    """Two buyers in the control: what they spent is no ground for an effect."""

    @pytest.fixture
    def found(self):
        random = np.random.default_rng(1)
        history = random.gamma(1.0, 50.0, 340)
        spend = np.where(random.random(340) < 0.15, history, 0.0)
        spend[300:] = 0.0
        spend[[310, 320]] = history[[310, 320]]
        rows = pd.DataFrame({"arm": ["mail"] * 300 + ["control"] * 40, "spend": spend, "history": history})
        given = Params(campaign={"randomised": True, "outcomes": ["spend"], "covariates": ["history"]})
        return guanxi.campaign(rows, params=given)

    def test_the_difference_is_plain_and_no_effect(self, found):
        assert found.effects.table[["method", "kind"]].to_numpy().tolist() == [["difference", "difference"]]

    def test_the_reader_is_told(self, found):
        assert "fewer than 5 customers of an arm" in " ".join(each.text() for each in found.remarks)
