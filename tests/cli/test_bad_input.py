"""Whatever is wrong with the input: one line that says what and what to do, and nothing half-written."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest


def transactions(customers: int = 40, purchases: int = 5, days: int = 300) -> pd.DataFrame:
    """Regular buyers with different amounts."""
    random = np.random.default_rng(0)
    rows = [
        (f"c{i}", pd.Timestamp("2024-01-01") + pd.Timedelta(days=int(day)), float(random.uniform(5, 50)))
        for i in range(customers)
        for day in np.sort(random.choice(days, purchases, replace=False))
    ]
    return pd.DataFrame(rows, columns=["customer_id", "timestamp", "amount"])


@pytest.fixture
def fails(command, tmp_path):
    """Run a command that must fail, and give its last line without the name of the program."""

    def check(*arguments: str, code: int = 2) -> str:
        before = sorted(tmp_path.rglob("*"))
        ended = command(*arguments)
        assert ended.code == code, ended
        # No results, no model folder, and no MLflow store either.
        assert sorted(tmp_path.rglob("*")) == before
        assert ended.err.count("guanxi: ") == 1
        assert ended.error.startswith("guanxi: ")
        assert "Traceback" not in ended.err + ended.out
        return ended.error.removeprefix("guanxi: ")

    return check


@pytest.fixture
def csv(tmp_path):
    """Write a CSV into the working folder."""

    def write(table: pd.DataFrame | str, name: str = "sales.csv") -> str:
        text = table if isinstance(table, str) else table.to_csv(index=False)
        (tmp_path / name).write_text(text, encoding="utf-8")
        return name

    return write


class TestSource:
    def test_empty_file(self, fails, csv):
        assert "sales.csv" in fails("run", csv(""))

    def test_header_without_lines(self, fails, csv):
        assert "sales.csv" in fails("run", csv("customer_id,timestamp,amount\n"))

    def test_no_such_file(self, fails):
        assert re.search(r"nothing\.csv: no such file.*cdnow", fails("run", "nothing.csv"))

    def test_no_such_column(self, fails, csv):
        error = fails("run", csv(transactions()), "--columns", "amount=Total")
        assert "Total" in error
        assert "amount" in error

    def test_all_rows_rejected(self, fails, csv):
        table = transactions().assign(amount="free")
        assert re.search(r"all 200 lines were rejected", fails("run", csv(table)))

    def test_days_that_may_be_months(self, fails, csv):
        table = transactions()
        table["timestamp"] = table["timestamp"].dt.strftime("%m/%m/%Y").where(table.index > 0, "03/04/2023")
        error = fails("validate", csv(table))
        assert "2023-04-03 with --set 'data.timestamp_format=%d/%m/%Y'" in error
        assert "2023-03-04 with --set 'data.timestamp_format=%m/%d/%Y'" in error

    def test_day_first_dates_with_their_format(self, command, csv):
        table = transactions()
        table["timestamp"] = table["timestamp"].dt.strftime("%d/%m/%Y")
        given = ("--set", "data.timestamp_format=%d/%m/%Y", "--horizon", "30")
        ended = command("validate", csv(table), *given)
        assert ended.code == 0, ended.err
        assert re.search(r"lines read +200\b", ended.out)

    def test_ragged_line_is_counted_and_the_rest_is_used(self, command, csv):
        ended = command("validate", csv(transactions().to_csv(index=False) + "c1,2024-02-03,1,2,3\n"))
        assert ended.code == 0, ended.err
        assert re.search(r"lines read +201\b", ended.out)
        assert re.search(r"rejected +1\b", ended.out)

    def test_many_unreadable_lines_end_with_2_after_the_report(self, command, csv):
        table = transactions().astype({"amount": object})
        table.loc[:19, "amount"] = "free"
        ended = command("validate", csv(table), "--horizon", "30")
        assert ended.code == 2
        assert "10.0% of the lines could not be read; 10.0% of the lines (20)" in ended.error
        assert re.search(r"lines read +200\b", ended.out)

    @pytest.mark.parametrize("job", ["train", "run", "backtest"])
    @pytest.mark.slow
    def test_mostly_unreadable_lines_are_refused(self, fails, csv, job):
        table = transactions().astype({"amount": object})
        table.loc[:149, "amount"] = "free"
        output = ("-o", "out") if job != "train" else ()
        error = fails(job, csv(table), "--horizon", "30", *output)
        assert "75.0% of the lines could not be read" in error

    def test_predict_refuses_them_too(self, command, csv, tmp_path, first_run, copy_store):
        table = transactions().astype({"amount": object})
        table.loc[:149, "amount"] = "free"
        copy_store(first_run.folder, tmp_path)
        ended = command("predict", csv(table), "-o", "scores.parquet")
        assert ended.code == 2
        assert "75.0% of the lines could not be read" in ended.error
        assert not (tmp_path / "scores.parquet").exists()

    @pytest.mark.parametrize("address", ["postgres://me:secret@127.0.0.1:9/db::sales"])
    def test_password_is_never_shown(self, fails, command, address, tmp_path):
        error = fails("run", address)
        assert "postgres://me:***@127.0.0.1:9/db" in error
        ended = command("run", address, "--debug")
        assert "Traceback" in ended.err
        for text in (error, ended.err, ended.out):
            assert "secret" not in text

    def test_password_in_a_stray_argument_is_not_shown(self, fails):
        assert "secret" not in fails("validate", "a.csv", "postgres://me:secret@host/db::sales")


class TestHistory:
    def test_one_customer(self, fails, csv):
        error = fails("run", csv(transactions(1, 20)), "--horizon", "30")
        assert "only 1 of 1 customers had bought again" in error

    def test_every_customer_a_one_time_buyer(self, fails, csv):
        error = fails("run", csv(transactions(60, 1)), "--horizon", "30")
        assert re.search(r"only 0 of \d+ customers had bought again", error)

    def test_constant_amounts(self, fails, csv):
        error = fails("run", csv(transactions().assign(amount=7.5)), "--horizon", "30")
        assert "amounts to 7.5" in error
        assert "clv.spend=mean" in error

    def test_a_history_of_a_few_days(self, fails, csv):
        table = transactions().assign(timestamp="2024-01-01")
        error = fails("run", csv(table), "--horizon", "30")
        assert "the history has 1 days up to 2024-01-01, too few to hold out a window of 7 days" in error

    def test_validate_says_so_too(self, fails, csv):
        table = transactions().assign(timestamp="2024-01-01")
        assert "not enough data for a horizon of 30 days" in fails("validate", csv(table), "--horizon", "30")

    def test_as_of_before_the_data(self, fails, csv):
        assert "2020-01-01" in fails("run", csv(transactions()), "--as-of", "2020-01-01")


class TestParameters:
    @pytest.mark.parametrize(
        ("given", "said"),
        [
            (("--set", "churn.lightgbm.num_leafs=7"), "did you mean num_leaves"),
            (("--set", "horizont=7"), "horizont is unknown"),
            (("--set", "horizon_days"), "is not key=value"),
            (("--set", "horizon_days=soon"), "horizon_days"),
            (("--set", "data.duplicates_ignore=[x"), "JSON"),
            (("--horizon", "0"), "horizon_days"),
            (("--horizon", "soon"), "--horizon"),
            (("--as-of", "31/12/2024"), "as_of"),
            (("--columns", "customer_id"), "name=column"),
            (("--columns", "client=ID"), "client"),
            (("--params", "nothing.yaml"), "nothing.yaml"),
            (("--hroizon", "3"), "--horizon"),
        ],
    )
    def test_is_refused_by_name(self, fails, given, said):
        assert said in fails("run", "cdnow-sample", *given)

    def test_unknown_key_in_the_file(self, fails, csv):
        csv("churn:\n  lightgbm:\n    num_leafs: 7\n", "params.yaml")
        assert "did you mean num_leaves" in fails("run", "cdnow-sample")

    @pytest.mark.parametrize("given", [("--horizon", "-1"), ("--drivers", "99"), ("--as-of", "soon")])
    def test_of_predict(self, fails, given):
        assert "is not valid" in fails("predict", "cdnow-sample", "-o", "scores.csv", *given)

    def test_unknown_command(self, fails):
        assert fails("trian") == "No such command 'trian'. Did you mean 'train'? See guanxi --help"

    def test_missing_argument(self, fails):
        assert re.fullmatch(r"Missing argument '\w+'\. See guanxi train --help", fails("train"))


class TestOutput:
    def test_folder_under_a_file(self, fails, csv):
        name = csv(transactions())
        assert fails("run", name, "-o", f"{name}/results", code=1).startswith("cannot write into sales.csv: ")

    def test_unwritable_folder(self, fails, csv):
        error = fails("run", csv(transactions()), "-o", "/proc/results", code=1)
        assert error.startswith("cannot write into /proc: ")
        assert "-o" in error

    def test_predictions_of_no_known_format(self, fails, csv):
        error = fails("predict", csv(transactions()), "-o", "scores.xlsx")
        assert ".parquet or .csv" in error

    def test_a_file_where_the_model_folder_goes(self, fails, csv, tmp_path):
        (tmp_path / "models").mkdir()
        (tmp_path / "models" / "guanxi").touch()
        assert "models/guanxi is a file" in fails("run", csv(transactions()), code=1)


class TestRegistry:
    def test_no_store_here(self, fails, tmp_path):
        error = fails("predict", "cdnow-sample", "-o", "scores.csv", code=1)
        assert "there is no MLflow store" in error
        assert "guanxi run" in error
        assert not list(tmp_path.iterdir())

    def test_no_such_folder(self, fails):
        error = fails("predict", "cdnow-sample", "-o", "scores.csv", "--model", "models/nothing", code=1)
        assert "models/nothing" in error
        assert "models:/guanxi@champion" in error

    @pytest.mark.parametrize("uri", ["models:/nobody@champion", "models:/guanxi@king", "models:/guanxi/99"])
    def test_no_such_model(self, command, first_run, uri):
        ended = command("predict", "cdnow-sample", "-o", "x.csv", "--model", uri, folder=first_run.folder)
        assert ended.code == 1
        assert ended.error.startswith(f"guanxi: cannot load model {uri}: ")
        assert re.search(r"guanxi train|models:/guanxi", ended.error)
        assert not (first_run.folder / "x.csv").exists()

    @pytest.mark.parametrize(
        "uri",
        [
            "http://127.0.0.1:9",
            "http://me:secret@127.0.0.1:9",
            "postgresql://me:secret@127.0.0.1:9/db",
            "sqlite:////proc/mlflow.db",
            "nonsense://x",
        ],
    )
    def test_a_store_that_does_not_answer(self, fails, uri):
        error = fails("train", "cdnow-sample", "--tracking-uri", uri, code=1)
        assert "cannot be opened: check --tracking-uri" in error
        assert "secret" not in error

    def test_a_folder_that_no_address_can_hold(self, command, tmp_path):
        odd = tmp_path / "50%"
        odd.mkdir()
        ended = command("predict", "cdnow-sample", "-o", "x.csv", folder=odd)
        assert ended.code == 1
        assert "without ? and %" in ended.error


def test_debug_shows_the_traceback_and_ends_the_same(command):
    ended = command("run", "nothing.csv", "--debug")
    assert ended.code == 2
    assert "Traceback (most recent call last)" in ended.err
    assert ended.error.startswith("guanxi: nothing.csv: no such file")


def test_an_unforeseen_error_is_one_line_too(command, monkeypatch):
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("two\nlines")

    monkeypatch.setattr("guanxi.jobs.validate.validate", broken)
    ended = command("validate", "cdnow-sample")
    assert ended.code == 1
    assert ended.err == (
        "guanxi: unexpected ZeroDivisionError: two lines (run again with --debug for the traceback)\n"
    )


def test_stopped_by_the_keyboard(command, monkeypatch):
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("guanxi.jobs.validate.validate", stopped)
    ended = command("validate", "cdnow-sample")
    assert (ended.code, ended.err) == (130, "guanxi: stopped\n")
