"""Who responds because of a campaign: uplift by customer, and whether targeting by it pays.

An uplift model is not stored: with the same campaign and seed it is learned anew.
"""

from guanxi.decisions.uplift._qini import QiniCurve, qini_auc_score, qini_curve
from guanxi.decisions.uplift._response_segments import SEGMENTS
from guanxi.decisions.uplift._uplift_chapter import uplift_chapter
from guanxi.decisions.uplift._uplift_model import UpliftModel
from guanxi.decisions.uplift._uplift_result import UpliftResult, learn_uplift

__all__ = [
    "SEGMENTS",
    "QiniCurve",
    "UpliftModel",
    "UpliftResult",
    "learn_uplift",
    "qini_auc_score",
    "qini_curve",
    "uplift_chapter",
]
