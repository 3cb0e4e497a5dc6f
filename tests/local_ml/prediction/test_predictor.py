"""Prediction from a saved model: equal to the libraries, without them, bound by name."""

import json
import subprocess
import sys
import textwrap
from dataclasses import fields, replace

import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor

from local_ml.errors import PredictionError
from local_ml.features import Feature
from local_ml.forest.compile import compile_forest
from local_ml.forest.evaluate import Evaluator
from local_ml.prediction import windows
from local_ml.prediction.fusion_rule import with_fused
from local_ml.prediction.maximum_rule import MaximumRule
from local_ml.prediction.predictor import Predictor
from local_ml.prediction.results import Prediction

NAMES = ("twi", "vv", "ndvi", "soil")


@pytest.fixture(scope="module")
def predictor(bundle_folder):
    return Predictor.load(bundle_folder)


def bands_of(values, shape=None):
    shape = shape or (len(values),)
    return {name: values[:, i].reshape(shape) for i, name in enumerate(NAMES)}


def test_equals_the_libraries_to_the_last_bit_of_float32(predictor, model, make_values):
    """Any step of encoding, trees, fusion or bounds that differs between training and map."""
    values = make_values(500, 5)
    got = predictor.predict(bands_of(values))
    assert got.valid.all()
    np.testing.assert_array_equal(got.value, model.expected(values).astype(np.float32))
    X = model.encoding.encode(values)
    for index, member in enumerate(model.members.values()):
        np.testing.assert_array_equal(got.members[index], member.predict(X).astype(np.float32))


def test_says_what_it_predicts(predictor, model, bundle_folder):
    """A map tagged with another unit, or with a fingerprint that is not the manifest's."""
    import hashlib

    assert (predictor.target_name, predictor.target_unit) == ("vwc", "m3 m-3")
    assert predictor.features == model.encoding.features
    manifest = (bundle_folder / "manifest.json").read_bytes()
    assert predictor.fingerprint == hashlib.sha256(manifest).hexdigest()


def test_needs_none_of_the_learning_libraries(bundle_folder, make_values, predictor, tmp_path):
    """A worker that must install four learning libraries in order to add up trees."""
    values = make_values(40, 6)
    np.save(tmp_path / "values.npy", values)
    program = textwrap.dedent(
        """
        import sys
        blocked = "sklearn xgboost catboost pandas pydantic shap scipy pint joblib".split()
        for name in blocked:
            sys.modules[name] = None
        from pathlib import Path
        import numpy as np
        from local_ml.prediction.predictor import Predictor
        predictor = Predictor.load(Path(sys.argv[1]))
        values = np.load(sys.argv[2])
        names = [feature.name for feature in predictor.features]
        bands = {name: values[:, i] for i, name in enumerate(names)}
        np.save(sys.argv[3], predictor.predict(bands).value)
        """
    )
    arguments = [bundle_folder, tmp_path / "values.npy", tmp_path / "got.npy"]
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    expected = predictor.predict(bands_of(values)).value
    np.testing.assert_array_equal(np.load(tmp_path / "got.npy"), expected)


def test_shuffled_and_further_bands_change_nothing(predictor, make_values):
    """Bands bound by position."""
    bands = bands_of(make_values(60, 7))
    shuffled = {name: bands[name] for name in ("soil", "ndvi", "twi", "vv")}
    got = predictor.predict(shuffled | {"elevation": np.zeros(3)})
    np.testing.assert_array_equal(got.value, predictor.predict(bands).value)


def test_the_shape_of_the_bands_is_kept(predictor, make_values):
    """Rows and columns exchanged on the way through a flat array."""
    values = make_values(60, 8)
    flat = predictor.predict(bands_of(values))
    image = predictor.predict(bands_of(values, (12, 5)))
    assert image.members.shape == (4, 12, 5)
    for name in ("value", "clipped", "valid"):
        np.testing.assert_array_equal(
            getattr(image, name), getattr(flat, name).reshape(12, 5), err_msg=name
        )
    turned = {name: band.T for name, band in bands_of(values, (12, 5)).items()}
    np.testing.assert_array_equal(predictor.predict(turned).value, image.value.T)


