"""The table of pixels: its rows add up, and say of what they are parts."""

import re
from typing import Any

import pytest
from miniature_documents import COUNTS


def _rows(page: Any) -> dict[str, list[float]]:
    """Return of each row of the table of pixels the first word of its label, and its numbers."""
    table = page.html[page.html.index("Pixels of the region") :]
    body = table[table.index("<tbody>") : table.index("</tbody>")]
    labels = re.findall(r'<th scope="row">([^<]*)', body)
    numbers = [re.findall(r'value="([^"]*)"', row) for row in body.split("</tr>")[:-1]]
    return {label: [float(v) for v in row] for label, row in zip(labels, numbers, strict=True)}


@pytest.mark.parametrize("unseen", [0, 3])
def test_what_is_and_what_is_not_predicted_make_up_the_region(files: Any, unseen: int) -> None:
    """Fault: pixels of an unseen category said to be counted in a row where they are not."""
    changed = {"region": 1197 + unseen, "unseen_levels": unseen, "without_maximum": 550}
    files.json("map/counts.json", COUNTS | changed)
    page = files.render()
    rows = _rows(page)
    parts = ["predicted", "without data"] + ["of an unseen category"] * bool(unseen)
    assert sum(rows[name][0] for name in parts) == rows["in the region"][0]
    assert sum(rows[name][1] for name in parts) == pytest.approx(1)
    assert rows["clipped"] == [11, 11 / 1100]
    assert rows["bounded by the constant alone"] == [550, 0.5]
    named = "Predicted, without data and of an unseen category" if unseen else "Predicted and"
    assert re.search(f"{named} .*make up the region", page.text)
    assert list(rows)[1 : 1 + len(parts)] == parts  # those of the predicted follow below
