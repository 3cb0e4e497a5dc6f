"""The view as one page that opens by a double click: no server, no network, no other file.

In: a study at any step. Out: `view.html`, UTF-8; the same study gives the same bytes. Leaflet
(BSD-2-Clause) is carried inside it, with its licence.
"""

import json
import shlex
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from export.progress import Progress
from export.report.text import count, in_unit, unit_text
from export.report.words import design_label, design_phrase
from export.study import Study
from export.study.grid import region_text, study_geobox
from export.view.colours import Scale
from export.view.contents import Site, View, read_view
from export.view.layers import Layer
from export.view.templates import FOLDER, environment
from local_ml.files import write_whole

_LEAFLET = FOLDER / "leaflet"


def write_view(
    study: Study,
    path: Path,
    progress: Progress,
    provenance: str,
    left_out: Collection[str] = (),
    warnings: Sequence[str] = (),
) -> View:
    """Write the page, and return what it shows.

    Parameters
    ----------
    provenance : software that made the page; no dates, lest the same study give another page
    left_out, warnings : see `read_view`

    Raises
    ------
    ExportError
        where what there is of the study cannot be read.
    """
    view = read_view(study, progress, left_out, warnings)
    page = environment().get_template("template.html").render(_context(view, provenance))
    write_whole(path, page.encode())
    return view


def _context(view: View, provenance: str) -> dict[str, Any]:
    study = view.study
    by_group = {
        group: [layer for layer in view.layers if layer.group == group]
        for group in ("map", "covariates")
    }
    with_residual = [site for site in view.sites if site.residual(view.design) is not None]
    return {
        "study": study.settings,
        "folder": shlex.quote(study.folder.name),
        "view": view,
        "by_group": by_group,
        "first": view.layers[0].name if view.layers else None,
        "target_in_unit": in_unit(view.target, view.unit),
        "unit": unit_text(view.unit),
        "region": region_text(study_geobox(study)).removeprefix("the region "),
        "sites": count(len(view.sites), "site"),
        "without_residual": len(view.sites) - len(with_residual),
        "has_residuals": bool(with_residual),
        "design": design_phrase(view.design) if view.design is not None else None,
        "report": study.report_file.name if study.report_file.exists() else None,
        "provenance": provenance,
        "style": _text(FOLDER / "style.css"),
        "leaflet_style": _text(_LEAFLET / "leaflet.css"),
        "leaflet_licence": _text(_LEAFLET / "LICENSE"),
        "leaflet": _without_source_map(_text(_LEAFLET / "leaflet.js")),
        "script": _text(FOLDER / "view.js"),
        "data": _json(_data(view)),
    }


def _data(view: View) -> dict[str, Any]:
    """Return what the page's script reads."""
    return {
        "bounds": _corners(view.bounds),
        "layers": {layer.name: _layer_data(layer) for layer in view.layers},
        "target": view.target,
        "unit": unit_text(view.unit),
        "decimals": view.decimals,
        "design": view.design,
        "designs": {name: design_label(name) for site in view.sites for name in site.predicted},
        "sites": [_site_data(site, view) for site in view.sites],
        "grid": view.grid,
        "mask": view.mask,
    }


def _layer_data(layer: Layer) -> dict[str, Any]:
    data: dict[str, Any] = {
        "picture": layer.data_uri,
        "bounds": _corners(layer.bounds),
        "title": layer.title,
        "colours": layer.key.colours,
    }
    if isinstance(layer.key, Scale):
        scale = {"low": layer.key.low, "high": layer.key.high, "unit": unit_text(layer.key.unit)}
        return data | scale
    return data | {"names": layer.key.names}


def _site_data(site: Site, view: View) -> dict[str, Any]:
    residual = site.residual(view.design)
    return {
        "at": [round(site.latitude, 6), round(site.longitude, 6)],
        "id": site.site_id,
        "method": site.method,
        "group": site.group,
        "split": site.split,
        "observed": _rounded(site.observed),
        "predicted": {name: _rounded(value) for name, value in site.predicted.items()},
        "residual": _rounded(residual),
        "observedColour": _colour(view.observed_key, site.observed),
        "residualColour": _colour(view.residual_key, residual),
    }


def _colour(key: Scale | None, value: float | None) -> str | None:
    return None if key is None or value is None else key.colour(value)


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.7g}")


def _corners(bounds: tuple[float, float, float, float]) -> list[list[float]]:
    south, west, north, east = bounds
    return [[south, west], [north, east]]


def _json(document: Any) -> Markup:
    """Return JSON for a script element: what would end it is escaped."""
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace("\u2028", "\\u2028"))


def _text(path: Path) -> Markup:
    """Return a file of ours that goes into the page as it is."""
    return Markup(path.read_text(encoding="utf-8").strip())


def _without_source_map(script: Markup) -> Markup:
    """Drop the pointer to a file that the page does not carry."""
    return Markup(script.rpartition("\n//# sourceMappingURL=")[0] or script)
