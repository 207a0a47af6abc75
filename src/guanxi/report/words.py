"""The words of the page and of the figures, in English and Chinese; those of metrics are in ``measures``."""

from __future__ import annotations

from typing import Literal

Language = Literal["en", "zh"]

# key: (English, Chinese). Words in braces are filled in by the page; nothing here is markup.
_WORDS: dict[str, tuple[str, str]] = {
    "lang": ("en", "zh-Hans"),
    "title": ("Customer relationships", "客户关系报告"),
    "subtitle": (
        "What each relationship is worth, whether it will last, and why",
        "每段客户关系值多少、能否持续、原因何在",
    ),
    "source": ("Source", "数据来源"),
    "as_of": ("As of", "截止日期"),
    "horizon": ("Looking ahead", "预测期"),
    "days": ("{days} days, to {end}", "{days} 天，至 {end}"),
    "model_version": ("Model version", "模型版本"),
    "contents": ("Contents", "目录"),
    "generated_by": ("Made by {by}", "由 {by} 生成"),
    "self_contained": (
        "This page holds everything it shows and loads nothing from elsewhere.",
        "本页内容完整自足，不从外部加载任何资源。",
    ),
    # headline
    "headline": ("At a glance", "概览"),
    "customers": ("Customers", "客户数"),
    "customers_note": ("known on {as_of}", "截至 {as_of} 的已知客户"),
    "total_value": ("Expected value", "预期价值"),
    "total_value_note": (
        "discounted margin expected from all of them over the next {days} days, in the currency of the data",
        "全部客户未来 {days} 天的预期折现利润，货币单位与数据一致",
    ),
    "leavers": ("Likely to leave", "可能流失"),
    "leavers_note": (
        "{share} of customers: more likely than not to buy nothing in the next {days} days",
        "占客户的 {share}：未来 {days} 天内不再购买的可能性过半",
    ),
    "value_at_risk": ("Value at risk", "风险价值"),
    "value_at_risk_note": (
        "{share} of the expected value: each customer's value weighted by the probability of leaving",
        "占预期价值的 {share}：每位客户的价值乘以其流失概率之和",
    ),
    "notices": ("Worth knowing about the data", "关于数据的提示"),
    # value
    "value": ("Where the value is", "价值在哪里"),
    "concentration": ("Value concentration", "价值集中度"),
    "concentration_text": (
        "The top 10 % of customers hold {top10} of the expected value, the top 20 % hold {top20}.",
        "价值最高的 10 % 客户占预期价值的 {top10}，最高的 20 % 占 {top20}。",
    ),
    "top_share": ("Most valuable", "价值最高的"),
    "share_of_value": ("Share of value", "价值占比"),
    "top_customers": ("The most valuable customers", "最有价值的客户"),
    "top_customers_note": (
        (
            "The {count} customers with the highest expected value over the next {days} days. "
            "Compared with the average customer, ▲ speaks for leaving, ▼ for staying."
        ),
        "未来 {days} 天预期价值最高的 {count} 位客户。与平均客户相比，▲ 表示倾向流失，▼ 表示倾向留存。",
    ),
    "at_risk": ("Where most value is at risk", "风险价值最高的客户"),
    "at_risk_note": (
        "The {count} customers with the highest value × churn probability: where a call pays most.",
        "价值 × 流失概率最高的 {count} 位客户：最值得优先联系。",
    ),
    "customer": ("Customer", "客户"),
    "expected_value": ("Expected value", "预期价值"),
    "interval": ("likely range", "可能区间"),
    "at_risk_column": ("Value at risk", "风险价值"),
    "churn_probability": ("Churn probability", "流失概率"),
    "expected_purchases": ("Expected purchases", "预期购买次数"),
    "last_purchase": ("Last purchase", "上次购买"),
    "last_purchase_note": ("days ago", "天前"),
    "next_purchase": ("Next purchase", "下次购买"),
    "next_purchase_note": ("if still a customer", "若仍为客户"),
    "drivers": ("Why", "原因"),
    "raises": ("speaks for leaving", "倾向流失"),
    "lowers": ("speaks for staying", "倾向留存"),
    # trust
    "trust": ("How far to trust it", "可信程度"),
    "trust_note": (
        (
            "The same recipe was fitted on the data before {start} only and compared with what then "
            "happened from {start} to {end} to the {customers} customers known by then."
        ),
        (
            "用同样的方法仅以 {start} 之前的数据拟合模型，再与当时已知的 {customers} 位客户在 "
            "{start} 至 {end} 期间的实际情况比较。"
        ),
    ),
    "trust_none": (
        (
            "There was not enough history to hold a period back, so nothing here has been checked against "
            "what happened."
        ),
        "历史数据不足，无法留出检验期，因此本页结果尚未与实际情况核对。",
    ),
    "calibration": ("Churn: promised and kept", "流失概率校准"),
    "calibration_text": (
        (
            "On average {predicted} were expected to leave and {observed} did; "
            "the groups are off by {gap} percentage points on average."
        ),
        "平均预期流失 {predicted}，实际流失 {observed}；各组平均偏差 {gap} 个百分点。",
    ),
    "calibration_table": (
        "Churn by group of predicted probability: predicted and observed share of leavers, and customers",
        "按预测概率分组的流失情况：预测值、实际值与客户数",
    ),
    "group": ("Group", "组"),
    "predicted": ("Predicted", "预测"),
    "observed": ("Observed", "实际"),
    "by_frequency": ("Purchases by past frequency", "按历史复购次数的购买量"),
    "by_frequency_text": (
        "{expected} purchases were expected in all and {actual} were made ({difference}).",
        "共预期 {expected} 次购买，实际 {actual} 次（{difference}）。",
    ),
    "expected_even": ("just right", "完全一致"),
    "expected_over": ("expected {share} too many", "高估 {share}"),
    "expected_under": ("expected {share} too few", "低估 {share}"),
    "tracking": ("Repeat purchases over time", "累计复购次数"),
    "tracking_text": (
        "On {date} the model stands at {expected} repeat purchases, the data at {actual} ({difference}).",
        "截至 {date}，模型预期 {expected} 次复购，实际 {actual} 次（{difference}）。",
    ),
    "lift": ("Finding the right ones", "识别效果"),
    "lift_churn_text": (
        "The tenth of customers ranked riskiest holds {share} of those who left ({lift} times its share).",
        "风险最高的十分之一客户中包含 {share} 的流失客户（为随机的 {lift} 倍）。",
    ),
    "lift_spend_text": (
        "The tenth ranked most valuable made {share} of the spend ({lift} times its share).",
        "预期价值最高的十分之一客户贡献了 {share} 的消费（为随机的 {lift} 倍）。",
    ),
    "metrics": ("Measured against simple methods", "与基准方法比较"),
    "metrics_note": (
        "★ marks the best value of each row, on the held-out period.",
        "★ 为留出期内每行的最佳值。",
    ),
    "metric": ("Measure", "指标"),
    "best": ("best", "最佳"),
    "lower": ("lower is better", "越低越好"),
    "higher": ("higher is better", "越高越好"),
    "zero": ("nearer to 0 is better", "越接近 0 越好"),
    "level": ("nearer to its level is better", "越接近名义水平越好"),
    "purchases": ("Purchases", "购买次数"),
    "spend": ("Spend", "消费金额"),
    "churn": ("Churn", "流失"),
    # why
    "why": ("Why customers leave or stay", "客户为何离开或留下"),
    "shap": ("What moves churn probability", "影响流失概率的因素"),
    "shap_text": (
        (
            "Each dot is one customer. Right of 0, what is known of this customer speaks for leaving; "
            "left of 0, for staying. Red is a high value of the driver, blue a low one. "
            "Strongest over {customers} customers: {features}."
        ),
        (
            "每个点代表一位客户。0 右侧表示该因素使其倾向流失，左侧表示倾向留存；"
            "红色为因素取值高，蓝色为取值低。对 {customers} 位客户影响最强的因素：{features}。"
        ),
    ),
    "grades": (
        "Grades on the held-out window: {grades}. A: finds the best customers, or those who leave, clearly "
        "better than every naive forecast; B: as well; C: worse",
        "留出检验期的等级：{grades}。A：寻找最佳客户或流失客户明显优于所有基准方法；B：相当；C：较差",
    ),
    # data
    "data": ("What the data is", "数据概况"),
    "facts": ("Facts", "基本情况"),
    "rejected": ("Lines not used, by rule", "未使用的行（按规则）"),
    "rejected_none": ("Every line read was used.", "读取的每一行均已使用。"),
    "rule": ("Rule", "规则"),
    "lines": ("Lines", "行数"),
    "share": ("Share", "占比"),
    "warnings": ("Warnings", "警告"),
    # figures
    "chart": ("Chart: {title}. Across: {x}. Up: {y}.", "图：{title}。横轴：{x}。纵轴：{y}。"),
    "nothing": ("nothing to show", "无可显示的数据"),
    "x_calibration": ("predicted churn probability [%]", "预测流失概率 [%]"),
    "y_calibration": ("customers who left [%]", "实际流失客户 [%]"),
    "x_by_frequency": ("repeat purchases before the cutoff", "截止日前的复购次数"),
    "y_by_frequency": ("purchases per customer", "人均购买次数"),
    "x_tracking": ("date", "日期"),
    "y_tracking": ("repeat purchases so far", "累计复购次数"),
    "x_lift": ("customers, ranked from the top [%]", "客户（由高到低排序）[%]"),
    "y_lift": ("found among them [%]", "其中包含 [%]"),
    "x_concentration": ("customers, most valuable first [%]", "客户（价值由高到低）[%]"),
    "y_concentration": ("share of expected value [%]", "预期价值占比 [%]"),
    "x_shap": (
        "effect on churn [log odds]: left of 0 stays, right of 0 leaves",
        "对流失的影响 [对数几率]：0 左侧倾向留存，右侧倾向流失",
    ),
    "y_shap": ("driver, strongest first", "影响因素（由强到弱）"),
    "actual": ("actual", "实际"),
    "expected": ("expected", "预期"),
    "ideal": ("perfect", "理想"),
    "chance": ("by chance", "随机"),
    "equal": ("if all were equal", "若价值均等"),
    "cutoff": ("held out from here", "此后为留出期"),
    "leavers_by_churn": ("leavers, by churn probability", "流失客户（按流失概率）"),
    "spend_by_expected": ("spend, by expected spend", "消费（按预期消费）"),
    "top_hold": ("top {top} % hold {share} %", "前 {top} % 占 {share} %"),
    "low": ("low", "低"),
    "high": ("high", "高"),
    "feature_value": ("value of the driver", "因素取值"),
    "customers_below": ("number of customers below", "下行为客户数"),
    # one customer
    "waterfall_effect": (
        "log odds of churn (right: more likely to leave)",
        "流失的对数几率（向右：更可能流失）",
    ),
    "waterfall_probability": ("churn probability [%]", "流失概率 [%]"),
    "average_customer": ("average customer: {value}", "平均客户：{value}"),
    "this_customer": ("this customer: {value}", "该客户：{value}"),
    "other_drivers": ("other {count} drivers", "其他 {count} 个因素"),
    "story_title": ("Customer {id} (model version {version})", "客户 {id}（模型版本 {version}）"),
    "story_who": ("Who, as of {as_of}", "基本情况（截至 {as_of}）"),
    "story_since": ("customer since: {since}", "首次购买：{since}"),
    "story_purchases": (
        "purchases: {purchases}, the last on {last} (days since: {ago})",
        "购买次数：{purchases}，最近一次：{last}（距今 {ago} 天）",
    ),
    "story_spend": ("spent in all: {spend}", "累计消费：{spend}"),
    "story_worth": ("Worth, over the next {days} days (to {end})", "价值（未来 {days} 天，至 {end}）"),
    "story_expected_purchases": ("expected purchases: {value}", "预期购买次数：{value}"),
    "story_expected_spend": ("expected spend per purchase: {value}", "预期单次消费：{value}"),
    "story_value": (
        "expected value: {value}; {level} likely range: {lower} to {upper}",
        "预期价值：{value}；{level} 可能区间：{lower} 至 {upper}",
    ),
    "story_lasts": ("Will it last", "能否持续"),
    "story_churn": ("churn probability: {value}", "流失概率：{value}"),
    "story_churn_within": (
        "probability of no purchase in the next {days} days: {value}",
        "未来 {days} 天内不购买的概率：{value}",
    ),
    "story_average": ("average customer (mean log odds): {value}", "平均客户（对数几率均值）：{value}"),
    "story_why": (
        "Why (▲ speaks for leaving, ▼ for staying; log odds, percentage points)",
        "原因（▲ 倾向流失，▼ 倾向留存；对数几率，百分点）",
    ),
    "story_sum": (
        "log odds: average customer {base}, with the drivers {sum} = {log_odds}, that is {value}",
        "对数几率：平均客户 {base}，加上各因素 {sum} = {log_odds}，即 {value}",
    ),
    "story_scale": (
        (
            "calibration, already in these numbers: slope {slope}, level {level} "
            "(effects in the prediction table are before the slope)"
        ),
        "校准（已含在以上数字中）：斜率 {slope}，水平 {level}（预测表中的效应尚未乘以斜率）",
    ),
    # glossary
    "glossary": ("How to read this", "阅读说明"),
}

