"""Scoring in a process of its own: texts and small steps of one process keep its threads from a second core.

Feature tables go to it, and prediction tables come back, as Arrow streams over its standard input and output.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pandas as pd
import pyarrow as pa

from guanxi.errors import EngineError
from guanxi.registry.loaded_model import LoadedModel, load_model

_MOST_PROCESSES, _CUSTOMERS_EACH = 3, 200_000


class ScoringProcess:
    """A process that scores one feature table after another with one model.

    Parameters
    ----------
    folder : pathlib.Path
        The model's files.
    settings : mapping
        What to predict with: ``as_of, horizon_days, drivers``, None meaning as trained.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        paths = os.pathsep.join(path for path in sys.path if path)
        # One thread: as many of these processes are at work as there are cores.
        environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-P", "-m", __name__, str(folder), json.dumps(dict(settings))]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, env=environment
        )

    def __call__(self, features: pd.DataFrame) -> pd.DataFrame:
        """Score one table.

        Raises
        ------
        EngineError
            If the process has ended.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            _send(self._process.stdin, features)
            return _receive(self._process.stdout)
        except (OSError, pa.ArrowInvalid) as error:
            raise EngineError(f"a scoring process ended: {self._last_words()}") from error

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()
        self._said.close()

    def _last_words(self) -> str:
        self._process.wait()
        self._said.seek(0)
        lines = self._said.read().decode(errors="replace").split("\n")
        said = [line.strip() for line in lines if line.strip()]
        return said[-1] if said else f"exit code {self._process.returncode}, perhaps for lack of memory"


@contextmanager
def scorers(
    loaded: LoadedModel, settings: Mapping[str, Any], customers: int
) -> Iterator[list[Callable[[pd.DataFrame], pd.DataFrame]]]:
    """Give what scores so many customers on all cores: this process, and others where they are worth it."""
    # A process takes seconds to begin: fewer customers are scored by then.
    count = min((os.cpu_count() or 1) - 1, _MOST_PROCESSES, customers // _CUSTOMERS_EACH)
    others = [ScoringProcess(loaded.folder, settings) for _ in range(count)]
    try:
        yield [lambda features: scored(loaded, features, settings), *others]
    finally:
        for other in others:
            other.close()


def scored(loaded: LoadedModel, features: pd.DataFrame, settings: Mapping[str, Any]) -> pd.DataFrame:
    """Score a feature table, and name the customers."""
    scores = loaded.predict(features, **settings)
    scores.insert(0, "customer_id", features["customer_id"].to_numpy())
    return scores


def _send(stream: IO[bytes], table: pd.DataFrame) -> None:
    rows = pa.Table.from_pandas(table, preserve_index=False)
    with pa.ipc.new_stream(stream, rows.schema) as writer:
        writer.write_table(rows)
    stream.flush()


def _receive(stream: IO[bytes]) -> pd.DataFrame:
    table: pd.DataFrame = pa.ipc.open_stream(stream).read_all().to_pandas()
    return table


def _serve(folder: str, settings: Mapping[str, Any]) -> None:
    """Answer tables until there are no more."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    loaded = load_model(folder)
    while requests.peek(1):
        _send(answers, scored(loaded, _receive(requests), settings))


if __name__ == "__main__":
    _serve(sys.argv[1], json.loads(sys.argv[2]))
