"""The command as a person meets it: help, version, exit codes, and what it imports."""

from __future__ import annotations

import inspect
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

import guanxi
from guanxi import cli

COMMANDS = [each.name or each.callback.__name__ for each in cli.app.registered_commands]
HEAVY = (
    "mlflow",
    "shap",
    "lightgbm",
    "pandas",
    "numpy",
    "pydantic",
    "ibis",
    "matplotlib",
    "sklearn",
    "scipy",
)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_every_command_has_an_example(command, name):
    ended = command(name, "--help")
    assert ended.code == 0
    assert re.search(rf"^  Examples?:\n    guanxi {name} ", ended.out, re.MULTILINE)
    assert "--debug" in ended.out
    assert command(name, "-h") == ended


@pytest.mark.parametrize("name", COMMANDS)
def test_options_are_those_of_the_page_of_commands(name):
    options = {option for each in get_command(cli.app).commands[name].params for option in each.opts}
    reads = name not in ("promote", "rollback", "doctor", "report")
    assert {"--params", "--set", "--debug"} <= options
    assert ({"--columns", "--as-of"} <= options) is reads
    of_the_model = ("monitor", "scorecard", "plan", "scenario", "programme")
    assert ("--horizon" in options) is (reads and name not in of_the_model)
    assert ("--tracking-uri" in options) is (name not in ("init", "validate"))
    said = " ".join((Path(__file__).parents[2] / "docs" / "commands.md").read_text("utf-8").split())
    assert (
        "All commands take `--params FILE`, `--set KEY=VALUE` and `--debug`; those that read a source "
        "`--columns NAME=COLUMN,…` and `--as-of DATE` (the last day that may be used), and all of these but "
        "`monitor`, `scorecard`, `plan`, `scenario` and `programme` `--horizon DAYS`; all but `init` and "
        "`validate`, which need no MLflow store, `--tracking-uri ADDRESS`."
    ) in said


def test_without_arguments_the_help_is_shown(command):
    ended = command()
    assert ended.code == 0
    shown = " ".join(ended.out.split())
    for each in cli.app.registered_commands:
        assert inspect.getdoc(each.callback) in shown  # whole, not cut


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_commands_are_completed(console_script, tmp_path, shell):
    asked = {"_GUANXI_COMPLETE": f"complete_{shell}", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    asked |= {"_TYPER_COMPLETE_ARGS": "guanxi pr", "COMP_WORDS": "guanxi pr", "COMP_CWORD": "1"}
    assert "predict" in console_script(tmp_path, **asked).out


def test_version(command):
    ended = command("--version")
    assert (ended.code, ended.out) == (0, f"guanxi {guanxi.__version__}\n")


@pytest.mark.parametrize("code", ["import guanxi", "import sys; sys.argv = ['guanxi', '--help']; run()"])
def test_stays_light(code):
    program = f"""
import atexit, json, sys
atexit.register(lambda: print(json.dumps(sorted(sys.modules)), file=sys.stderr))
def run():
    from guanxi.cli import main
    main()
{code}
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not set(HEAVY) & set(json.loads(done.stderr))


def test_console_script_and_module_end_with_their_exit_codes(console_script, tmp_path):
    ended = console_script(tmp_path, "validate", "nothing.csv")
    assert ended.code == 2
    assert ended.err.count("\n") == 1
    module = [sys.executable, "-m", "guanxi", "--version"]
    done = subprocess.run(module, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"guanxi {guanxi.__version__}\n")


def test_a_reader_that_goes_away_is_no_error(tmp_path):
    program = Path(sys.executable).with_name("guanxi")
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([program, "--help"], stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert "Traceback" not in done.stderr


def test_markup_in_a_source_name_is_shown_as_it_is(command, tmp_path):
    (tmp_path / "[bold]sales[1].csv").write_text("customer_id,timestamp,amount\na,2024-01-01,1\n")
    ended = command("validate", "[bold]sales[1].csv")
    assert "read [bold]sales[1].csv" in ended.err
