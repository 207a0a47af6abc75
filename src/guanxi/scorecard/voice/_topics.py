"""Topics in the texts of one language: non-negative matrix factorisation of tf-idf."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.errors import DataError
from guanxi.scorecard.voice._languages import tokens
from guanxi.scorecard.voice._resampling import Floats
from guanxi.served.ordering import falling

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

FEWEST_TEXTS = 30
_FEWEST_SPEAKERS = 3
_MOST_WORDS = 3_000
_TOP_WORDS = 8
_LARGEST_SEARCH, _TEXTS_PER_TOPIC = 12, 10
_SPLITS, _LARGEST_HALF = 6, 400
_AS_STABLE = 0.04
_RAISED = 1 / 3


@dataclass(frozen=True)
class Topics:
    """Topics of the texts of one language.

    Attributes
    ----------
    words : list of list of str
        Most typical words of each topic, most typical first.
    shares : numpy.ndarray, shape (n, k)
        Share of each topic in each text; rows add up to 1, or to 0 for a text without a known word.
    stability : pandas.DataFrame
        ``topics, stability``: agreement of the words between halves of the texts (0 to 1) by number of
        topics; empty if the number was given.
    """

    words: list[list[str]]
    shares: Floats = field(repr=False)
    stability: pd.DataFrame = field(repr=False)

    @property
    def raised(self) -> NDArray[np.bool_]:
        """Whether a text raises a topic: it has a third of the text or more."""
        return self.shares >= _RAISED


def find_topics(
    texts: Sequence[str],
    customers: Sequence[object],
    language: str,
    *,
    topics: int | None = None,
    seed: int = 0,
) -> Topics:
    """Find topics in texts.

    Words said by fewer than three customers are left out, so that no topic is one customer's story. Without a
    number of topics, it is the largest on whose words random halves of the texts agree as well as on those of
    the best number, within .04: fewer topics are as stable but coarser, and beyond the true number stability
    falls. Halves have at most 400 texts, since large ones agree on any number.

    Parameters
    ----------
    texts : sequence of str
        At least 30 of one language, with personal details masked.
    customers : sequence
        Who said each text.
    language : str
        From :func:`._languages.languages_of`.
    topics : int, optional
    seed : int

    Raises
    ------
    DataError
        If there are too few texts, or too few words that several customers use.

    References
    ----------
    Lee, D. D. and Seung, H. S. (1999), Learning the parts of objects by non-negative matrix factorization,
    Nature 401.
    Lange, T., Roth, V., Braun, M. L. and Buhmann, J. M. (2004), Stability-based validation of clustering
    solutions, Neural Computation 16(6): agreement of two halves.
    Wu, S. et al. (2016), Stability-driven nonnegative matrix factorization, PNAS 113(16): agreement of two
    factorisations.

    Examples
    --------
    >>> said = ["refund late money back", "app crashes on login screen"] * 20
    >>> found = find_topics(said, range(40), "en")
    >>> sorted(words[0] in ("app", "crashes", "login", "screen") for words in found.words)
    [False, True]
    """
    if len(texts) < FEWEST_TEXTS:
        raise DataError(f"topics: {len(texts)} texts, at least {FEWEST_TEXTS} are needed")
    counts, words = _counts(texts, customers, language)
    if len(words) < 2:
        raise DataError(f"topics: fewer than two words are used by {_FEWEST_SPEAKERS} customers or more")
    weighted = _weighted(counts)
    stability = pd.DataFrame({"topics": [], "stability": []})
    if topics is None:
        stability = _stability(counts, words, seed)
        stable = stability["stability"] >= stability["stability"].max() - _AS_STABLE
        topics = int(stability.loc[stable, "topics"].max())
    topics = min(topics, len(words), len(texts))
    in_texts, in_words = _factorise(weighted, topics, seed)
    total = in_texts.sum(axis=1, keepdims=True)
    shares = np.divide(in_texts, total, out=np.zeros_like(in_texts), where=total > 0)
    order = falling(shares.sum(axis=0))
    top = falling(in_words)[:, :_TOP_WORDS]
    named = [[words[word] for word in top[topic] if in_words[topic, word] > 0] for topic in order]
    return Topics(named, shares[:, order], stability)


def _counts(texts: Sequence[str], customers: Sequence[object], language: str) -> tuple[csr_matrix, list[str]]:
    """How often each text has each word that several customers use, the plural counted with the singular."""
    from scipy.sparse import csr_matrix
    from sklearn.feature_extraction.text import CountVectorizer

    said = [tokens(text, language) for text in texts]
    if not any(said):
        return csr_matrix((len(texts), 0)), []
    if language == "en":
        said = _in_singular(said)
    counter = CountVectorizer(analyzer=list)
    counts = counter.fit_transform(said)
    codes, _ = pd.factorize(np.asarray(customers, dtype=object), sort=False)
    people = csr_matrix((np.ones(len(codes)), (codes, np.arange(len(codes)))))
    speakers = np.asarray((people @ (counts > 0) > 0).sum(axis=0)).ravel()
    used = speakers >= _FEWEST_SPEAKERS
    if used.sum() > _MOST_WORDS:
        used &= speakers >= np.sort(speakers)[-_MOST_WORDS]
    return counts[:, used].astype(np.float64), list(counter.get_feature_names_out()[used])


def _in_singular(said: list[list[str]]) -> list[list[str]]:
    """Take ``refunds`` for ``refund`` where both are said."""
    known = {word for words in said for word in words}

    def singular(word: str) -> str:
        for ending, instead in (("ies", "y"), ("es", ""), ("s", "")):
            stem = word.removesuffix(ending) + instead
            if len(word) > 3 and word.endswith(ending) and stem in known:
                return stem
        return word

    instead_of = {word: singular(word) for word in known}
    return [[instead_of[word] for word in words] for words in said]


def _weighted(counts: csr_matrix) -> csr_matrix:
    from sklearn.feature_extraction.text import TfidfTransformer

    return TfidfTransformer(sublinear_tf=True).fit_transform(counts)


def _factorise(weighted: csr_matrix, topics: int, seed: int) -> tuple[Floats, Floats]:
    """Weights of topics in texts (n, k) and of words in topics (k, words)."""
    from sklearn.decomposition import NMF
    from sklearn.exceptions import ConvergenceWarning

    model = NMF(topics, init="nndsvda", random_state=seed, max_iter=400, tol=1e-4)
    # The last digits of the weights decide nothing here, and the error, below 0 by rounding, is not used.
    with warnings.catch_warnings(), np.errstate(invalid="ignore"):
        warnings.simplefilter("ignore", ConvergenceWarning)
        in_texts = model.fit_transform(weighted)
    in_words: Floats = model.components_
    return in_texts, in_words


def _stability(counts: csr_matrix, words: Sequence[str], seed: int) -> pd.DataFrame:
    """Agreement of the topics' words between random halves of the texts, by number of topics."""
    generator = np.random.default_rng(seed)
    spoken = np.flatnonzero(counts.getnnz(axis=1) > 0)
    size = min(len(spoken) // 2, _LARGEST_HALF)
    halves = []
    for _ in range(_SPLITS):
        drawn = generator.permutation(spoken)
        halves.append(tuple(_weighted(counts[part]) for part in (drawn[:size], drawn[size : 2 * size])))
    different = len(
        {counts.indices[start:end].tobytes() for start, end in pairwise(counts.indptr) if end > start}
    )
    most = max(2, min(_LARGEST_SEARCH, size // _TEXTS_PER_TOPIC, len(words), different))
    rows: list[dict[str, Any]] = []
    for topics in range(2, most + 1):
        found = [[_factorise(half, topics, seed)[1] for half in pair] for pair in halves]
        rows.append({"topics": topics, "stability": float(np.mean([_agreement(*pair) for pair in found]))})
    return pd.DataFrame(rows)


def _agreement(ours: Floats, theirs: Floats) -> float:
    """Mean cosine of each topic's words with the closest topic of the other, both ways."""
    similar = _unit(ours) @ _unit(theirs).T
    return float((similar.max(axis=0).mean() + similar.max(axis=1).mean()) / 2)


def _unit(rows: Floats) -> Floats:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(length > 0, length, 1.0)
