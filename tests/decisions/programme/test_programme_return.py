"""Return of the relationship programme: by hand, by simulation, and what is not counted."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from guanxi.decisions.programme import CampaignEffects, programme_answer, programme_return
from guanxi.errors import DataError, ParamsError
from guanxi.params import Params, override

AS_OF = date(2026, 12, 31)
SPENT = pd.DataFrame(
    {
        "phase": ["collect", "act", "act", "evaluate"],
        "date": ["2026-01-01", "2026-03-01", "2026-04-01", "2027-01-01"],
        "amount": [100.0, 200.0, 100.0, 50.0],
    }
)


def effects(*rows) -> pd.DataFrame:
    columns = ["outcome", "arm", "method", "kind", "estimate", "lower", "upper", "n_treated"]
    return pd.DataFrame(rows, columns=columns)


def mail(kind: str = "effect", estimate: float = 1.0, half: float = 0.5) -> pd.DataFrame:
    row = ("mail", "adjusted", kind, estimate, estimate - half, estimate + half, 600)
    return effects(("purchases", *row), ("margin", *row))


def found(*campaigns: CampaignEffects, **more):
    return programme_return(SPENT, campaigns, as_of=AS_OF, **more)


def test_cost_by_phase():
    phases = found().phases.set_index("phase")
    assert phases["cost"].to_dict() == {"collect": 100, "analyse": 0, "set": 0, "act": 300, "evaluate": 0}
    assert phases.loc["act", ["share", "first", "last"]].tolist() == [0.75, "2026-03-01", "2026-04-01"]


def test_gain_return_and_payback_by_hand():
    one = found(CampaignEffects("spring", mail(), date(2026, 3, 1), 60))
    assert (one.cost, one.gain, one.gain_lower, one.gain_upper) == (400, 600, 300, 900)
    assert one.rate(one.gain) == 0.5
    # 10 a day from 1 March: 400 on the 40th day; the upper end, 15 a day, has 300 on the 20th and 400 on the
    # 27th; the cost of 1 April comes when it has 480.
    assert one.payback == date(2026, 4, 9)
    assert one.payback_earliest == date(2026, 3, 20)
    assert one.payback_latest is None
    assert one.probability == pytest.approx(0.9044, abs=1e-4)  # normal, 200 over an error of 153.06


def test_errors_of_campaigns_are_independent_and_those_of_arms_the_same():
    spring, autumn = (CampaignEffects(name, mail(), date(2026, 3, 1), 60) for name in ("spring", "autumn"))
    two = found(spring, autumn)
    assert two.gain == 1200
    assert two.gain - two.gain_lower == pytest.approx(300 * np.sqrt(2))
    arms = pd.concat([mail(), mail().assign(arm="call")])
    both = found(CampaignEffects("spring", arms, date(2026, 3, 1), 60))
    assert both.gain - both.gain_lower == pytest.approx(600)


def test_differences_are_counted_only_by_name():
    spring = CampaignEffects("spring", mail("difference"), date(2026, 3, 1), 60)
    left = found(spring)
    assert (left.gain, left.probability, left.payback) == (0, None, None)
    assert left.campaigns["counted"].tolist() == [False]
    counted = found(spring, count_differences=["spring"])
    assert counted.gain == 600
    with pytest.raises(ParamsError, match="there is no campaign 'sprin': did you mean spring"):
        found(spring, count_differences=["sprin"])


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_says_what_is_not_counted(language):
    params = override(Params(), {"language": language})
    spring = CampaignEffects("spring", mail("difference"), date(2026, 3, 1), 60)

    def notices(**more) -> str:
        return " ".join(programme_answer(found(spring, **more), None, params, AS_OF, 90).chapters[0].notices)

    left = {
        "en": "Not counted, since it is a difference and not an effect: spring (mail)",
        "zh": "只是差异而非效果，未计入：spring (mail)",
    }
    counted = {"en": "although it is only a difference", "zh": "虽然只是差异"}
    assert left[language] in notices()
    assert counted[language] in notices(count_differences=["spring"])
    assert left[language] not in notices(count_differences=["spring"])


def test_spend_instead_of_margin_is_said():
    spend = mail().replace({"outcome": {"margin": "spend"}})
    one = found(CampaignEffects("spring", spend, date(2026, 3, 1), 60))
    [notice] = programme_answer(one, None, Params(), AS_OF, 90).chapters[0].notices
    assert notice.startswith("Spend, not margin, is counted of: spring.")


def test_of_several_estimates_the_effect_on_the_treated_comes_first():
    row = lambda method, kind, value: ("margin", "mail", method, kind, value, value, value, 10)  # noqa: E731
    rows = effects(
        row("difference", "difference", 9.0),
        row("doubly_robust_ate", "effect", 2.0),
        row("doubly_robust_att", "effect", 3.0),
    )
    one = found(CampaignEffects("spring", rows, date(2026, 3, 1), 60))
    assert one.campaigns[["method", "estimate"]].to_numpy().tolist() == [["doubly_robust_att", 3.0]]


def test_an_average_over_all_customers_is_not_what_the_treated_brought():
    row = lambda method, kind, value: ("margin", "mail", method, kind, value, value, value, 10)  # noqa: E731
    of_all = row("doubly_robust_ate", "effect", 2.0)
    trends = row("difference_in_differences", "effect", 4.0)
    one = found(CampaignEffects("spring", effects(of_all, trends), date(2026, 3, 1), 60))
    assert (one.campaigns["method"].item(), one.gain) == ("difference_in_differences", 40.0)
    one = found(CampaignEffects("spring", effects(of_all), date(2026, 3, 1), 60))
    assert (one.gain, one.probability) == (0.0, None)


def test_customers_treated_are_known_from_another_row_of_the_arm():
    rows = effects(
        ("spend", "mail", "difference", "difference", 9.0, 8.0, 10.0, 500),
        ("spend", "mail", "doubly_robust_att", "effect", 2.0, 1.0, 3.0, None),
    )
    assert found(CampaignEffects("spring", rows, date(2026, 3, 1), 60)).gain == 1000


def test_days_to_come_are_not_counted():
    late = CampaignEffects("late", mail(), date(2026, 12, 2), 60)
    half = found(late)
    assert half.gain == 300
    assert found(CampaignEffects("later", mail(), date(2027, 2, 1), 60)).gain == 0


@pytest.mark.slow
def test_intervals_of_a_sum_of_campaigns_cover():
    random = np.random.default_rng(0)
    hits = 0
    for _ in range(100):
        drawn = [
            CampaignEffects(f"c{i}", mail(estimate=random.normal(1, 0.5 / 1.959964)), date(2026, 1, 1), 10)
            for i in range(4)
        ]
        one = found(*drawn)
        hits += one.gain_lower <= 2400 <= one.gain_upper
    assert 90 <= hits <= 99  # 95 nominally


def test_bad_input():
    with pytest.raises(DataError, match="nothing was invested by 2025"):
        programme_return(SPENT, [], as_of=date(2025, 1, 1))
    with pytest.raises(DataError, match="no column 'n_treated'"):
        found(CampaignEffects("spring", mail().drop(columns="n_treated"), date(2026, 3, 1), 60))
    with pytest.raises(DataError, match="no estimate of the outcomes margin and spend"):
        found(CampaignEffects("spring", mail().iloc[:1], date(2026, 3, 1), 60))
    with pytest.raises(DataError, match="no estimate of the outcomes"):
        found(CampaignEffects("spring", mail(estimate=np.nan), date(2026, 3, 1), 60))
    with pytest.raises(DataError, match="arm 'mail': n_treated is not given"):
        found(CampaignEffects("spring", mail().assign(n_treated=np.nan), date(2026, 3, 1), 60))
    with pytest.raises(ParamsError, match="write a date as YYYY-MM-DD"):
        override(Params(), {"programme.campaigns": {"a": {"effects": "x", "date": 5, "days": 3}}})


def test_dates_of_the_picture_do_not_overlap():
    from guanxi.decisions.programme._programme_pictures import draw_payback

    days = pd.date_range("1998-03-15", "1998-06-30")
    columns = {name: np.arange(len(days)) for name in ("cost", "gain", "gain_lower", "gain_upper")}
    figure = draw_payback(pd.DataFrame({"date": days, **columns}), "en")
    figure.canvas.draw()
    boxes = [each.get_window_extent() for each in figure.axes[0].get_xticklabels() if each.get_text()]
    assert len(boxes) >= 3
    assert not any(a.x1 >= b.x0 for a, b in pairwise(boxes))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"estimate": np.inf}, "endless or huge"),
        ({"estimate": 1e200}, "endless or huge"),
        ({"n_treated": -600}, "negative n_treated"),
        ({"lower": 2.0}, "outside its interval"),
        ({"estimate": "1.0"}, "column 'estimate' holds no numbers"),
        ({"n_treated": "many"}, "column 'n_treated' holds no numbers"),
        ({"arm": None}, "an arm without a name"),
        ({"arm": {"a": 1}}, "an arm without a name"),
    ],
)
def test_effects_that_cannot_be_added_up_are_refused(change, message):
    strange = mail().assign(**{name: [value] * 2 for name, value in change.items()})
    with pytest.raises(DataError, match=message):
        found(CampaignEffects("spring", strange, date(2026, 3, 1), 60))


def test_an_arm_without_an_estimate_is_named_and_not_counted():
    row = ("adjusted", "effect", 1.0, 0.5, 1.5, 600)
    nothing = ("adjusted", "effect", np.nan, np.nan, np.nan, 600)
    table = effects(("margin", "mail", *row), ("margin", "call", *nothing), ("spend", "call", *row))
    one = found(CampaignEffects("spring", table, date(2026, 3, 1), 60))
    assert one.campaigns["arm"].tolist() == ["mail"]
    assert one.unmeasured == ("spring (call)",)
    for language, text in (("en", "Not counted, since neither"), ("zh", "未计入：spring (call)")):
        answer = programme_answer(one, None, override(Params(), {"language": language}), AS_OF, 90)
        assert any(text in notice for notice in answer.chapters[0].notices)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (SPENT.drop(columns="amount"), "the investments have no column 'amount': give phase, date and"),
        (SPENT.assign(amount=[1.0, np.nan, 2.0, 3.0]), "1 investments .*first: 'act', 2026-03-01, nan"),
        (SPENT.assign(amount=[1.0, np.inf, 2.0, 3.0]), "1 investments .* no amount of at least 0"),
        (SPENT.assign(amount=[1.0, -2.0, 2.0, 3.0]), "1 investments .* no amount of at least 0"),
        (SPENT.assign(amount="much"), "4 investments .*first: 'collect', 2026-01-01, much"),
        (SPENT.assign(date="soon"), "4 investments .*no date"),
        (SPENT.assign(phase="party"), "4 investments have no phase"),
        (SPENT.iloc[:0], "nothing was invested by 2026-12-31"),
    ],
)
def test_investments_that_cannot_be_used(table, message):
    with pytest.raises(DataError, match=message):
        programme_return(table, [], as_of=AS_OF)
