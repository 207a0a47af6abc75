"""Economics of a loyalty programme: points, breakage, deferred revenue, and members against others."""

from guanxi.decisions.loyalty._break_even import break_even_uplift
from guanxi.decisions.loyalty._breakage import Breakage, estimate_breakage
from guanxi.decisions.loyalty._deferred_revenue import allocated_to_points, recognised_revenue
from guanxi.decisions.loyalty._point_lots import point_lots

__all__ = [
    "Breakage",
    "allocated_to_points",
    "break_even_uplift",
    "estimate_breakage",
    "point_lots",
    "recognised_revenue",
]
