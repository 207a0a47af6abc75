"""Simulated campaigns, from the benchmark of uplift."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

from guanxi.decisions.uplift import UpliftResult, learn_uplift

_BENCHMARK = Path(__file__).parents[3] / "benchmarks" / "uplift.py"
SIMULATED_FEATURES = [*(f"x{i}" for i in range(5)), "channel", "member"]


@pytest.fixture(scope="session")
def benchmark_of_uplift() -> ModuleType:
    """Return the module `benchmarks/uplift.py`."""
    spec = importlib.util.spec_from_file_location("benchmark_of_uplift", _BENCHMARK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def strong_campaign(benchmark_of_uplift: ModuleType) -> tuple[pd.DataFrame, pd.Series]:
    """6,000 customers whose uplift differs much, as a named arm; and their true uplift."""
    table, truth = benchmark_of_uplift.simulate(6000, "strong", 11)
    arm = table["treated"].map({True: "voucher", False: "control"})
    return table.assign(arm=arm).drop(columns="treated"), pd.Series(truth)


@pytest.fixture(scope="session")
def found(strong_campaign: tuple[pd.DataFrame, pd.Series]) -> UpliftResult:
    """Uplift learned from that campaign."""
    return learn_uplift(strong_campaign[0], "arm", "bought", SIMULATED_FEATURES, randomised=True, seed=3)


@pytest.fixture(scope="session")
def nothing_found(benchmark_of_uplift: ModuleType) -> UpliftResult:
    """Uplift learned from a campaign with the same uplift for all."""
    table, _ = benchmark_of_uplift.simulate(2000, "same for all", 4)
    return learn_uplift(table, "treated", "bought", ["x0", "channel"], randomised=True, seed=3)
