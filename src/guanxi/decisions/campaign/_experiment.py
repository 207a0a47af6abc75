"""The customers of a campaign, checked: who was in which arm, since when, at what cost."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pandas as pd

from guanxi.data.campaigns import FLAGS, LARGEST, LINE, RESERVED, CampaignLines
from guanxi.decisions.campaign._remarks import Remark
from guanxi.decisions.campaign._two_sample import is_share
from guanxi.errors import DataError, ParamsError, did_you_mean
from guanxi.params import CampaignParams

_USUAL_CONTROLS = ("control", "holdout")
_FEWEST = 20


@dataclass(frozen=True)
class Experiment:
    """The customers whose arms are compared.

    Attributes
    ----------
    source : str
    customers : pandas.DataFrame
        One row per customer: ``customer_id``, ``arm``, ``cost`` (0 where none is given) and, where the file
        has them, the flags (0, 1 or NaN), ``day`` (first day of the outcomes) and its other columns.
    control : str
    arms : tuple of str
        The others, in alphabetical order.
    has_cost : bool
    remarks : tuple of Remark
    """

    source: str
    customers: pd.DataFrame = field(repr=False)
    control: str
    arms: tuple[str, ...]
    has_cost: bool
    remarks: tuple[Remark, ...] = ()

    def only(self, kept: pd.Series, remark: Remark) -> Experiment:
        """Leave out customers, and say why; arms that become too small are an error."""
        customers = self.customers[kept.to_numpy()].reset_index(drop=True)
        _check_sizes(self.source, customers, (self.control, *self.arms))
        return replace(self, customers=customers, remarks=(*self.remarks, remark))


def read_experiment(lines: CampaignLines, params: CampaignParams, *, dated: bool) -> Experiment:
    """Check the lines of a campaign.

    Parameters
    ----------
    lines : CampaignLines
    params : CampaignParams
    dated : bool
        Whether the day of the campaign is needed.

    Raises
    ------
    DataError
        If a customer is in two arms or appears twice, there is no control, an arm has fewer than 20
        customers, a cost is negative, or a date is missing.
    ParamsError
        If a named column is not in the file.
    """
    table = lines.table[~lines.table["arm"].isin(params.leave_out)].reset_index(drop=True)
    _check_once(lines.source, table)
    control = _control(lines.source, table, params)
    arms = tuple(sorted(set(table["arm"]) - {control}))
    if not arms:
        raise DataError(f"{lines.source}: all customers are in the arm {control!r}: nobody was treated")
    _check_sizes(lines.source, table, (control, *arms))
    table, remarks = _with_cost(lines.source, table, control)
    if dated:
        table["day"] = _days(lines.source, table, params)
    table = table.assign(
        **{flag: table[flag].astype("Float64").astype("float64") for flag in FLAGS if flag in table}
    )
    for name in (*params.outcomes, *params.covariates, *params.by):
        _check_column(lines, table, name, number=name in params.outcomes)
    return Experiment(
        lines.source,
        table.drop(columns=LINE),
        control,
        arms,
        "cost" in lines.table,
        remarks,
    )


def _check_once(source: str, table: pd.DataFrame) -> None:
    repeated = table[table["customer_id"].duplicated(keep=False)]
    if repeated.empty:
        return
    arms = repeated.groupby("customer_id", sort=False)["arm"].nunique()
    customer, count = (arms.idxmax(), int((arms > 1).sum()))
    rows = repeated[repeated["customer_id"] == customer]
    where = f"lines {rows[LINE].iloc[0]:,} and {rows[LINE].iloc[1]:,}"
    if count:
        names = " and ".join(map(repr, rows["arm"].unique()[:2]))
        raise DataError(
            f"{source}: {count:,} customers are in more than one arm (first: {customer!r} in {names}, "
            f"{where}): keep the arm that was drawn first, or leave these customers out"
        )
    raise DataError(
        f"{source}: {len(arms):,} customers have several lines (first: {customer!r}, {where}): "
        "keep the first contact of each"
    )


def _control(source: str, table: pd.DataFrame, params: CampaignParams) -> str:
    names = sorted(set(table["arm"]))
    shown = ", ".join(map(repr, names[:10]))
    if params.control is not None:
        if params.control not in names:
            raise DataError(
                f"{source}: no customer is in the control arm {params.control!r}; the arms are {shown}: "
                "without a control there is nothing to compare with"
            )
        return params.control
    found = [name for name in names if name.lower() in _USUAL_CONTROLS]
    if len(found) != 1:
        raise DataError(
            f"{source}: {'no arm is' if not found else 'two arms are'} called control or holdout; the arms "
            f"are {shown}: name the control with --set campaign.control=ARM; without one there is nothing to "
            "compare with"
        )
    return str(found[0])


def _check_sizes(source: str, table: pd.DataFrame, arms: tuple[str, ...]) -> None:
    sizes = table["arm"].value_counts()
    for arm in arms:
        size = int(sizes.get(arm, 0))
        if size < _FEWEST:
            raise DataError(
                f"{source}: arm {arm!r} has {size} customers; intervals need at least {_FEWEST}: "
                "add customers, or leave the arm out with campaign.leave_out"
            )


def _with_cost(source: str, table: pd.DataFrame, control: str) -> tuple[pd.DataFrame, tuple[Remark, ...]]:
    if "cost" not in table:
        return table.assign(cost=0.0), ()
    negative = table[table["cost"] < 0]
    if len(negative):
        raise DataError(
            f"{source}: line {negative[LINE].iloc[0]:,}: the cost is {negative['cost'].iloc[0]:g}, below 0 "
            f"({len(negative):,} such lines): write what each customer cost, 0 or more"
        )
    unknown = int((table["cost"].isna() & (table["arm"] != control)).sum())
    remarks = (Remark("costs_unknown", {"count": f"{unknown:,}"}),) if unknown else ()
    return table.assign(cost=table["cost"].fillna(0.0)), remarks


def _days(source: str, table: pd.DataFrame, params: CampaignParams) -> pd.Series:
    """Return the first day of each customer's outcomes: that of the campaign."""
    if "date" not in table:
        if params.day is None:
            raise DataError(
                f"{source}: no column of the campaign's date: map it with "
                '--set \'campaign.columns={"date": "NAME"}\', or give --set campaign.day=YYYY-MM-DD'
            )
        return pd.Series(pd.Timestamp(params.day), index=table.index)
    days = pd.to_datetime(table["date"]).astype("datetime64[s]")
    known = days.dropna().unique()
    if days.isna().any() and params.day is None and len(known) != 1:
        line = int(table.loc[days.isna(), LINE].iloc[0])
        raise DataError(
            f"{source}: line {line:,} has no date: give control customers the day on which they would have "
            "been contacted, or one for all of them with --set campaign.day=YYYY-MM-DD"
        )
    usual = days.dropna().iloc[0] if params.day is None else pd.Timestamp(params.day)
    return days.fillna(usual)


