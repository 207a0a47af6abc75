"""The standard plots of the buy-till-you-die literature, of any fitted purchase model.

Each function draws on ``axes``, or on a new figure (``axes.figure``), and returns the axes. It changes
neither matplotlib's settings nor other figures. ``time_unit`` is the model's unit of time.
"""

from guanxi.report.plots._by_history import (
    plot_calibration_by_frequency,
    plot_frequency_recency_matrix,
    plot_probability_alive_history,
    plot_probability_alive_matrix,
)
from guanxi.report.plots._over_time import (
    plot_cohort_retention,
    plot_cumulative_tracking,
    plot_incremental_tracking,
    plot_repeat_timing,
)
from guanxi.report.plots._purchase_tables import repeat_purchase_tracking

__all__ = [
    "plot_calibration_by_frequency",
    "plot_cohort_retention",
    "plot_cumulative_tracking",
    "plot_frequency_recency_matrix",
    "plot_incremental_tracking",
    "plot_probability_alive_history",
    "plot_probability_alive_matrix",
    "plot_repeat_timing",
    "repeat_purchase_tracking",
]
