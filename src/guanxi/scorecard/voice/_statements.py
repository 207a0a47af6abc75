"""What customers wrote or said, masked, with its language."""

from __future__ import annotations

from datetime import date

import pandas as pd

from guanxi.data.relations.tables import Relations
from guanxi.features.relations.statements import comments_until
from guanxi.scorecard.voice._languages import languages_of
from guanxi.scorecard.voice._masking import mask


def collect_statements(relations: Relations, as_of: date) -> pd.DataFrame:
    """Comments up to a day, with personal details masked, and their ``language``.

    The columns are those of :func:`guanxi.features.relations.statements.comments_until` and ``language``.
    """
    found = comments_until(relations, as_of)
    texts = [mask(text) for text in found["text"]]
    return found.assign(text=texts, language=languages_of(texts))
