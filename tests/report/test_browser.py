"""The page in Chromium: it asks for nothing, complains of nothing, and hostile names do not run."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass, replace
from html import unescape
from pathlib import Path

import pytest

from guanxi.report import render

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]

NOT_THE_PAGE = "not an origin"  # what Chromium notes for requests of its own


@dataclass
class Visit:
    title: str
    console: list[str]
    requests: list[str]


def visit(html: str, folder: Path) -> Visit:
    """Open a page with every outside name unresolvable; note what it said and asked for."""
    page, log = folder / "page.html", folder / "net.json"
    page.write_text(html, encoding="utf-8")
    done = subprocess.run(
        [
            CHROMIUM,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            f"--user-data-dir={folder / 'profile'}",
            "--enable-logging=stderr",
            f"--log-net-log={log}",
            "--dump-dom",
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    title = re.search("<title>(.*?)</title>", done.stdout, re.DOTALL)
    events = [event.get("params") or {} for event in json.loads(log.read_text())["events"]]
    return Visit(
        title=unescape(title[1]) if title else "",
        console=[line for line in done.stderr.splitlines() if ":CONSOLE:" in line],
        requests=[
            event["url"]
            for event in events
            if event.get("initiator", NOT_THE_PAGE) != NOT_THE_PAGE
            and event.get("url", "").startswith("http")
        ],
    )


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_is_quiet(report, language, tmp_path):
    seen = visit(render(replace(report, language=language)), tmp_path)
    assert seen.title.endswith("· cdnow · 1998-06-30")
    assert (seen.console, seen.requests) == ([], [])


def test_hostile_names_do_not_run_even_without_the_policy(report, tmp_path):
    html, removed = re.subn(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", render(report))
    assert removed == 1
    seen = visit(html, tmp_path)
    assert seen.title.endswith("· cdnow · 1998-06-30")
    assert seen.requests == []


def test_this_test_would_see_a_request_and_a_script(tmp_path, hostile):
    seen = visit(f"<title>quiet</title><img src='https://example.org/x.png'>{hostile}", tmp_path)
    assert seen.title == "hacked"
    assert seen.requests == ["https://example.org/x.png"]


def test_the_policy_stops_what_slips_through(report, tmp_path, hostile):
    slipped = f"<img src='https://example.org/x.png'>{hostile}</main>"
    seen = visit(render(report).replace("</main>", slipped), tmp_path)
    assert seen.title.endswith("· cdnow · 1998-06-30")
    assert seen.requests == []
    assert len(seen.console) == 2
