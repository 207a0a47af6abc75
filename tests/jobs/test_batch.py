"""Scoring in parts: the same numbers, whatever interrupts it."""

from __future__ import annotations

import inspect
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from filelock import FileLock

import guanxi
from guanxi.errors import OutputError, ParamsError, SourceError
from guanxi.jobs import _parts as parts_module
from guanxi.jobs import predict as predict_module
from guanxi.jobs._scoring import as_arrow
from guanxi.jobs.predict import predict_to
from guanxi.jobs.reporter import _count_text

CHUNKS = 5  # of at most 500 of the 2,357 customers


def small_parts(set_attribute) -> None:
    """Make parts of 500 customers."""
    from guanxi.jobs import predict

    set_attribute(predict, "CUSTOMERS_AT_ONCE", 500)


IN_SMALL_PARTS = f"{inspect.getsource(small_parts)}\nsmall_parts(setattr)\n"  # for a process of its own


@pytest.fixture
def here(first_run, tmp_path, monkeypatch):
    """The folder of the first run, with small parts, and an empty folder for outputs."""
    monkeypatch.chdir(first_run.folder)
    small_parts(monkeypatch.setattr)
    return tmp_path


@pytest.fixture
def interrupted(here, monkeypatch):
    """A job that Ctrl-C ended after two parts."""
    output = here / "scores.parquet"
    write = parts_module.PartFolder.write
    with monkeypatch.context() as patch:

        def stop(folder, number, table):
            if number == 2:
                raise KeyboardInterrupt
            write(folder, number, table)

        patch.setattr(parts_module.PartFolder, "write", stop)
        with pytest.raises(KeyboardInterrupt):
            predict_to("cdnow-sample", output)
    return output


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def same(table: pd.DataFrame, other: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(table, other, check_exact=True)


class TestNumbers:
    def test_parts_give_the_numbers_of_the_whole(self, here, first_run):
        manifest = predict_to("cdnow-sample", here / "scores.parquet")
        assert manifest.chunks == CHUNKS
        same(pd.read_parquet(here / "scores.parquet"), first_run.predictions)
        assert names(here) == ["scores.parquet", "scores.parquet.manifest.json"]

    @pytest.mark.slow
    def test_of_the_whole_in_memory(self, here, first_run):
        parted = guanxi.predict("cdnow-sample")
        written = guanxi.predict("cdnow-sample", here / "scores/")
        pd.testing.assert_frame_equal(parted, first_run.predictions, check_exact=True, check_dtype=False)
        same(written, parted)
        assert len(names(here / "scores")) == CHUNKS + 1

    def test_a_part_with_nothing_in_a_column_has_the_types_of_the_others(self, first_run):
        import pyarrow as pa

        table = first_run.predictions
        empty = table.assign(driver_1=None, driver_1_text=None, driver_1_effect=None, next_purchase_date=None)
        assert as_arrow(empty, pa.string()).schema == as_arrow(table, pa.string()).schema


class TestManifest:
    def test_says_what_stands_in_the_table(self, here, first_run, store):
        lines = guanxi.datasets.load_cdnow_sample()
        lines.loc[0, "amount"] = None
        with pytest.warns(UserWarning, match="rejected because no amount is given"):
            predict_to(lines, here / "scores.csv", as_of="1998-03-01", horizon_days=30, drivers=1)
        found = json.loads((here / "scores.csv.manifest.json").read_text())
        loaded = store.client.get_model_version_by_alias("guanxi", "champion")
        expected = {
            "guanxi": guanxi.__version__,
            "model": "models:/guanxi@champion",
            "model_version": str(loaded.version),
            "source": "DataFrame",
            "as_of": "1998-03-01",
            "horizon_days": 30,
            "drivers": 1,
            "rows": 2357,
            "lines_read": len(lines),
            "lines_rejected": 1,
            "rejected_by_rule": {"missing_amount": 1},
            "chunks": CHUNKS,
            "resumed_chunks": 0,
        }
        assert {name: found[name] for name in expected} == expected
        assert f"/{found['model_id']}/" in loaded.source
        assert found["started"] <= found["ended"]

    def test_the_digest_is_that_of_the_training(self, here, first_run, store):
        manifest = predict_to("cdnow-sample", here / "scores.parquet", drivers=0)
        version = store.client.get_model_version_by_alias("guanxi", "champion")
        inputs = store.client.get_run(version.run_id).inputs.dataset_inputs
        assert manifest.source_digest in {each.dataset.digest for each in inputs}


class TestResume:
    def test_goes_on_where_it_was(self, interrupted, first_run, monkeypatch):
        scored = []
        write = parts_module.PartFolder.write
        monkeypatch.setattr(
            parts_module.PartFolder,
            "write",
            lambda folder, number, table: (scored.append(number), write(folder, number, table)),
        )
        manifest = predict_to("cdnow-sample", interrupted, resume=True)
        assert scored == [2, 3, 4]
        assert manifest.resumed_chunks == 2
        same(pd.read_parquet(interrupted), first_run.predictions)
        assert names(interrupted.parent) == ["scores.parquet", "scores.parquet.manifest.json"]

    @pytest.mark.parametrize(
        ("given", "named"),
        [
            ({"drivers": 1}, "drivers 3, not 1"),
            ({"as_of": "1998-01-01"}, "as_of '1998-06-30', not '1998-01-01'"),
            ({"horizon_days": 7}, "horizon_days 60, not 7"),
        ],
    )
    @pytest.mark.slow
    def test_another_job_is_refused(self, interrupted, given, named):
        with pytest.raises(ParamsError, match=f"had {named}: repeat its options"):
            predict_to("cdnow-sample", interrupted, resume=True, **given)
        assert len(list(interrupted.parent.glob(".*/part-*"))) == 2

    @pytest.mark.slow
    def test_another_source_is_refused(self, interrupted):
        lines = guanxi.datasets.load_cdnow_sample()
        lines.loc[7, "amount"] += 0.01
        # Fewer customers make other parts; the interrupted job's are its own all the same.
        for other in (lines, lines.iloc[:500]):
            with pytest.raises(ParamsError, match="had "):
                predict_to(other, interrupted, resume=True)
            assert len(list(interrupted.parent.glob(".*/part-*"))) == 2

    @pytest.mark.slow
    def test_without_it_begins_anew_and_says_so(self, interrupted, first_run, command):
        arguments = ("predict", "cdnow-sample", "-o", str(interrupted))
        ended = command(*arguments, folder=first_run.folder)
        assert ended.code == 0
        assert "discarding the 2 parts of an interrupted job" in ended.err
        same(pd.read_parquet(interrupted), first_run.predictions)
        again = command(*arguments, "--resume", folder=first_run.folder)
        assert again.code == 0
        assert "nothing to resume: starting from the beginning" in again.err

    @pytest.mark.parametrize("damage", ["cut", "flipped", "replaced"])
    @pytest.mark.slow
    def test_a_damaged_part_is_scored_again(self, interrupted, first_run, damage):
        part = interrupted.parent / ".scores.parquet.partial" / "part-00001.parquet"
        content = bytearray(part.read_bytes())
        if damage == "cut":
            content = content[:-50]
        elif damage == "flipped":
            content[len(content) // 3] ^= 1
        else:  # by another part with as many rows
            content = bytearray(part.with_name("part-00000.parquet").read_bytes())
        part.write_bytes(content)
        assert predict_to("cdnow-sample", interrupted, resume=True).resumed_chunks == 1
        same(pd.read_parquet(interrupted), first_run.predictions)


KILLED = """
import os, signal, sys
from guanxi.jobs import _parts as parts
from guanxi.jobs.predict import predict_to

at = int(sys.argv[2])
write = parts.PartFolder.write
def stop(folder, number, table):
    if number == at:
        os.kill(os.getpid(), signal.SIGKILL)
    write(folder, number, table)
parts.PartFolder.write = stop
predict_to("cdnow-sample", sys.argv[1], resume=True)
"""


@pytest.mark.slow
def test_killed_and_taken_up_gives_the_same(here, first_run):
    output = here / "scores.csv"
    output.write_text("earlier")
    done = subprocess.run([sys.executable, "-c", IN_SMALL_PARTS + KILLED, str(output), "3"], check=False)
    assert done.returncode == -signal.SIGKILL
    assert output.read_text() == "earlier"
    assert predict_to("cdnow-sample", output, resume=True).resumed_chunks == 3
    assert output.read_text() == first_run.predictions.to_csv(index=False)
    assert names(here) == ["scores.csv", "scores.csv.manifest.json"]


@pytest.mark.slow
def test_ctrl_c_says_how_to_go_on(here, first_run, tmp_path):
    """The installed command, stopped while it scores."""
    program = (
        f"import sys, time\n{IN_SMALL_PARTS}"
        "from guanxi import cli\nfrom guanxi.jobs import _parts as parts\nwrite = parts.PartFolder.write\n"
        "def slow(*given):\n    write(*given)\n    time.sleep(1)\n"
        "parts.PartFolder.write = slow\n"
        f"sys.argv = ['guanxi', 'predict', 'cdnow-sample', '-o', {str(here / 'scores')!r}]\ncli.main()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True)
    for _ in range(600):
        if list(here.glob(".scores.partial/part-*.parquet")):
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    err = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert "parts are done and kept: continue with --resume" in err
    assert err.rstrip().endswith("guanxi: stopped")


def test_two_at_once_on_one_output(here):
    with (
        FileLock(here / ".scores.parquet.lock"),
        pytest.raises(OutputError, match=r"scores\.parquet: another guanxi command writes it now"),
    ):
        predict_to("cdnow-sample", here / "scores.parquet")


def test_the_source_is_not_replaced(here):
    for name in ("log.csv", "log.parquet"):
        lines = guanxi.datasets.load_cdnow_sample()
        write = lines.to_csv if name.endswith("csv") else lines.to_parquet
        write(here / name, index=False)
        before = (here / name).read_bytes()
        with pytest.raises(OutputError, match="is the source and would be replaced"):
            predict_to(str(here / name), here / name)
        assert (here / name).read_bytes() == before


class TestDatabase:
    @pytest.mark.slow
    def test_duckdb(self, here, first_run):
        import duckdb

        manifest = predict_to("cdnow-sample", f"duckdb://{here}/shop.db::scores")
        with duckdb.connect(str(here / "shop.db"), read_only=True) as connection:
            table = connection.execute("FROM scores").fetch_arrow_table().to_pandas()
            told = connection.execute("FROM scores_manifest").fetch_arrow_table().to_pylist()[0]
        same(table, first_run.predictions)
        assert told["rows"] == manifest.rows
        assert names(here) == ["shop.db"]


class TestBadPlaces:
    def test_a_full_disk(self, here, first_run, monkeypatch):
        """A file system of its own that is smaller than the table, and larger later."""
        small = here / "small"
        small.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=280k", "tmpfs", str(small)]
        if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
            pytest.skip("only root can mount a small file system")
        try:
            output = small / "scores.parquet"
            output.write_bytes(b"earlier")
            with pytest.raises(OutputError, match=r"cannot write .*the disk is full"):
                predict_to("cdnow-sample", output)
            assert output.read_bytes() == b"earlier"
            done = len(list(small.glob(".*/part-*.parquet")))
            assert done > 0
            subprocess.run(["mount", "-o", "remount,size=2m", str(small)], check=True)
            assert predict_to("cdnow-sample", output, resume=True).resumed_chunks == done
            same(pd.read_parquet(output), first_run.predictions)
        finally:
            subprocess.run(["umount", str(small)], check=True)

    def test_no_room_for_what_the_engine_puts_aside(self, here, first_run, command, monkeypatch):
        small = here / "small"
        small.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(small)]
        if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
            pytest.skip("only root can mount a small file system")
        try:
            monkeypatch.setattr("tempfile.tempdir", str(small))
            # Enough for each of the engine's blocks, far too little for all lines.
            monkeypatch.setattr(predict_module, "_ENGINE_MEMORY", "64MB")
            lines = guanxi.datasets.load_cdnow()
            pd.concat([lines] * 10).to_parquet(here / "log.parquet", index=False)
            ended = command(
                "predict", str(here / "log.parquet"), "-o", str(here / "scores.csv"), folder=first_run.folder
            )
            assert ended.code == 1
            assert ended.error.startswith(f"guanxi: the disk of {small} is full")
            assert names(here) == ["log.parquet", "small"]
        finally:
            subprocess.run(["umount", str(small)], check=True)

    def test_a_place_that_cannot_be_written_is_told_first(self, first_run, command):
        for output in ("/proc/scores.parquet", "/proc/scores/", "duckdb:///proc/shop.db::scores"):
            ended = command("predict", "cdnow-sample", "-o", output, folder=first_run.folder)
            assert ended.code == 1
            assert ended.error.startswith("guanxi: cannot write into /proc: ")
            assert "load" not in ended.err


def test_a_source_that_changes_while_it_is_read(here, monkeypatch):
    lines = guanxi.datasets.load_cdnow_sample()
    folder = here / "log"
    folder.mkdir()
    for name, rows in (("a", lines[:3000]), ("b", lines[3000:])):
        rows.to_parquet(folder / f"{name}.parquet", index=False)
    from guanxi.data.sources import source

    read = source._read_files

    def meanwhile(change):
        def slowly(*given):
            table = read(*given)
            change()
            return table

        return slowly

    changes = {
        "b.parquet": lambda: lines.to_parquet(folder / "b.parquet", index=False),
        "c.parquet": lambda: lines.to_parquet(folder / "c.parquet", index=False),
    }
    for name, change in changes.items():
        monkeypatch.setattr(source, "_read_files", meanwhile(change))
        with pytest.raises(
            SourceError, match=rf"{name} changed while it was read: run again when it is complete"
        ):
            predict_to(str(folder), here / "scores.parquet")
    assert names(here) == ["log"]


class TestProgress:
    def test_rate_and_time_left(self):
        assert _count_text(0, 1000, "customers", 0, 0.0) == "0 of 1,000 customers"
        text = _count_text(400_000, 1_000_000, "customers", 300_000, 30.0)
        assert text == "400,000 of 1,000,000 customers, 10,000 a second, 1 min 0 s left"

    def test_a_plain_log_gets_a_line_now_and_then(self, capsys, monkeypatch):
        from guanxi.jobs import reporter

        clock = SimpleNamespace(now=0.0)
        monkeypatch.setattr(reporter.time, "monotonic", lambda: clock.now)
        shown = reporter.ConsoleReporter()
        with shown.step("score"):
            for done in range(0, 101, 10):
                shown.count(done, 100, "customers")
                clock.now += 10
        lines = [line for line in capsys.readouterr().err.splitlines() if "customers" in line]
        assert lines[0] == "   30 of 100 customers, 1 a second, 1 min 10 s left"
        assert len(lines) == 3
