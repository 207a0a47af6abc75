"""Proposals of which column of contract data is which, for messages."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from guanxi.data._column_proposals import NAMES, named_column
from guanxi.params import CONTRACT_COLUMNS

# Names without case, blanks and signs, likeliest first, as in the proposals for transactions.
COLUMN_NAMES = {
    "customer_id": NAMES["customer_id"],
    "timestamp": NAMES["timestamp"],
    "event": "event eventtype eventname action type ereignis 事件",
    "tenure": """
        tenure tenureinmonths tenuremonths monthsonbook accountlength accountweeks monthsinservice
        monthsactive vertragsdauer antigüedad ancienneté 在网时长 在网月数
    """,
    "churned": """
        churned churn churnlabel churnvalue churnflag haschurned ischurn exited attritionflag attrition
        customerstatus gekündigt baja résilié 是否流失 流失
    """,
    "start": """
        startdate start contractstart subscriptionstart startedat activationdate signupdate begindate
        effectivedate vertragsbeginn beginn fechainicio datedebut 开始日期 生效日期 开通日期
    """,
    "end": """
        enddate end contractend subscriptionend endedat canceldate cancelledat canceledat churndate
        terminationdate expirydate expirationdate vertragsende ende fechafin datefin 结束日期 到期日期
    """,
    "amount": f"mrramount mrr monthlycharges monthlycharge monthlyfee monthlyamount 月租 {NAMES['amount']}",
    "plan": "plan plantier planname subscriptiontype tarif tarifa forfait 套餐 资费",
}
_WORTH_PROPOSING = ("end", "amount", "plan")


def propose(columns: list[str], given: Mapping[str, str]) -> str:
    """Write the option that maps the columns of the form that fits best, with NAME for those unknown.

    Examples
    --------
    >>> propose(["Kunde", "Tenure in Months", "Churn Label", "Monthly Charge"], {})
    "--columns 'customer_id=Kunde,tenure=Tenure in Months,churned=Churn Label,amount=Monthly Charge'"
    """
    best: dict[str, str] = {}
    for required, optional in CONTRACT_COLUMNS.values():
        wanted = (*required, *(name for name in optional if name in _WORTH_PROPOSING))
        free = [column for column in columns if column not in given.values()]
        found = {name: column for name, column in given.items() if name in wanted and column in columns}
        for name in wanted:
            column = found.get(name) or named_column(COLUMN_NAMES[name], free)
            if column is not None:
                found[name] = column
                free = [other for other in free if other != column]
        missing = {name: "NAME" for name in required if name not in found}
        if not best or len(missing) < list(best.values()).count("NAME"):
            best = {name: (missing | found)[name] for name in wanted if name in missing | found}
    parts = [f"{name}={column}" for name, column in best.items() if name != column]
    return f"--columns {shlex.quote(','.join(parts))}"
