"""Indicators of a relationship: the catalogue and how each is worked out."""

from guanxi.decisions.indicators.catalogue import CATALOGUE, DIMENSIONS
from guanxi.decisions.indicators.definition import Indicator
from guanxi.decisions.indicators.table import indicator_table

__all__ = ["CATALOGUE", "DIMENSIONS", "Indicator", "indicator_table"]
