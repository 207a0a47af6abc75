"""``guanxi promote`` and ``rollback``: the gate, the aliases, and what is left when something breaks."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from guanxi.errors import OutputError, ParamsError, PromotionError, RegistryError
from guanxi.jobs import _gate
from guanxi.jobs.promote import EXPORT_FOLDER, promote
from guanxi.jobs.reporter import Reporter
from guanxi.jobs.rollback import rollback
from guanxi.params import Params, PromotionParams
from guanxi.registry import aliases
from guanxi.registry._bundle import _digests
from guanxi.registry.aliases import read_aliases, status, tags
from guanxi.registry.loaded_model import export


def files_of(store, uri: str) -> Path:
    """The folder of a logged model."""
    found = store.client.get_logged_model(uri.removeprefix("models:/"))
    return Path(found.artifact_location.removeprefix("file://"))


def served_of(store, version: str) -> Path:
    return Path(store.client.get_model_version("guanxi", version).source.removeprefix("file://"))


def twin_of(store, version: str) -> Path:
    run = store.client.get_run(store.client.get_model_version("guanxi", version).run_id)
    return files_of(store, run.data.tags["guanxi.twin"])


def names(store) -> dict[str, str]:
    return read_aliases(store)


def rewrite(document: Path, text: str) -> None:
    """Change a model as if it had been logged so, with the digest of its document."""
    digests = document.with_name("digests.json")
    document.write_text(text, "utf-8")
    digests.unlink()
    found = json.dumps(_digests(document.parent))
    digests.write_text(found, "utf-8")


@pytest.mark.parametrize("job", [promote, rollback])
@pytest.mark.slow
def test_a_file_of_others_in_the_champions_folder_is_met_before_any_alias_moves(copied, tmp_path, job):
    if job is rollback:
        promote(Params())
    export(copied, names(copied)["champion"], EXPORT_FOLDER)
    (EXPORT_FOLDER / "notes.txt").write_text("mine")
    before = names(copied), status(copied, "1"), status(copied, "2")
    with pytest.raises(OutputError, match=r"models/guanxi contains 'notes.txt', which guanxi did not write"):
        job(Params())
    assert (names(copied), status(copied, "1"), status(copied, "2")) == before
    (EXPORT_FOLDER / "notes.txt").unlink()
    job(Params())
    meta = (EXPORT_FOLDER / "registered_model_meta").read_text()
    assert f"model_version: '{names(copied)['champion']}'" in meta


class TestPassing:
    def test_moves_previous_and_champion_and_back(self, copied, command, tmp_path):
        ended = command("promote")
        assert ended.code == 0, ended.err
        assert "Version 2 of guanxi is champion; version 1, the champion until now, is previous" in ended.out
        assert len(re.findall(r"^  passed  .*\(limit .*promotion\.", ended.err, flags=re.MULTILINE)) == 7
        assert names(copied) == {"candidate": "2", "champion": "2", "previous": "1"}
        assert (status(copied, "1"), status(copied, "2")) == ("previous", "champion")
        description = copied.client.get_model_version("guanxi", "2").description
        assert "Promoted to champion, in place of version 1" in description

        assert "is already champion" in command("promote").out

        ended = command("rollback")
        assert ended.code == 0, ended.err
        assert "Version 1 of guanxi is champion again, version 2 is rolled back" in ended.out
        assert names(copied) == {"candidate": "2", "champion": "1"}
        assert status(copied, "2") == "rolled back"

        ended = command("rollback")
        assert ended.code == 1
        assert "nothing to roll back to: version 1 of guanxi is the first" in ended.error

        # What was rolled back comes again only by its name, or a nightly job would bring it back at once.
        ended = command("promote")
        assert ended.code == 1
        assert "was rolled back: train another" in ended.error
        assert command("promote", "--model", "models:/guanxi/2").code == 0
        assert names(copied)["champion"] == "2"

    @pytest.mark.slow
    def test_a_chain_is_walked_back(self, copied):
        loose = Params(promotion=PromotionParams(compare=False, log_loss_increase=9, coverage_shortfall=0.9))
        promote(loose)
        promote(loose, model="models:/guanxi/3")
        assert names(copied) == {"candidate": "2", "champion": "3", "previous": "2"}
        assert status(copied, "1") == "retired"
        assert rollback().previous == "1"
        assert names(copied) == {"candidate": "2", "champion": "2", "previous": "1"}
        assert rollback().previous is None
        assert names(copied) == {"candidate": "2", "champion": "1"}

    def test_numbers_are_those_of_the_training(self, copied):
        judgement = _gate.evaluate_candidate(copied, "1", None, PromotionParams(), Reporter())
        run_id = copied.client.get_model_version("guanxi", "1").run_id
        measured = copied.client.get_run(run_id).data.metrics
        found = {check.name: check.value for check in judgement.checks}
        assert found["log loss of churn"] == pytest.approx(measured["churn_log_loss"], rel=1e-9)
        assert found["coverage of the intervals of spend"] == measured["spend_coverage"]

    @pytest.mark.slow
    def test_the_exported_folder_follows_where_there_is_one(self, copied, tmp_path):
        promote(Params())
        assert not Path("models").exists()
        export(copied, "1", Path("models/guanxi"))
        Path("models/guanxi/artifacts/stale.json").touch()
        rollback()
        assert not Path("models/guanxi/artifacts/stale.json").exists()
        assert Path("models/guanxi/MLmodel").exists()


class TestRefused:
    def test_every_limit_is_named_with_its_number_and_nothing_moves(self, copied, command):
        copied.client.set_registered_model_alias("guanxi", "candidate", "3")
        before = names(copied)
        ended = command("promote")
        assert ended.code == 1
        assert "version 3 of guanxi is not promoted, version 1 stays champion: " in ended.error
        limit = r"[\d.e-]+, version 1 [\d.e-]+: \+\d+\.\d% \(limit \+2\.0%, promotion\."
        assert re.search(rf"log loss of churn {limit}log_loss_increase\)", ended.error)
        assert "FAILED  log loss of churn" in ended.err
        assert "passed  coverage" in ended.err
        assert names(copied) == before
        assert status(copied, "3") == "refused"
        assert "log_loss_increase" in tags(copied, "3")["guanxi.status_reason"]
        assert "Refused: " in copied.client.get_model_version("guanxi", "3").description

    @pytest.mark.slow
    def test_a_limit_that_was_raised_lets_it_pass(self, copied):
        copied.client.set_registered_model_alias("guanxi", "candidate", "3")
        with pytest.raises(PromotionError, match="log_loss_increase"):
            promote(Params())
        given = PromotionParams(log_loss_increase=5, mae_increase=5, mean_change=None)
        assert promote(Params(promotion=given)).version == "3"

    def test_a_champion_whose_twin_is_gone(self, copied):
        shutil.rmtree(twin_of(copied, "1"))
        with pytest.raises(PromotionError, match=r"cannot be compared .*files are gone.*compare=false"):
            promote(Params())
        assert names(copied)["champion"] == "1"
        assert promote(Params(promotion=PromotionParams(compare=False))).version == "2"

    def test_a_champion_from_before_twins_were_kept(self, copied):
        run_id = copied.client.get_model_version("guanxi", "1").run_id
        copied.client.delete_tag(run_id, "guanxi.twin")
        with pytest.raises(PromotionError, match="version 1 was trained without storing its twin"):
            promote(Params())

    @pytest.mark.parametrize(
        ("of", "old", "new", "said"),
        [
            (
                served_of,
                '"refunds": "net"',
                '"refunds": "drop"',
                "read with data.refunds=net, version 1's with drop",
            ),
            (
                twin_of,
                r'("history_days": \d+,\s+"window_days": )60',
                r"\g<1>59",
                "no features for windows of 59 days",
            ),
            (
                served_of,
                '"horizon_days": 60',
                '"horizon_days": 45',
                "its horizon is 60 days, that of version 1 is 45",
            ),
        ],
    )
    @pytest.mark.slow
    def test_models_that_answer_different_questions(self, copied, of, old, new, said):
        document = of(copied, "1") / "artifacts" / "model.json"
        text, changes = re.subn(old, new, document.read_text("utf-8"))
        assert changes == 1
        rewrite(document, text)
        with pytest.raises(PromotionError, match=re.escape(said)):
            promote(Params())

    def test_a_candidate_that_says_other_numbers_than_when_it_was_trained(self, copied):
        document = served_of(copied, "2") / "artifacts" / "model.json"
        model = json.loads(document.read_text("utf-8"))
        model["corrections"]["churn"]["level"] += 0.001
        rewrite(document, json.dumps(model))
        with pytest.raises(RegistryError, match=r"fails its smoke test: .* differs from its values"):
            promote(Params())
        assert names(copied)["champion"] == "1"


class TestMissing:
    def test_no_store(self, command):
        ended = command("promote")
        assert ended.code == 1
        assert "there is no MLflow store in" in ended.error

    def test_no_such_alias_or_version(self, copied, command):
        copied.client.delete_registered_model_alias("guanxi", "candidate")
        assert "guanxi has no alias candidate; it has champion (version 1)" in command("promote").error
        assert re.search(r"version=77\) not found", command("promote", "--model", "models:/guanxi/77").error)
        ended = command("promote", "--model", "guanxi/2")
        assert (ended.code, "write models:/guanxi/3" in ended.error) == (ParamsError.exit_code, True)
        assert names(copied) == {"champion": "1"}

    def test_a_version_whose_files_are_gone(self, copied, command):
        shutil.rmtree(served_of(copied, "2"))
        ended = command("promote")
        assert ended.code == 1
        assert "models:/guanxi/2: its files are gone from the store" in ended.error
        assert names(copied) == {"candidate": "2", "champion": "1"}

    def test_a_previous_champion_whose_files_are_gone(self, copied, command):
        promote(Params())
        shutil.rmtree(served_of(copied, "1"))
        ended = command("rollback")
        assert ended.code == 1
        assert "files are gone" in ended.error
        assert names(copied) == {"candidate": "2", "champion": "2", "previous": "1"}

    def test_without_a_champion_it_is_measured_alone(self, copied, command):
        copied.client.delete_registered_model_alias("guanxi", "champion")
        ended = command("rollback")
        assert "model guanxi has no champion" in ended.error
        ended = command("promote")
        assert ended.code == 0, ended.err
        assert "the share of churners" in ended.err
        assert "Version 2 of guanxi is the first champion." in ended.out
        assert names(copied) == {"candidate": "2", "champion": "2"}


class TestAtOnce:
    def test_who_comes_later_changes_nothing(self, copied):
        seen = names(copied)
        aliases.make_champion(copied, "2", seen)
        after = names(copied)
        for late in (aliases.make_champion, aliases.roll_back):
            with pytest.raises(
                RegistryError, match=r"champion and previous .* moved in the meantime .*version 2\)"
            ):
                late(copied, "3", seen)
        assert names(copied) == after
        assert status(copied, "3") != "champion"

    @pytest.mark.parametrize("move", ["promotion", "rollback"])
    @pytest.mark.slow
    def test_stopped_between_any_two_requests_the_aliases_are_valid(self, copied, monkeypatch, move):
        """Every prefix of the requests leaves a champion, and a way back from it."""
        if move == "rollback":
            aliases.make_champion(copied, "3", names(copied))
        requests = ("set_registered_model_alias", "delete_registered_model_alias", "set_model_version_tag")
        for allowed in range(20):
            with monkeypatch.context() as patch:
                left = [allowed]
                for name in requests:
                    patch.setattr(copied.client, name, counted(getattr(copied.client, name), left))
                try:
                    seen = names(copied)
                    if move == "rollback":
                        aliases.roll_back(copied, aliases.predecessor(copied, seen), seen)
                    else:
                        aliases.make_champion(copied, "2", seen)
                    break
                except KeyboardInterrupt:
                    pass
            found = names(copied)
            assert found["champion"] in {"1", "2", "3"}
            assert found.get("previous") in {None, "1"}
            restart(copied, move)
        else:
            pytest.fail("it never ended")
        assert names(copied)["champion"] == {"promotion": "2", "rollback": "1"}[move]
        assert allowed > 4


def counted(request, left):
    """Let so many requests through, then be stopped before the next."""

    def call(*given):
        if left[0] == 0:
            raise KeyboardInterrupt
        left[0] -= 1
        return request(*given)

    return call


def restart(store, move: str) -> None:
    """Go back to where the move began, by the commands' own means."""
    seen = names(store)
    if move == "promotion" and seen["champion"] == "2":
        aliases.roll_back(store, aliases.predecessor(store, seen), seen)
    if move == "rollback" and seen["champion"] == "1":
        if aliases._unfinished(store):
            assert aliases.predecessor(store, seen) == "1"
        else:
            with pytest.raises(RegistryError, match="nothing to roll back to"):
                aliases.predecessor(store, seen)
        aliases.make_champion(store, "3", seen)
