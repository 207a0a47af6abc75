"""Data and one small real run of the command, shared by all tests that look at what it left."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings

# How long an example takes says nothing where other programs run.
settings.register_profile("guanxi", deadline=None)
settings.load_profile("guanxi")

HORIZON = 60
CALIBRATION_END = "1997-09-30"
QUICK = ("--set", "churn.snapshot_spacing_days=400")
# Each case of a test here reads a file of its own, a second of compiling queries: so many are run quickly.
READING = frozenset({"data", "jobs", "cli", "features", "test_python_inputs.py"})
CASES = 3
NO_NETWORK = """
import socket

def guarded(original):
    def connect(self, address, *rest):
        if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise SystemExit(f"this test has no network, and {address} was asked for")
        return original(self, address, *rest)
    return connect

socket.socket.connect = guarded(socket.socket.connect)
socket.socket.connect_ex = guarded(socket.socket.connect_ex)

def resolve(host, *rest, **more):
    if host not in ("127.0.0.1", "::1", "localhost", None):
        raise SystemExit(f"this test has no network, and {host} was looked up")
    return original_resolve(host, *rest, **more)

original_resolve, socket.getaddrinfo = socket.getaddrinfo, resolve
"""


def pytest_configure() -> None:
    """Keep the tests out of the store that the environment may name."""
    for name in os.environ.keys() - outside().keys():
        del os.environ[name]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the notebooks, which take longest; most cases of tests that read files are slow tests."""
    items.sort(key=lambda item: item.path.name != "test_notebooks.py")
    cases: dict[str, list[pytest.Item]] = {}
    for item in items:
        if READING.intersection(item.path.parts) and "[" in item.nodeid and "slow" not in item.keywords:
            cases.setdefault(item.nodeid.partition("[")[0], []).append(item)
    for same in cases.values():
        quick = {round(place * (len(same) - 1) / (CASES - 1)) for place in range(CASES)}
        for place, item in enumerate(same):
            if place not in quick:
                item.add_marker(pytest.mark.slow)


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The last line on the standard error."""
        return self.err.rstrip("\n").splitlines()[-1]


@dataclass(frozen=True)
class Run:
    """A run of the command, and the folder it worked in."""

    folder: Path
    output: Path
    ended: Ended

    @property
    def predictions(self) -> pd.DataFrame:
        return pd.read_parquet(self.output / "predictions.parquet")


def outside() -> dict[str, str]:
    """The environment without the addresses that MLflow leaves in it."""
    return {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}


def console(folder: Path, *arguments: str, **environment: str) -> Ended:
    """Run the installed command in a process of its own."""
    program = Path(sys.executable).with_name("guanxi")
    done = subprocess.run(
        [program, *arguments],
        cwd=folder,
        env=outside() | environment,
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def copy_store() -> Callable[[Path, Path], None]:
    """Copy the store of one folder into another.

    By another process: SQLite loses its locks on a file that the process which holds them opens and closes.
    """

    def copy(source: Path, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-r", source / "mlruns", folder / "mlruns"], check=True)

    return copy


@pytest.fixture(scope="session")
def console_script() -> Callable[..., Ended]:
    return console


@pytest.fixture
def command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[..., Ended]:
    """Run the command in this process, in ``tmp_path`` or another folder."""

    def call(*arguments: str, folder: Path = tmp_path) -> Ended:
        from guanxi import cli
        from guanxi.data.temporary import remove_abandoned

        remove_abandoned()  # other tests kill commands, and the next command would say what it removed
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "argv", ["guanxi", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        return Ended(int(ended.value.code or 0), out, err)

    return call


@pytest.fixture(scope="session")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """``guanxi run`` by the installed command, without a network, in a folder with an awkward name."""
    folder = tmp_path_factory.mktemp("work") / "a shop #1 é"
    folder.mkdir()
    guard = tmp_path_factory.mktemp("guard")
    (guard / "sitecustomize.py").write_text(NO_NETWORK)
    path = os.pathsep.join([str(guard), *filter(None, [os.environ.get("PYTHONPATH")])])
    ended = console(folder, "run", "cdnow-sample", "--horizon", str(HORIZON), *QUICK, PYTHONPATH=path)
    assert ended.code == 0, ended.err
    return Run(folder, folder / "output", ended)


@pytest.fixture(scope="session")
def second_run(first_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A second ``guanxi run`` in the same folder, with another seed and horizon, into another folder."""
    from typer.testing import CliRunner

    from guanxi import cli

    output = tmp_path_factory.mktemp("second")
    given = ["run", "cdnow-sample", "--horizon", "45", "--set", "seed=1", "-o", str(output), *QUICK]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(first_run.folder)
        result = CliRunner().invoke(cli.app, given, catch_exceptions=False)
    return Run(first_run.folder, output, Ended(result.exit_code, result.stdout, result.stderr))


