"""Indicators of customer relationships: the catalogue and their computation."""

from guanxi.scorecard.indicators._catalogue import CATALOGUE, DIMENSIONS, refuse_unknown
from guanxi.scorecard.indicators._definition import Indicator
from guanxi.scorecard.indicators._own import catalogue_with, own_indicators, own_labels, refuse_taken
from guanxi.scorecard.indicators._table import indicator_table, summarise_indicators

__all__ = [
    "CATALOGUE",
    "DIMENSIONS",
    "Indicator",
    "catalogue_with",
    "indicator_table",
    "own_indicators",
    "own_labels",
    "refuse_taken",
    "refuse_unknown",
    "summarise_indicators",
]
