"""What goes wrong with the service, at the command line: one line, what to do, exit code 4, soon.

Each command runs as a user types it, in a process of its own, against the local Earth Engine over
loopback; `Google` stands before it and asks for tokens. Faults caught: a traceback, several errors
for one fault, an error that leaves the user without a next step, a wait without end, a quota that
is used up while nobody is told.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
import pytest
import rasterio
from affine import Affine

from export.study.template import study_template
from gee.local import LocalEarthEngine
from gee.local.answers import Answer
from gee.local.server import LoopbackServer

PIXEL_DEG, SIDE = 0.002, 20
WEST, SOUTH = 93.0, 35.0
EDGE = SIDE * PIXEL_DEG
PROJECT = "plateau-project"
PATIENCE_S, DEADLINE_S = 1.0, 4.0
SOON_S = 45.0
"""Until an error is told: patience, the deadline of the request then under way, and the start of
the program, which takes most of it on a machine that has other work. What waits for ever, or for
the patience that studies have by default (15 minutes), comes later."""

# Two addresses that are fixed in Google's libraries point to this machine; all else is as typed.
AS_TYPED = """
import os, sys
import google.oauth2.credentials
from ee import oauth
from gee import session
session.ADDRESSES["standard"] = os.environ["GOOGLE_ON_THIS_MACHINE"]
oauth.TOKEN_URI = session.ADDRESSES["standard"] + "/token"
from export.cli import main
sys.argv = ["alm90", *sys.argv[1:]]
main()
"""


@dataclass
class Google:
    """A server of tokens, and an Earth Engine that lets in whoever holds one for its project.

    Parameters
    ----------
    faults : of a call's name, what is answered in its place
    headers : that every answer carries
    expired : no token is given any more
    """

    service: LocalEarthEngine
    faults: dict[str, Answer] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    expired: bool = False
    url: str = ""

    def handle(self, verb: str, uri: str, body: bytes, headers: Any = None) -> Answer:
        path = urlsplit(uri).path
        if path == "/token":
            if self.expired:
                return _said(400, {"error": "invalid_grant"})
            return _said(
                200, {"access_token": "ya29.x", "expires_in": 3600, "token_type": "Bearer"}
            )
        if "authorization" not in (headers or {}):
            return _error(401, "Request had invalid authentication credentials.")
        if "/projects/" in path and f"/projects/{PROJECT}/" not in path:
            return _error(403, "Caller does not have required permission to use project.")
        call = path.rpartition("/")[2]
        answer = self.faults.get(call) or self.service.handle(verb, uri, body, headers)
        return replace(answer, headers={**answer.headers, **self.headers})


def _said(status: int, document: Any) -> Answer:
    return Answer(status, "application/json", json.dumps(document).encode())


def _error(status: int, message: str) -> Answer:
    return _said(status, {"error": {"code": status, "message": message, "status": "X"}})


def _write_scenes(folder: Path) -> None:
    """Write heights, and assets of the user's own of the right and of other shapes."""
    folder.mkdir()
    assets: dict[str, Any] = {
        "projects/plateau-project/assets/years": {"type": "IMAGE_COLLECTION", "images": []}
    }
    layers = {
        "USGS/SRTMGL1_003": ("elevation", WEST, 4500.0),
        "projects/plateau-project/assets/soil": ("clay", WEST, 20.0),
        "projects/plateau-project/assets/far": ("inside", WEST + 5, 1.0),
    }
    for number, (name, (band, west, value)) in enumerate(layers.items()):
        place = Affine(0.001, 0, west - 0.02, 0, -0.001, SOUTH + EDGE + 0.02)
        rise = value + np.indices((80, 80)).sum(axis=0, dtype=np.float32)
        with rasterio.open(
            folder / f"{number}.tif", "w", driver="GTiff", count=1, height=80, width=80,
            dtype="float32", crs="EPSG:4326", transform=place,
        ) as dataset:  # fmt: skip
            dataset.write(rise, 1)
        assets[name] = {"type": "IMAGE", "files": [{"path": f"{number}.tif", "bands": [band]}]}
    document = {"schema_version": 1, "assets": assets}
    (folder / "catalogue.json").write_text(json.dumps(document), "utf-8")


