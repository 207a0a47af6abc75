"""Processor seconds, seconds and peak memory of `guanxi run`, each time in an empty folder.

Usage: python benchmarks/run.py [OLD NEW]

Runs on CDNOW and on Online Retail II (if the shared data are present), with this checkout, or with two
checkouts in turn: then the ratio of their processor seconds (user and system) is shown too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from compare_checkouts import RETAIL, RETAIL_OPTIONS

ROOT = Path(__file__).parent.parent


def measure(checkout: Path, arguments: list[str]) -> dict[str, float]:
    """Run the command of a checkout once."""
    environment = os.environ | {"PYTHONPATH": str(checkout / "src")}
    command = [sys.executable, "-m", "guanxi", "run", *arguments]
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return {
        "processor": round(used.ru_utime + used.ru_stime, 1),
        "seconds": round(seconds, 1),
        "peak_memory_mib": round(used.ru_maxrss / 1024),
    }


def main() -> None:
    """Run and report."""
    checkouts = [Path(given).resolve() for given in sys.argv[1:3]] or [ROOT]
    sets = {"cdnow": []} | ({"online_retail_ii": [str(RETAIL), *RETAIL_OPTIONS]} if RETAIL.exists() else {})
    result: dict[str, object] = {"cores": os.cpu_count()}
    for name, arguments in sets.items():
        measured = [measure(checkout, arguments) for checkout in checkouts]
        for checkout, each in zip(checkouts, measured, strict=True):
            print(
                f"guanxi run on {name}: {each['processor']:.1f} processor seconds, {each['seconds']:.1f} s, "
                f"peak memory {each['peak_memory_mib']:,.0f} MiB ({checkout.name})",
                flush=True,
            )
        result[name] = dict(zip(("before", "after")[-len(measured) :], measured, strict=True))
        if len(measured) == 2:
            ratio = measured[0]["processor"] / measured[1]["processor"]
            wall = measured[0]["seconds"] / measured[1]["seconds"]
            print(f"{name}: {ratio:.2f} times as fast in processor seconds, {wall:.2f} times in seconds")
    path = ROOT / "benchmarks" / "results" / "run.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
