"""The chapter on uplift."""

from __future__ import annotations

from dataclasses import replace

import pytest

from guanxi.decisions.uplift import uplift_chapter
from guanxi.decisions.uplift._policies import Interval
from guanxi.report.chapters import render_document


def page(chapter, language) -> str:
    return render_document(
        "Campaign",
        [chapter],
        source="x.csv",
        as_of=None,
        model_version="",
        language=language,
        generated_by="guanxi",
    )


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.slow
def test_page_of_both_languages_has_every_table_and_picture(found, language):
    html = page(uplift_chapter(found, language), language)
    assert html.count("<table") == 5
    assert html.count("data:image/svg+xml") == 2
    assert "{" not in html.split("</style>")[1].split("data:image")[0]


def test_what_is_found_is_said(found):
    chapter = uplift_chapter(found, "en")
    assert chapter.paragraphs[0].startswith("Customers differ in what voucher changes")
    titles = [table.title for table in chapter.tables]
    assert titles == [
        "Targeting by uplift and simpler policies",
        "Segments",
        "Uplift by decile",
        "What moves the uplift",
        "Learners compared",
    ]


@pytest.mark.slow
def test_nothing_to_target_is_said_without_segments(nothing_found):
    chapter = uplift_chapter(nothing_found, "en")
    assert chapter.paragraphs[0].startswith("There is nothing to target")
    titles = [table.title for table in chapter.tables]
    assert "Segments" not in titles
    assert "What moves the uplift" not in titles
    assert page(uplift_chapter(nothing_found, "zh"), "zh")


@pytest.mark.parametrize(
    ("difference", "said"),
    [
        (Interval(0.02, 0.01, 0.03), "Targeting by uplift beats targeting the likeliest buyers"),
        (Interval(0.01, -0.01, 0.03), "Uplift does not beat targeting by response"),
        (Interval(-0.02, -0.03, -0.01), "Uplift does not beat targeting by response, it is worse"),
    ],
)
def test_the_verdict_follows_the_interval_of_the_difference(found, difference, said):
    comparison = replace(found.comparison, qini_difference=difference)
    chapter = uplift_chapter(replace(found, comparison=comparison), "en")
    assert chapter.paragraphs[1].startswith(said)


def test_the_page_warns_if_arms_were_not_assigned_at_random(found):
    notices = uplift_chapter(replace(found, randomised=False), "en").notices
    assert any("not assigned at random" in notice for notice in notices)
    assert not any("not assigned at random" in notice for notice in uplift_chapter(found, "en").notices)


def test_harm_that_is_not_shown_is_not_claimed(found):
    segments = found.comparison.segments.copy()
    harmed = segments["segment"] == "do_not_disturb"
    segments.loc[harmed, ["customers", "uplift", "uplift_lower", "uplift_upper"]] = [100, -0.02, -0.05, 0.01]
    unsure = replace(found, comparison=replace(found.comparison, segments=segments))
    assert any("is not shown" in notice for notice in uplift_chapter(unsure, "en").notices)
    segments = segments.assign(uplift_upper=segments["uplift_upper"].mask(harmed, -0.01))
    sure = replace(found, comparison=replace(found.comparison, segments=segments))
    assert not any("is not shown" in notice for notice in uplift_chapter(sure, "en").notices)
