"""What customers earn after cost: profit and loss, the customer-base audit, and the cost to acquire them."""

from guanxi.decisions.profit._acquisition_cost import acquisition_cost
from guanxi.decisions.profit._base_chapter import customer_base_chapter
from guanxi.decisions.profit._customer_base_audit import CustomerBaseAudit, customer_base_audit
from guanxi.decisions.profit._customer_value import (
    acquisition_returns,
    earned_by_age,
    payback_months,
    steady_value,
    value_less_cost,
)
from guanxi.decisions.profit._profit_and_loss import loss_reasons, profit_and_loss
from guanxi.decisions.profit._profit_answer import TABLES, answer_profit
from guanxi.decisions.profit._profit_ranking import WhaleCurve, profit_deciles, profit_groups, whale_curve
from guanxi.decisions.profit._profit_result import CustomerProfit, ProfitInputs, customer_profit

__all__ = [
    "TABLES",
    "CustomerBaseAudit",
    "CustomerProfit",
    "ProfitInputs",
    "WhaleCurve",
    "acquisition_cost",
    "acquisition_returns",
    "answer_profit",
    "customer_base_audit",
    "customer_base_chapter",
    "customer_profit",
    "earned_by_age",
    "loss_reasons",
    "payback_months",
    "profit_and_loss",
    "profit_deciles",
    "profit_groups",
    "steady_value",
    "value_less_cost",
    "whale_curve",
]
