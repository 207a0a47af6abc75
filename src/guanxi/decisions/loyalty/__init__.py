"""Economics of a loyalty programme: points, breakage, deferred revenue, and members against others."""

from guanxi.decisions.loyalty._added_chapter import TABLES, add_loyalty
from guanxi.decisions.loyalty._break_even import break_even_uplift
from guanxi.decisions.loyalty._breakage import Breakage, estimate_breakage
from guanxi.decisions.loyalty._deferred_revenue import allocated_to_points, recognised_revenue
from guanxi.decisions.loyalty._loyalty_chapter import loyalty_chapter, loyalty_figures, loyalty_tables
from guanxi.decisions.loyalty._member_matching import MemberComparison, compare_members
from guanxi.decisions.loyalty._point_lots import point_lots
from guanxi.decisions.loyalty._programme_economics import LoyaltyResult, loyalty_economics

__all__ = [
    "TABLES",
    "Breakage",
    "LoyaltyResult",
    "MemberComparison",
    "add_loyalty",
    "allocated_to_points",
    "break_even_uplift",
    "compare_members",
    "estimate_breakage",
    "loyalty_chapter",
    "loyalty_economics",
    "loyalty_figures",
    "loyalty_tables",
    "point_lots",
    "recognised_revenue",
]
