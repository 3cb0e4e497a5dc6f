"""A study on a geemap map: Earth Engine's composites under its own map and sites.

In: a study at any step; the connection that its `[earthengine]` names. Out: a `geemap.Map` (the
folium one) for a notebook, or the page made of it. The browser fetches the composites' tiles from
the service as it needs them, for as long as the service keeps them (some hours).

geemap is imported here and nowhere else: it takes seconds.
"""

import os
import sys
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

from markupsafe import escape

from export.errors import MissingPackageError, StudyError
from export.progress import Progress, silent
from export.report.text import fixed, in_unit, unit_text
from export.report.words import design_phrase
from export.study import Study
from export.view.colours import Classes, Scale
from export.view.composites import Composite, add_composites, answered, composites
from export.view.contents import Site, View, read_view
from export.view.layers import Layer, tiles_off_grid, told_off_grid
from export.view.templates import environment
from local_ml.files import write_whole
from local_ml.names import nearest

_PICTURES, _COMPOSITES = "study-pictures", "study-composites"
# Between the basemap's tiles (200) and lines and marks (400), whatever is switched on last.
_PANES = {_PICTURES: 350, _COMPOSITES: 360}
_BASEMAPS_OF_ANY_CASE = ("ROADMAP", "SATELLITE", "TERRAIN", "HYBRID")
_NO_COLOUR = "#9aa6ab"

_SCRIPTS = ("leaflet", "jquery")
_STYLES = ("leaflet_css",)
"""What a page needs of that which folium would have it load: fewer files may be out of reach."""


_WITHOUT_NETWORK = """<script>
if (typeof L === "undefined") document.write('<p style="margin:1em;font:16px sans-serif">' +
  "This page needs a network: Leaflet, which draws the map, could not be loaded. " +
  "The page view.html, which <code>alm90 view</code> writes, needs none.</p>");
</script>"""


def geemap_map(
    study: Study | Path | str,
    *,
    basemap: str | None = None,
    serve: bool = False,
    progress: Progress | None = None,
) -> Any:
    """Return a study on a `geemap.Map`; in a notebook it shows itself.

    Parameters
    ----------
    study : or its folder
    basemap : one of geemap's, such as "OpenStreetMap" or "SATELLITE"; its tiles come from the
        internet. None leaves the ground plain
    serve : where the study computes in this process (`url = "local:FOLDER"`), answer the browser
        over loopback, for as long as the process lives. Without it such a study's map has no
        composites, for no browser could fetch them

    Raises
    ------
    MissingPackageError
        where geemap is not installed, or was imported without USE_FOLIUM=1.
    StudyError
        where the study cannot be read, `serve` is asked for in vain, or geemap has no such basemap.
    ServiceError
        where Earth Engine cannot be reached, or refuses a composite.
    """
    seen = study if isinstance(study, Study) else Study.load(Path(study))
    if serve:
        seen = answered(seen, port=0)[0]
    off_grid = tiles_off_grid(seen)
    warnings = [f"{told_off_grid(off_grid)}."] if off_grid else []
    return study_map(seen, progress or silent(), basemap, off_grid, warnings)


def study_map(
    study: Study,
    progress: Progress,
    basemap: str | None = None,
    left_out: Collection[str] = (),
    warnings: Sequence[str] = (),
) -> Any:
    """Return the map of a study whose service a browser can ask (see `geemap_map`).

    Parameters
    ----------
    left_out, warnings : see `read_view`
    """
    geemap, folium = _libraries()
    if basemap is not None:
        _require_basemap(basemap, geemap.basemaps)
    view = read_view(study, progress, left_out, warnings)
    south, west, north, east = view.bounds
    made = geemap.Map(
        ee_initialize=False, tiles=None, center=((south + north) / 2, (west + east) / 2),
        plugin_Draw=False, plugin_Fullscreen=False, search_control=False,
        control_scale=True,
    )  # fmt: skip
    made.fit_bounds([[south, west], [north, east]])
    for name, height in _PANES.items():
        folium.map.CustomPane(name, z_index=height, pointer_events=True).add_to(made)
    if basemap is not None:
        made.add_basemap(basemap)
    shown = composites(view)
    computed = {f"covariate:{one.covariate.name}" for one in shown}
    pictures = [layer for layer in view.layers if layer.name not in computed]
    for layer in pictures:
        if layer.group == "map":
            _add_picture(folium, made, layer, show=layer.name == "map")
    add_composites(made, view, shown, progress, _COMPOSITES)
    for layer in pictures:
        if layer.group == "covariates":
            _add_picture(folium, made, layer, show=False)
    _add_edges(folium, made, view)
    if view.observed_key is not None:
        _add_sites(folium, made, view, "Observed", show=view.residual_key is None)
    if view.residual_key is not None:
        _add_sites(folium, made, view, "Residual", show=True)
    made.get_root().html.add_child(folium.Element(_WITHOUT_NETWORK))
    made.get_root().html.add_child(folium.Element(_keys(view, shown)))
    return made


