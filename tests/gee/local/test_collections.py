"""Collections, filters, dates and joins, against the catalogue that they come from."""

from __future__ import annotations

from typing import Any

import ee
import pytest

DAY_MS = 86_400_000


@pytest.fixture
def scenes(service: Any) -> Any:
    """Six scenes, at noon of the first six days of September 2019."""
    return ee.ImageCollection("SCENES")


def indices(collection: Any) -> list[str]:
    """The indices of a collection's elements."""
    found: list[str] = collection.aggregate_array("system:index").getInfo()
    return found


class TestFilters:
    """Point 8: filterDate excludes its end, calendarRange includes it; UTC."""

    def test_filter_date_excludes_its_end(self, scenes: Any) -> None:
        """Fault: the scene at the very end kept."""
        found = scenes.filterDate("2019-09-02T12:00:00", "2019-09-04T12:00:00")
        assert indices(found) == ["S1", "S2"]

    def test_calendar_range_includes_its_end(self, scenes: Any) -> None:
        """Fault: the last day dropped."""
        days = ee.Filter.calendarRange(2, 4, "day_of_month")
        assert indices(scenes.filter(days)) == ["S1", "S2", "S3"]

    def test_calendar_range_wraps_around(self, scenes: Any) -> None:
        """Fault: a range over the turn of the year finds nothing."""
        winter = ee.Filter.calendarRange(9, 2, "month")
        assert scenes.filter(winter).size().getInfo() == 6
        assert scenes.filter(ee.Filter.calendarRange(10, 8, "month")).size().getInfo() == 0

    @pytest.mark.parametrize(
        ("condition", "expected"),
        [
            (lambda: ee.Filter.eq("pass", "ASCENDING"), ["S1", "S3", "S5"]),
            (lambda: ee.Filter.neq("pass", "ASCENDING"), ["S0", "S2", "S4"]),
            (lambda: ee.Filter.gte("orbit", 4), ["S4", "S5"]),
            (lambda: ee.Filter.lt("orbit", 1), ["S0"]),
            (lambda: ee.Filter.inList("orbit", [1, 5, 9]), ["S1", "S5"]),
            (
                lambda: ee.Filter.listContains("polarisations", "VV").And(
                    ee.Filter.lte("orbit", 0)
                ),
                ["S0"],
            ),
            (lambda: ee.Filter.listContains("polarisations", "HH"), []),
            (lambda: ee.Filter.stringStartsWith("pass", "ASC").Not(), ["S0", "S2", "S4"]),
            (
                lambda: ee.Filter.Or(ee.Filter.eq("orbit", 0), ee.Filter.eq("orbit", 5)),
                ["S0", "S5"],
            ),
            (lambda: ee.Filter.rangeContains("orbit", 2, 3), ["S2", "S3"]),
            (lambda: ee.Filter.notNull(["orbit"]), ["S0", "S1", "S2", "S3", "S4", "S5"]),
            (lambda: ee.Filter.eq("nothing", 1), []),
        ],
    )
    def test_properties(self, scenes: Any, condition: Any, expected: list[str]) -> None:
        """Fault: a comparison the wrong way round, or null that passes."""
        assert indices(scenes.filter(condition())) == expected

    def test_filter_bounds(self, scenes: Any) -> None:
        """Fault: footprints in the wrong CRS."""
        near = ee.Geometry.Point([93.005, 36.142])
        assert scenes.filterBounds(near).size().getInfo() == 6
        assert scenes.filterBounds(ee.Geometry.Point([93.2, 36.142])).size().getInfo() == 0


