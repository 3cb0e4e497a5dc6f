"""Which path is taken, and why: what the study says, else what a probe showed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from export.covariates.export_path import choose_path, read_probe
from export.covariates.probe import parse
from export.covariates.provider import CovariateInfo, CovariateStack
from export.errors import ExportError, StudyError
from export.study.folder import parse_study
from gee.settings import EarthEngineSettings

FOLDER = "projects/me/assets/alm90"
REGION = "[region]\nwest = 93\nsouth = 35\neast = 93.1\nnorth = 35.1\n[grid]\npixel_size = 0.01\n"


REFUSED: dict[str, Any] = {"refused": "memory", "seconds": None}


def probe(**measured: Any) -> dict[str, Any]:
    kind = {
        "kind": "direct", "names": ["vv_thaw_ascending", "slope"], "made_from": "now",
        "shape": [100, 200], "first": [0, 0], "seconds": 10.0, "eecu_seconds": None,
        "refused": None, **measured,
    }  # fmt: skip
    return {"schema_version": 1, "kinds": [kind]}


class OneService:
    """A service that says what its covariates are made from, and nothing else."""

    covariates = tuple(
        CovariateInfo(name, "1", "nodata", "any", categorical=False, source="")
        for name in ("vv_thaw_ascending", "slope", "ndvi_median")
    )

    @property
    def service(self) -> OneService:
        return self

    def made_from(self, names: Any) -> str:
        return "now"


def chosen(
    measured: dict[str, Any] | None,
    names: tuple[str, ...] = ("vv_thaw_ascending", "slope", "own"),
    pixels: int = 20_000,
    connected: bool = True,
    **given: Any,
) -> tuple[str, str]:
    settings = EarthEngineSettings(**{"staging_folder": FOLDER, "workers": 4, **given})
    stack = CovariateStack((OneService(),), names)  # type: ignore[arg-type]
    probed = None if measured is None else parse(measured)
    return choose_path(settings, stack, probed, pixels, connected)


@pytest.mark.parametrize(
    ("measured", "options", "path", "why"),
    [
        (None, {}, "direct", "no probe"),
        (probe(), {}, "direct", "answered in time"),
        (probe(**REFUSED), {}, "staged", r"vv_thaw_ascending was refused \(memory\)"),
        (probe(seconds=None), {}, "staged", "was refused"),
        (probe(refused="memory"), {}, "direct", "answered in time"),
        (probe(refused="timed out", seconds=400.0), {}, "direct", "answered in time"),
        (probe(refused="memory", seconds=700_000.0), {"workers": 1}, "staged", "take 8 days"),
        (probe(**REFUSED, made_from="before"), {}, "direct", "of other covariates or settings"),
        (probe(**REFUSED, names=["vv_thaw_ascending", "gone"]), {}, "direct", "of other covariate"),
        (probe(**REFUSED), {"connected": False}, "direct", "without a connection"),
        (None, {"connected": False}, "direct", "no probe"),
        (probe(seconds=151.0), {}, "staged", "took 151 s of the 300"),
        (probe(), {"pixels": 20_000 * 4 * 8640 * 8}, "staged", "all would take 8 days"),
        (probe(), {"pixels": 20_000 * 4 * 8640 * 6}, "direct", "answered in time"),
        (probe(**REFUSED, kind="group"), {}, "direct", "no probe"),
        (probe(**REFUSED, names=["ndvi_median"]), {}, "direct", "no probe"),
        (probe(**REFUSED), {"names": ("slope", "own")}, "direct", "many scenes"),
        (probe(**REFUSED), {"staging_folder": None}, "direct", "staging_folder is named"),
        (probe(**REFUSED), {"path": "direct"}, "direct", "the study says"),
        (None, {"path": "bucket", "bucket": "my-bucket"}, "bucket", "the study says"),
        (None, {"path": "drive", "drive_files": "drive"}, "drive", "the study says"),
        (None, {"path": "staged"}, "staged", "the study says"),
    ],
)
def test_the_choice(
    measured: dict[str, Any] | None, options: dict[str, Any], path: str, why: str
) -> None:
    found = chosen(measured, **options)
    assert found[0] == path
    assert re.search(why, found[1]), found[1]
    assert not found[1].endswith(".")


class TestProbe:
    def test_none(self, tmp_path: Path) -> None:
        assert read_probe(tmp_path) is None

    @pytest.mark.parametrize(
        ("content", "why"),
        [
            ("{", "Expecting"),
            ("[]", "schema_version"),
            ('{"schema_version": 2, "kinds": []}', "schema_version"),
            ('{"schema_version": 1}', "kinds: "),
            ('{"schema_version": 1, "kinds": [{}]}', r"kinds\.0\.kind: Field required"),
            ('{"schema_version": 1, "kinds": [null]}', r"kinds\.0: "),
            (json.dumps(probe(shape=[0, 5])), r"kinds\.0\.shape\.0: Input should be greater"),
            (json.dumps(probe(seconds="long")), r"kinds\.0\.seconds: "),
            (json.dumps(probe(seconds=float("nan"))), r"kinds\.0\.seconds: "),
            (json.dumps(probe(names=None)), r"kinds\.0\.names: "),
        ],
    )
    def test_one_of_another_kind_is_named(self, tmp_path: Path, content: str, why: str) -> None:
        """Fault: a traceback amid an export."""
        (tmp_path / "probe.json").write_text(content, "utf-8")
        with pytest.raises(ExportError) as caught:
            read_probe(tmp_path)
        assert re.search(rf"probe\.json is no probe of this version \(.*{why}", str(caught.value))
        assert "\n" not in str(caught.value)

    def test_one_of_ours(self, tmp_path: Path) -> None:
        (tmp_path / "probe.json").write_text(json.dumps(probe()), "utf-8")
        assert read_probe(tmp_path) == parse(probe())


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ("path = 'staged'", "path = 'staged' needs staging_folder, such as"),
        ("path = 'bucket'", "path = 'bucket' needs bucket, such as"),
        ("path = 'drive'", "path = 'drive' needs drive_files, such as"),
        ("path = 'tape'", "earthengine.path: Input should be 'auto', 'direct'"),
        ("staging_folder = 'alm90'", "earthengine.staging_folder"),
        ("bucket = 'gs://mine'", "earthengine.bucket"),
        ("bucket_prefix = '/a'", "earthengine.bucket_prefix"),
        ("export_px = 20000", "earthengine.export_px"),
    ],
)
def test_faults_of_the_settings(keys: str, fault: str) -> None:
    """Fault: found after hours of sampling, and not when the study is read."""
    with pytest.raises(StudyError) as caught:
        parse_study(f"{REGION}[earthengine]\n{keys}\n", "study.toml")
    assert fault in str(caught.value)
    assert caught.value.exit_code == 2


def test_how_the_service_is_reached_decides_nothing() -> None:
    """Fault: a study is computed anew because its pixels come by another way."""
    keys = "path = 'bucket'\nbucket = 'my-bucket'\nexport_px = 512\npoll_s = 1\n"
    plain = parse_study(f"{REGION}[earthengine]\n", "study.toml")
    other = parse_study(f"{REGION}[earthengine]\n{keys}", "study.toml")
    assert plain.decisive() == other.decisive()
    assert plain != other
