"""The spend processes by name, as the served model writes it."""

from __future__ import annotations

from .gamma_gamma import GAMMA_GAMMA
from .log_normal import LOG_NORMAL
from .process import SpendProcess

SPEND_PROCESSES: dict[str, SpendProcess] = {process.name: process for process in (GAMMA_GAMMA, LOG_NORMAL)}
