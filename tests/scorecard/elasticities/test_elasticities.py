"""What moves value: hand-computed numbers, laws, and the truth of the simulated company."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from guanxi.errors import DataError, ParamsError
from guanxi.scorecard.elasticities._elasticities import elasticities
from guanxi.scorecard.elasticities._errors_in_variables import fit_linear, noise_variance
from guanxi.scorecard.elasticities._own_data import survey_answers
from guanxi.simulation import Effects, simulate_company

CUTOFF, HORIZON = date(2023, 12, 31), 365
# Satisfaction, loyalty, interaction, service quality.
DRIVERS = ("csat", "nps_score", "interactions", "servqual_gap")
MEASURED = ("csat", "nps_score", "servqual_gap")
# What lies before the drivers: not the purchases, through which they work.
CONTROLS = ("acquired_days", "segment", "country", "contract")
LOGARITHMIC = ("interactions", "acquired_days")
ALONE, TOGETHER = "controls", "controls and the other drivers"
# Of 200,000 customers whose satisfaction, loyalty and service quality are known without noise: the slow test
# finds them anew.
TRUTH = {
    ("spend", ALONE): (0.461, 0.423, 0.665, 0.249),
    ("spend", TOGETHER): (0.230, 0.183, 0.459, 0.002),
    ("churned", ALONE): (-0.364, -0.365, -0.627, -0.197),
    ("churned", TOGETHER): (-0.115, -0.168, -0.585, 0.004),
}


def indicators_of(company):
    """What is known of every customer as of the cutoff, apart from their answers."""
    after = pd.Timestamp(CUTOFF) + pd.Timedelta(days=1)
    table = company.customers[["customer_id", "segment", "country", "contract", "acquired_on"]]
    table = table[table["acquired_on"] < after]
    talks = company.interactions[company.interactions["direction"] == "inbound"]
    talks = talks[(talks["timestamp"] < after) & (talks["timestamp"] >= after - pd.Timedelta(days=365))]
    counts = talks.groupby("customer_id").size()
    return table.assign(
        interactions=table["customer_id"].map(counts).fillna(0.0),
        acquired_days=(after - table["acquired_on"]).dt.days,
    )


def estimates(company, **options):
    table = indicators_of(company)
    outcomes = company.realised(CUTOFF, HORIZON)[["customer_id", "spend", "churned"]]
    given = {"answers": survey_answers(company.surveys, CUTOFF), "logarithmic": LOGARITHMIC} | options
    return elasticities(table, outcomes, DRIVERS, CONTROLS, **given)


def with_truth(found, truth=None):
    rows = [
        {"outcome": outcome, "adjusted_for": adjusted, "driver": driver, "truth": true}
        for (outcome, adjusted), values in (truth or TRUTH).items()
        for driver, true in zip(DRIVERS, values, strict=True)
    ]
    table = found.merge(pd.DataFrame(rows), on=["outcome", "adjusted_for", "driver"])
    assert len(table) == len(found)
    return table.assign(covered=(table["lower"] <= table["truth"]) & (table["truth"] <= table["upper"]))


def row_of(found, outcome, driver, adjusted_for=ALONE):
    picked = (found["outcome"] == outcome) & (found["driver"] == driver)
    return found[picked & (found["adjusted_for"] == adjusted_for)].iloc[0]


@pytest.fixture(scope="module")
def company():
    return simulate_company(customers=6000, seed=11)


@pytest.fixture(scope="module")
def found(company):
    return estimates(company)


@pytest.fixture
def customers():
    """Two independent drivers, a control of each kind, and outcomes that follow from them."""
    generator = np.random.default_rng(0)
    n = 2000
    table = pd.DataFrame(
        {
            "customer_id": np.arange(n),
            "csat": generator.uniform(0.0, 1.0, n),
            "visits": generator.poisson(4.0, n).astype(float),
            "age": generator.normal(40.0, 10.0, n),
            "country": generator.choice(["DE", "FR", "UK"], n),
        }
    )
    spend = 50.0 + 100.0 * table["csat"] + 5.0 * table["visits"] + 20.0 * (table["country"] == "FR")
    outcomes = pd.DataFrame({"customer_id": np.arange(n), "spend": spend})
    return table, outcomes


# --- by hand ------------------------------------------------------------------


def test_an_exact_line_is_found_exactly(customers):
    table, outcomes = customers
    found = elasticities(table, outcomes, ["csat", "visits"], ["country"])
    mean = outcomes["spend"].mean()
    for driver, slope in (("csat", 100.0), ("visits", 5.0)):
        row = row_of(found, "spend", driver, TOGETHER)
        assert row["estimate"] == pytest.approx(slope * table[driver].std(ddof=0) / mean)
        assert row["elasticity"] == pytest.approx(slope * table[driver].mean() / mean)
        assert row["reliability"] == 1.0
        assert row["n"] == len(table)


def test_without_controls_and_noise_it_is_least_squares_with_robust_errors(customers):
    table, outcomes = customers
    generator = np.random.default_rng(1)
    outcomes = outcomes.assign(spend=outcomes["spend"] + generator.normal(0.0, 40.0, len(table)))
    row = row_of(elasticities(table, outcomes, ["csat"]), "spend", "csat")
    x, y = table["csat"] - table["csat"].mean(), outcomes["spend"] / outcomes["spend"].mean()
    slope = (x @ y) / (x @ x)
    step = np.sqrt((x**2).mean())
    residual = y - 1.0 - slope * x
    # Errors of slope, mean outcome and standard deviation, each by its influence.
    influence = x * residual / step - slope * step * (y - 1.0) + slope * (x**2 - step**2) / (2.0 * step)
    error = 1.6448536 * np.sqrt((influence**2).sum()) / np.sqrt(len(x)) / np.sqrt(len(x) - 2)
    assert row["estimate"] == pytest.approx(slope * step)
    assert [row["lower"], row["upper"]] == pytest.approx([slope * step - error, slope * step + error])


def test_known_noise_is_taken_out_of_the_moments():
    generator = np.random.default_rng(4)
    n = 50_000
    true = np.column_stack([np.ones(n), generator.gamma(2.0, 1.0, n)])
    # Whoever has more of it is measured worse: nothing says how noise and driver may go together.
    variance = np.column_stack([np.zeros(n), true[:, 1]])
    seen = true + np.sqrt(variance) * generator.standard_normal((n, 2))
    outcome = true @ np.array([1.0, 0.5]) + generator.standard_normal(n)
    fit = fit_linear(seen, variance, outcome)
    error = np.sqrt((fit.influence**2).sum(axis=0)) / n
    assert (np.abs(fit.coefficients - [1.0, 0.5]) < 3.0 * error).all()
    assert fit_linear(seen, 0.0 * variance, outcome).coefficients[1] == pytest.approx(0.25, abs=0.02)


def test_noise_is_taken_out_as_repeated_answers_show_it():
    generator = np.random.default_rng(2)
    n = 20_000
    table = pd.DataFrame({"customer_id": np.arange(n), "x": generator.normal(5.0, 1.0, n)})
    table["z"] = 0.6 * table["x"] + generator.normal(0.0, 0.8, n)
    outcomes = table[["customer_id"]].assign(spend=20.0 + 3.0 * table["x"] + generator.normal(0.0, 5.0, n))
    answers = table.loc[np.repeat(np.arange(n), generator.integers(1, 4, n)), ["customer_id", "x"]]
    answers["value"] = answers["x"] + generator.normal(0.0, 1.2, len(answers))
    answers["driver"] = "x"
    means = table["customer_id"].map(answers.groupby("customer_id")["value"].mean())
    corrected = elasticities(table.drop(columns="x"), outcomes, ["x", "z"], answers=answers)
    naive = elasticities(table.assign(x=means), outcomes, ["x", "z"])
    true, reliability = 3.0 / 35.0, 1.0 / (1.0 + 1.44 * (1.0 + 1.0 / 2.0 + 1.0 / 3.0) / 3.0)
    for adjusted_for in (ALONE, TOGETHER):
        row = row_of(corrected, "spend", "x", adjusted_for)
        assert row["lower"] < true < row["upper"]
        assert row["reliability"] == pytest.approx(reliability, abs=0.02)
        assert row_of(naive, "spend", "x", adjusted_for)["upper"] < true
    # What the noise took from x had gone over to z, which does nothing of its own.
    assert row_of(naive, "spend", "z", TOGETHER)["lower"] > 0.005
    row = row_of(corrected, "spend", "z", TOGETHER)
    assert row["lower"] < 0.0 < row["upper"]


def test_noise_is_what_repeated_answers_differ_by():
    number = np.array([3.0, 2.0, 2.0, 1.0, 1.0, 1.0, 1.0])
    spread = np.array([1.0, 2.0, 6.0, *[np.nan] * 4])
    # The four with one answer are like the two with two, whose variances are 4 on average.
    assert noise_variance(number, spread).sum() == pytest.approx(1.0 / 3.0 + 4.0 / 2.0 * 2 + 4.0 * 4)
    assert noise_variance(np.ones(3), np.full(3, np.nan)) is None


def test_answers_are_brought_to_their_scales_and_later_ones_are_not_seen():
    day, later = pd.Timestamp("2023-12-31 23:59"), pd.Timestamp("2024-01-01")
    rows = [
        ("a", day, "csat", 5.0, None, None, None, np.nan),
        ("a", day, "csat", 3.0, None, None, None, np.nan),
        ("b", day, "csat", 8.0, 0.0, 10.0, None, np.nan),
        ("a", later, "csat", 1.0, None, None, None, np.nan),
        ("a", day, "nps", 7.0, None, None, None, np.nan),
        ("a", day, "servqual", 4.0, None, None, "empathy", 7.0),
        ("a", day, "servqual", 7.0, None, None, "tangibles", 5.5),
        ("b", day, "servqual", 1.0, None, None, "tangibles", np.nan),
        ("b", day, "ces", np.nan, None, None, None, np.nan),
    ]
    names = ("customer_id", "timestamp", "instrument", "score", "scale_low", "scale_high", "dimension")
    surveys = pd.DataFrame(rows, columns=[*names, "expectation"])
    surveys[["scale_low", "scale_high"]] = surveys[["scale_low", "scale_high"]].astype(float)
    found = survey_answers(surveys, CUTOFF)
    listed = found.sort_values(["driver", "customer_id", "value"]).to_numpy().tolist()
    assert listed == [
        ["a", "csat", 0.5],
        ["a", "csat", 1.0],
        ["b", "csat", 0.8],
        ["a", "nps_score", 7.0],
        # Dimensions rated at one moment are one answer; without an expectation there is no gap.
        ["a", "servqual_gap", -0.125],
    ]
    without = survey_answers(surveys[["customer_id", "timestamp", "instrument", "score"]], CUTOFF)
    assert set(without["driver"]) == {"csat", "nps_score"}


# --- laws ---------------------------------------------------------------------


def test_order_units_and_currency_change_nothing(customers):
    table, outcomes = customers
    outcomes = outcomes.assign(spend=outcomes["spend"] ** 1.5)
    usual = elasticities(table, outcomes, ["csat", "visits"], ["age", "country"])
    numbers = ["estimate", "lower", "upper", "elasticity", "elasticity_lower", "elasticity_upper"]
    shuffled = table.sample(frac=1.0, random_state=0).assign(csat=lambda rows: 100.0 * rows["csat"])
    other = outcomes.assign(spend=7.0 * outcomes["spend"])
    again = elasticities(shuffled, other, ["visits", "csat"], ["country", "age"])
    keys = ["outcome", "adjusted_for", "driver"]
    merged = usual.merge(again, on=keys, suffixes=("", "_again"))
    assert len(merged) == 4
    for name in numbers:
        np.testing.assert_allclose(merged[name], merged[f"{name}_again"], rtol=1e-9)


def test_customers_without_a_driver_are_left_out_and_counted(customers):
    table, outcomes = customers
    table.loc[:499, "csat"] = np.nan
    found = elasticities(table, outcomes, ["csat", "visits"])
    assert row_of(found, "spend", "csat")["n"] == 1500
    assert "500 customers" in row_of(found, "spend", "csat")["note"]
    assert row_of(found, "spend", "visits")["n"] == 2000
    assert (found.loc[found["adjusted_for"] == TOGETHER, "n"] == 1500).all()


def test_controls_may_be_missing_constant_rare_or_say_the_same(customers):
    table, outcomes = customers
    usual = elasticities(table, outcomes, ["csat"], ["age", "country"])
    table["age_again"] = 2.0 * table["age"]
    table["one"] = 1.0
    table["none"] = np.nan
    more = elasticities(table, outcomes, ["csat"], ["age", "country", "age_again", "one", "none"])
    np.testing.assert_allclose(usual["estimate"], more["estimate"])
    table.loc[::7, "age"] = np.nan
    table.loc[::5, "country"] = None
    table.loc[3, "country"] = "LU"
    assert np.isfinite(elasticities(table, outcomes, ["csat"], ["age", "country"])["estimate"]).all()


def test_every_row_says_that_it_is_no_cause(found):
    assert found["note"].str.startswith("association, not cause").all()


# --- what the data cannot tell ------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "note"),
    [
        ("csat", 0.5, "csat is constant or unknown for all customers"),
        ("csat", np.nan, "csat is constant or unknown for all customers"),
        ("csat", [0.2] * 10 + [0.3] * 5 + [np.nan] * 1985, "too few customers: at least 20 for 2 columns"),
        ("spend", 0.0, "spend is constant for these customers, or its mean is not above 0"),
        ("spend", 1.0, "spend is constant for these customers, or its mean is not above 0"),
    ],
)
def test_no_number_where_the_data_cannot_tell_and_the_reason(customers, name, value, note):
    table, outcomes = customers
    (table if name in table else outcomes)[name] = value
    found = elasticities(table, outcomes, ["csat"])
    assert found["estimate"].isna().all()
    assert found["note"].tolist() == [note]


def test_noise_for_the_most_part_gives_no_number(customers):
    table, outcomes = customers
    generator = np.random.default_rng(3)
    twice = pd.concat([table, table])
    noise = generator.normal(0.0, 1.5, len(twice))
    answers = twice[["customer_id"]].assign(driver="csat", value=twice["csat"] + noise)
    found = elasticities(table, outcomes, ["csat", "visits"], answers=answers)
    assert "csat is mostly measurement error (reliability 0.0" in row_of(found, "spend", "csat")["note"]
    assert np.isfinite(row_of(found, "spend", "visits")["estimate"])
    # Answers to nearly the same question, half of them noise, cannot be told apart.
    pairs = [
        twice[["customer_id"]].assign(
            driver=name, value=twice["csat"] + generator.normal(0.0, 0.4, len(twice))
        )
        for name in ("csat", "ces")
    ]
    found = elasticities(table, outcomes, ["csat", "ces"], answers=pd.concat(pairs))
    together = found[found["adjusted_for"] == TOGETHER]
    assert together["estimate"].isna().all()
    assert together["note"].str.contains("mostly measurement error").all()


def test_where_nobody_answered_twice_the_noise_stays_and_it_is_said(customers):
    table, outcomes = customers
    answers = table[["customer_id"]].assign(driver="csat", value=table["csat"])
    row = row_of(elasticities(table, outcomes, ["csat"], answers=answers), "spend", "csat")
    assert "no customer has answered twice: measurement error not removed" in row["note"]
    same = row_of(elasticities(table, outcomes, ["csat"]), "spend", "csat")
    assert row["estimate"] == pytest.approx(same["estimate"])


@pytest.mark.parametrize(
    ("drivers", "controls", "options", "error", "message"),
    [
        (["csatt"], [], {}, ParamsError, "no indicator is called csatt: did you mean csat"),
        (["csat"], ["csat"], {}, ParamsError, "csat is given twice"),
        (["csat"], [], {"logarithmic": ["visits"]}, ParamsError, "neither driver nor control"),
        (["csat"], [], {"level": 90}, ParamsError, "level is 90: give a probability"),
        (["country"], [], {}, DataError, "drivers and outcomes are numbers"),
        (["below"], [], {"logarithmic": ["below"]}, DataError, "below has values below 0"),
        (["csat", "again"], [], {}, DataError, "driver csat is collinear with again, .* leave one out"),
        (
            ["csat"],
            ["again"],
            {},
            DataError,
            "driver csat is collinear with the controls",
        ),
        (["endless"], [], {}, DataError, "endless is infinite for customer 0"),
    ],
)
def test_what_cannot_be_asked_is_refused(customers, drivers, controls, options, error, message):
    table, outcomes = customers
    table = table.assign(again=1.0 - table["csat"], below=table["csat"] - 1.0, endless=np.inf)
    with pytest.raises(error, match=message):
        elasticities(table, outcomes, drivers, controls, **options)


def test_tables_that_do_not_fit_are_refused(customers):
    table, outcomes = customers
    with pytest.raises(DataError, match="customer 0 appears twice in the indicators"):
        elasticities(pd.concat([table, table]), outcomes, ["csat"])
    with pytest.raises(DataError, match="no customer has both"):
        elasticities(table.assign(customer_id=table["customer_id"] + 5000), outcomes, ["csat"])
    with pytest.raises(ParamsError, match="spend is an outcome"):
        elasticities(table.assign(spend=1.0), outcomes, ["csat"], ["spend"])
    answers = table[["customer_id"]].assign(driver="csat", value=0.5)
    with pytest.raises(ParamsError, match="csat is an answer: leave it out of logarithmic"):
        elasticities(table, outcomes, ["csat"], answers=answers, logarithmic=["csat"])


# --- the simulated company ----------------------------------------------------


def test_the_intervals_cover_the_truth_of_the_simulated_company(found):
    table = with_truth(found)
    assert len(table) == 16
    # Of 150 other seeds 127 had 13 or more, and the mean was 14.3.
    assert table["covered"].sum() >= 13
    for driver in ("csat", "nps_score", "interactions"):
        assert row_of(found, "spend", driver)["lower"] > 0.0
        assert row_of(found, "churned", driver)["upper"] < 0.0


def test_noise_left_in_hides_the_truth(company):
    answers = survey_answers(company.surveys, CUTOFF)
    means = answers.groupby(["customer_id", "driver"], as_index=False)["value"].mean()
    naive = with_truth(estimates(company, answers=means)).set_index(["adjusted_for", "driver"])
    assert not naive.loc[ALONE].loc[["csat", "nps_score"], "covered"].any()


def test_purchases_as_controls_ask_another_question(company, found):
    """Held equal, the purchases take away what engagement does through them."""
    table = indicators_of(company)
    lines = company.transactions[company.transactions["timestamp"] < "2024-01-01"]
    table["purchases"] = table["customer_id"].map(lines.groupby("customer_id")["order_id"].nunique())
    outcomes = company.realised(CUTOFF, HORIZON)[["customer_id", "spend"]]
    given = {
        "answers": survey_answers(company.surveys, CUTOFF),
        "logarithmic": [*LOGARITHMIC, "purchases"],
    }
    beyond = elasticities(table, outcomes, DRIVERS, [*CONTROLS, "purchases"], **given)
    with_purchases = row_of(beyond, "spend", "interactions")
    assert with_purchases["upper"] < row_of(found, "spend", "interactions")["lower"]


def test_where_nothing_moves_value_nothing_is_found():
    names = ("dropout_satisfaction", "dropout_loyalty", "dropout_risk", "purchases_engagement")
    nothing = Effects(**dict.fromkeys((*names, "purchases_satisfaction", "spend_loyalty"), 0.0))
    found = estimates(simulate_company(customers=4000, seed=12, effects=nothing))
    # Interactions end when a customer leaves: they tell who is still there, whatever moves them.
    found = found[found["driver"] != "interactions"]
    assert ((found["lower"] < 0.0) & (found["upper"] > 0.0)).sum() >= len(found) - 2
    assert found["estimate"].abs().max() < 0.2


def test_realised_outcomes_are_ranked_by_the_truth_and_not_by_chance(company, rank_outcomes):
    realised = company.realised(company.as_of, 365)
    expected = company.expected(company.as_of, 365)
    scores = expected[["customer_id"]].assign(
        truth=expected["margin"], staying=-expected["churned"], chance=np.arange(len(expected)) % 97
    )
    ranked = rank_outcomes(scores, realised, ["truth", "staying", "chance"]).set_index("score")
    assert ranked.loc["truth", "value_spearman"] > 0.8
    assert ranked.loc["staying", "churn_auc"] > 0.9
    assert ranked.loc["chance", "churn_auc"] == pytest.approx(0.5, abs=0.03)
    assert (ranked["n"] == len(realised)).all()


@pytest.mark.slow
def test_the_intervals_cover_the_truth_as_often_as_they_say():
    large = simulate_company(customers=200_000, seed=99)
    table, true_scores = indicators_of(large), large.truth.set_index("customer_id")
    answers = survey_answers(large.surveys, CUTOFF)
    for name in MEASURED:
        answered = table["customer_id"].isin(answers.loc[answers["driver"] == name, "customer_id"])
        table[name] = table["customer_id"].map(true_scores[name]).where(answered)
    expected = large.expected(CUTOFF, HORIZON)[["customer_id", "spend", "churned"]]
    exact = with_truth(elasticities(table, expected, DRIVERS, CONTROLS, logarithmic=LOGARITHMIC))
    np.testing.assert_allclose(exact["estimate"], exact["truth"], atol=0.001)
    seeds = range(40)
    runs = [with_truth(estimates(simulate_company(5000, seed=1000 + seed))) for seed in seeds]
    covered = pd.concat(runs).groupby(["outcome", "adjusted_for", "driver"])["covered"].mean()
    assert 0.85 <= covered.mean() <= 0.95
    assert covered.min() >= 0.7
