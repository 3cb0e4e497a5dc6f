"""What the page says of a pixel: interval, coverage, applicability, and the files of these."""

import json
import re
from typing import Any

import pytest

from export.errors import RasterError


def _sure(page: Any) -> str:
    section: str = page.html[page.html.index('<h3 id="sure">') : page.html.index('id="scatter"')]
    return section


def test_coverage_stands_beside_its_level_and_under_its_design(files: Any) -> None:
    # Levels or designs exchanged would promise what was found elsewhere.
    intervals = json.loads((files.folder / "model/validation.json").read_text())["intervals"]
    section = _sure(files.render())
    heads = re.findall(r'<th scope="col"[^>]*>(.*?)</th>', section[: section.index("</thead>")])
    assert heads == ["Nominal", "Random folds", "Grouped folds (promised)", "Mean width"]
    body = section[section.index("<tbody>") : section.index("</tbody>")].split("</tr>")[:-1]
    for number, level in enumerate((0.5, 0.9)):
        random, grouped = (intervals["designs"][d]["levels"][number] for d in ("random", "grouped"))
        assert f'<th scope="row">{100 * level:g} %</th>' in body[number]
        assert [float(v) for v in re.findall(r'value="([^"]*)"', body[number])] == [
            random["picp"], random["standard_error"], grouped["picp"], grouped["standard_error"],
            grouped["mean_width"],
        ]  # fmt: skip
    assert "is to hold 90 % of new observations" in section
    assert "under grouped folds, and under these it is to cover: 93.1 % of the sites" in section
    assert "in m³\N{NO-BREAK SPACE}m⁻³, under grouped folds" in section


def test_a_level_with_too_few_residuals_has_a_dash(files: Any) -> None:
    document = json.loads((files.folder / "model/validation.json").read_text())
    of = document["intervals"]["designs"]["grouped"]["levels"][1]
    of |= dict.fromkeys(("picp", "standard_error", "mean_width"))
    files.json("model/validation.json", document)
    section = _sure(files.render())
    assert "under these it is to cover.</p>" in section
    row = section[section.index("90 %</th>") : section.index("</tbody>")]
    assert row.count('<td class="n">–</td>') == 2


def test_share_outside_the_area_of_applicability_is_of_predicted_pixels(files: Any) -> None:
    section = _sure(files.render())
    assert "7.0 % of the predicted pixels (77) lie outside the area" in section  # of 1100
    assert "above 0.617, the threshold found under grouped folds" in section
    (files.folder / "map/counts.json").unlink()
    assert "outside the area of applicability: " not in _sure(files.render())


def test_files_beside_the_map_are_listed_as_they_name_their_bands(files: Any) -> None:
    # Read from the files: a list of our own would go wrong where a band comes or moves.
    files.companion(("upper", "lower", "novel<b>"))
    section = _sure(files.render())
    assert re.findall(r'<td>(\d+)</td><th scope="row"><code>(.*?)</code>', section) == [
        ("1", "upper"), ("2", "lower"), ("3", "novel&lt;b&gt;"),
        ("1", "outside_area_of_applicability"), ("32", "no_prediction"),
    ]  # fmt: skip
    upper = section[section.index("<code>upper") :]
    assert "m³\N{NO-BREAK SPACE}m⁻³</td><td>upper bound" in upper[: upper.index("</tr>")]
    assert "map/vwc_companion.tif" in section
    assert "map/vwc_flags.tif" in section


@pytest.mark.parametrize("masks", ["1", "1 two", ""])
def test_flags_that_do_not_name_their_bits_are_refused(files: Any, masks: str) -> None:
    files.flags(flag_masks=masks, flag_meanings="outside_region no_prediction")
    with pytest.raises(RasterError, match=r"vwc_flags\.tif does not name its bits"):
        files.render()


def test_a_companion_that_is_not_asked_for_is_an_old_one_and_not_shown(files: Any) -> None:
    files.toml = files.toml.replace("[map]\n", "[map]\ncompanion = false\n")
    section = _sure(files.render())
    assert "vwc_companion.tif" not in section
    assert "companion = false" in section