def assert_same(got, expected):
    """Every field of two predictions of the same pixels, whatever their shapes."""
    for field in fields(Prediction):
        one, other = getattr(got, field.name), getattr(expected, field.name)
        if isinstance(other, np.ndarray):
            one = one.reshape(other.shape)
        np.testing.assert_array_equal(one, other, err_msg=field.name)


@pytest.fixture(scope="module")
def with_residual(predictor, model, make_values):
    """The same model with a forest of its residuals, which reads the fused value too."""
    X = model.encoding.encode(make_values(80, 12))
    read = np.column_stack([np.nan_to_num(X), np.linspace(0, 0.5, 80)])
    forest = RandomForestRegressor(20, random_state=0, n_jobs=1)
    forest.fit(read, np.sin(9 * read[:, -1]) / 50 + read[:, 0] / 1000)
    rule = replace(predictor.rule, residual=True, curve=None, intercept=0.0, slope=1.0)
    return replace(predictor, residual=compile_forest(forest), rule=rule)


@pytest.mark.parametrize("which", ["predictor", "with_residual"])
def test_a_raster_is_predicted_as_its_pixels_are(which, make_values, request):
    """Another value for a pixel of a raster than for a row: misplaced, or rounded otherwise."""
    predictor = request.getfixturevalue(which)
    shape = 70, 145
    values = make_values(70 * 145, 13)
    values[::5, 0], values[::7, 1], values[3::50, 3] = np.nan, np.nan, 77
    expected = predictor.predict(bands_of(values))
    assert 0 < expected.valid.sum() < expected.valid.size
    assert expected.unseen_levels > 0
    assert_same(predictor.predict(bands_of(values, shape)), expected)
    assert_same(predictor.predict(bands_of(values, (70, 5, 29))), expected)


@pytest.mark.parametrize("which", ["predictor", "with_residual"])
@pytest.mark.parametrize("shape", [(70 * 145,), (70, 145)], ids=["rows", "raster"])
def test_only_what_lies_within_is_predicted(which, shape, make_values, request):
    """A tile cut by the region's edge: other bits inside, or something said or counted outside."""
    predictor = request.getfixturevalue(which)
    values = make_values(70 * 145, 23)
    values[::5, 0], values[::7, 1], values[3::50, 3] = np.nan, np.nan, 77
    within = np.zeros((70, 145), bool)
    within[20:64, 30:] = np.tri(44, 115, 60, dtype=bool)
    inside = within.ravel()
    expected = predictor.predict(bands_of(values[inside]))
    assert expected.unseen_levels > 0
    values[~inside] = np.where(np.arange((~inside).sum()) % 3 == 0, np.nan, 77)[:, None]
    got = predictor.predict(bands_of(values, shape), within=within.reshape(shape))
    assert (got.unseen_levels, got.without_maximum) == (
        expected.unseen_levels,
        expected.without_maximum,
    )
    for field in fields(Prediction):
        one, other = getattr(got, field.name), getattr(expected, field.name)
        if isinstance(other, np.ndarray):
            assert one.shape == (*one.shape[: one.ndim - len(shape)], *shape)
            flat = one.reshape(*other.shape[:-1], -1)
            np.testing.assert_array_equal(flat[..., inside], other, err_msg=field.name)
            outside = flat[..., ~inside]
            empty = np.isnan(outside) if outside.dtype.kind == "f" else ~outside
            assert empty.all(), field.name


@pytest.mark.parametrize("within", [np.ones((3, 2), bool), np.ones(6, int), True])
def test_a_mask_that_does_not_fit_is_refused(predictor, make_values, within):
    """Numbers taken for a mask, or a mask that merely broadcasts."""
    with pytest.raises(PredictionError, match="a mask of the bands' shape"):
        predictor.predict(bands_of(make_values(6, 17)), within=within)


