"""What a user installs: the three packages, with what they read, and nothing else."""

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_wheel_holds_the_three_packages_and_no_tests(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("alm90-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert tops == {"gee", "local_ml", "export"}
    for needed in (
        *("export/report/template.html", "export/report/style.css", "export/cli.py"),
        *("export/view/template.html", "export/view/style.css", "export/view/view.js"),
        *("export/view/keys.html", "export/view/leaflet/leaflet.js"),
        *("export/view/leaflet/leaflet.css", "export/view/leaflet/LICENSE"),
    ):
        assert needed in names, needed
    assert not any("test" in name.rsplit("/", 1)[-1] for name in names)