class TestCollections:
    def test_map_keeps_the_index(self, scenes: Any) -> None:
        """Fault: mapped images that no join finds again."""
        assert indices(scenes.map(lambda image: image.select("VV").multiply(2)))[:2] == ["S0", "S1"]

    def test_an_error_in_map_names_the_element(self, scenes: Any) -> None:
        """Fault: an error without its place."""
        with pytest.raises(ee.EEException, match=r"Error in map\(ID=S0\)"):
            scenes.map(lambda image: image.select("nope")).getInfo()

    def test_sort_limit_first_and_list(self, scenes: Any) -> None:
        """Fault: sorting that ignores its direction."""
        assert indices(scenes.sort("orbit", False).limit(2)) == ["S5", "S4"]
        assert scenes.first().get("system:index").getInfo() == "S0"
        assert ee.Image(scenes.toList(2, 3).get(1)).get("orbit").getInfo() == 4

    def test_merge_marks_where_elements_come_from(self, scenes: Any) -> None:
        """Fault: two elements of one index."""
        assert indices(scenes.limit(1).merge(scenes.limit(1))) == ["1_S0", "2_S0"]

    def test_aggregates(self, scenes: Any) -> None:
        """Fault: sample for population spread."""
        assert scenes.aggregate_sum("orbit").getInfo() == 15
        assert scenes.aggregate_mean("orbit").getInfo() == 2.5
        assert scenes.aggregate_total_var("orbit").getInfo() == pytest.approx(35 / 12)
        assert scenes.aggregate_sample_var("orbit").getInfo() == pytest.approx(3.5)
        assert scenes.aggregate_histogram("pass").getInfo() == {"ASCENDING": 3, "DESCENDING": 3}
        assert scenes.aggregate_count_distinct("pass").getInfo() == 2

    def test_iterate_and_distinct(self, scenes: Any) -> None:
        """Fault: the order of the function's arguments swapped."""
        total = scenes.iterate(lambda image, sofar: ee.Number(sofar).add(image.get("orbit")), 100)
        assert total.getInfo() == 115
        assert indices(scenes.distinct("pass")) == ["S0", "S1"]

    def test_tables(self, service: Any) -> None:
        """Fault: ids or properties of a GeoJSON lost."""
        sites = ee.FeatureCollection("SITES")
        first = sites.filter(ee.Filter.eq("method", "ring")).first().getInfo()
        assert first["id"] == "site1"
        assert first["geometry"]["coordinates"] == [93.001, 36.1]
        assert sites.reduceColumns(ee.Reducer.mean(), ["vwc"]).getInfo()["mean"] == pytest.approx(
            0.2
        )
        grouped = sites.reduceColumns(
            ee.Reducer.mean().group(1, "method"), ["vwc", "method"]
        ).getInfo()
        by_method = {group["method"]: group["mean"] for group in grouped["groups"]}
        assert by_method == {"gpr": pytest.approx(0.2), "ring": pytest.approx(0.2)}

    def test_random_column_is_repeatable(self, service: Any) -> None:
        """Fault: numbers that change with the order of the elements."""
        sites = ee.FeatureCollection("SITES")
        one = sites.randomColumn("r", 3).sort("vwc", False).aggregate_array("r").getInfo()
        other = sites.sort("vwc", False).randomColumn("r", 3).aggregate_array("r").getInfo()
        assert one == other
        assert len(set(one)) == 5

    def test_random_points_fill_the_region_evenly(self, service: Any) -> None:
        """Fault: points outside, crowded to a pole, or others at the next call."""
        region = ee.Geometry.BBox(0, 0, 10, 60)
        points = ee.FeatureCollection.randomPoints(region, 400, 3)
        found = points.geometry().coordinates().getInfo()
        assert (
            found
            == ee.FeatureCollection.randomPoints(region, 400, 3).geometry().coordinates().getInfo()
        )
        latitudes = [latitude for _, latitude in found]
        assert all(0 <= longitude <= 10 for longitude, _ in found)
        # Half of the area between 0 and 60 degrees lies south of asin(sin(60) / 2) = 25.66.
        assert 0.4 < sum(latitude < 25.66 for latitude in latitudes) / 400 < 0.6

    def test_assets_that_are_not_there_are_refused_by_name(self, service: Any) -> None:
        """Fault: an empty collection for a misspelt id."""
        with pytest.raises(ee.EEException, match=r"'SCENE' not found.*nearest.*SCENES"):
            ee.ImageCollection("SCENE").getInfo()
        with pytest.raises(ee.EEException, match="Image asset 'HILL' not found"):
            ee.Image("HILL").getInfo()


