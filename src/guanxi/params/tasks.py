"""What is known of customers, and the registered model of each such task."""

from __future__ import annotations

from typing import Literal

Task = Literal["purchases", "labels", "contracts"]
#: Ending of the registered model's name: each task has its own versions and champion.
MODEL_SUFFIXES: dict[Task, str] = {"purchases": "", "labels": "-labels", "contracts": "-contracts"}
