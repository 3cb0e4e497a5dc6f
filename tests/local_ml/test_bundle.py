"""Saved models: the same bytes again, and refusal of whatever is not the model that was saved."""

import hashlib
import io
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from local_ml.errors import BundleError
from local_ml.features import Feature
from local_ml.prediction.features_encoding import FeatureEncoding
from local_ml.prediction.predictor import Predictor


@pytest.fixture
def folder(bundle_folder, tmp_path):
    """A copy of the bundle, to be spoilt."""
    return shutil.copytree(bundle_folder, tmp_path / "model")


def rewrite(folder, change_arrays=None, change_manifest=None):
    """Change a bundle as a forger would: with hashes that fit."""
    with np.load(folder / "arrays.npz") as archive:
        arrays = dict(archive)
    if change_arrays:
        change_arrays(arrays)
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)
        (folder / "arrays.npz").write_bytes(buffer.getvalue())
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["arrays.npz"] = hashlib.sha256(
        (folder / "arrays.npz").read_bytes()
    ).hexdigest()
    if change_manifest:
        change_manifest(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_the_same_model_gives_the_same_bytes(model, bundle_folder, tmp_path):
    """A timestamp in the archive, or an order that varies."""
    fingerprint = model.write(tmp_path)
    for name in ("manifest.json", "arrays.npz"):
        assert (tmp_path / name).read_bytes() == (bundle_folder / name).read_bytes(), name
    assert fingerprint == Predictor.load(bundle_folder).fingerprint


def test_another_model_has_another_fingerprint(model, bundle_folder, tmp_path):
    """Maps of different models that cannot be told apart."""
    before = Predictor.load(bundle_folder).fingerprint
    assert model.write(tmp_path / "a", rule=replace(model.rule, slope=1.2)) != before
    assert model.write(tmp_path / "b", seed=1) != before
    members = model.members | {"random_forest": model.members["extra_trees"]}
    assert model.write(tmp_path / "c", members=members) != before


def test_the_manifest_says_what_the_model_is(bundle_folder):
    """Provenance left out: which samples, which seed, which versions."""
    import sklearn

    manifest = json.loads((bundle_folder / "manifest.json").read_text())
    assert list(manifest) == [
        "schema_version",
        "target",
        "features",
        "encoding",
        "members",
        "residual",
        "fusion",
        "intervals",
        "applicability",
        "maximum",
        "no_skill",
        "seed",
        "settings",
        "versions",
        "samples_fingerprint",
        "files",
        "extra",
    ]
    assert manifest["schema_version"] == 3
    assert manifest["target"]["unit"] == "m3 m-3"
    assert [feature["unit"] for feature in manifest["features"]] == ["1", "dB", "1", "1"]
    assert manifest["encoding"]["columns"][-3:] == ["soil=1", "soil=2", "soil=5"]
    assert [member["kind"] for member in manifest["members"]] == [
        "sklearn.RandomForestRegressor",
        "sklearn.ExtraTreesRegressor",
        "xgboost.XGBRegressor",
        "catboost.CatBoostRegressor",
    ]
    assert manifest["versions"]["scikit-learn"] == sklearn.__version__
    assert manifest["seed"] == 2026
    assert manifest["settings"] == {"ensemble": {"trees": 12}}
    assert manifest["extra"] == {"scores": {"rmse": 0.03}}


def test_only_whole_files_are_left(bundle_folder):
    """Parts left behind."""
    assert sorted(path.name for path in bundle_folder.iterdir()) == ["arrays.npz", "manifest.json"]


@pytest.mark.parametrize("killed_at", [1, 2])
def test_a_writer_killed_on_its_way_leaves_no_model(model, tmp_path, monkeypatch, killed_at):
    """Half of a new model beside half of an old one, or one without its manifest."""
    from pathlib import Path

    model.write(tmp_path / "old")
    renamed = Path.replace
    calls = []

    def killed(self, target):
        calls.append(target)
        if len(calls) == killed_at:
            raise KeyboardInterrupt
        return renamed(self, target)

    monkeypatch.setattr(Path, "replace", killed)
    members = model.members | {"random_forest": model.members["extra_trees"]}
    for folder in (tmp_path / "new", tmp_path / "old"):
        calls.clear()
        with pytest.raises(KeyboardInterrupt):
            model.write(folder, members=members)
    assert not (tmp_path / "new" / "manifest.json").exists()
    with pytest.raises(BundleError):
        Predictor.load(tmp_path / "new")
    if killed_at == 1:
        Predictor.load(tmp_path / "old")
    else:
        with pytest.raises(BundleError, match=r"arrays\.npz is not the file"):
            Predictor.load(tmp_path / "old")


@pytest.mark.parametrize("name", ["manifest.json", "arrays.npz"])
def test_a_missing_file_is_named(folder, name):
    """A traceback instead of the file's name and what to do."""
    (folder / name).unlink()
    with pytest.raises(BundleError, match=rf"{name} cannot be read .*folder of a trained model"):
        Predictor.load(folder)


@pytest.mark.parametrize("name", ["manifest.json", "arrays.npz"])
@pytest.mark.parametrize("keep", [0, 1, 0.5, -1])
def test_a_truncated_file_is_refused(folder, name, keep):
    """A copy that was interrupted, used as far as it goes."""
    content = (folder / name).read_bytes()
    cut = keep if isinstance(keep, int) else int(len(content) * keep)
    # The manifest ends with a line feed, without which it is whole.
    (folder / name).write_bytes(content[: cut if cut >= 0 else cut - 1])
    with pytest.raises(BundleError, match=rf"{name}.*(train again|copy)"):
        Predictor.load(folder)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_one_changed_bit_in_the_arrays_is_refused(folder, share):
    """A leaf value altered on the disk or on the way."""
    content = bytearray((folder / "arrays.npz").read_bytes())
    content[int(len(content) * share)] ^= 1
    (folder / "arrays.npz").write_bytes(bytes(content))
    with pytest.raises(BundleError, match=r"arrays\.npz is not the file .*train again"):
        Predictor.load(folder)


def test_arrays_of_another_model_are_refused(model, folder, tmp_path):
    """Two models mixed in one folder."""
    members = model.members | {"random_forest": model.members["extra_trees"]}
    model.write(tmp_path / "other", members=members)
    shutil.copy(tmp_path / "other" / "arrays.npz", folder)
    with pytest.raises(BundleError, match=r"arrays\.npz is not the file"):
        Predictor.load(folder)


class Dangerous:
    """Runs code when it is unpickled, as any pickle may."""

    def __reduce__(self):
        return (pytest.fail, ("a pickle was loaded",))


def test_a_pickle_inside_the_arrays_is_never_loaded(folder):
    """A model from a stranger that runs the stranger's code."""

    def smuggle(arrays):
        arrays["random_forest.value"] = np.array([Dangerous()], dtype=object)

    rewrite(folder, smuggle)
    with pytest.raises(BundleError, match=r"arrays\.npz holds no plain arrays"):
        Predictor.load(folder)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x80\x04N."])
def test_what_is_no_archive_is_refused(folder, content):
    """A pickle or any file under the archive's name, with a hash that fits."""
    (folder / "arrays.npz").write_bytes(content)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["arrays.npz"] = hashlib.sha256(content).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match=r"arrays\.npz holds no plain arrays"):
        Predictor.load(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda arrays: arrays.pop("xgboost.value"),
        lambda arrays: arrays.update({"xgboost.value": arrays["xgboost.value"].astype(np.float32)}),
        lambda arrays: arrays.update({"xgboost.left": arrays["xgboost.left"][:-1]}),
        lambda arrays: arrays.update({"xgboost.left": arrays["xgboost.left"] * 0}),
        lambda arrays: arrays.update({"xgboost.roots": arrays["xgboost.roots"][:-1]}),
        lambda arrays: arrays.update({"xgboost.feature": arrays["xgboost.feature"] + 90}),
    ],
)
def test_arrays_that_make_no_forest_are_refused(folder, change):
    """Wrong types, shapes or children handed to compiled code that does not check."""
    rewrite(folder, change)
    with pytest.raises(BundleError, match="do not make a model"):
        Predictor.load(folder)


