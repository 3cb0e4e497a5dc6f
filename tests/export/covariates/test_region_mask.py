"""A region given as polygons or as an asset: which pixels of the grid lie inside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from edited import edited_json
from pyproj import Transformer

from export.covariates.region_mask import vector_files, vector_inside, write_region_mask
from export.errors import RasterError, StudyError
from export.progress import silent
from gee.grid import centres

# A ring with a hole, a far island, and a sliver that holds no pixel's centre.
RING = shapely.Polygon(
    [(92.9013, 34.9527), (93.2041, 35.0033), (93.1017, 35.3071)],
    [[(93.0521, 35.0513), (93.1037, 35.0529), (93.0819, 35.1043)]],
)
ISLAND = shapely.box(93.301, 35.301, 93.349, 35.349)
SLIVER = shapely.box(92.8, 34.9002, 93.0, 34.9004)
SHAPES = [RING, ISLAND, SLIVER]


def true_mask(grid: Any) -> np.ndarray:
    """By the centre of each pixel, with shapely's own predicate."""
    rows, cols = np.indices(tuple(grid.shape.yx))
    longitude, latitude = centres(grid, rows.ravel(), cols.ravel())
    points = shapely.points(longitude, latitude)
    inside = shapely.union_all(SHAPES).contains(points)
    return np.asarray(inside).reshape(rows.shape)


def write_shapes(path: Path, shapes: list[Any], crs: str = "EPSG:4326", **options: Any):
    geometry = np.array([shapely.to_wkb(shape) for shape in shapes])
    pyogrio.raw.write(
        path,
        geometry,
        [np.arange(len(shapes))],
        ["number"],
        geometry_type=options.pop("geometry_type", "Polygon"),
        crs=crs,
        **options,
    )
    return path


@pytest.mark.parametrize("name", ["p.gpkg", "p.shp", "p.geojson"])
def test_a_pixel_whose_centre_lies_in_a_polygon_is_inside(
    grid: Any, tmp_path: Path, name: str
) -> None:
    """Fault: holes filled, the outline shifted by half a pixel, all that is touched counted."""
    path = write_shapes(tmp_path / name, SHAPES)
    inside = vector_inside(path, None, None, grid)
    expected = true_mask(grid)
    np.testing.assert_array_equal(inside(grid), expected)
    assert 0 < expected.sum() < expected.size
    quarters = [[inside(grid[r, c]) for c in (slice(0, 29), slice(29, 60))]
                for r in (slice(0, 17), slice(17, 48))]  # fmt: skip
    np.testing.assert_array_equal(np.block(quarters), expected)
    mask = tmp_path / "mask.tif"
    assert write_region_mask(mask, grid, inside, silent(), 2) == expected.sum()
    with rasterio.open(mask) as dataset:
        assert dataset.dtypes == ("uint8",)
        assert dataset.transform == grid.transform
        np.testing.assert_array_equal(dataset.read(1), expected)


@pytest.mark.parametrize(
    "spoilt",
    [
        pytest.param([(93.101, 35.101), (93.301, 35.101), (93.201, 35.101)], id="a spike"),
        pytest.param(
            [(93.101, 35.101), (93.201, 35.101), (93.201, 35.301), (93.201, 35.101)],
            id="an edge there and back",
        ),
    ],
)
def test_a_spike_of_a_polygon_holds_no_pixel(
    grid: Any, tmp_path: Path, spoilt: list[tuple[float, float]]
) -> None:
    """Fault: what make_valid leaves as a line is burnt, and all pixels that it touches counted."""
    corners = [(93.101, 35.001), *spoilt, (93.201, 35.001)]
    path = write_shapes(tmp_path / "p.gpkg", [shapely.Polygon(corners), ISLAND])
    assert vector_inside(path, None, None, grid)(grid).sum() == 10 * 10 + 25


def test_of_a_collection_its_polygons_count(grid: Any, tmp_path: Path) -> None:
    mixed = shapely.GeometryCollection(
        [shapely.MultiPolygon([ISLAND]), shapely.LineString([(92.9, 35.0), (93.2, 35.1)])]
    )
    path = write_shapes(tmp_path / "p.geojson", [mixed], geometry_type="GeometryCollection")
    assert vector_inside(path, None, None, grid)(grid).sum() == 25