class TestDates:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            (lambda: ee.Date("2019-09-01").millis(), 1567296000000),
            (lambda: ee.Date("2019-244").format("YYYY-MM-dd"), "2019-09-01"),
            (
                lambda: ee.Date.fromYMD(2020, 2, 29).advance(1, "year").format("YYYY-MM-dd"),
                "2021-02-28",
            ),
            (lambda: ee.Date("2019-01-31").advance(1, "month").format("YYYY-MM-dd"), "2019-02-28"),
            (lambda: ee.Date("2019-09-02").difference(ee.Date("2019-09-01"), "hour"), 24),
            (lambda: ee.Date("2019-09-15").get("month"), 9),
            (lambda: ee.Date("2019-09-01").getRelative("day", "year"), 243),
            (lambda: ee.Date("2019-07-02T12:00:00").getFraction("year"), 0.5),
            (lambda: ee.Date("2019-12-31").format("D"), "365"),
            (
                lambda: ee.Date("2019-09-15").getRange("month").end().format("YYYY-MM-dd"),
                "2019-10-01",
            ),
            (lambda: ee.DateRange("2019-01-01", "2020-01-01").contains("2019-12-31"), True),
            (lambda: ee.DateRange("2019-01-01", "2020-01-01").contains("2020-01-01"), False),
        ],
    )
    def test_calendar(self, service: Any, value: Any, expected: Any) -> None:
        """Fault: months of 30 days, fields counted from the wrong number, a closed end."""
        assert value().getInfo() == expected

    def test_other_time_zones_are_refused(self, service: Any) -> None:
        """Fault: a zone ignored, so that the day is off by one."""
        with pytest.raises(ee.EEException, match="Asia/Shanghai"):
            ee.Date("2019-09-01", "Asia/Shanghai").getInfo()


class TestJoins:
    def test_joins_by_time(self, scenes: Any) -> None:
        """Fault: matches that ignore the largest difference, or the order of matches."""
        ascending = scenes.filter(ee.Filter.eq("pass", "ASCENDING"))
        descending = scenes.filter(ee.Filter.eq("pass", "DESCENDING"))
        close = ee.Filter.maxDifference(
            1.5 * DAY_MS, "system:time_start", None, "system:time_start"
        )
        joined = ee.Join.saveAll("near", "orbit", False).apply(ascending, descending, close)
        near = ee.List(ee.Image(ee.ImageCollection(joined).first()).get("near"))
        assert near.map(lambda image: ee.Image(image).get("orbit")).getInfo() == [2, 0]
        same = ee.Filter.equals("orbit", None, "orbit")
        assert ee.Join.inner().apply(ascending, descending, same).size().getInfo() == 0
        kept = ee.Join.inverted().apply(scenes, descending, same)
        assert indices(ee.ImageCollection(kept)) == ["S1", "S3", "S5"]
        assert ee.Join.simple().apply(scenes, descending, same).size().getInfo() == 3

    def test_link_collection_adds_bands_or_masks_them(self, service: Any, pixels: Any) -> None:
        """Fault: an image without a partner keeps stale or unmasked bands."""
        scenes = ee.ImageCollection("SCENES")
        others = scenes.limit(1).map(lambda image: image.select(["VV"], ["cs"]).set("good", 1))
        first = scenes.first().linkCollection(others, ["cs"], ["good"])
        assert first.bandNames().getInfo() == ["VV", "VH", "cs"]
        assert first.get("good").getInfo() == 1
        last = ee.Image(scenes.toList(1, 5).get(0)).linkCollection(others, ["cs"])
        assert not pixels(last.select("cs").mask())["cs"].any()
        assert pixels(first.select("cs").mask())["cs"].any()
