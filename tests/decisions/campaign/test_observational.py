"""Campaigns that were not randomised: when the word effect is used, what is warned about, what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from guanxi.decisions.campaign import observational_effects
from guanxi.errors import DataError

BEFORE = {"spend": ["before_2", "before_1"]}
MEANS, TRENDS = "difference_in_means", "difference_in_differences"
ATE, ATT = "doubly_robust_ate", "doubly_robust_att"


def campaign(seed=1, *, n=900, selection=1.0, hidden=0.0, trend=0.0, effect=2.0):
    """Loyalty is measured, mood is not; both raise spend in every period."""
    random = np.random.default_rng(seed)
    loyalty, mood = random.normal(size=(2, n))
    treated = random.random(n) < 1.0 / (1.0 + np.exp(-selection * loyalty - hidden * mood))
    noise = random.normal(size=(3, n))
    level = 20.0 + 3.0 * loyalty + 3.0 * mood
    spend = [level + noise[period] + period * trend * treated for period in range(3)]
    return pd.DataFrame(
        {
            "treated": treated,
            "loyalty": loyalty,
            "channel": random.choice(["web", "store"], n),
            "before_2": spend[0],
            "before_1": spend[1],
            "spend": spend[2] + effect * treated,
        }
    )


def estimated(table, covariates=("loyalty", "channel"), **options):
    return observational_effects(
        table, "treated", ["spend"], list(covariates), **{"before": BEFORE} | options
    )


def kinds(found):
    return found.effects.set_index("method")["kind"].to_dict()


def warned(found):
    return {note.key for note in found.warnings}


@pytest.fixture(scope="module")
def measured():
    return estimated(campaign(4))


def test_measured_confounding_gives_effects(measured):
    assert kinds(measured) == {MEANS: "difference", ATE: "effect", ATT: "effect", TRENDS: "effect"}
    effects = measured.effects.set_index("method")
    assert effects.loc[MEANS, "lower"] > 2.0
    for method in (ATE, ATT, TRENDS):
        assert effects.loc[method, "lower"] < 2.0 < effects.loc[method, "upper"]
    assert list(measured.effects) == [
        *("outcome", "arm", "method", "kind", "estimate", "lower", "upper", "baseline", "n", "ratio_error")
    ]
    assert warned(measured) <= {"observational_not_randomised", "observational_fragile"}
    assert len(measured.sensitivity) == 2
    assert (measured.sensitivity["strongest_covariate"] == "loyalty").all()
    assert set(measured.overlap["group"]) == {"treated", "control"}


def test_the_plain_difference_is_that_of_means(measured):
    table = campaign(4)
    means = table.groupby("treated")["spend"].mean()
    row = measured.effects.iloc[0]
    assert row["estimate"] == pytest.approx(means[True] - means[False])
    assert row["baseline"] == pytest.approx(means[False])
    assert row["n"] == len(table)


def test_an_unmeasured_confounder_shows_before_the_campaign():
    found = estimated(campaign(hidden=1.0, effect=0.0))
    assert kinds(found) == {MEANS: "difference", ATE: "difference", ATT: "difference", TRENDS: "effect"}
    assert "observational_negative_control" in warned(found)
    rows = found.negative_controls
    assert (rows["lower"] > 0.0).all()
    trends = found.effects.set_index("method").loc[TRENDS]
    assert trends["lower"] < 0.0 < trends["upper"]


def test_outcomes_before_among_the_covariates_help_and_are_no_negative_control():
    found = estimated(campaign(hidden=1.0), covariates=["loyalty", "before_2", "before_1"])
    assert "observational_no_negative_control" in warned(found)
    assert found.negative_controls.empty
    row = found.effects.set_index("method").loc[ATE]
    assert abs(row["estimate"] - 2.0) < 1.0


def test_the_test_of_trends_is_not_adjusted_for_what_it_tests():
    """Given both outcomes before, every change between them would be explained."""
    table, names = campaign(trend=1.0), ["loyalty", "channel", "before_2", "before_1"]
    found = estimated(table, covariates=names)
    assert kinds(found)[TRENDS] == "difference"
    assert_frame_equal(found.trends, estimated(table).trends)


def test_other_trends_before_are_no_effect():
    found = estimated(campaign(trend=1.0))
    assert kinds(found)[TRENDS] == "difference"
    assert "observational_trend_before" in warned(found)
    assert (found.trends["p_value"] < 0.05).all()


def test_one_period_before_tests_no_trend():
    found = estimated(campaign(), before={"spend": ["before_1"]})
    assert kinds(found)[TRENDS] == "difference"
    assert "observational_trend_untested" in warned(found)
    assert found.trends.empty


def test_no_covariates_and_nothing_before_is_a_difference():
    found = estimated(campaign(), covariates=[], before=None)
    assert kinds(found) == {MEANS: "difference"}
    assert "observational_no_covariates" in warned(found)
    assert [note.key for note in found.assumptions] == ["observational_assumes_difference"]


def test_trends_without_covariates():
    found = estimated(campaign(), covariates=[])
    assert kinds(found) == {MEANS: "difference", TRENDS: "effect"}


def test_poor_overlap_is_no_effect():
    found = estimated(campaign(selection=6.0))
    assert set(kinds(found).values()) == {"difference"}
    assert "observational_poor_overlap" in warned(found)


def test_imbalance_that_weighting_leaves_is_no_effect():
    found = estimated(campaign(selection=6.0))
    assert "observational_unbalanced" in warned(found)
    assert (found.balance["difference_ate"].abs() > 0.1).any()


def test_no_outcome_before_is_said():
    found = estimated(campaign(), before=None)
    assert "observational_no_negative_control" in warned(found)
    assert kinds(found)[ATE] == "effect"


def test_a_weak_effect_under_strong_confounding_is_fragile():
    found = estimated(campaign(selection=1.2, effect=0.9, n=4000), before=None)
    effects = found.effects.set_index("method")
    assert effects.loc[ATE, "lower"] > 0.0
    assert "observational_fragile" in warned(found)


def test_a_few_huge_customers_do_not_turn_the_adjustment():
    """Of a random campaign whose one covariate is a thousand times the usual for a few."""
    table = campaign(7, selection=0.0)
    found = estimated(table.assign(loyalty=np.exp(3.0 * table["loyalty"])), before=None)
    effects = found.effects.set_index("method")
    width = effects["upper"] - effects["lower"]
    assert width[ATE] < 1.1 * width[MEANS]
    assert kinds(found)[ATE] == "effect"


def test_a_covariate_that_decides_the_treatment_leaves_no_effect():
    table = campaign(8).assign(loyalty=lambda known: known["treated"] * 1.0)
    found = estimated(table)
    assert set(kinds(found).values()) == {"difference"}
    assert (found.overlap["outside_support"] == 1.0).all()


def test_a_small_arm_is_not_adjusted():
    table = campaign()
    rows = pd.concat([table[table["treated"]].head(40), table[~table["treated"]]])
    found = estimated(rows)
    assert kinds(found) == {MEANS: "difference", TRENDS: "difference"}
    assert "observational_few" in warned(found)


def test_the_order_of_customers_changes_nothing(measured):
    shuffled = campaign(4).sample(frac=1.0, random_state=5)
    assert_frame_equal(estimated(shuffled).effects, measured.effects, check_exact=True)


def test_arms_are_each_compared_with_the_control():
    table = campaign(6)
    arms = np.where(table["treated"], np.where(np.arange(len(table)) % 2, "mail", "app"), "control")
    both = table.assign(treated=arms)
    found = estimated(both)
    assert list(found.effects["arm"].unique()) == ["app", "mail"]
    alone = estimated(both[both["treated"] != "app"])
    own = found.effects[found.effects["arm"] == "mail"].reset_index(drop=True)
    assert_frame_equal(own, alone.effects)


def test_notes_are_said_in_both_languages():
    found = [
        estimated(campaign(hidden=1.0, effect=0.0)),
        estimated(campaign(trend=1.0), before={"spend": ["before_1"]}),
        estimated(campaign(selection=6.0), covariates=["loyalty"], before=None),
    ]
    for note in [note for each in found for note in (*each.assumptions, *each.warnings)]:
        for language in ("en", "zh"):
            said = note.told(language)
            assert said
            assert "observational" not in said
            assert "{" not in said


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda table: table.drop(columns="loyalty"), {}, "no column loyalty"),
        (lambda table: table[table["treated"]], {}, "no control"),
        (lambda table: table[~table["treated"]], {}, "no customer was treated"),
        (
            lambda table: pd.concat([table[table["treated"]], table[~table["treated"]].head(3)]),
            {},
            "control has 3",
        ),
        (
            lambda table: table.assign(spend=table["spend"].where(table.index > 4)),
            {},
            "missing for 5 customers",
        ),
        (lambda table: table.assign(spend="much"), {}, "column spend is no number"),
        (lambda table: table.assign(treated=table["treated"].where(table.index > 4)), {}, "no arm for 5"),
        (lambda table: table, {"covariates": ["spend"]}, "column spend is no covariate"),
        (lambda table: table, {"before": {"visits": ["before_1"]}}, "visits has values before"),
    ],
)
def test_what_is_refused(change, options, message):
    with pytest.raises(DataError, match=message):
        estimated(change(campaign()), **options)


@pytest.mark.parametrize(("number", "day"), [("13", "2017-08-08"), ("18", "2017-10-30")])
@pytest.mark.slow
def test_complete_journey_campaigns_were_not_randomised(shared_data, number, day):
    """A grocer's campaigns to its best customers, and the bundled sample of a year's lines."""
    folder = shared_data / "completejourney"
    lines = pd.read_parquet(folder / "transactions_sample.parquet")
    campaigns = pd.read_parquet(folder / "campaigns.parquet")
    sent = campaigns.loc[campaigns["campaign_id"] == number, "household_id"]
    lines = lines.assign(day=(lines["transaction_timestamp"] - pd.Timestamp(day)).dt.days)
    past = lines[lines["day"] < 0].groupby("household_id")
    first_days = {f"before_{each}": -56 * each for each in (3, 2, 1)} | {"spend": 0}
    table = pd.DataFrame(
        {
            "frequency": past["basket_id"].nunique(),
            "recency": -past["day"].max(),
            "total": past["sales_value"].sum(),
            "stores": past["store_id"].nunique(),
            **{
                name: lines[lines["day"].between(first, first + 55)]
                .groupby("household_id")["sales_value"]
                .sum()
                for name, first in first_days.items()
            },
        }
    ).fillna(0.0)
    table = table[table["frequency"] > 0].assign(treated=lambda known: known.index.isin(sent))
    before = {"spend": ["before_3", "before_2", "before_1"]}
    found = estimated(table, covariates=["frequency", "recency", "total", "stores"], before=before)
    assert {"observational_not_randomised", "observational_poor_overlap"} <= warned(found)
    assert (found.balance["difference_before"].abs() > 0.3).all()
    assert (found.overlap["covariates_p_value"] < 1e-50).all()
    effects = found.effects.set_index("method")
    # The treated have too few like them, whatever is adjusted.
    assert (effects.loc[[MEANS, ATT, TRENDS], "kind"] == "difference").all()
    # What looks like a strong effect is mostly whom the grocer chose.
    assert abs(effects.loc[ATE, "estimate"]) < 0.2 * effects.loc[MEANS, "estimate"]
