import numpy as np
import pytest

from course_utils.critters import sample
from course_utils.critters.dataset import HELD_OUT_SEED, REFERENCE_SEED, TRAINING_SEED, VALIDATION_SEED
from course_utils.measure import frechet as module
from course_utils.measure.frechet import (
    FOR_CARDS,
    distances,
    extractor,
    features_of,
    frechet,
    gaussian_frechet,
    judged,
    kid,
    real_features,
    square_root,
)


def random_covariance(rng, d):
    root = rng.normal(size=(d, d))
    return root @ root.T / d


def with_moments(rng, n, mean, covariance):
    """n rows whose sample mean and covariance are exactly these."""
    x = rng.normal(size=(n, len(mean)))
    x = (x - x.mean(0)) @ np.linalg.inv(square_root(np.cov(x, rowvar=False)))
    return x @ square_root(covariance) + mean


def test_one_dimension_is_the_textbook_formula():
    """(m1 - m2)^2 + (s1 - s2)^2."""
    value = gaussian_frechet(np.array([1.0]), np.array([[4.0]]), np.array([4.0]), np.array([[25.0]]))
    assert value == pytest.approx(9 + 9)


def test_covariances_that_commute_are_compared_root_by_root():
    turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(5, 5)))
    a, b = np.array([1.0, 4, 9, 16, 0]), np.array([4.0, 4, 1, 25, 9])
    value = gaussian_frechet(np.zeros(5), turn * a @ turn.T, np.zeros(5), turn * b @ turn.T)
    assert value == pytest.approx(np.sum((np.sqrt(a) - np.sqrt(b)) ** 2))


def test_general_covariances_agree_with_the_root_of_the_product():
    rng = np.random.default_rng(1)
    a, b = random_covariance(rng, 6), random_covariance(rng, 6)
    trace = np.sqrt(np.linalg.eigvals(a @ b).real).sum()  # the eigenvalues of AB are those of A^(1/2) B A^(1/2)
    expected = np.trace(a) + np.trace(b) - 2 * trace
    assert gaussian_frechet(np.zeros(6), a, np.zeros(6), b) == pytest.approx(expected)


def test_samples_with_known_moments_give_the_distance_of_the_moments():
    rng = np.random.default_rng(2)
    a, b, shift = random_covariance(rng, 4), random_covariance(rng, 4), np.array([1.0, -2, 0, 0.5])
    value = frechet(with_moments(rng, 50, np.zeros(4), a), with_moments(rng, 80, shift, b))
    assert value == pytest.approx(gaussian_frechet(np.zeros(4), a, shift, b))


def test_a_set_is_at_no_distance_from_itself_even_with_features_that_never_fire():
    x = np.random.default_rng(3).normal(size=(300, 64)).astype(np.float32) * 100
    x[:, :20] = 0
    x[:, 20] = x[:, 21]
    assert frechet(x, x) < 1e-6
    assert frechet(x, x[::-1]) < 1e-6
    assert frechet(x, x + 3) == pytest.approx(9 * 64)


def test_a_root_squared_is_the_matrix():
    a = random_covariance(np.random.default_rng(4), 7)
    assert np.allclose(square_root(a) @ square_root(a), a)
    assert np.allclose(square_root(a), square_root(a).T)


def test_too_few_pictures_are_refused():
    x = np.zeros((127, 64))
    with pytest.raises(ValueError, match=r"127 and 127 pictures are too few .* at least 128, for a card 2000"):
        frechet(x, x)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_what_is_not_finite_is_refused(wrong):
    x = np.random.default_rng(0).normal(size=(20, 3))
    y = x.copy()
    y[3, 1] = wrong
    for measure in (frechet, kid):
        with pytest.raises(ValueError, match="NaN or infinite"):
            measure(x, y)


def test_other_widths_are_refused():
    with pytest.raises(ValueError, match=r"expected features .*\[20, 3\] and \[20, 4\]"):
        frechet(np.zeros((20, 3)), np.zeros((20, 4)))


def test_kid_of_two_tiny_sets_by_hand():
    """d = 1, k(x, y) = (xy + 1)^3, two groups that are equal: pairs within a, within b, between."""
    a, b = np.array([0.0, 1, 0, 1]), np.array([1.0, 2, 1, 2])

    def mean(x, y, itself):
        values = [(p * q + 1) ** 3 for i, p in enumerate(x) for j, q in enumerate(y) if itself or i != j]
        return np.mean(values)

    expected = mean(a, a, False) + mean(b, b, False) - 2 * mean(a, b, True)
    assert kid(a[:, None], b[:, None], groups=2)[0] == pytest.approx(expected)