def test_the_residual_model_is_asked_where_the_pixel_lies(predictor, with_residual, make_values):
    """A correction that belongs to another pixel, or is none."""
    values = make_values(300, 14)
    bands = bands_of(values, (12, 25))
    got, plain = with_residual.predict(bands), predictor.predict(bands)
    assert (got.value != plain.value).any()
    X = predictor.encoding.encode(values)
    P = Evaluator(*predictor.forests).rows(X)
    read = with_fused(X, predictor.rule.fuse(P))
    added = Evaluator(with_residual.residual).rows(read)[:, 0]
    expected, _ = with_residual.rule.deliver(P, None, added)
    np.testing.assert_array_equal(got.value.ravel(), expected.astype(np.float32))


@pytest.mark.parametrize("block", [1, 7, 60, 64])
def test_windows_leave_no_seam(predictor, make_values, monkeypatch, block):
    """Pixels at the edges of windows skipped, doubled, or rounded otherwise."""
    values = make_values(60, 9)
    values[::5, 0] = np.nan
    expected = predictor.predict(bands_of(values))
    monkeypatch.setattr(windows, "WINDOW_PIXELS", block)
    assert_same(predictor.predict(bands_of(values)), expected)
    monkeypatch.setattr(windows, "WINDOW_ROWS", min(block, 5))
    monkeypatch.setattr(windows, "WINDOW_COLS", block)
    assert_same(predictor.predict(bands_of(values, (6, 10))), expected)


def test_a_missing_value_follows_its_rule(predictor, make_values):
    """A pixel outside of the region predicted; one without radar lost."""
    values = make_values(4, 10)
    values[:] = values[0]
    values[0] = [np.nan, -10, 0.5, 1]
    values[1] = [8, np.nan, 0.5, 1]
    values[2] = [8, -10, np.nan, 1]
    values[3] = [8, -10, 0.5, np.nan]
    got = predictor.predict(bands_of(values))
    assert got.valid.tolist() == [False, True, True, False]
    assert np.isnan(got.value).tolist() == [True, False, False, True]
    assert np.isnan(got.members).all(axis=0).tolist() == [True, False, False, True]
    assert got.unseen_levels == 0


def test_a_level_never_seen_is_not_predicted_and_counted(predictor, make_values):
    """A soil class that no site has, predicted as if it were none of the others."""
    values = make_values(5, 11)
    values[:, 3] = [1, 3, 2, 9, 5]
    got = predictor.predict(bands_of(values))
    assert got.unseen_levels == 2
    assert got.valid.tolist() == [True, False, True, False, True]


def test_masked_pixels_are_missing(predictor, make_values):
    """The number under a mask, often -9999 or 0, taken for a value."""
    values = make_values(6, 12)
    bands = bands_of(values)
    mask = np.arange(6) % 2 == 0
    bands["twi"] = np.ma.MaskedArray(bands["twi"], mask)
    assert predictor.predict(bands).valid.tolist() == (~mask).tolist()


@pytest.mark.parametrize("dtype", [np.int16, np.float64])
def test_bands_of_other_numbers(predictor, make_values, dtype):
    """Whole numbers refused, or float64 that decides a split otherwise than float32."""
    values = make_values(20, 13)
    values[:, 0] = np.round(values[:, 0])
    bands = bands_of(values)
    got = predictor.predict(bands | {"twi": bands["twi"].astype(dtype)})
    np.testing.assert_array_equal(got.value, predictor.predict(bands).value)


def test_a_value_too_large_for_float32_is_missing(predictor, make_values):
    """An overflow that reaches the trees as infinity."""
    bands = bands_of(make_values(2, 14))
    got = predictor.predict(bands | {"twi": np.array([1e300, 8.0])})
    assert got.valid.tolist() == [False, True]


