"""The purchase processes by name, as ``clv.model`` and the served model write it."""

from __future__ import annotations

from .beta_geometric_process import BG_CNBD, BG_NBD, MBG_CNBD, MBG_NBD
from .lifetime_process import GGOM_NBD, NBD, PARETO_NBD
from .process import PurchaseProcess

PROCESSES: dict[str, PurchaseProcess] = {
    process.name: process for process in (NBD, BG_NBD, MBG_NBD, BG_CNBD, MBG_CNBD, PARETO_NBD, GGOM_NBD)
}
