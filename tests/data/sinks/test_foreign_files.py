"""Nothing is deleted or overwritten that guanxi did not write, and no symbolic link is followed."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from guanxi.data.sinks import file_sets, files
from guanxi.data.sinks.file_sets import WAITING, check_replaceable, finish, is_unfinished, replaced_together
from guanxi.data.sinks.output_location import OutputLocation, parse_output_location
from guanxi.data.sinks.own_files import file_name
from guanxi.errors import OutputError
from guanxi.jobs._parts import PartFolder, only_writer
from guanxi.jobs.reporter import Reporter

MANIFEST = {"guanxi": "1", "rows": 2}
TABLE = pa.table({"customer_id": ["a", "b"]})
PLACES = ["scores/", "scores.parquet", "scores.csv"]


def content(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def job(location: OutputLocation, *, resume: bool = False) -> None:
    """Write a table as ``guanxi predict`` does."""
    location.check()
    with only_writer(location.name, location.work_folder.with_suffix(".lock")):
        folder = PartFolder(location, {"guanxi": "1"}, [2])
        for number in folder.open(Reporter(), resume=resume):
            folder.write(number, TABLE)
        location.put(folder.parts, MANIFEST)
        folder.remove()


def hidden(place: str, role: str) -> str:
    return f".{place.rstrip('/')}.{role}"


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    """Somebody's folder."""
    folder = tmp_path / "precious"
    (folder / "sub").mkdir(parents=True)
    for name in ("thesis.txt", "part-00000.parquet", "_plan.json", "whole", "sub/data.csv"):
        (folder / name).write_text("years of work")
    return folder


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("role", ["partial", "old"])
@pytest.mark.parametrize("resume", [False, True])
def test_a_folder_beside_the_output_that_is_not_ours(tmp_path, precious, place, role, resume):
    beside = tmp_path / hidden(place, role)
    precious.rename(beside)
    before = content(beside)
    if role == "old" and not place.endswith("/"):  # a file has no earlier folder
        job(parse_output_location(f"{tmp_path}/{place}"), resume=resume)
    else:
        with pytest.raises(OutputError, match="which guanxi did not write"):
            job(parse_output_location(f"{tmp_path}/{place}"), resume=resume)
    assert content(beside) == before


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("role", ["partial", "old", "partial.lock", "lock"])
def test_links_beside_the_output(tmp_path, precious, place, role):
    before = content(precious)
    target = precious / "thesis.txt" if "lock" in role else precious
    (tmp_path / hidden(place, role)).symlink_to(target)
    for resume in (False, True):
        with suppress(OutputError):
            job(parse_output_location(f"{tmp_path}/{place}"), resume=resume)
    assert content(precious) == before


@pytest.mark.parametrize("place", [*PLACES, "scores.csv.manifest.json"])
def test_a_link_as_the_output(tmp_path, precious, place):
    (tmp_path / place.rstrip("/")).symlink_to(precious if place == "scores/" else precious / "thesis.txt")
    before = content(precious)
    output = place.removesuffix(".manifest.json")
    with pytest.raises(OutputError, match="is a symbolic link: name the place it leads to, or remove"):
        job(parse_output_location(f"{tmp_path}/{output}"))
    assert content(precious) == before


def test_a_file_added_to_the_parts_or_the_earlier_table_stays(tmp_path):
    output = f"{tmp_path}/scores/"
    job(parse_output_location(output))
    for folder in ("scores", ".scores.partial"):
        notes = tmp_path / folder / "notes.txt"
        notes.parent.mkdir(exist_ok=True)
        notes.write_text("mine")
        with pytest.raises(OutputError, match=r"notes\.txt"):
            job(parse_output_location(output))
        assert notes.read_text() == "mine"
        notes.unlink()
    job(parse_output_location(output))
    # Added in the last moment, after the check.
    location = parse_output_location(output)
    PartFolder(location, {"guanxi": "1"}, [2]).open(Reporter(), resume=False)
    pq.write_table(TABLE, location.work_folder / "part-00000.parquet")
    (location.work_folder / "late.txt").write_text("mine")
    (tmp_path / "scores" / "late.txt").write_text("mine too")
    location.put([location.work_folder / "part-00000.parquet"], MANIFEST)
    assert {b"mine", b"mine too"} <= set(content(tmp_path).values())


