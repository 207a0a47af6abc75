"""Seconds and peak memory of `guanxi run` on the bundled CDNOW data, in an empty folder.

Usage: python benchmarks/run.py
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent


def main() -> None:
    """Run the command once and report."""
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-m", "guanxi", "run"], cwd=folder, check=True)
        seconds = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    result = {"seconds": round(seconds, 1), "peak_memory_mib": round(peak), "cores": os.cpu_count()}
    print(f"\nguanxi run on cdnow: {seconds:.1f} s, peak memory {peak:,.0f} MiB, {os.cpu_count()} cores")
    path = ROOT / "benchmarks" / "results" / "run.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