def test_clipped_pixels_are_marked(predictor, model, make_values):
    """A clipped share that is reported as zero."""
    values = make_values(400, 15)
    values[:, 0] += 4
    got = predictor.predict(bands_of(values))
    assert 0 < got.clipped.sum() < 400
    assert (got.value[got.clipped] == np.float32(model.target.maximum)).all()
    assert (got.value[~got.clipped] < np.float32(model.target.maximum)).all()


@pytest.mark.parametrize("shape", [(0,), (0, 5), (1,), (1, 1)])
def test_no_pixel_or_one(predictor, make_values, shape):
    """An empty tile, or the last column of a map."""
    values = make_values(int(np.prod(shape)), 16)
    got = predictor.predict(bands_of(values, shape))
    assert got.value.shape == shape
    assert got.members.shape == (4, *shape)


def test_a_tile_without_data(predictor):
    """A tile outside of the region that fails instead of being empty."""
    got = predictor.predict({name: np.full((3, 3), np.nan) for name in NAMES})
    assert np.isnan(got.value).all()
    assert not got.valid.any()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda bands: bands | {"TWI": bands.pop("twi")}, r"band 'twi' \(in 1\).*is 'TWI'"),
        (lambda bands: bands | {"ndvi_max": bands.pop("ndvi")}, "nearest is 'ndvi_max'"),
        (lambda _: {}, "no bands at all"),
        (lambda bands: bands | {"vv": np.zeros((3, 2))}, r"'vv' has the shape \(3, 2\)"),
        (lambda bands: bands | {"vv": np.zeros(7)}, r"'vv' has the shape \(7,\), but 'twi'"),
        (lambda bands: bands | {"vv": np.array(["a"] * 6)}, "'vv' holds <U1; numbers"),
        (lambda bands: bands | {"vv": np.full(6, None)}, "'vv' holds object; numbers"),
        (lambda bands: bands | {"twi": np.float32(1)}, "single number"),
    ],
)
def test_bands_that_do_not_fit_are_refused(predictor, make_values, change, says):
    """A map of nonsense: another band in the place of one, or grids that merely broadcast."""
    with pytest.raises(PredictionError, match=says):
        predictor.predict(change(bands_of(make_values(6, 17))))


def test_a_logarithmic_target(model, make_values, tmp_path):
    """The logarithm delivered, or smearing left out."""
    from dataclasses import replace

    from local_ml.settings import TargetSettings

    rule = replace(model.rule, transform="log", smearing=1.05, minimum=None, maximum=None)
    target = TargetSettings(transform="log", minimum=None, maximum=None)
    intervals = replace(model.intervals, transform="log", minimum=None, maximum=None)
    model.write(tmp_path, target=target, rule=rule, intervals=intervals)
    values = make_values(30, 18)
    got = Predictor.load(tmp_path).predict(bands_of(values))
    X = model.encoding.encode(values)
    P = np.column_stack([member.predict(X) for member in model.members.values()])
    expected = 1.05 * np.exp(rule.calibrate(P @ np.array(rule.weights)))
    np.testing.assert_allclose(got.value, expected, rtol=1e-6)
    half = 2.5 * np.maximum(P.std(axis=1), 0.004)
    centre = rule.calibrate(P @ np.array(rule.weights))
    np.testing.assert_allclose(got.lower, np.exp(centre - half), rtol=1e-6)
    np.testing.assert_allclose(got.upper, np.exp(centre + half), rtol=1e-6)


def test_members_and_rule_are_read_in_the_order_of_the_rule(model, make_values, tmp_path):
    """Weights applied to members in the order in which a dict happened to hold them."""
    reversed_members = dict(reversed(model.members.items()))
    model.write(tmp_path, members=reversed_members)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert [member["name"] for member in manifest["members"]] == list(model.rule.members)
    values = make_values(30, 19)
    got = Predictor.load(tmp_path).predict(bands_of(values))
    np.testing.assert_array_equal(got.value, model.expected(values).astype(np.float32))