def _check_column(lines: CampaignLines, table: pd.DataFrame, name: str, *, number: bool) -> None:
    if name not in (*lines.others, *(flag for flag in FLAGS if flag in table)):
        advice = did_you_mean(
            name, lines.others, f"its other columns are {', '.join(lines.others) or 'none'}"
        )
        if name in RESERVED:
            advice = "guanxi uses this name itself: rename the column"
        raise ParamsError(f"{lines.source}: no column {name!r} as named in the section campaign: {advice}")
    if number:
        _check_outcome(lines.source, table[name])
    if pd.api.types.is_numeric_dtype(table[name]) and (table[name].abs() > LARGEST).any():
        line = int(table.loc[table[name].abs() > LARGEST, LINE].iloc[0])
        raise DataError(f"{lines.source}: line {line:,}: the number in {name!r} is too large: correct it")


def _check_outcome(source: str, values: pd.Series) -> None:
    if values.isna().all():
        raise DataError(f"{source}: the outcome {values.name!r} is unknown for all customers: give numbers")
    if not pd.api.types.is_numeric_dtype(values):
        raise DataError(
            f"{source}: the outcome {values.name!r} is text, such as {values.dropna().iloc[0]!r}: "
            "write numbers, or 0 and 1"
        )


def share_columns(outcomes: pd.DataFrame) -> list[str]:
    """Name the outcomes that are shares: all known values are 0 or 1."""
    return [str(name) for name in outcomes if is_share(outcomes[name].dropna().to_numpy(dtype=float))]