def test_kid_has_the_value_that_moments_predict():
    """With d = 1 the kernel is 1 + 3xy + 3x²y² + x³y³, so MMD² is 3 Δ₁² + 3 Δ₂² + Δ₃² of the raw moments."""
    rng = np.random.default_rng(5)
    a, b = rng.normal(size=(4_000, 1)), 0.5 + rng.normal(size=(5_000, 1))
    mean, error = kid(a, b)
    expected = 3 * 0.5**2 + 3 * 0.25**2 + (0.125 + 3 * 0.5) ** 2
    assert abs(mean - expected) < 4 * error
    assert error < 0.15 * expected


@pytest.mark.parametrize(("shift", "low", "high"), [(0.0, 0.5, 1.1), (0.5, 0.75, 1.25)])
def test_kid_is_unbiased_and_its_error_is_one(shift, low, high):
    """Truly drawn again and again: the means scatter as the standard error says, and by 1.4 less at distance 0."""
    rng = np.random.default_rng(6)
    values = [kid(rng.normal(size=(100, 8)), rng.normal(size=(100, 8)) + shift, groups=10) for _ in range(120)]
    means, errors = np.array(values).T
    if shift == 0:
        assert abs(means.mean()) < 3 * means.std() / np.sqrt(120)
        assert means.min() < 0  # a biased estimate could not be
    assert low < means.std() / np.sqrt((errors**2).mean()) < high


def test_the_seed_deals_the_groups_and_not_the_distance():
    rng = np.random.default_rng(7)
    a, b = rng.normal(size=(61, 3)), rng.normal(size=(80, 3))
    once, again, other = kid(a, b, 5), kid(a, b, 5), kid(a, b, 5, seed=2)
    assert once == again
    assert once[0] == pytest.approx(other[0])
    assert once[1] != other[1]
    assert kid(a[::-1], b, 7)[0] == pytest.approx(once[0])


@pytest.mark.parametrize("groups", [1, 31])
def test_groups_of_too_few_are_refused(groups):
    with pytest.raises(ValueError, match="2 or more groups of 2 or more pictures"):
        kid(np.zeros((60, 3)), np.zeros((80, 3)), groups)


def test_the_real_set_is_nobody_elses():
    assert REFERENCE_SEED not in {TRAINING_SEED, HELD_OUT_SEED, VALIDATION_SEED}


def test_features_are_kept_and_read_again(tmp_path, monkeypatch):
    first = real_features(5, seed=9, cache=tmp_path)
    assert first.shape == (5, 64)
    assert np.array_equal(first, features_of(sample(5, seed=9)))
    assert len(list(tmp_path.iterdir())) == 1  # nothing unfinished is left
    monkeypatch.setattr(module, "render", None)  # a second rendering would fail
    assert np.array_equal(real_features(5, seed=9, cache=tmp_path), first)
    with pytest.raises(TypeError):
        real_features(5, seed=10, cache=tmp_path)


@pytest.fixture
def short_way(monkeypatch):
    """Random features in place of renders' ones, a world of its own for each set of scenes."""
    def features(scenes, cache=None):
        seed = int(1e6 * scenes[0].size)
        return np.random.default_rng(seed).normal(size=(len(scenes), 64)).astype(np.float32)

    monkeypatch.setattr(module, "features_of", features)
    return features


def test_distances_come_with_their_floor(short_way):
    scenes = sample(300, seed=11)
    far = distances(short_way(sample(300, seed=12)) + 1, scenes, least=300)
    assert far["n"] == 300
    assert far["extractor"] == extractor()
    assert far["frechet"] == pytest.approx(64 + far["frechet_floor"], rel=0.2)
    assert far["kid"] > 10 * far["kid_standard_error"] > 0
    assert abs(far["kid_floor"]) < 5 * far["kid_floor_standard_error"]
    perfect = distances(short_way(scenes), scenes, least=300)
    assert perfect["frechet"] == perfect["frechet_floor"]


def test_a_card_needs_its_pictures(short_way):
    scenes = sample(300, seed=11)
    with pytest.raises(ValueError, match=f"too few .* draw {FOR_CARDS}, or say least=300"):
        distances(short_way(scenes), scenes)


def test_pictures_and_scenes_go_together_and_are_not_the_real_set(short_way):
    features = short_way(sample(200, seed=1))
    with pytest.raises(ValueError, match="200 pictures of 199 scenes"):
        distances(features, sample(199, seed=1), least=200)
    with pytest.raises(ValueError, match="real set's own"):
        distances(features, sample(200, seed=REFERENCE_SEED), least=200)


def test_pictures_are_read_first(monkeypatch):
    seen = {}
    monkeypatch.setattr(module, "distances", lambda features, *rest: seen.update(features=features, rest=rest))
    judged(np.zeros((3, 16, 16, 3), np.uint8), sample(3, 1), None, 3)
    assert seen["features"].shape == (3, 64)


def test_the_extractor_is_named_by_its_weights():
    name, digits = extractor().split(",")[0].split()
    assert name == "critic"
    assert len(digits) == 8
    int(digits, 16)