def test_parts_of_another_program_are_not_taken_for_ours(tmp_path):
    """Spark names its files as we do: only our plan or manifest makes them ours."""
    for name in ("scores", ".scores.partial", ".scores.old"):
        folder = tmp_path / name
        folder.mkdir()
        pq.write_table(TABLE, folder / "part-00000.parquet")
        (folder / "_manifest.json").write_text('{"files": []}')
        with pytest.raises(OutputError, match="did not write"):
            job(parse_output_location(f"{tmp_path}/scores/"))
        assert (folder / "part-00000.parquet").exists()
        (folder / "part-00000.parquet").unlink()
        (folder / "_manifest.json").unlink()


def test_a_manifest_or_lock_file_of_another_program_stays(tmp_path):
    manifest, lock = tmp_path / "scores.csv.manifest.json", tmp_path / ".scores.csv.lock"
    for path in (manifest, lock):
        path.write_text('{"name": "another program"}')
        with pytest.raises(OutputError, match="not of guanxi"):
            job(parse_output_location(tmp_path / "scores.csv"))
        assert "another" in path.read_text()
        path.unlink()


def test_names_of_temporary_files_cannot_be_foreseen(tmp_path, monkeypatch):
    seen = []
    for _ in range(2):
        files.write_atomically(tmp_path / "a.csv", lambda path: (seen.append(path), path.write_text("x")))
    assert len({path.parent for path in seen}) == 2
    assert not [path for path in seen if path.parent == tmp_path]


@pytest.mark.parametrize("name", ["a" * 252 + ".csv", "a" * 240 + ".csv", "ä" * 130 + ".parquet"])
def test_a_name_that_is_too_long_is_refused_first(tmp_path, name):
    with pytest.raises(OutputError, match="too long"):
        parse_output_location(tmp_path / name).check()


def test_names_made_of_any_text_are_file_names_of_their_own():
    texts = ["/../../../x", "..", ".", "", "-", "a/b", "a?b", "a b", "x" * 300, "x" * 301, "关系" * 90]
    names = [file_name(text) for text in texts]
    assert len(set(names)) == len(names)
    for name in names:
        assert not {"/", "\\", "\0"} & set(name)
        assert not name.startswith(".")
        assert len(name.encode()) < 220
    for plain in ("region", "sales_2020.v2", "地区"):
        assert file_name(plain) == plain


OWN = re.compile(r"a\.(csv|json|parquet)|tables/c_.+\.csv")


class TestEarlierResults:
    """A set replaces an earlier one, and nothing else that has its names."""

    @pytest.mark.parametrize("name", ["a.csv", "a.json", "a.parquet", "tables/c_mine.csv"])
    @pytest.mark.parametrize("beside", [None, "garb", "[]", '{"weights": 1}'])
    def test_files_of_others(self, tmp_path, name, beside):
        (tmp_path / "tables").mkdir()
        (tmp_path / name).write_text("mine")
        if beside and name != "a.json":
            (tmp_path / "a.json").write_text(beside)
        for proof in ("a.json", "a.parquet"):
            with pytest.raises(OutputError, match=f"would be replaced, and no {proof} beside it shows"):
                check_replaceable(tmp_path, OWN, proof, ("weights", "method"))

    def test_an_earlier_result_and_files_with_other_names(self, tmp_path):
        check_replaceable(tmp_path / "new", OWN, "a.json", ("weights", "method"))
        (tmp_path / "tables").mkdir()
        (tmp_path / "tables" / "mine.csv").write_text("mine")
        check_replaceable(tmp_path, OWN, "a.json", ("weights", "method"))
        (tmp_path / "a.csv").write_text("ours")
        (tmp_path / "a.json").write_text('{"weights": 1, "method": "ahp", "more": 2}')
        pd.DataFrame({"weights": [1], "method": ["ahp"]}).to_parquet(tmp_path / "a.parquet")
        for proof in ("a.json", "a.parquet"):
            check_replaceable(tmp_path, OWN, proof, ("weights", "method"))

    def test_a_set_that_waits_to_be_finished_is_ours(self, tmp_path, monkeypatch):
        with monkeypatch.context() as patch:
            patch.setattr(file_sets, "finish", lambda folder: False)
            with replaced_together(tmp_path) as new:
                files.write_text("new", new / "a.csv")
        (tmp_path / "a.csv").write_text("moved already")
        check_replaceable(tmp_path, OWN, "a.json", ("weights",))


