"""The churn classifier: scikit-learn's contract, the offset, early stopping, calibration."""

import numpy as np
import pytest
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from guanxi.models import ChurnClassifier
from guanxi.models.churn import fit_calibration
from guanxi.served.corrections import probability


@parametrize_with_checks([ChurnClassifier()])
# The checks use inputs that raise warnings in LightGBM and scikit-learn; one needs an environment variable.
@pytest.mark.filterwarnings("ignore")
def test_keeps_the_contract_of_scikit_learn(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def rows():
    """Log odds are a known prior plus an effect of the first feature, a tenth of which is missing."""
    random = np.random.default_rng(0)
    X = random.normal(size=(8000, 4))
    prior = random.normal(size=8000)
    y = random.random(8000) < probability(prior + np.where(X[:, 0] > 0, 1.0, -1.0))
    X[random.random(8000) < 0.1, 0] = np.nan
    return X, y.astype(int), prior


def halves(rows):
    X, y, prior = rows
    return (X[:4000], y[:4000], prior[:4000]), (X[4000:], y[4000:], prior[4000:])


def test_starts_from_the_offset(rows):
    (X, y, prior), later = halves(rows)
    model = ChurnClassifier(n_estimators=1, learning_rate=1e-9).fit(X, y, offset=prior)
    assert model.decision_function(later[0], later[2]) == pytest.approx(later[2], abs=1e-6)


def test_learns_what_the_offset_misses(rows):
    (X, y, prior), (later_X, later_y, later_prior) = halves(rows)
    model = ChurnClassifier(n_estimators=200).fit(X, y, offset=prior)
    with_trees = model.predict_proba(later_X, later_prior)[:, 1]
    alone = probability(later_prior)
    assert roc_auc_score(later_y, with_trees) > roc_auc_score(later_y, alone) + 0.05
    assert log_loss(later_y, with_trees) < log_loss(later_y, alone) - 0.05


def test_stops_when_the_later_rows_no_longer_improve(rows):
    (X, y, prior), later = halves(rows)
    random = np.random.default_rng(1)
    noise = random.permutation(y)
    stopped = ChurnClassifier().fit(
        X, noise, offset=prior, validation=(later[0], random.permutation(later[1]), later[2])
    )
    useful = ChurnClassifier().fit(X, y, offset=prior, validation=later)
    assert useful.n_rounds_ < 1000
    assert useful.n_rounds_ == np.mean([booster.num_trees() for booster in useful.boosters_])
    assert stopped.n_rounds_ > 0


def test_probabilities_reflect_an_imbalance():
    random = np.random.default_rng(2)
    X = random.normal(size=(20_000, 2))
    y = random.random(20_000) < 0.03
    probability = ChurnClassifier(n_estimators=100).fit(X, y).predict_proba(X)[:, 1]
    assert probability.mean() == pytest.approx(y.mean(), rel=0.02)


def test_same_seed_same_trees(rows):
    (X, y, prior), later = halves(rows)
    for validation in (None, later):
        one, other = (
            ChurnClassifier(random_state=5, n_estimators=100).fit(X, y, offset=prior, validation=validation)
            for _ in range(2)
        )
        texts = [[each.model_to_string() for each in model.boosters_] for model in (one, other)]
        assert texts[0] == texts[1]
        assert len(set(texts[0])) == 3


def test_the_score_is_the_mean_over_the_seeds(rows):
    (X, y, _), (later_X, _, _) = halves(rows)
    model = ChurnClassifier(n_estimators=20, validation_fraction=None, random_state=7).fit(X, y)
    alone = [
        ChurnClassifier(n_estimators=20, n_seeds=1, random_state=7 + seed, validation_fraction=None).fit(X, y)
        for seed in range(3)
    ]
    assert model.n_rounds_ == 20
    expected = np.mean([each.decision_function(later_X) for each in alone], axis=0)
    assert model.decision_function(later_X) == pytest.approx(expected, abs=1e-12)


def test_without_validation_a_random_share_of_each_class_stops_the_boosting(rows):
    X, y, _ = rows
    noise = np.random.default_rng(1).permutation(y)
    stopped = ChurnClassifier().fit(X, noise)
    assert stopped.n_rounds_ < 60
    assert stopped.calibration_ == {"slope": 1.0, "intercept": 0.0}
    assert ChurnClassifier(n_estimators=70, validation_fraction=None).fit(X, noise).n_rounds_ == 70
    assert stopped._random_share(y.astype(float)).sum() == round(0.2 * y.sum()) + round(0.2 * (1 - y).sum())


def test_a_class_too_small_to_stop_on_grows_all_rounds():
    X = np.arange(40.0).reshape(-1, 1)
    assert ChurnClassifier(n_estimators=80).fit(X, X[:, 0] > 33.5).n_rounds_ == 80


def test_categories_are_split_as_sets_not_by_order():
    random = np.random.default_rng(4)
    code = random.integers(0, 30, 6000)
    X = code.reshape(-1, 1).astype(float)
    y = random.random(6000) < np.where(code % 2, 0.8, 0.2)
    named, ordered = (
        ChurnClassifier(n_estimators=10, categorical_features=given).fit(X[:4000], y[:4000])
        for given in ([0], None)
    )
    scores = [roc_auc_score(y[4000:], each.decision_function(X[4000:])) for each in (named, ordered)]
    assert scores[0] > 0.77
    assert scores[1] < 0.7
    assert np.isfinite(named.decision_function([[np.nan], [77.0]])).all()


def test_a_leaf_holds_at_most_a_twentieth_of_few_rows():
    X = np.linspace(0, 1, 100).reshape(-1, 1)
    model = ChurnClassifier(n_estimators=100, learning_rate=0.2, reg_lambda=0).fit(X, X[:, 0] > 0.5)
    # The requested 300 rows per leaf would leave a single leaf and a score of one half.
    assert model.score(X, X[:, 0] > 0.5) > 0.95


@pytest.mark.parametrize(
    ("y", "message"),
    [([0] * 50, "1 class"), ([0, 1, 2, 3, 4] * 10, "5 classes"), ([1.5] * 25 + [2.5] * 25, "label type")],
)
def test_one_class_is_an_error(y, message):
    with pytest.raises(ValueError, match=message):
        ChurnClassifier().fit(np.arange(50.0).reshape(-1, 1), y)


def test_an_offset_has_one_number_per_row(rows):
    X, y, prior = rows
    with pytest.raises(ValueError, match=r"offset has shape \(3,\)"):
        ChurnClassifier().fit(X, y, offset=prior[:3])
    with pytest.raises(ValueError, match="give both or none"):
        ChurnClassifier().fit(X, y, offset=prior, validation=(X, y, None))


def test_calibration_recovers_slope_and_intercept():
    random = np.random.default_rng(3)
    z = random.normal(size=200_000)
    label = (random.random(200_000) < probability(0.7 * z - 0.4)).astype(float)
    fitted = fit_calibration(z, label)
    assert fitted["slope"] == pytest.approx(0.7, abs=0.02)
    assert fitted["intercept"] == pytest.approx(-0.4, abs=0.02)


@pytest.mark.parametrize(
    ("z", "label"),
    [
        (np.arange(9.0), np.ones(9)),
        (np.zeros(9), np.arange(9.0) % 2),
        (np.arange(9.0), (np.arange(9.0) < 4).astype(float)),
    ],
    ids=["one class", "constant", "order turned round"],
)
def test_calibration_changes_nothing_where_it_cannot_help(z, label):
    assert fit_calibration(z, label) == {"slope": 1.0, "intercept": 0.0}


@pytest.mark.parametrize("z", [-1e4, -700.0, 0.0, 700.0, 1e4])
def test_probability_of_any_log_odds_is_a_probability(z):
    assert 0.0 <= float(probability(z)) <= 1.0
