from __future__ import annotations

import importlib.util
import warnings
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

CALIBRATION_END = "1997-09-30"


@pytest.fixture(scope="session")
def cdnow_sample() -> pd.DataFrame:
    """RFM of the CDNOW 1/10 sample by the recipe of Fader, Hardie & Lee: purchases of a day merged, weeks."""
    spec = importlib.util.find_spec("lifetimes")
    assert spec is not None
    assert spec.origin is not None
    lines = pd.read_csv(
        Path(spec.origin).parent / "datasets" / "CDNOW_sample.txt",
        sep=r"\s+",
        names=["master_id", "customer_id", "date", "quantity", "amount"],
        dtype={"date": str},
    )
    lines["date"] = pd.to_datetime(lines["date"], format="%Y%m%d")
    lines = lines[lines["date"] <= CALIBRATION_END]
    days = lines.groupby(["customer_id", "date"], as_index=False)["amount"].sum()
    repeats = days[days.groupby("customer_id").cumcount() > 0]
    first, last = (days.groupby("customer_id")["date"].agg(which) for which in ("min", "max"))
    rfm = pd.DataFrame({"frequency": days.groupby("customer_id").size() - 1})
    rfm["recency"] = (last - first).dt.days / 7.0
    rfm["T"] = (pd.Timestamp(CALIBRATION_END) - first).dt.days / 7.0
    rfm["monetary_value"] = repeats.groupby("customer_id")["amount"].mean().reindex(rfm.index, fill_value=0.0)
    return rfm


@pytest.fixture(scope="session")
def lifetimes() -> ModuleType:
    """The reference implementation, imported once."""
    with warnings.catch_warnings():
        # Archived in 2024: its import sets a pandas option that has no effect any more.
        warnings.filterwarnings("ignore", message="The 'mode.chained_assignment' option is deprecated")
        module = importlib.import_module("lifetimes")
        importlib.import_module("lifetimes.utils")
    return module


@pytest.fixture
def small_rfm() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "frequency": [0, 1, 2, 7, 26],
            "recency": [0.0, 5.0, 20.0, 38.0, 30.857],
            "T": [39.0, 38.0, 37.0, 38.5, 31.0],
            "monetary_value": [0.0, 12.0, 30.5, 22.25, 41.0],
        },
        index=[11, 12, 13, 14, 15],
    )


@pytest.fixture
def random_histories() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(5)
    x = generator.integers(0, 12, 40).astype(float)
    T = generator.uniform(5.0, 60.0, 40)
    return x, np.where(x > 0, T * generator.random(40), 0.0), T
