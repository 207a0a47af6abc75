"""Real data: CDNOW, included in the lifetimes package and read without importing it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pandas as pd

from guanxi.errors import ParamsError, SourceError

NAMES = ("cdnow", "cdnow-sample")


def load_cdnow() -> pd.DataFrame:
    """Load all CDNOW purchases: 23,570 customers who first bought in early 1997, 69,659 lines.

    Returns
    -------
    pandas.DataFrame
        ``customer_id`` (text), ``timestamp`` (day), ``quantity`` (CDs), ``amount`` (US dollars);
        1997-01-01 to 1998-06-30.

    References
    ----------
    Fader, P. S. and Hardie, B. G. S. (2001), Forecasting repeat sales at CDNOW, Interfaces 31(3).

    Examples
    --------
    >>> len(load_cdnow())
    69659
    """
    return _read("CDNOW_master.txt", ["customer_id", "timestamp", "quantity", "amount"], header_lines=1)


def load_cdnow_sample() -> pd.DataFrame:
    """Load the published 1/10 sample of CDNOW: 2,357 customers.

    Returns
    -------
    pandas.DataFrame
        ``customer_id`` (text), ``timestamp`` (day), ``quantity`` (CDs), ``amount`` (US dollars).

    Examples
    --------
    >>> load_cdnow_sample()["customer_id"].nunique()
    2357
    """
    columns = ["master_id", "customer_id", "timestamp", "quantity", "amount"]
    return _read("CDNOW_sample.txt", columns, header_lines=0).drop(columns="master_id")


def load(name: str) -> pd.DataFrame:
    """Load a dataset by its name on the command line.

    Raises
    ------
    ParamsError
        If there is none of that name.
    """
    if not isinstance(name, str) or name not in NAMES:
        raise ParamsError(f"no dataset {name!r}: choose from {', '.join(NAMES)}")
    return load_cdnow_sample() if name == "cdnow-sample" else load_cdnow()


def _read(file: str, columns: list[str], *, header_lines: int) -> pd.DataFrame:
    spec = importlib.util.find_spec("lifetimes")
    folder = Path(spec.submodule_search_locations[0]) if spec and spec.submodule_search_locations else None
    if folder is None or not (folder / "datasets" / file).is_file():
        raise SourceError(f"dataset file {file} is missing: install the package lifetimes, which includes it")
    table = pd.read_csv(
        folder / "datasets" / file,
        sep=r"\s+",
        header=None,
        skiprows=header_lines,
        names=columns,
        dtype={"customer_id": "str", "master_id": "str", "timestamp": "str"},
    )
    table["timestamp"] = pd.to_datetime(table["timestamp"], format="%Y%m%d")
    return table