def test_an_untouched_rewrite_is_accepted(folder, bundle_folder):
    """The forger of these tests makes bundles that are refused for another reason."""
    rewrite(folder, lambda _: None)
    assert Predictor.load(folder).rule == Predictor.load(bundle_folder).rule


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda m: m.update(schema_version=2), "schema_version 2, but this program reads 3"),
        (lambda m: m.pop("schema_version"), "no manifest"),
        (lambda m: m.pop("files"), r"arrays\.npz is not the file"),
        (lambda m: m.pop("fusion"), "fusion"),
        (lambda m: m["fusion"].pop("slope"), "slope"),
        (lambda m: m["fusion"].update(weights=[1.0, 1.0, 0.0, 0.0]), "sum to 1"),
        (lambda m: m["target"].update(maximum=0.9), "disagree about maximum"),
        (lambda m: m["members"].reverse(), "members"),
        (lambda m: m["members"][0]["forest"].update(nodes=1), "number of trees or nodes"),
        (lambda m: m["features"].pop(), "medians"),
        (lambda m: m["features"][0].update(name="slope"), "columns"),
        (lambda m: m["features"][0].update(colour="red"), "colour"),
        (lambda m: m["features"][0].update(missing="ignore"), "ignore"),
        (lambda m: m["encoding"].update(medians=[None] * 4), "median"),
    ],
)
def test_a_manifest_that_contradicts_itself_is_refused(folder, change, says):
    """A manifest edited by hand that still predicts something."""
    rewrite(folder, change_manifest=change)
    with pytest.raises(BundleError, match=says):
        Predictor.load(folder)


