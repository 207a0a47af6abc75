"""The kill test: whatever the moment, no torn output, and what is taken up equals the unbroken."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytestmark = pytest.mark.slow

KILLS = 30
CUSTOMERS = 200_000
COLUMNS = "customer_id=CustomerID,timestamp=InvoiceDate,amount=Total,order_id=Invoice"
SHARED = Path(os.environ.get("GUANXI_SHARED_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Path:
    """Online Retail II's invoices, a model of them, and its customers repeated to 200,000."""
    source = SHARED / "online_retail_ii.parquet"
    if not source.exists():
        pytest.skip(f"no {source}: set GUANXI_SHARED_DATA")
    lines = pd.read_parquet(source, columns=["CustomerID", "InvoiceDate", "Quantity", "Price", "Invoice"])
    lines = lines.dropna(subset="CustomerID").assign(Total=lines["Quantity"] * lines["Price"])
    invoices = lines.groupby(["CustomerID", "Invoice"], as_index=False).agg(
        InvoiceDate=("InvoiceDate", "min"), Total=("Total", "sum")
    )
    folder = tmp_path_factory.mktemp("shop")
    invoices.to_parquet(folder / "shop.parquet", index=False)
    arguments = ("--columns", COLUMNS, "--set", "churn.snapshot_spacing_days=400")
    assert run(folder, "train", "shop.parquet", *arguments).wait() == 0
    buyers = invoices.loc[invoices["Total"] > 0, "CustomerID"].nunique()
    times = CUSTOMERS // buyers + 2
    copies = [
        invoices.assign(CustomerID=invoices["CustomerID"].astype(str) + f"-{i:02d}") for i in range(times)
    ]
    pd.concat(copies).to_parquet(folder / "many.parquet", index=False)
    return folder


def run(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    program = Path(sys.executable).with_name("guanxi")
    with (folder / "log.txt").open("ab") as log:
        return subprocess.Popen([program, *arguments], cwd=folder, stdout=log, stderr=log)


def predict(folder: Path, output: str, *more: str) -> subprocess.Popen[bytes]:
    return run(folder, "predict", "many.parquet", "--columns", COLUMNS, "-o", output, *more)


def content(path: Path) -> pd.DataFrame | None:
    """The whole table; a torn one raises."""
    if not path.exists():
        # The one moment at which a folder is away: its earlier state stands beside it.
        assert (path.parent / f".{path.name}.old").exists() or not path.suffix
        return None
    return pd.read_parquet(path)


@pytest.mark.timeout(7200)
def test_killed_at_random_moments(shop: Path) -> None:
    for output in ("scores.parquet", "scores/"):
        assert predict(shop, output, "--drivers", "0").wait() == 0
    earlier = content(shop / "scores.parquet")
    begin = time.monotonic()
    assert predict(shop, "unbroken.parquet").wait() == 0
    seconds = time.monotonic() - begin
    unbroken = content(shop / "unbroken.parquet")
    assert len(unbroken) >= CUSTOMERS
    random, killed, finished, resumed = np.random.default_rng(0), 0, 0, 0
    while killed < KILLS:
        output = ("scores.parquet", "scores/")[killed % 2]
        begin = time.monotonic()
        process = predict(shop, output, "--resume")
        try:
            assert process.wait(timeout=random.uniform(0.0, seconds)) == 0
            finished += 1
            seconds = time.monotonic() - begin
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            killed += 1
        found = content(shop / output)
        resumed += len(list(shop.glob(f".{Path(output).name}.partial/part-*.parquet"))) > 0
        if found is not None and len(found.columns) == len(earlier.columns):
            pd.testing.assert_frame_equal(found, earlier, check_exact=True)
        elif found is not None:
            pd.testing.assert_frame_equal(found, unbroken, check_exact=True)
    print(
        f"\n{killed} kills, {resumed} with parts left, {finished} jobs that ended; unbroken {seconds:.0f} s"
    )
    for output in ("scores.parquet", "scores/"):
        assert predict(shop, output, "--resume").wait() == 0
        pd.testing.assert_frame_equal(content(shop / output), unbroken, check_exact=True)
    left = {path.name for path in shop.iterdir()}
    assert not {name for name in left if name.startswith(".")}