VALUES: dict[str, Any] = {
    "name": "errors",
    "region": {"west": WEST, "south": SOUTH, "east": WEST + EDGE, "north": SOUTH + EDGE},
    "grid": {"pixel_size": PIXEL_DEG, "tile_px": SIDE},
    "sites": {"file": "sites.csv", "columns": {"site_id": "site", "vwc": "vwc"}},
    "domain": {"pixels": 20},
}
EARTH_ENGINE: dict[str, Any] = {
    "covariates": ["elevation"],
    "auxiliary": {"layers": []},
    "project": PROJECT,
    "workers": 2,
    "patience_s": PATIENCE_S,
    "deadline_s": DEADLINE_S,
}


@pytest.fixture(scope="module")
def google(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Google]:
    folder = tmp_path_factory.mktemp("service") / "scenes"
    _write_scenes(folder)
    found = Google(LocalEarthEngine(folder))
    with LoopbackServer(found.handle).start() as server:
        found.url = server.url
        yield found


@dataclass
class Home:
    """A study whose sites are screened, in the home of a user who has signed in."""

    folder: Path
    google: Google

    @property
    def study(self) -> Path:
        return self.folder / "study"

    def write(self, earthengine: dict[str, Any], **changes: Any) -> None:
        values = {**VALUES, "earthengine": {**EARTH_ENGINE, **earthengine}}
        for name, value in changes.items():
            values[name] = {**values.get(name, {}), **value}
        (self.study / "study.toml").write_text(study_template(values), "utf-8")

    def alm90(self, command: str) -> tuple[subprocess.CompletedProcess[str], float]:
        """Run a command as typed; return what became of it, and after how many seconds."""
        environment = {name: os.environ[name] for name in ("PATH",) if name in os.environ}
        environment |= {"HOME": str(self.folder), "GOOGLE_ON_THIS_MACHINE": self.google.url}
        started = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-c", AS_TYPED, command, str(self.study)],
            capture_output=True, text=True, check=False, env=environment, timeout=120,
        )  # fmt: skip
        return done, time.monotonic() - started

    def fails(self, command: str) -> str:
        """Run a command that must fail as this module says; return its error."""
        done, seconds = self.alm90(command)
        assert done.returncode == 4, done.stdout + done.stderr
        assert "Traceback" not in done.stdout + done.stderr
        errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
        after = done.stderr.splitlines()[-1]
        assert len(errors) == 1, done.stderr
        assert after == errors[0], "nothing follows the error"
        assert seconds < SOON_S
        assert "ya29" not in done.stderr
        log = (self.study / "log.txt").read_text("utf-8")
        assert errors[0].removeprefix("error: ") in log
        return errors[0]