class TestSets:
    """Several files of one folder: all new, or all old."""

    def write(self, folder: Path, text: str) -> None:
        with replaced_together(folder) as new:
            for name in ("a.txt", "b.txt", "tables/c.txt"):
                files.write_text(text, new / name)

    def test_they_are_replaced_and_others_stay(self, tmp_path):
        (tmp_path / "mine.txt").write_text("mine")
        for text in ("old", "new"):
            self.write(tmp_path, text)
        assert content(tmp_path) == {
            "a.txt": b"new", "b.txt": b"new", "tables/c.txt": b"new", "mine.txt": b"mine"
        }  # fmt: skip

    def test_a_failure_leaves_all_as_they_were(self, tmp_path):
        self.write(tmp_path, "old")
        before = content(tmp_path)
        with suppress(KeyboardInterrupt), replaced_together(tmp_path) as new:
            files.write_text("new", new / "a.txt")
            raise KeyboardInterrupt
        (tmp_path / "b.txt").unlink()
        (tmp_path / "b.txt").symlink_to(tmp_path / "a.txt")
        with pytest.raises(OutputError, match="symbolic link"):
            self.write(tmp_path, "new")
        assert content(tmp_path) == before | {"b.txt": b"old"}

    @pytest.mark.parametrize("at", range(4))
    def test_killed_between_two_renames_is_finished_by_the_next(self, tmp_path, monkeypatch, at):
        self.write(tmp_path, "old")
        replace, calls = Path.replace, iter(range(99))

        def kill(path, target):
            if path.parts[-2:] != ("new", path.name) and "guanxi-files" in str(path) and next(calls) == at:
                raise KeyboardInterrupt
            return replace(path, target)

        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", kill)
            try:
                self.write(tmp_path, "new")
            except KeyboardInterrupt:
                assert is_unfinished(tmp_path)
                assert len(set(content(tmp_path).values())) > 2
        assert finish(tmp_path) == (at < 3)
        assert set(content(tmp_path).values()) == {b"new"}
        assert not is_unfinished(tmp_path)
        assert not finish(tmp_path)

    def test_a_waiting_folder_of_another_program_stays(self, tmp_path):
        waiting = tmp_path / WAITING
        waiting.mkdir()
        (waiting / "a.txt").write_text("mine")
        assert not finish(tmp_path)
        with pytest.raises(OutputError, match="cannot write"):
            self.write(tmp_path, "new")
        assert content(tmp_path) == {f"{WAITING}/a.txt": b"mine"}
        (waiting / "_set.json").write_text(json.dumps(["guanxi"]))
        assert not is_unfinished(tmp_path)


def test_formatted_tables_are_staged_too(tmp_path):
    link = tmp_path / "t.csv"
    (tmp_path / "precious").write_text("x")
    link.symlink_to(tmp_path / "precious")
    with pytest.raises(OutputError, match="symbolic link"):
        files.write_table(pd.DataFrame({"x": [1]}), link)
    assert (tmp_path / "precious").read_text() == "x"
