"""Agreement with pymcdm where it has the method: AHP by the eigenvector."""

from __future__ import annotations

import numpy as np
import pytest
from pymcdm.weights.subjective import AHP

from guanxi.scorecard.weights._ahp import priorities


@pytest.mark.parametrize("example", ["house", "philadelphia", "drinks"])
def test_weights_and_consistency_agree(published, example):
    judged = published[example]
    theirs, ours = AHP(matrix=judged), priorities(judged)
    np.testing.assert_allclose(theirs(), ours.weights, rtol=1e-9)
    # Their random index is that of Tummala & Ling (1998), ours is Saaty's.
    assert theirs.get_cr() * AHP.RI_M[len(judged) - 1] == pytest.approx(ours.consistency_index, rel=1e-9)
