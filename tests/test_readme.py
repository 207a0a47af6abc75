"""What the README prints works as printed, in bash and in zsh, for whoever comes with a file of their own."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.main import get_command

from guanxi import cli
from guanxi.cli._app import flags_of_the_data

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
# Interactive, as one pastes: zsh then takes no comments.
SHELLS = {"bash": ("bash", "--norc", "-ic"), "zsh": ("zsh", "-fic")}
NOTES_ITS_ARGUMENTS = f"""#!{sys.executable}
import json, sys
print(json.dumps(sys.argv[1:]))
"""


def commands(page: str) -> list[str]:
    """The commands of a page that begin with guanxi, as printed."""
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^```bash\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.startswith("guanxi ")]


def in_shell(shell: str, script: str, folder: Path, programs: Path) -> subprocess.CompletedProcess[str]:
    if shutil.which(shell) is None:
        pytest.skip(f"needs {shell}")
    env = os.environ | {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "HOME": str(folder)}
    given = [*SHELLS[shell], script]
    # In a session of its own, an interactive shell does not take the terminal from the tests.
    return subprocess.run(
        given, cwd=folder, env=env, capture_output=True, text=True, check=False, start_new_session=True
    )


@pytest.fixture
def listener(tmp_path: Path) -> Path:
    """A folder with a ``guanxi`` that prints its arguments."""
    folder = tmp_path / "programs"
    folder.mkdir()
    (folder / "guanxi").write_text(NOTES_ITS_ARGUMENTS)
    (folder / "guanxi").chmod(0o755)
    return folder


def test_readme_is_a_screen_and_a_half():
    assert len(README.splitlines()) <= 120


@pytest.mark.parametrize("shell", SHELLS)
def test_commands_reach_guanxi_as_printed(shell, tmp_path, listener):
    pages = ("README.md", "docs/own-data.md", "docs/start.md", "docs/labels.md")
    printed = [line for page in pages for line in commands(page)]
    assert len(printed) > 10
    (tmp_path / "Quantity5Price").touch()  # a file that an unquoted product would match
    done = in_shell(shell, "\n".join(printed), tmp_path, listener)
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        shlex.split(line)[1:] for line in printed
    ]


@pytest.mark.parametrize("shell", SHELLS)
def test_the_options_of_the_next_command_are_those_just_used(shell, tmp_path, listener):
    columns = "customer_id=Customer ID,timestamp=$Day,amount=Quantity*Price"
    reading = ["--columns", columns, "--tracking-uri", "sqlite:///a b.db", "--set", 'data.guests=["0"]']
    context = (
        get_command(cli.app)
        .commands["run"]
        .make_context("run", ["sales.csv", "--horizon", "30", "--set", "seed=7", *reading])
    )
    done = in_shell(shell, f"guanxi {flags_of_the_data(context)}", tmp_path, listener)
    assert json.loads(done.stdout) == reading


# Two runs in each shell, 2 minutes.
@pytest.mark.slow
@pytest.mark.parametrize("shell", SHELLS)
def test_from_an_own_file_to_the_page_without_an_edit(shell, tmp_path):
    generator = np.random.default_rng(3)
    days = pd.Timestamp("2023-01-01") + pd.to_timedelta(generator.integers(0, 700, 4000), unit="D")
    pd.DataFrame(
        {
            "CustomerID": [f"C{n:04d}" for n in generator.integers(0, 300, 4000)],
            "InvoiceDate": days.strftime("%Y-%m-%d"),
            "Quantity": generator.integers(1, 6, 4000),
            "Price": generator.gamma(2.0, 5.0, 4000).round(2),
        }
    ).to_csv(tmp_path / "sales.csv", index=False)
    script = "\n".join(["set -e", *commands("README.md")])
    done = in_shell(shell, script, tmp_path, Path(sys.executable).parent)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "output" / "report.html").stat().st_size > 100_000
    assert len(pd.read_parquet(tmp_path / "scores.parquet")) == 300
    assert (tmp_path / "explain-C0042.png").exists()