def test_a_polygon_without_area_is_none(grid: Any, tmp_path: Path) -> None:
    flat = shapely.Polygon([(93.0, 35.0), (93.1, 35.0), (93.2, 35.0)])
    path = write_shapes(tmp_path / "p.gpkg", [flat])
    with pytest.raises(RasterError, match="no polygons"):
        vector_inside(path, None, None, grid)


def test_shapes_of_another_crs_are_moved(grid: Any, tmp_path: Path) -> None:
    move = Transformer.from_crs("EPSG:4326", "EPSG:32646", always_xy=True).transform
    # Straight lines bend between CRSs: corners every hundredth of a degree keep them straight.
    dense = [shapely.segmentize(shape, 0.002) for shape in SHAPES]
    moved = shapely.transform(np.array(dense), move, interleaved=False)
    path = write_shapes(tmp_path / "p.gpkg", list(moved), "EPSG:32646")
    np.testing.assert_array_equal(vector_inside(path, None, None, grid)(grid), true_mask(grid))


def test_a_file_without_crs_needs_one_from_the_study(grid: Any, tmp_path: Path) -> None:
    path = write_shapes(tmp_path / "p.shp", SHAPES)
    path.with_suffix(".prj").unlink()
    with pytest.raises(StudyError, match=r"region\.mask_crs"):
        vector_inside(path, None, None, grid)
    found = vector_inside(path, None, "EPSG:4326", grid)(grid)
    np.testing.assert_array_equal(found, true_mask(grid))


def test_of_several_layers_one_must_be_named(grid: Any, tmp_path: Path) -> None:
    path = write_shapes(tmp_path / "p.gpkg", SHAPES, layer="continuous")
    write_shapes(path, [ISLAND], layer="island", append=True)
    with pytest.raises(StudyError, match="continuous, island"):
        vector_inside(path, None, None, grid)
    with pytest.raises(StudyError, match="no layer 'isle'"):
        vector_inside(path, "isle", None, grid)
    assert vector_inside(path, "island", None, grid)(grid).sum() == 25


def test_shapes_elsewhere_are_an_error(grid: Any, tmp_path: Path) -> None:
    path = write_shapes(tmp_path / "p.gpkg", [shapely.box(10, 10, 11, 11)])
    with pytest.raises(RasterError, match="no polygon touches the region"):
        vector_inside(path, None, None, grid)


def test_points_and_what_is_no_file_of_shapes_are_errors(grid: Any, tmp_path: Path) -> None:
    path = write_shapes(tmp_path / "p.gpkg", [shapely.Point(93, 35)], geometry_type="Point")
    with pytest.raises(RasterError, match="no polygons"):
        vector_inside(path, None, None, grid)
    (tmp_path / "bad.geojson").write_text("region")
    with pytest.raises(RasterError, match="cannot be read as shapes"):
        vector_inside(tmp_path / "bad.geojson", None, None, grid)


def test_a_shapefile_is_all_its_files(tmp_path: Path) -> None:
    """Fault: a changed .prj moves the region, and nothing is made anew."""
    path = write_shapes(tmp_path / "p.shp", SHAPES)
    assert {file.suffix for file in vector_files(path)} >= {".shp", ".shx", ".dbf", ".prj"}


def test_a_study_takes_polygons_for_its_region(earth_engine_study: Any) -> None:
    study = earth_engine_study
    write_shapes(study.folder / "region.gpkg", [shapely.box(93.06, 35.0, 93.2, 35.05)])
    study.write(region={"mask": "region.gpkg"})
    early = study.alm90("sample")
    assert early.exit_code == 3, "the sites were screened for another region"
    assert "alm90 sites" in early.stderr
    done = study.alm90("sites")
    assert done.exit_code == 0, done.output
    assert "out of the region" in done.stdout
    with rasterio.open(study.folder / "covariates" / "region_mask.tif") as dataset:
        mask = dataset.read(1)
    # The centres are odd thousandths: rows from 35.127 down, columns from 93.001.
    assert mask.sum() == 25 * 34
    assert mask[39:, 30:].all()
    assert study.alm90("sample").exit_code == 0
    done = study.alm90("export")
    assert done.exit_code == 0, done.output
    assert "2 of 2 tiles" in done.stdout
    again = study.alm90("sites")
    assert not any(line.startswith("region") for line in again.stdout.splitlines())
    write_shapes(study.folder / "region.gpkg", [shapely.box(93.0, 35.0, 93.2, 35.05)])
    assert "pixels of the grid lie inside" in study.alm90("sites").stdout


