"""How much more members must buy for a member discount to pay."""

from __future__ import annotations

from guanxi.errors import DataError


def break_even_uplift(margin: float, reward: float) -> float:
    """Growth of members' purchases, at list prices, that pays for what the programme gives back.

    Without the programme a purchase of 1 earns ``margin``; with it ``margin - reward``. Both earn the same if
    purchases grow by ``reward / (margin - reward)``.

    Parameters
    ----------
    margin : float
        Share of the price that is margin, above 0 and up to 1.
    reward : float
        Share of the price given back as discount or points, 0 or more.

    Returns
    -------
    float
        Infinite if the reward eats the whole margin.

    Raises
    ------
    DataError
        If the margin is not above 0 and up to 1, or the reward negative.

    Examples
    --------
    >>> round(break_even_uplift(0.3, 0.05), 3), break_even_uplift(0.1, 0.1)
    (0.2, inf)
    """
    if not 0 < margin <= 1 or reward < 0:
        raise DataError(
            f"the margin, {margin}, must be above 0 and up to 1, and the reward, {reward}, not negative: "
            "give both as shares of the price"
        )
    return reward / (margin - reward) if reward < margin else float("inf")
