"""``guanxi programme`` with the registered model of the first run."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import guanxi
from guanxi.errors import DataError, ParamsError, SourceError
from guanxi.params import Params, load_params


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """Investments, owners by chance, and the effects of a campaign, as files."""
    folder = tmp_path_factory.mktemp("programme")
    names = sorted(guanxi.datasets.load_cdnow_sample()["customer_id"].unique())
    owners = np.random.default_rng(0).choice(["Ann", "Bo", "Chen", "Dora"], len(names))
    table = pd.DataFrame({"customer_id": names, "date": "1998-03-10", "owner": owners})
    table["team"] = table["owner"].map({"Ann": "East", "Bo": "East"}).fillna("West")
    table.to_csv(folder / "owners.csv", index=False)
    spent = pd.DataFrame(
        {"phase": ["Collect", "act"], "date": ["1998-01-05", "1998-02-05"], "amount": [1000, 2000]}
    )
    spent.to_csv(folder / "investments.csv", index=False)
    effects = {
        "outcome": "margin",
        "arm": ["mail", "call"],
        "method": "adjusted",
        "kind": ["effect", "difference"],
        "estimate": [4.0, 9.0],
        "lower": [3.0, 8.0],
        "upper": [5.0, 10.0],
        "n_treated": 1000,
    }
    pd.DataFrame(effects).to_parquet(folder / "effects.parquet")
    return folder


def settings(tables, *more) -> list[str]:
    campaigns = {"spring": {"effects": str(tables / "effects.parquet"), "date": "1998-02-05", "days": 90}}
    return [
        f"relations.investments.source={tables}/investments.csv",
        f"relations.owners.source={tables}/owners.csv",
        f"programme.campaigns={json.dumps(campaigns)}",
        *more,
    ]


def test_command_writes_and_tells(command, first_run, tables, tmp_path):
    given = [each for setting in settings(tables) for each in ("--set", setting)]
    ended = command("programme", "cdnow-sample", "-o", str(tmp_path / "out"), *given, folder=first_run.folder)
    assert ended.code == 0, ended.err
    assert "By 1998-06-30 the programme had cost 3,000." in ended.out
    assert "Its campaigns brought 4,000 (3,000 to 5,000): a return of 33" in ended.out
    assert "Not counted, since it is a difference and not an effect: spring (call)." in ended.out
    assert "4 that cannot be told apart" in ended.out
    found = pd.read_parquet(tmp_path / "out" / "performance.parquet")
    assert set(found["by"]) == {"owner", "team"}
    assert (found["verdict"] == "not_told_apart").mean() > 0.8
    assert found.loc[(found["by"] == "owner") & (found["measure"] == "kept"), "customers"].sum() == 2357
    document = json.loads((tmp_path / "out" / "programme.json").read_text())
    assert document["metrics"]["return"] == pytest.approx(1 / 3)
    assert "Teams and account owners" in (tmp_path / "out" / "programme.html").read_text(encoding="utf-8")


def test_cost_alone_needs_no_model(tables, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = guanxi.programme("cdnow-sample", params=load_params(None, settings(tables)[::2], {}))
    assert found.teams is None
    assert (found.earned.cost, found.earned.gain) == (3000, 4000)
    assert found.earned.phases["cost"].tolist() == [1000, 0, 0, 2000, 0]


def test_bad_input(tables, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def refused(*given):
        return guanxi.programme("cdnow-sample", params=load_params(None, list(given), {}))

    with pytest.raises(ParamsError, match=r"relations\.investments"):
        guanxi.programme("cdnow-sample", params=Params())
    missing = json.dumps({"spring": {"effects": "nowhere.parquet", "date": "1998-02-05", "days": 9}})
    with pytest.raises(SourceError, match=r"nowhere\.parquet cannot be read"):
        refused(settings(tables)[0], f"programme.campaigns={missing}")
    spent = tmp_path / "spent.csv"
    spent.write_text("phase,date,amount\nact,1998-01-01,-5\n")
    with pytest.raises(DataError, match=r"relations\.investments.*amount is negative"):
        refused(f"relations.investments.source={spent}")