@pytest.fixture(scope="module")
def screened(google: Google, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = Home(tmp_path_factory.mktemp("home"), google)
    home.study.mkdir()
    places = np.arange(12)
    table = pd.DataFrame(
        {
            "site": [f"s{number}" for number in places],
            "longitude": WEST + (places % 4 * 4 + 2.5) * PIXEL_DEG,
            "latitude": SOUTH + (places // 4 * 5 + 2.5) * PIXEL_DEG,
            "vwc": 0.2 + 0.01 * places,
        }
    )
    table.to_csv(home.study / "sites.csv", index=False)
    home.write({})
    done, _ = home.alm90("sites")
    assert done.returncode == 0, done.stderr
    token = home.folder / ".config" / "earthengine" / "credentials"
    token.parent.mkdir(parents=True)
    token.write_text(json.dumps({"refresh_token": "1//x", "client_secret": "s"}), "utf-8")
    return home.folder


@pytest.fixture
def home(screened: Path, google: Google, tmp_path: Path) -> Iterator[Home]:
    folder = tmp_path / "home"
    shutil.copytree(screened, folder)
    yield Home(folder, google)
    google.faults.clear()
    google.headers.clear()
    google.expired = False


def test_without_a_fault_the_same_command_succeeds(home: Home) -> None:
    """Fault: a test of errors that would fail whatever goes wrong."""
    done, _ = home.alm90("sample")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "12 sites × 1 candidate covariate;" in done.stdout
    assert "quota" not in done.stdout


def test_a_wrong_project(home: Home) -> None:
    home.write({"project": "of-others"})
    error = home.fails("sample")
    assert "project 'of-others'" in error
    assert "check earthengine.project" in error


def test_an_expired_token(home: Home) -> None:
    home.google.expired = True
    error = home.fails("sample")
    assert "expired, revoked or unknown: invalid_grant" in error
    assert "earthengine authenticate" in error


def test_a_dead_address(home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    home.write({"url": f"http://127.0.0.1:{port}"})
    error = home.fails("sample")
    assert f"http://127.0.0.1:{port}: the connection is refused" in error
    assert "check the network, a proxy (HTTPS_PROXY) and earthengine.url" in error


def test_an_exhausted_quota(home: Home) -> None:
    home.google.faults["value:compute"] = home.google.faults["table:computeFeatures"] = _error(
        429, "Quota exceeded for quota metric 'Requests' and limit 'Requests per minute'."
    )
    error = home.fails("sample")
    assert "more was asked at once than a quota allows" in error
    assert "lower earthengine.workers, or go on later; what is done is kept" in error


def test_a_quota_of_the_day_that_is_used_up(home: Home) -> None:
    """As Google words it; with the patience that studies have, for no attempt passes before
    tomorrow."""
    home.write({"patience_s": 900.0})
    home.google.faults["value:compute"] = home.google.faults["table:computeFeatures"] = _error(
        429,
        "Your usage exceeded the custom quota for "
        "'earthengine.googleapis.com/daily_eecu_usage_time', which is adjustable by your "
        "administrator in the Google Cloud console: "
        "https://console.cloud.google.com/quotas/?project=_.",
    )
    error = home.fails("sample")
    assert "the project's quota of the day is used up" in error
    assert "go on then, or have the quota raised in the Cloud console" in error


def test_restricted_mode(home: Home) -> None:
    """Told once that it is slow, by name in the error where it refuses."""
    home.google.headers["x-earth-engine-quota-status"] = "parallelism_restricted=true"
    done, _ = home.alm90("sample")
    assert done.returncode == 0, done.stderr
    (warning,) = [line for line in done.stdout.splitlines() if "restricted mode" in line]
    assert "warning: this month's Earth Engine quota of the project is used up" in warning
    assert warning in (home.study / "log.txt").read_text("utf-8")
    (home.study / "samples.csv").unlink()
    home.google.faults["value:compute"] = home.google.faults["table:computeFeatures"] = _error(
        429, "The project is in restricted mode: too many concurrent requests."
    )
    error = home.fails("sample")
    assert "this month's quota of the project is used up (restricted mode)" in error
    assert "go on next month, or ask for a higher tier; what is done is kept" in error


@pytest.mark.parametrize("where", ["region", "soil"])
def test_a_missing_asset(home: Home, where: str) -> None:
    name = "projects/plateau-project/assets/nowhere"
    if where == "region":
        home.write({}, region={"mask_asset": name})
    else:
        home.write({"covariates": ["clay"], "soil": _soil(name)})
    error = home.fails("sample")
    assert name in error
    assert "check its id in the study and in Earth Engine's catalogue" in error


def _soil(image: str) -> dict[str, Any]:
    asset = {
        "image": image,
        "band": "{property}",
        "properties": {"clay": {"name": "clay_content"}},
        "boundaries_cm": [0, 200],
        "depths": ["0-200cm"],
    }
    return {"source": "asset", "asset": asset}


def _a_collection(home: Home) -> tuple[str, ...]:
    home.write({}, region={"mask_asset": "projects/plateau-project/assets/years"})
    return "region.mask_asset 'projects/plateau-project/assets/years'", "name one image, or a table"


def _another_place(home: Home) -> tuple[str, ...]:
    home.write({}, region={"mask_asset": "projects/plateau-project/assets/far"})
    return "no pixel of the grid lies inside", "check its extent and values"


def _other_bands(home: Home) -> tuple[str, ...]:
    home.write({"covariates": ["clay"], "soil": _soil("projects/plateau-project/assets/soil")})
    return "'clay_content' did not match any bands", "check its id"


@pytest.mark.parametrize("arrange", [_a_collection, _another_place, _other_bands])
def test_an_asset_of_another_shape(home: Home, arrange: Callable[[Home], tuple[str, ...]]) -> None:
    words = arrange(home)
    error = home.fails("sample")
    for word in words:
        assert word in error