@pytest.fixture
def store(first_run: Run, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The opened MLflow store of the first run."""
    from guanxi.params import MLflowParams
    from guanxi.registry.store import open_store

    monkeypatch.chdir(first_run.folder)
    return open_store(MLflowParams())


@pytest.fixture(scope="session")
def sample_log() -> Iterator[Any]:
    """Canonical transactions of the CDNOW sample."""
    from guanxi.data.transactions import read_transactions

    log = read_transactions("cdnow-sample")
    yield log
    log.close()


@pytest.fixture(scope="session")
def quick_params() -> Any:
    """Parameters of the first run."""
    from guanxi.params import load_params

    return load_params(None, [f"horizon_days={HORIZON}", *QUICK[1::2]], {})


@pytest.fixture(scope="session")
def served(sample_log: Any, quick_params: Any) -> Any:
    """Models fitted at the last day of the sample."""
    from guanxi.pipeline.fit import fit_models

    return fit_models(sample_log, sample_log.last_day, quick_params)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data that is too large for the repository."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("GUANXI_SHARED_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"no shared data in {folder}: set GUANXI_SHARED_DATA")
    return folder


@pytest.fixture(scope="session")
def spark_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A running Spark session, as in a notebook."""
    from guanxi.data.spark.engine import open_spark

    folder = tmp_path_factory.mktemp("spark")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        # Short jobs gain nothing from Java's slower, better compiler.
        patch.setenv("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1")
        settings = ("spark.master=local[2]", "spark.sql.shuffle.partitions=2", "spark.ui.enabled=false")
        given = " ".join(f"--conf {setting}" for setting in settings)
        patch.setenv("PYSPARK_SUBMIT_ARGS", f"{given} pyspark-shell")
        with open_spark() as engine:
            yield engine.session


def _postgres_programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("no PostgreSQL server programs below /usr/lib/postgresql")
    return found[-1].parent


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Host and port of a server that trusts ``postgres`` and asks ``reader`` for a password."""
    folder = Path(tempfile.mkdtemp(prefix="guanxi-postgres-"))
    as_postgres = []
    if os.geteuid() == 0:
        if not shutil.which("runuser"):
            pytest.skip("PostgreSQL does not run as root, and there is no runuser")
        shutil.chown(folder, "postgres", "postgres")
        as_postgres = ["runuser", "-u", "postgres", "--"]
    binaries, data = _postgres_programs(), folder / "data"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def run(*command: str | Path) -> None:
        subprocess.run([*as_postgres, *command], check=True, capture_output=True, cwd=folder, timeout=120)

    access = folder / "access.conf"
    access.write_text("host all reader 127.0.0.1/32 scram-sha-256\nhost all postgres 127.0.0.1/32 trust\n")
    access.chmod(0o644)
    run(binaries / "initdb", "-D", data, "-U", "postgres", "--auth=trust", "--no-sync", "-E", "UTF8")
    options = f"-h 127.0.0.1 -p {port} -k '' -c hba_file={access} -c fsync=off"
    run(binaries / "pg_ctl", "-D", data, "-w", "-o", options, "-l", folder / "server.log", "start")
    try:
        yield f"127.0.0.1:{port}"
    finally:
        run(binaries / "pg_ctl", "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


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


@pytest.fixture(scope="session")
def rank_outcomes() -> Callable[[pd.DataFrame, pd.DataFrame, Sequence[str]], pd.DataFrame]:
    """How well scores, each higher for the better customer, rank what the customers did afterwards.

    ``score``; ``value_spearman``: rank correlation with the margin; ``churn_auc``: probability that a churner
    scores lower than a stayer; ``churn_spearman``: rank correlation with staying; ``n``.
    """
    return _rank_outcomes


def _rank_outcomes(scores: pd.DataFrame, realised: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    from guanxi.evaluation.metrics import auc, spearman

    table = realised.merge(scores[["customer_id", *names]], on="customer_id", validate="one_to_one")
    rows = []
    for name in names:
        known = table[table[name].notna()]
        score, churned = known[name].to_numpy(dtype=float), known["churned"].to_numpy(dtype=float)
        rows.append(
            {
                "score": name,
                "value_spearman": spearman(known["margin"], score),
                "churn_auc": auc(churned, -score),
                "churn_spearman": spearman(1.0 - churned, score),
                "n": len(known),
            }
        )
    return pd.DataFrame(rows)
