"""The champion behind ``mlflow models serve``, asked over HTTP."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest


class Client:
    """Asks a scoring server of this machine."""

    def __init__(self, port: int) -> None:
        self.port = port

    def request(self, method: str, path: str, body: str = "") -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        with contextlib.closing(connection):
            connection.request(method, path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def predict(self, rows: pd.DataFrame, form: str = "dataframe_split", **params) -> tuple[int, dict]:
        values = rows.astype(object).where(rows.notna(), None)
        data = {
            "dataframe_split": lambda: {"columns": list(rows), "data": values.to_numpy().tolist()},
            "dataframe_records": lambda: values.to_dict("records"),
            "inputs": lambda: {name: values[name].tolist() for name in rows},
        }[form]()
        status, text = self.request("POST", "/invocations", json.dumps({form: data, "params": params}))
        return status, json.loads(text)

    def reason(self, rows: pd.DataFrame, **params) -> str:
        """What a refused request is told, after the glance at the data that MLflow puts before it."""
        status, answer = self.predict(rows, **params)
        assert status == 400, answer
        assert "stack_trace" not in answer
        return answer["message"].rpartition("Error: ")[2]


def wait(process: subprocess.Popen[bytes], client: Client, log: Path) -> None:
    for _ in range(1200):
        assert process.poll() is None, log.read_text()
        with contextlib.suppress(OSError):
            if client.request("GET", "/ping")[0] == 200:
                return
        time.sleep(0.1)
    raise AssertionError(log.read_text())


@pytest.fixture(scope="module")
def client(first_run, tmp_path_factory):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    programs = Path(sys.executable).parent
    folder = tmp_path_factory.mktemp("server")
    outside = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    settings = {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",  # where mlflow looks for uvicorn
        "MLFLOW_TRACKING_URI": f"sqlite:///{first_run.folder}/mlruns/mlflow.db",
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    what = ["models", "serve", "-m", "models:/guanxi@champion", "--env-manager", "local"]
    where = ["-h", "127.0.0.1", "-p", str(port)]
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(
            [programs / "mlflow", *what, *where],
            cwd=folder,
            env=outside | settings,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    asking = Client(port)
    try:
        wait(process, asking, folder / "log")
        yield asking
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=60)


@pytest.fixture(scope="module")
def rows(features) -> pd.DataFrame:
    return features.drop(columns="customer_id").astype("float64")


def check(answers: list[dict], own: pd.DataFrame) -> None:
    """Numbers to 1e-12, effects to 1e-9, all else exactly."""
    got = pd.DataFrame(answers)
    assert list(got) == [name for name in own if name not in ("customer_id", "model_version")]
    for name in got.select_dtypes("number"):
        tolerance = 1e-9 if name.endswith("_effect") else 1e-12
        np.testing.assert_allclose(
            got[name].astype(float), own[name].astype(float), rtol=tolerance, atol=tolerance, err_msg=name
        )
    for name in got.select_dtypes(exclude="number"):
        expected = [None if pd.isna(value) else str(value) for value in own[name]]
        assert [None if pd.isna(value) else value for value in got[name]] == expected, name


@pytest.mark.parametrize("form", ["dataframe_split", "dataframe_records", "inputs"])
def test_one_customer_gets_the_numbers_of_the_prediction_table(client, rows, first_run, form):
    repeated, once = rows["gap_last"].notna().argmax(), rows["gap_last"].isna().argmax()
    for place in (repeated, once):
        status, answer = client.predict(rows.iloc[[place]], form, drivers=3)
        assert status == 200, answer
        check(answer["predictions"], first_run.predictions.iloc[[place]])


def test_ten_thousand_customers(client, rows, first_run):
    own = first_run.predictions
    many = pd.concat([rows] * 5, ignore_index=True).head(10_000)
    status, answer = client.predict(many, drivers=3)
    assert status == 200
    check(answer["predictions"], pd.concat([own] * 5, ignore_index=True).head(10_000))


def test_clients_at_once_get_each_their_own(client, rows, first_run):
    own = first_run.predictions

    def ask(place: int) -> tuple[int, dict]:
        return client.predict(rows.iloc[place : place + 3], drivers=3)

    places = [37 * number for number in range(40)]
    with ThreadPoolExecutor(8) as clients:
        for place, (status, answer) in zip(places, clients.map(ask, places), strict=True):
            assert status == 200
            check(answer["predictions"], own.iloc[place : place + 3])


def test_what_is_asked_for_is_answered(client, rows):
    given = {
        "horizon_days": 7,
        "drivers": 0,
        "interval": 0.5,
        "annual_discount_rate": 0.0,
        "as_of": "1998-07-31",
    }
    status, answer = client.predict(rows.head(2), **given)
    assert status == 200
    assert {(row["as_of"], row["horizon_days"]) for row in answer["predictions"]} == {("1998-07-31", 7)}
    assert not [name for name in answer["predictions"][0] if name.startswith("driver_")]


WRONG_ROWS = {
    "negative": ("frequency", -1.0, "column 'frequency' is negative in 1 of 3 rows (first: 1)"),
    "fraction": ("frequency", 1.5, "column 'frequency' is not a whole number in 1 of 3 rows (first: 1)"),
    "after T": ("recency", 1e6, "column 'recency' is greater than T in 1 of 3 rows (first: 1)"),
    "missing T": ("T", np.nan, "column 'T' is missing in 1 of 3 rows (first: 1)"),
    "no recency": ("recency", np.nan, "column 'recency' is missing in 1 of 3 rows (first: 1)"),
    "infinite": ("spend_90", np.inf, "column 'spend_90' is infinite in 1 of 3 rows (first: 1)"),
    "minus": ("monetary_value", -0.01, "column 'monetary_value' is negative in 1 of 3 rows (first: 1)"),
}
WRONG_PARAMS = {
    "horizon_days": (0, "horizon_days is 0: give whole days from 1 to 3650"),
    "interval": (1.0, "interval is 1.0: give a probability between 0 and 1, such as 0.9"),
    "drivers": (21, "drivers is 21: give 0 (for speed) to 20"),
    "annual_discount_rate": (-1.0, "annual_discount_rate is -1.0: give a number above -1 and below 10"),
    "language": ("fr", "language is 'fr': give one of en, zh"),
    "as_of": ("yesterday", "as_of is 'yesterday': give a date such as 2024-01-31"),
}


@pytest.mark.parametrize("wrong", WRONG_ROWS)
def test_a_row_that_no_customer_can_have_is_refused(client, rows, wrong):
    column, value, said = WRONG_ROWS[wrong]
    three = rows.head(3).copy()
    three.loc[1, column] = value
    assert said in client.reason(three)


@pytest.mark.parametrize("name", WRONG_PARAMS)
def test_a_parameter_out_of_range_is_refused(client, rows, name):
    value, said = WRONG_PARAMS[name]
    assert said in client.reason(rows.head(1), **{name: value})


def test_what_mlflow_itself_refuses_names_the_column_too(client, rows):
    one = rows.head(1)
    assert "missing inputs ['recency']" in client.reason(one.drop(columns="recency"))
    status, answer = client.predict(one.astype(object).assign(frequency="many"))
    assert status == 400
    assert "column frequency" in answer["message"]
    assert "'many'" in answer["message"]
    assert "horizon_days" in client.reason(one, horizon_days=1.5)
    assert client.reason(rows.head(0)) == "the table has no rows: give at least one customer"
    assert client.request("POST", "/invocations", "{no json")[0] == 400


def test_mlflow_leaves_out_a_parameter_it_does_not_know(client, rows):
    """As docs/serving.md warns: MLflow does not hand it to the model, which could refuse it."""
    status, answer = client.predict(rows.head(1), horizon=7)
    assert status == 200
    assert answer["predictions"][0]["horizon_days"] == 60