@pytest.mark.parametrize("text", ["[]", "null", "1", "{", '{"schema_version": null}'])
def test_a_manifest_of_another_kind_is_refused(folder, text):
    """Any JSON under the manifest's name."""
    (folder / "manifest.json").write_text(text)
    with pytest.raises(BundleError, match=r"manifest\.json"):
        Predictor.load(folder)


def test_members_that_the_fusion_does_not_weigh_are_refused(model, tmp_path):
    """A member saved without a weight, or a weight without its member."""
    members = {name: model.members[name] for name in ("xgboost", "catboost")}
    with pytest.raises(BundleError, match="members are xgboost, catboost, but"):
        model.write(tmp_path, members=members)
    assert not list(tmp_path.iterdir())


def test_members_fitted_on_other_columns_are_refused(model, tmp_path):
    """A model whose encoding is not the one that its members learned from."""
    features = (*model.encoding.features, Feature("slope_deg", "degree"))
    encoding = FeatureEncoding(features, (*model.encoding.medians, None))
    with pytest.raises(BundleError, match="was fitted on 6 columns, but the features make 7"):
        model.write(tmp_path, encoding=encoding)


def test_bounds_of_another_target_are_refused(model, tmp_path):
    """A fusion fitted under settings that are not those saved."""
    with pytest.raises(BundleError, match=r"maximum is 0\.42 in the target and 0\.5"):
        model.write(tmp_path, rule=replace(model.rule, maximum=0.5))


@pytest.mark.parametrize("extra", [{"rmse": float("nan")}, {"values": np.ones(2)}])
def test_extras_that_json_cannot_hold_are_refused(model, tmp_path, extra):
    """NaN in the manifest, which other readers of JSON refuse."""
    with pytest.raises(BundleError, match="plain values"):
        model.write(tmp_path, extra=extra)
    assert not list(tmp_path.iterdir())


def test_intervals_and_area_of_another_model_are_refused(model, tmp_path):
    """Bounds beyond what is physically possible, or distances over other columns."""
    with pytest.raises(BundleError, match=r"maximum is 0\.42 in the target and 0\.5 in the int"):
        model.write(tmp_path, intervals=replace(model.intervals, maximum=0.5))
    short = replace(
        model.applicability,
        centre=model.applicability.centre[:3],
        factor=model.applicability.factor[:3],
        reference=model.applicability.reference[:, :3],
    )
    with pytest.raises(BundleError, match="has 3 columns, but the features make 6"):
        model.write(tmp_path, applicability=short)
    assert not list(tmp_path.iterdir())


def test_a_forged_interval_or_area_is_refused(folder):
    rewrite(folder, change_manifest=lambda m: m["intervals"].update(maximum=0.9))
    with pytest.raises(BundleError, match="target and intervals disagree about maximum"):
        Predictor.load(folder)
    rewrite(folder, change_manifest=lambda m: m["intervals"].update(maximum=0.42, floor=-1.0))
    with pytest.raises(BundleError, match="floor"):
        Predictor.load(folder)
    rewrite(folder, change_manifest=lambda m: m["intervals"].update(floor=0.004))
    Predictor.load(folder)
    rewrite(folder, lambda arrays: arrays.pop("applicability.reference"))
    with pytest.raises(BundleError, match=r"applicability\.reference"):
        Predictor.load(folder)
