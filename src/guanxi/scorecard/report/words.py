"""The words of the relationship scorecard, in English and Chinese: its section, figures and workbook."""

from __future__ import annotations

# key: (English, Chinese), as in ``words``.
SCORECARD_WORDS: dict[str, tuple[str, str]] = {
    "scorecard": ("Relationship scorecard", "客户关系评分卡"),
    "scorecard_note": (
        (
            "One score for each relationship, from 0 to 100. Indicators: {indicators}, in dimensions: "
            "{dimensions}. Customers scored: {customers}; mean score: {score}."
        ),
        (
            "每段客户关系一个得分（0 至 100）：{dimensions} 个维度、{indicators} 项指标。"
            "已评分客户：{customers}；平均得分：{score}。"
        ),
    ),
    "scorecard_unknown": (
        "Customers without a score, since nothing about them is known: {count}.",
        "因缺少任何已知指标而没有得分的客户：{count}。",
    ),
    "scorecard_notices": ("Worth knowing about the score", "关于评分的提示"),
    # tiers
    "tiers": ("Tiers", "客户层级"),
    "tier": ("Tier", "层级"),
    "tier_high": ("high", "高"),
    "tier_middle": ("middle", "中"),
    "tier_low": ("low", "低"),
    "tier_unknown": ("no score", "无得分"),
    "tier_customers": ("Customers", "客户数"),
    "share_of_customers": ("Share of customers", "客户占比"),
    "mean_score": ("Mean score", "平均得分"),
    "tier_value": ("Expected value", "预期价值"),
    "mean_churn": ("Mean churn probability", "平均流失概率"),
    # weights
    "weights_note": ("Weighted by: {method}.", "权重方法：{method}。"),
    "weights": ("Weights", "权重"),
    "weight": ("Weight", "权重"),
    "indicator": ("Indicator", "指标"),
    "dimension": ("Dimension", "维度"),
    "consistency_text": (
        "Consistency ratio by branch (up to 0.10 is taken as consistent): {ratios}.",
        "各分支的一致性比率（不超过 0.10 视为一致）：{ratios}。",
    ),
    "stability_text": (
        (
            "Stability: the weights were drawn {draws} times within their uncertainty. On average a customer "
            "keeps the tier in {mean} of the draws; {sure} of customers keep it in at least {level} of them."
        ),
        (
            "稳定性：在不确定范围内对权重扰动 {draws} 次。平均每位客户在 {mean} 的扰动中层级不变；"
            "{sure} 的客户在至少 {level} 的扰动中层级不变。"
        ),
    ),
    # dimensions
    "dimension_value": ("Value", "价值"),
    "dimension_loyalty": ("Loyalty", "忠诚"),
    "dimension_satisfaction": ("Satisfaction", "满意"),
    "dimension_interaction": ("Interaction", "互动"),
    "dimension_risk": ("Risk", "风险"),
    "dimension_advocacy": ("Advocacy", "推荐"),
    "dimension_goal": ("the goal", "总目标"),
    # figures
    "radar": ("What the tiers are like", "各层级特征"),
    "radar_text": (
        "Mean score of each tier in each dimension (100 is best). The tiers differ most in: {dimension}.",
        "各层级在各维度的平均得分（100 为最佳）。差异最大的维度：{dimension}。",
    ),
    "x_radar": ("mean score, 0 to 100", "平均得分（0 至 100）"),
    "y_radar": ("dimension", "维度"),
    "contributions": ("What makes the score", "得分构成"),
    "contributions_text": (
        (
            "Mean points of each indicator by tier; a customer's points add up to the score. "
            "The tiers are furthest apart in: {indicator}."
        ),
        "各层级在各项指标上的平均得分点数；客户各项点数之和即为得分。差距最大的指标：{indicator}。",
    ),
    "x_contributions": ("points of the score", "得分点数"),
    "y_contributions": ("indicator", "指标"),
    "other_indicators": ("other {count} indicators", "其他 {count} 项指标"),
    "migration": ("Who moved between tiers", "层级迁移"),
    "migration_text": (
        "{stayed} of those scored both times stayed in their tier, {up} rose and {down} fell.",
        "前后两次均有评分的客户中，{stayed} 层级不变，{up} 上升，{down} 下降。",
    ),
    "migration_none": ("Nobody was scored both times.", "没有客户前后两次均有评分。"),
    "x_migration": ("tier now", "现层级"),
    "y_migration": ("tier before", "原层级"),
    "came": ("new", "新增"),
    "left": ("gone", "离开"),
    "quadrant": ("Value and churn", "价值与流失"),
    "quadrant_text": (
        (
            "Upper right are the valuable who may leave: value above the median, churn above 50 %. "
            "Customers there: {count}, with {share} of the expected value. Larger dots stand for more "
            "customers; values of nearly 0 and less stand at the bottom."
        ),
        (
            "右上为价值高而易流失的客户（价值高于中位数、流失概率高于 50 %）：{count} 位，"
            "占预期价值的 {share}。点越大，客户越多；接近或低于 0 的价值位于最下方。"
        ),
    ),
    "x_quadrant": ("churn probability [%]", "流失概率 [%]"),
    "y_quadrant": ("expected value, in the currency of the data", "预期价值（货币单位与数据一致）"),
    "protect": ("valuable, leaving", "高价值、易流失"),
    "cherish": ("valuable, staying", "高价值、稳定"),
    # workbook
    "sheet_scorecard": ("Scorecard", "评分卡"),
    "sheet_weights": ("Weights and notes", "权重与说明"),
    "column_customer_id": ("Customer", "客户"),
    "column_score": ("Score", "得分"),
    "column_grade": ("Grade", "等级"),
    "column_rank": ("Rank", "排名"),
    "column_tier": ("Tier", "层级"),
    "column_tier_kept": ("Keeps the tier, of the draws", "层级保持比例"),
    "column_known_weight": ("Known weight", "已知权重"),
    "column_clv": ("Expected value", "预期价值"),
    "column_clv_lower": ("Expected value, lower end", "预期价值下限"),
    "column_clv_upper": ("Expected value, upper end", "预期价值上限"),
    "column_churn_probability": ("Churn probability", "流失概率"),
    "column_probability_alive": ("Probability alive", "存活概率"),
    "column_next_purchase_date": ("Next purchase", "预计下次购买"),
    "column_dimension_score": ("{name} score", "{name}得分"),
    "column_points": ("{name}, points", "{name}（点数）"),
    "column_why": ("Why {place}", "原因 {place}"),
    "column_driver_text": ("Churn driver {place}", "流失因素 {place}"),
    # the page
    "yes": ("yes", "是"),
    "no": ("no", "否"),
    "more_rows": ("{count} more rows are in the files.", "其余 {count} 行见输出文件。"),
    "by_tier": ("Segments: tiers", "细分：层级"),
    "by_lifecycle_stage": ("Segments: stage of the relationship", "细分：生命周期阶段"),
    "by_rfm_segment": ("Segments: recency, frequency, money", "细分：RFM"),
    "by_matrix_cell": ("Segments: value, loyalty, satisfaction", "细分：价值、忠诚、满意"),
    "by_group": ("Segments found in the data", "数据驱动的细分"),
    "group_rules": ("How to tell these segments apart", "细分规则"),
    "actions": ("What the playbook proposes", "行动方案"),
    "targets": ("Targets", "目标"),
    "benchmarks": ("Beside reference values", "与参考值比较"),
    "roll_up_note": (
        (
            "Mean score of each group, with the same weights for all and 90 % intervals; the difference is "
            "from the mean of all customers."
        ),
        "各组平均得分（权重统一），附 90 % 区间；差异相对于全体客户的均值。",
    ),
    "own_weights_note": (
        "Mean score with the weights of all customers, and with those the group's own data would give.",
        "按全体权重与按本组数据权重计算的平均得分。",
    ),
    "programme": ("The customers as a whole, by period", "客户总体指标（按时期）"),
    "programme_note": (
        "The newest period first; rates with 90 % intervals.",
        "最近一期在前；比率附 90 % 区间。",
    ),
    "agreement": ("Do other methods and days agree?", "不同方法与时期是否一致？"),
    "agreement_note": (
        "Kendall's tau between the rankings: 1 is the same order, 0 none in common.",
        "各排名之间的 Kendall τ：1 为顺序相同，0 为无关联。",
    ),
    "drift": ("Drift of the data's weights", "数据权重的漂移"),
    "drift_note": (
        "Clear: chance alone would not move the weight so far.",
        "明显：变化超出随机波动范围。",
    ),
    "proposal": ("Weights proposed", "建议权重"),
    "proposal_note": (
        (
            "What drifted clearly is brought up to date, the rest shares what is left. Taking these weights "
            "would move {moved} of {customers} customers to another tier (rank correlation of the scores: "
            "{spearman})."
        ),
        (
            "仅更新明显漂移的权重，其余按比例分配。若采用这些权重，{customers} 位客户中将有 {moved} 位"
            "层级变动（得分的秩相关：{spearman}）。"
        ),
    ),
    "elasticities": ("What goes with value and churn", "价值与流失的相关因素"),
    "elasticities_note": (
        (
            "Association in one's own data, no proof of cause. Change: of the outcome, as a share of its "
            "mean, where the factor is one standard deviation higher. Elasticity: per cent of the outcome "
            "for one per cent more of the factor, at the means. Intervals of 90 %."
        ),
        (
            "基于自有数据的关联，并非因果证明。变化：该因素高一个标准差时，结果相对其均值的变化；"
            "弹性：在均值处增加 1 % 时结果变化的百分比。区间为 90 %。"
        ),
    ),
    "column_customers": ("Customers", "客户数"),
    "column_share": ("Share", "占比"),
    "column_clv_sum": ("Expected value", "预期价值"),
    "column_clv_mean": ("Mean value", "平均价值"),
    "column_clv_share": ("Share of value", "价值占比"),
    "column_churn_mean": ("Mean churn", "平均流失概率"),
    "column_drivers": ("Commonest drivers", "主要驱动因素"),
    "column_tier_high": ("High", "高"),
    "column_tier_middle": ("Middle", "中"),
    "column_tier_low": ("Low", "低"),
    "column_action": ("Action", "行动"),
    "column_action_channel": ("Channel", "渠道"),
    "column_cost": ("Cost", "成本"),
    "column_value_at_risk": ("Value at risk", "风险价值"),
    "column_lifecycle_stage": ("Stage", "阶段"),
    "column_rfm_segment": ("RFM segment", "RFM 细分"),
    "column_matrix_cell": ("Cell", "单元"),
    "column_group": ("Group", "组"),
    "column_indicator": ("Indicator", "指标"),
    "column_target": ("Target", "目标"),
    "column_warning": ("Warning", "预警值"),
    "column_value": ("Value", "数值"),
    "column_lower": ("Lower end", "下限"),
    "column_upper": ("Upper end", "上限"),
    "column_verdict": ("Verdict", "结论"),
    "column_trend": ("Trend", "趋势"),
    "column_known": ("Known", "已知客户"),
}