@pytest.mark.parametrize("kind", ["image", "table"])
def test_a_study_takes_an_asset_for_its_region(earth_engine_study: Any, kind: str) -> None:
    """It is asked for once, and kept beside the tiles."""
    study = earth_engine_study
    scenes = study.folder / "scenes"
    document = json.loads((scenes / "catalogue.json").read_text("utf-8"))
    box = shapely.box(93.06, 35.0, 93.2, 35.05)
    if kind == "image":
        # Twice as fine as the grid: the pixel under the centre decides.
        classes = np.zeros((150, 150), np.uint8)
        classes[78:, 60:] = 3
        classes[78:, :60] = 2
        with rasterio.open(
            scenes / "permafrost.tif", "w", driver="GTiff", count=1, height=150, width=150,
            dtype="uint8", crs="EPSG:4326",
            transform=rasterio.Affine(0.001, 0, 93.0, 0, -0.001, 35.128),
        ) as dataset:  # fmt: skip
            dataset.write(classes, 1)
        entry = {
            "type": "IMAGE",
            "files": [{"path": "permafrost.tif", "bands": ["class"]}],
            "pyramiding": {"default": "MODE"},
        }
    else:
        features = [
            {"type": "Feature", "properties": {}, "geometry": shapely.geometry.mapping(box)}
        ]
        (scenes / "permafrost.geojson").write_text(
            json.dumps({"type": "FeatureCollection", "features": features}), "utf-8"
        )
        entry = {"type": "TABLE", "file": "permafrost.geojson"}
    document["assets"]["projects/me/assets/permafrost"] = entry
    (scenes / "catalogue.json").write_text(json.dumps(document), "utf-8")
    values = {"mask_values": [3]} if kind == "image" else {}
    study.write(region={"mask_asset": "projects/me/assets/permafrost", **values})
    done = study.alm90("sites")
    assert done.exit_code == 0, done.output
    with rasterio.open(study.folder / "covariates" / "region_mask.tif") as dataset:
        mask = dataset.read(1)
    assert mask.sum() == 25 * 34
    assert mask[39:, 30:].all()
    sent = len(study.pixel_requests())
    assert study.alm90("sites").exit_code == 0
    assert len(study.pixel_requests()) == sent == 1


def test_the_asset_must_be_there(earth_engine_study: Any) -> None:
    study = earth_engine_study
    study.write(region={"mask_asset": "projects/me/assets/nowhere"})
    done = study.alm90("sites")
    assert done.exit_code == 4, done.output
    assert "projects/me/assets/nowhere" in done.stderr


def test_a_collection_is_no_mask(earth_engine_study: Any) -> None:
    """Fault: a mosaic of years, in which the last one decides."""
    study = earth_engine_study
    path = study.folder / "scenes" / "catalogue.json"
    with edited_json(path) as document:
        document["assets"]["projects/me/assets/years"] = {"type": "IMAGE_COLLECTION", "images": []}
    study.write(region={"mask_asset": "projects/me/assets/years"})
    done = study.alm90("sites")
    assert done.exit_code == 4, done.output
    assert "name one image, or a table of polygons" in done.stderr


def test_a_mask_and_an_asset_exclude_each_other() -> None:
    from export.study import parse_study

    head = "[region]\nwest = 92\nsouth = 34\neast = 94\nnorth = 36\n"
    for text, words in (
        ("mask = 'a.gpkg'\nmask_asset = 'b'\n[earthengine]\n", "either mask or mask_asset"),
        ("mask_asset = 'b'\n", r"add \[earthengine\]"),
        ("mask = 'a.tif'\nmask_layer = 'b'\n", "mask_layer goes with"),
        ("mask = 'a.shp'\nmask_values = [1]\n", "polygons have none"),
    ):
        with pytest.raises(StudyError, match=words):
            parse_study(head + text, "study.toml")
