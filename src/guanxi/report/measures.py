"""What was measured, in English and Chinese: metrics, models, and rules that lines broke."""

from __future__ import annotations

from typing import Literal, NamedTuple

from guanxi.report.words import Language, say

Direction = Literal["lower", "higher", "zero", "level"]


class Measure(NamedTuple):
    """A metric in words: which direction is better, its label and its meaning."""

    direction: Direction
    label: str
    meaning: str


_MEASURES: dict[str, tuple[Direction, tuple[str, str], tuple[str, str]]] = {
    "pit_ks": (
        "lower",
        ("Distance of the forecasts' distributions from uniform", "预测分布与均匀分布的距离"),
        ("0: neither too sure nor too unsure", "0 表示不过于自信，也不过于保守"),
    ),
    "coverage": (
        "level",
        ("Inside their interval", "落入区间的比例"),
        ("share of customers; counts hold more than their level", "客户比例；计数的覆盖率高于名义水平"),
    ),
    "mean_width": (
        "lower",
        ("Mean width of the intervals", "区间平均宽度"),
        ("narrower is surer", "越窄越精确"),
    ),
    "interval_score": (
        "lower",
        ("Interval score", "区间得分"),
        ("width, and a fine for what lies outside", "宽度加上区间外的惩罚"),
    ),
    "mae": (
        "lower",
        ("Mean absolute error", "平均绝对误差"),
        ("how far off per customer", "每位客户的平均偏差"),
    ),
    "rmse": (
        "lower",
        ("Root mean squared error", "均方根误差"),
        ("large misses weigh more", "大偏差权重更高"),
    ),
    "bias": ("zero", ("Bias", "偏差"), ("share by which the expected total is off", "总量预期的相对偏差")),
    "spearman": (
        "higher",
        ("Rank correlation", "等级相关"),
        ("are customers in the right order", "客户排序是否正确"),
    ),
    "normalised_gini": (
        "higher",
        ("Normalised Gini", "标准化基尼系数"),
        ("how well the whole ranking finds value", "整体排序发现价值的能力"),
    ),
    "top_decile_capture": (
        "higher",
        ("Top-10 % capture", "前 10 % 捕获率"),
        ("share of the best tenth's total that the ranking found", "排序找到的最佳十分之一客户的总量份额"),
    ),
    "poisson_deviance": (
        "lower",
        ("Poisson deviance", "泊松偏差"),
        ("how badly the counts fit", "次数拟合的差距"),
    ),
    "auc": (
        "higher",
        ("AUC", "AUC"),
        ("chance that a leaver ranks above a stayer", "流失者排在留存者之前的概率"),
    ),
    "average_precision": (
        "higher",
        ("Average precision", "平均精度"),
        ("purity of the riskiest", "高风险客户的准确度"),
    ),
    "log_loss": (
        "lower",
        ("Log loss", "对数损失"),
        ("punishes confident mistakes", "惩罚过于自信的错误"),
    ),
    "brier": ("lower", ("Brier score", "布里尔分数"), ("squared error of probabilities", "概率的平方误差")),
    "ece": (
        "lower",
        ("Calibration error", "校准误差"),
        ("gap between promised and observed", "预测与实际之差"),
    ),
    "lift_at_10": (
        "higher",
        ("Lift in the top 10 %", "前 10 % 提升度"),
        ("leavers there, against the average", "该组流失者与平均水平之比"),
    ),
    "capture_at_10": (
        "higher",
        ("Leavers in the top 10 %", "前 10 % 流失者占比"),
        ("share of all leavers found there", "占全部流失者的比例"),
    ),
}

# The English names are those of the metrics table.
_CHINESE_MODELS = {
    "value model alone": "仅价值模型",
    "trees alone": "仅树模型",
    "naive (own past rate)": "简单法（沿用自身过去频率）",
    "naive (last window repeated)": "简单法（重复上一期）",
    "naive (silent for w days)": "简单法（沉默满 w 天）",
    "naive (RFM logistic)": "简单法（RFM 逻辑回归）",
}


# The English descriptions stand with the rules themselves.
_CHINESE_RULES = {
    "missing_customer": "未注明客户",
    "missing_timestamp": "缺少时间",
    "unparsable_timestamp": "时间无法读取",
    "future_timestamp": "时间在未来",
    "missing_amount": "缺少金额",
    "unparsable_amount": "金额不是数字",
    "non_finite_amount": "金额为无穷大",
    "duplicate_line": "与前面的行重复（data.duplicates: drop）",
    "refund_dropped": "退款，按 data.refunds: drop 略去",
    "refund_without_policy": "退款，按 data.refunds: reject 拒收",
    "refund_beyond_purchase": "退款超过该客户当天的购买额",
    "ragged_line": "字段数与表头不符",
    "unbalanced_quote": "引号未闭合",
    "invalid_encoding": "文本不符合 data.encoding",
    "line_too_long": "行过长，无法读取",
    "unreadable_line": "读取程序拒收该行",
}


def measure(metric: str, language: Language) -> Measure | None:
    """Describe a metric in words; None for one this page does not know.

    Examples
    --------
    >>> measure("auc", "en").direction
    'higher'
    """
    if metric not in _MEASURES:
        return None
    direction, *described = _MEASURES[metric]
    label, meaning = (say(pair, language) for pair in described)
    return Measure(direction, label, meaning)


def model_in_words(model: str, language: Language) -> str:
    """Name of a model that was measured; one that is not known keeps its name.

    Examples
    --------
    >>> model_in_words("trees alone", "zh")
    '仅树模型'
    """
    return _CHINESE_MODELS.get(model, model) if language == "zh" else model


def rule_in_words(rule: str, language: Language) -> str:
    """Say what a rejected line did wrong; a rule without a description keeps its name.

    Examples
    --------
    >>> rule_in_words("missing_customer", "en")
    'no customer is named'
    """
    from guanxi.data.rules import DESCRIPTIONS

    described = DESCRIPTIONS if language == "en" else _CHINESE_RULES
    return described.get(rule, rule.replace("_", " "))