_GLOSSARY: list[tuple[tuple[str, str], tuple[str, str]]] = [
    (
        ("Expected value (CLV)", "预期价值（CLV）"),
        (
            (
                "The margin a customer is expected to bring within the horizon, in today's money: number of "
                "purchases × spend per purchase × margin, discounted. Past spend is not in it."
            ),
            "客户在预测期内预计带来的利润（折现到今天）：购买次数 × 单次消费 × 利润率。不含过去的消费。",
        ),
    ),
    (
        ("Likely range", "可能区间"),
        (
            (
                "Where the value will probably fall. One customer's future is uncertain, so ranges are wide; "
                "totals over many customers are far surer."
            ),
            "价值可能落入的范围。单个客户的未来不确定，区间较宽；多个客户的合计则可靠得多。",
        ),
    ),
    (
        ("Churn", "流失"),
        (
            (
                "No purchase within the horizon. Of 100 customers with a churn probability of 70 %, about 70 "
                "should stay away: the calibration chart shows whether that held."
            ),
            "预测期内没有购买。流失概率为 70 % 的 100 位客户中，约有 70 位不会再来：校准图显示是否如此。",
        ),
    ),
    (
        ("Value at risk", "风险价值"),
        (
            (
                "Churn probability × expected value, summed. It ranks whom to keep first; it is not a "
                "forecast of loss, for the expected value already allows for leaving."
            ),
            "流失概率 × 预期价值之和。用于确定优先挽留的客户；预期价值已考虑流失，因此它不是损失预测。",
        ),
    ),
    (
        ("Driver", "原因"),
        (
            (
                "What the model saw in this customer's behaviour that moved the churn probability "
                "up or down. It shows association, not cause."
            ),
            "模型在客户行为中看到的、使流失概率升高或降低的因素。表示相关性，而非因果。",
        ),
    ),
    (
        ("Held-out period", "留出期"),
        (
            "A stretch of time hidden from the model while it learned, kept to check it honestly.",
            "建模时对模型隐藏的一段时间，用于如实检验。",
        ),
    ),
]


def words(language: Language) -> dict[str, str]:
    """All words of the page in one language, by key.

    Examples
    --------
    >>> words("en")["glossary"]
    'How to read this'
    """
    return {key: say(pair, language) for key, pair in _WORDS.items()}


def glossary(language: Language) -> list[tuple[str, str]]:
    """Terms and what they mean, in reading order."""
    return [(say(term, language), say(meaning, language)) for term, meaning in _GLOSSARY]


def say(pair: tuple[str, str], language: Language) -> str:
    """Take the words of a language; the blank before a per-cent sign becomes unbreakable."""
    return pair[0 if language == "en" else 1].replace(" %", "\u00a0%")