def test_the_interval_holds_the_value_and_follows_the_spread(predictor, model, make_values):
    """Bounds of another pixel, or made of other predictions than the value."""
    values = make_values(300, 20)
    got = predictor.predict(bands_of(values))
    X = model.encoding.encode(values)
    P = np.column_stack([member.predict(X) for member in model.members.values()])
    lower, upper = model.intervals.bounds(model.rule.calibrate(model.rule.fuse(P)), P.std(axis=1))
    np.testing.assert_allclose(got.lower, lower, rtol=1e-6)
    np.testing.assert_allclose(got.upper, upper, rtol=1e-6)
    assert (got.lower <= got.value).all()
    assert (got.value <= got.upper).all()
    assert len(np.unique(np.round(got.upper - got.lower, 5))) > 100


def test_training_rows_lie_inside_the_area_and_strange_ones_outside(predictor, model, make_values):
    """A map that calls nothing strange, or its own training sites."""
    got = predictor.predict(bands_of(model.values))
    assert (got.dissimilarity_index == 0).all()
    assert (got.local_point_density >= 1).all()
    assert not got.outside_area.any()
    values = make_values(50, 21)
    values[:, 0] += 100
    got = predictor.predict(bands_of(values))
    assert got.outside_area.all()
    assert (got.local_point_density == 0).all()


def test_where_there_is_no_prediction_nothing_else_is_said(predictor, make_values):
    values = make_values(10, 22)
    values[:4, 0] = np.nan
    got = predictor.predict(bands_of(values, (5, 2)))
    for name in ("lower", "upper", "dissimilarity_index", "local_point_density"):
        np.testing.assert_array_equal(np.isnan(getattr(got, name)), ~got.valid, err_msg=name)
    assert not got.outside_area[~got.valid].any()


def test_a_covariate_that_the_model_dropped_still_bounds_it(model, make_values, tmp_path):
    """Water above the pores; or a pixel lost where only the bound is missing."""
    porosity = Feature("porosity", "%", group="soil")
    model.write(
        tmp_path,
        target=model.target.model_copy(update={"maximum_covariate": "porosity"}),
        maximum=MaximumRule(porosity, 0.01, 0.05),
    )
    bounded = Predictor.load(tmp_path)
    assert [feature.name for feature in bounded.features] == [*NAMES, "porosity"]
    values = make_values(200, 24)
    free = model.expected(values)
    holds = np.full(200, 20.0, np.float32)  # 20 %, hence at most 0.25
    holds[:50] = np.nan
    got = bounded.predict(bands_of(values) | {"porosity": holds})
    expected = np.where(np.isnan(holds), free, np.minimum(free, 0.25))
    np.testing.assert_allclose(got.value, expected, rtol=1e-6)
    assert 20 < got.clipped.sum() < 150
    assert got.without_maximum == 50
    assert (got.upper[50:] <= np.float32(0.25)).all()
    assert (got.lower <= got.value).all()
    with pytest.raises(PredictionError, match="needs the band 'porosity'"):
        bounded.predict(bands_of(values))


def test_a_covariate_that_bounds_and_is_a_feature_is_read_once(model, make_values, tmp_path):
    model.write(
        tmp_path,
        target=model.target.model_copy(update={"maximum_covariate": "ndvi"}),
        maximum=MaximumRule(Feature("ndvi", "1"), 0.5, 0.0),
    )
    bounded = Predictor.load(tmp_path)
    assert [feature.name for feature in bounded.features] == list(NAMES)
    values = make_values(100, 25)
    got = bounded.predict(bands_of(values))
    np.testing.assert_allclose(
        got.value, np.fmin(model.expected(values), 0.5 * values[:, 2]), rtol=1e-6
    )
    assert got.without_maximum == np.isnan(values[:, 2]).sum() > 0
