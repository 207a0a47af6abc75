"""Latency of the champion over HTTP, served by ``mlflow models serve``.

python benchmarks/online.py

Trains the default model on the bundled CDNOW data in an empty folder, starts the server on a free local port
and sends requests: one customer at a time, 10,000 at once, and four concurrent clients. Each client keeps its
connection. ``dataframe_split`` and ``inputs`` are two forms of the same request (docs/serving.md); MLflow
converts the former in pandas, column by column, before calling the model.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from guanxi.data.transactions import read_transactions
from guanxi.features.snapshots import features_at
from guanxi.registry.loaded_model import load_model

RESULTS = Path(__file__).parent / "results" / "online.json"
MODEL = "models:/guanxi@champion"
BAR = {"one_row_p50_ms": 20.0}
WARM_UP, REPEATS, CLIENTS, MANY = 50, 400, 4, 10_000


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([sys.executable, "-m", "guanxi", "train", "cdnow"], cwd=folder, check=True)
        log = read_transactions("cdnow")
        os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder}/mlruns/mlflow.db"
        rows = features_at(log, log.last_day, 90)[load_model(MODEL).features].astype("float64")
        begin = time.perf_counter()
        with server(folder) as port:
            figures: dict[str, object] = {"server_starts_in_seconds": round(time.perf_counter() - begin, 1)}
            figures |= measure(port, rows)
    figures["machine"] = f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores"
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def measure(port: int, rows: pd.DataFrame) -> dict[str, object]:
    one = {
        f"one row, {form}, {drivers} drivers": latencies(port, bodies(rows, form, drivers), REPEATS)
        for form in ("dataframe_split", "inputs")
        for drivers in (3, 0)
    }
    for name, milliseconds in one.items():
        print(f"{name:<36} p50 {milliseconds['p50_ms']:6.1f} ms   p95 {milliseconds['p95_ms']:6.1f} ms")
    together = at_once(port, rows)
    print(f"{CLIENTS} clients at once, 3 drivers           ", together)
    many = {}
    for drivers in (3, 0):
        body = request(rows.head(MANY), "dataframe_split", drivers)
        many[f"{drivers} drivers"] = round(min(asked(port, body) for _ in range(3)), 2)
        print(f"{MANY:,} rows, {drivers} drivers: {many[f'{drivers} drivers']:.2f} s")
    met = {name: each["p50_ms"] < BAR["one_row_p50_ms"] for name, each in one.items()}
    for name, reached in met.items():
        print(f"p50 under {BAR['one_row_p50_ms']} ms, {name}: {'met' if reached else 'MISSED'}")
    return {
        "one_row": one,
        "clients_at_once": together,
        "seconds_for_10000_rows": many,
        "bar": BAR,
        "met": met,
    }


def request(rows: pd.DataFrame, form: str, drivers: int) -> bytes:
    """Body of a request; a missing value is null."""
    values = rows.astype(object).where(rows.notna(), None)
    if form == "inputs":
        data: object = {name: values[name].tolist() for name in rows.columns}
    else:
        data = {"columns": list(rows.columns), "data": values.to_numpy().tolist()}
    return json.dumps({form: data, "params": {"drivers": drivers}}).encode()


def bodies(rows: pd.DataFrame, form: str, drivers: int) -> list[bytes]:
    """Request bodies of one customer each, evenly spaced in the base."""
    places = np.linspace(0, len(rows) - 1, 50).astype(int)
    return [request(rows.iloc[[place]], form, drivers) for place in places]


def latencies(port: int, asked_for: list[bytes], repeats: int) -> dict[str, float]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    seconds = []
    for number in range(WARM_UP + repeats):
        begin = time.perf_counter()
        answer(connection, asked_for[number % len(asked_for)])
        seconds.append(time.perf_counter() - begin)
    connection.close()
    p50, p95 = np.percentile(seconds[WARM_UP:], [50, 95]) * 1000
    return {"p50_ms": round(float(p50), 2), "p95_ms": round(float(p95), 2)}


def at_once(port: int, rows: pd.DataFrame) -> dict[str, float]:
    asked_for, found = bodies(rows, "dataframe_split", 3), []
    clients = [
        threading.Thread(target=lambda: found.append(latencies(port, asked_for, REPEATS // CLIENTS)))
        for _ in range(CLIENTS)
    ]
    begin = time.perf_counter()
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    seconds = time.perf_counter() - begin
    return {
        "p50_ms": max(each["p50_ms"] for each in found),
        "p95_ms": max(each["p95_ms"] for each in found),
        "requests_per_second": round(CLIENTS * (WARM_UP + REPEATS // CLIENTS) / seconds, 1),
    }


def asked(port: int, body: bytes) -> float:
    begin = time.perf_counter()
    answer(http.client.HTTPConnection("127.0.0.1", port, timeout=600), body)
    return time.perf_counter() - begin


def answer(connection: http.client.HTTPConnection, body: bytes) -> None:
    connection.request("POST", "/invocations", body, {"Content-Type": "application/json"})
    got = connection.getresponse()
    text = got.read()
    if got.status != 200:
        raise SystemExit(f"the server answered {got.status}: {text[:500]!r}")


@contextlib.contextmanager
def server(folder: Path) -> Iterator[int]:
    """Serve the champion of a folder's store, and yield the port once it responds."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = str(Path(sys.executable).with_name("mlflow"))
    arguments = ["models", "serve", "-m", MODEL, "--env-manager", "local", "-h", "127.0.0.1", "-p", str(port)]
    environment = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",  # mlflow calls uvicorn
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    with open(folder / "server.log", "w+") as output:
        process = subprocess.Popen(
            [program, *arguments],
            cwd=folder,
            env=os.environ | environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            wait(process, port, Path(output.name))
            yield port
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, 15)
            process.wait(timeout=30)


def wait(process: subprocess.Popen[bytes], port: int, output: Path) -> None:
    while True:
        if process.poll() is not None:
            raise SystemExit(f"the server ended: {output.read_text()[-2000:]}")
        with contextlib.suppress(OSError):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/ping")
            if connection.getresponse().status == 200:
                return
        time.sleep(0.1)


if __name__ == "__main__":
    main()