def write_page(made: Any, path: Path) -> None:
    """Write the page of a map; folium's scripts and Earth Engine's tiles it loads by itself."""
    made.default_js = [entry for entry in made.default_js if entry[0] in _SCRIPTS]
    made.default_css = [entry for entry in made.default_css if entry[0] in _STYLES]
    page = path.with_name(path.name + ".html")  # geemap writes to such names alone
    try:
        made.to_html(str(page))
        write_whole(path, page.read_bytes())
    finally:
        page.unlink(missing_ok=True)


def _libraries() -> tuple[Any, Any]:
    """Import geemap with its folium map, and folium."""
    if "geemap" not in sys.modules:
        # Read when geemap is first imported, and by nothing else.
        os.environ["USE_FOLIUM"] = "1"
    try:
        import folium
        import geemap
    except ImportError as error:
        raise MissingPackageError(
            f"the geemap map needs packages that are not here ({error}); "
            "`python -m pip install 'geemap>=0.37' 'folium>=0.17'` fetches them. `alm90 view` "
            "without --geemap needs neither"
        ) from error
    if not issubclass(geemap.Map, folium.Map):
        raise MissingPackageError(
            "geemap was imported before with its other map; restart the notebook, and import "
            "export.view.notebook first, or set USE_FOLIUM=1 before geemap is imported"
        )
    return geemap, folium


def _require_basemap(name: str, known: Iterable[str]) -> None:
    """Raise StudyError where geemap has no such basemap; four it takes in small letters, too."""
    known = list(known)
    if name not in known and name.upper() not in _BASEMAPS_OF_ANY_CASE:
        raise StudyError(f"geemap knows no basemap '{name}'{nearest(name, known)}")


def _add_picture(folium: Any, made: Any, layer: Layer, *, show: bool) -> None:
    south, west, north, east = layer.bounds
    folium.raster_layers.ImageOverlay(
        layer.data_uri, [[south, west], [north, east]], name=layer.title, show=show,
        pane=_PICTURES, alt=layer.title,
    ).add_to(made)  # fmt: skip


def _add_edges(folium: Any, made: Any, view: View) -> None:
    edges = folium.FeatureGroup(name="Edge of the region")
    line = {"color": "#5b666b", "fill": False, "interactive": False}
    folium.PolyLine(view.grid, weight=1, dash_array="5 4", **line).add_to(edges)
    if view.mask:
        folium.PolyLine(view.mask, weight=1.2, **line).add_to(edges)
    edges.add_to(made)


def _add_sites(folium: Any, made: Any, view: View, what: str, *, show: bool) -> None:
    """Add the sites, coloured by their residual or by what they observed."""
    rows = [(site, _said(site, view)) for site in view.sites]
    fields = list(rows[0][1])
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [site.longitude, site.latitude]},
            "properties": {**said, "colour": _colour_of(site, view, what)},
        }
        for site, said in rows
    ]
    folium.GeoJson(
        {"type": "FeatureCollection", "features": features},
        name=f"Sites: {what.lower()}",
        show=show,
        marker=folium.CircleMarker(radius=5, weight=1, color="#1c2326", fill=True, fill_opacity=1),
        style_function=lambda feature: {"fillColor": feature["properties"]["colour"]},
        tooltip=folium.GeoJsonTooltip([fields[0]], labels=False),
        popup=folium.GeoJsonPopup(fields, localize=False),
    ).add_to(made)


def _said(site: Site, view: View) -> dict[str, str]:
    """Return what a site's popup says; a site's own words are escaped, for they become HTML."""

    def number(value: float | None, *, sign: bool = False) -> str:
        text = fixed(value, view.decimals, sign=sign)
        return text if value is None else f"{text}\N{NO-BREAK SPACE}{unit_text(view.unit)}".strip()

    said = {
        "Site": str(escape(site.site_id)),
        "Method": str(escape(site.method)),
        "Observed": number(site.observed),
    }
    if view.design is not None:
        said["Predicted"] = number(site.predicted.get(view.design))
        said["Residual"] = number(site.residual(view.design), sign=True)
    return said


def _colour_of(site: Site, view: View, what: str) -> str:
    key, value = (
        (view.residual_key, site.residual(view.design))
        if what == "Residual"
        else (view.observed_key, site.observed)
    )
    return _NO_COLOUR if key is None or value is None else key.colour(value)


def _keys(view: View, shown: Sequence[Composite]) -> str:
    """Return the box of keys, below on the left of the map, as HTML."""
    keys: list[tuple[str, Scale | Classes]] = [
        (layer.title, layer.key) for layer in view.layers if layer.group == "map"
    ]
    if view.residual_key is not None and view.design is not None:
        under = f"predicted − observed, under {design_phrase(view.design)}"
        keys.append((f"{in_unit('Residual', view.unit)}: {under}", view.residual_key))
    elif view.observed_key is not None:
        keys.append((in_unit(f"Observed {view.target}", view.unit), view.observed_key))
    keys += [(one.title, one.key) for one in shown]
    return environment().get_template("keys.html").render(view=view, keys=keys)
