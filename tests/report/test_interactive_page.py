"""The page as people use it, in Chromium: table, stories, charts, theme, folding; and what axe-core finds."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from guanxi.report import RunReport, render
from guanxi.report.words import words

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
CUSTOMERS = 400
WIDTHS = (390, 768, 1440)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as player:
        browser = player.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def few(report: RunReport, relationships: pd.DataFrame, hostile: str) -> RunReport:
    """Customers from every part of the table, the hostile one among them."""
    worth = report.predictions["clv"].to_numpy()
    rows = np.unique(np.linspace(0, len(worth) - 1, CUSTOMERS).astype(int))
    first = int(np.flatnonzero(report.predictions["customer_id"] == hostile)[0])
    rows = np.union1d(rows, [first])
    return replace(report, predictions=report.predictions.iloc[rows], relationships=relationships.iloc[rows])


@pytest.fixture(scope="module")
def files(few: RunReport, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder, made = tmp_path_factory.mktemp("pages"), {}
    for language in ("en", "zh"):
        made[language] = folder / f"{language}.html"
        made[language].write_text(render(replace(few, language=language)), encoding="utf-8")
    return made


class Visit:
    """An open page, and everything it complained of or asked for."""

    def __init__(self, page: Page, file: Path) -> None:
        self.page, self.said, self.asked = page, [], []
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))
        page.goto(file.as_uri())
        page.wait_for_selector("html.ready")

    def quiet(self) -> bool:
        return (
            self.said,
            [url for url in self.asked if not url.startswith(("file:", "data:", "blob:"))],
        ) == ([], [])


@pytest.fixture
def visit(chromium: Browser, files: dict[str, Path]) -> Iterator[Visit]:
    page = chromium.new_page(viewport={"width": 1440, "height": 900})
    found = Visit(page, files["en"])
    yield found
    assert found.quiet(), (found.said, found.asked)
    page.close()


def column(page: Page, label: str) -> list[float]:
    cells = page.locator(f"#rows td[data-label='{label}']")
    texts = [each.split("\n")[0] for each in cells.all_inner_texts()]
    return [float(each.replace(",", "").replace("−", "-")) for each in texts]


def test_the_table_sorts(visit, few):
    page = visit.page
    page.get_by_role("button", name="Value so far").click()
    shown = column(page, "Value so far")
    assert shown[0] == pytest.approx(few.relationships["spent"].max(), abs=1)
    assert shown == sorted(shown, reverse=True)
    assert (
        page.locator("th[aria-sort='descending']").inner_text().startswith(("Value so far", "↓ Value so far"))
    )
    page.get_by_role("button", name="Value so far").click()
    assert column(page, "Value so far") == sorted(column(page, "Value so far"))
    page.get_by_label("Sort by").select_option("churn:falling")
    assert page.locator("th[aria-sort='descending']").inner_text().count("Churn") == 1


def test_the_table_searches_filters_and_turns_its_pages(visit, few):
    page, found = visit.page, visit.page.locator("#found")
    everyone = f"{len(few.predictions)} of {len(few.predictions)} customers"
    assert found.inner_text() == everyone
    page.get_by_role("button", name="Next").click()
    assert page.locator("#pages").inner_text().startswith("Page 2 of")
    wanted = str(few.predictions["customer_id"].iloc[7])
    page.get_by_label("Search").fill(wanted)
    assert page.locator("#rows .id").all_inner_texts() == [wanted]
    page.get_by_label("Search").fill("")
    assert found.inner_text() == everyone
    page.get_by_label("Show").select_option(label="Small")
    count = int((few.relationships["segment"] == "Small").sum())
    assert found.inner_text() == f"{count} of {len(few.predictions)} customers"
    page.get_by_label("Show").select_option(label="Slipping away")
    silent = page.locator("#slipping tbody tr").count()
    assert int(found.inner_text().split()[0]) >= silent > 0


def test_what_is_shown_is_what_is_downloaded(visit, few):
    page = visit.page
    page.get_by_label("Show").select_option(label="Large")
    with page.expect_download() as started:
        page.locator("#table-csv").click()
    rows = list(csv.DictReader(io.StringIO(Path(started.value.path()).read_text(encoding="utf-8-sig"))))
    large = few.predictions[(few.relationships["segment"] == "Large").to_numpy()]
    assert len(rows) == len(large)
    assert sum(float(row["value"]) for row in rows) == pytest.approx(large["clv"].sum(), rel=1e-4)


def test_a_row_opens_the_customers_story(visit, hostile, few):
    page, dialog = visit.page, visit.page.locator("dialog")
    opener = page.locator("#rows .open").first
    assert opener.inner_text() == hostile  # as text
    opener.focus()
    page.keyboard.press("Enter")
    assert dialog.is_visible()
    assert page.evaluate("document.activeElement.textContent") == "Close"
    assert dialog.locator("h2").inner_text() == f"Customer {hostile}"
    text = dialog.inner_text()
    row = few.predictions.set_index("customer_id").loc[hostile]
    assert f"{row['frequency'] + 1:,.0f} purchases" in text
    assert "Newsletter, nothing more (email)" in text
    page.wait_for_function("document.querySelectorAll('dialog canvas').length === 2")
    assert dialog.locator(".why-list li").count() >= 1
    page.keyboard.press("Escape")
    assert not dialog.is_visible()
    assert page.evaluate("document.activeElement.textContent") == hostile
    page.locator("#slipping .open").first.click()
    assert dialog.is_visible()
    assert page.title() != "hacked"


def test_charts_answer_to_the_pointer_and_give_their_data(visit):
    page = visit.page
    figure = page.locator("figure[data-chart='concentration']")
    figure.scroll_into_view_if_needed()
    canvas = figure.locator("canvas")
    canvas.wait_for()
    assert figure.locator("img").is_hidden()
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 0.3 * box["height"], steps=4)
    page.wait_for_selector(".tip:not([hidden])")
    assert "share of expected value" in page.locator(".tip").inner_text()
    with page.expect_download() as started:
        figure.get_by_role("button").click()
    rows = list(csv.DictReader(io.StringIO(Path(started.value.path()).read_text(encoding="utf-8-sig"))))
    assert rows[-1]["share"] == rows[-1]["held"] == "100"


def test_chapters_fold_and_unfold(visit):
    page = visit.page
    button = page.locator("#value > h2 button")
    button.click()
    assert button.get_attribute("aria-expanded") == "false"
    assert page.locator("#value figure").is_hidden()
    page.locator("nav a[href='#value']").click()
    assert page.locator("#value figure").is_visible()
    page.get_by_role("button", name="Fold all chapters").click()
    assert not page.locator("main figure:visible").count()
    page.emulate_media(media="print")
    assert page.locator("#value figure").is_visible()


def test_the_theme_follows_the_system_until_one_is_chosen(visit):
    page = visit.page
    paper = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(paper)
    page.emulate_media(color_scheme="dark")
    dark = page.evaluate(paper)
    assert dark != light
    page.get_by_role("button", name="Light").click()
    assert page.evaluate(paper) == light
    page.get_by_role("button", name="Dark").click()
    assert page.evaluate(paper) == dark


def test_the_page_in_chinese_answers_too(chromium, files, few):
    t, page = words("zh"), chromium.new_page(viewport={"width": 1440, "height": 900})
    seen = Visit(page, files["zh"])
    assert page.locator("html").get_attribute("lang").startswith("zh")
    page.get_by_label(t["sort_by"]).select_option("churn:falling")
    wanted = str(few.predictions["customer_id"].iloc[7])
    page.get_by_label(t["search"]).fill(wanted)
    page.locator("#rows .open").click()
    assert t["timeline"] in page.locator("dialog").inner_text()
    page.keyboard.press("Escape")
    figure = page.locator("figure[data-chart='concentration']")
    figure.scroll_into_view_if_needed()
    figure.locator("canvas").wait_for()  # drawn by the browser, which has the characters
    page.get_by_role("button", name=t["dark"]).click()
    page.get_by_role("button", name=t["fold_all"]).click()
    assert not page.locator("main figure:visible").count()
    assert seen.quiet(), (seen.said, seen.asked)
    page.close()


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_overflows(chromium, files, language, width):
    page = chromium.new_page(viewport={"width": width, "height": 900})
    seen = Visit(page, files[language])
    page.evaluate("document.querySelectorAll('.folded .fold').forEach((button) => button.click())")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    outside = """[...document.querySelectorAll('main *, header *, nav *, footer *')]
        .filter((e) => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.scroll, thead'))
        .map((e) => e.outerHTML.slice(0, 120))"""
    assert page.evaluate(outside) == []
    page.locator("#rows .open").first.click()
    dialog = page.evaluate(
        "(({ scrollWidth, clientWidth }) => [scrollWidth, clientWidth])(document.querySelector('dialog'))"
    )
    assert dialog[0] <= dialog[1]
    assert seen.quiet()
    page.close()


def test_without_scripts_everything_but_the_table_is_there(chromium, files):
    page = chromium.new_context(java_script_enabled=False).new_page()
    page.goto(files["en"].as_uri())
    assert page.locator("figure img:visible").count() == 6
    assert page.locator("#slipping tbody tr").first.is_visible()
    assert not page.locator("button:visible").count()
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(chromium, files, scheme):
    from axe_playwright_python.sync_playwright import Axe

    page = chromium.new_page(viewport={"width": 1440, "height": 900}, color_scheme=scheme)
    seen = Visit(page, files["en"])
    # The rows of a table are alike: two are enough.
    page.evaluate("document.querySelectorAll('tbody tr:nth-child(n + 3)').forEach((row) => row.remove())")
    whole = Axe().run(page)
    page.locator("#rows .open").first.click()
    story = Axe().run(page, "dialog")
    for found in (whole, story):
        assert found.response["passes"]
        grave = [each for each in found.response["violations"] if each["impact"] in ("serious", "critical")]
        assert [(each["id"], each["nodes"][0]["html"]) for each in grave] == []
    assert seen.quiet()
    page.close()


@pytest.mark.slow
def test_a_million_customers_open_within_three_seconds(chromium, report, relationships, tmp_path):
    """Measured from the request to the table with its first rows, with the charts still to come."""
    million, times = 1_000_000, -(-1_000_000 // len(report.predictions))
    predictions = pd.concat([report.predictions] * times, ignore_index=True).head(million)
    predictions["customer_id"] = [f"{each:07d}" for each in range(million)]
    known = pd.concat([relationships] * times, ignore_index=True).head(million)
    usual = report.stories

    def stories(customer_ids):
        """Those of the customers repeated, under the new names."""
        told = usual(list(report.predictions["customer_id"].iloc[: len(customer_ids)]))
        return replace(told, customer_ids=pd.Series(customer_ids))

    html = render(replace(report, predictions=predictions, relationships=known, stories=stories))
    assert len(html.encode()) < 5_000_000
    file = tmp_path / "page.html"
    file.write_text(html, encoding="utf-8")
    page = chromium.new_page(viewport={"width": 1440, "height": 900})
    seen = Visit(page, file)
    assert page.locator("#found").inner_text() == "5,000 of 5,000 customers"
    assert page.evaluate("performance.now()") < 3000
    assert seen.quiet()
