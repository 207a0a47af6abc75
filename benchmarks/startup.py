"""How long ``import guanxi`` and ``guanxi --help`` take: best of five processes each, in seconds."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

RESULTS = Path(__file__).parent / "results" / "startup.json"
REPEATS = 5
COMMANDS = {
    "python": [sys.executable, "-c", "pass"],
    "import guanxi": [sys.executable, "-c", "import guanxi"],
    "guanxi --help": [str(Path(sys.executable).with_name("guanxi")), "--help"],
}


def seconds(command: list[str]) -> float:
    begin = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


def main() -> None:
    figures = {name: min(seconds(command) for _ in range(REPEATS)) for name, command in COMMANDS.items()}
    for name, figure in figures.items():
        print(f"{name:<15} {figure:6.3f} s")
    RESULTS.parent.mkdir(exist_ok=True)
    rounded = {name: round(figure, 3) for name, figure in figures.items()}
    RESULTS.write_text(json.dumps({"best_of": REPEATS, "seconds": rounded}, indent=1) + "\n")


if __name__ == "__main__":
    main()
