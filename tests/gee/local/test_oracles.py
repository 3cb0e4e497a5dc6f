"""The smaller algorithms one by one, each against a value known beforehand."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import ee
import numpy as np
import pytest
from scipy import special, stats

Pixels = Callable[..., np.ndarray[Any, Any]]

BINARY: dict[str, Callable[[int, int], float]] = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / b,
    "mod": lambda a, b: math.fmod(a, b),
    "max": max,
    "min": min,
    "first": lambda a, _b: a,
    "firstNonZero": lambda a, b: a or b,
    "pow": lambda a, b: a**b,
    "atan2": lambda x, y: math.atan2(y, x),
    "hypot": math.hypot,
    "and": lambda a, b: bool(a and b),
    "or": lambda a, b: bool(a or b),
    "lt": lambda a, b: a < b,
    "lte": lambda a, b: a <= b,
    "gt": lambda a, b: a > b,
    "gte": lambda a, b: a >= b,
    "eq": lambda a, b: a == b,
    "neq": lambda a, b: a != b,
    "bitwiseAnd": lambda a, b: a & b,
    "bitwiseOr": lambda a, b: a | b,
    "bitwiseXor": lambda a, b: a ^ b,
    "leftShift": lambda a, b: a << b,
    "rightShift": lambda a, b: a >> b,
}
UNARY: dict[str, Callable[[float], float]] = {
    "abs": abs,
    "floor": math.floor,
    "ceil": math.ceil,
    "round": lambda a: math.floor(a + 0.5),
    "signum": lambda a: math.copysign(1, a),
    "not": lambda a: float(a == 0),
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "asin": math.asin,
    "acos": math.acos,
    "atan": math.atan,
    "sinh": math.sinh,
    "cosh": math.cosh,
    "tanh": math.tanh,
    "sqrt": math.sqrt,
    "cbrt": math.cbrt,
    "log": math.log,
    "log10": math.log10,
    "exp": math.exp,
    "erf": math.erf,
    "erfc": math.erfc,
}
CASTS = {
    "uint8": 255,
    "int8": 127,
    "uint16": 300,
    "int16": 300,
    "uint32": 300,
    "int32": 300,
    "int64": 300,
    "float": float(np.float32(300.7)),
    "double": 300.7,
    "byte": 255,
    "short": 300,
    "int": 300,
    "long": 300,
}


def call(name: str, **arguments: Any) -> Any:
    """A call of an algorithm by its name."""
    return ee.ApiFunction.apply_(name, arguments)


@pytest.mark.usefixtures("service")
class TestSameOnNumbersAndImages:
    @pytest.mark.parametrize("name", BINARY)
    @pytest.mark.parametrize(("left", "right"), [(6, 4), (3, 5), (0, 2)])
    def test_binary(self, pixels: Pixels, name: str, left: int, right: int) -> None:
        """Fault: numbers and images that disagree, or operands swapped."""
        expected = float(BINARY[name](left, right))
        number = call(f"Number.{name}", left=left, right=right).getInfo()
        assert number == pytest.approx(expected, rel=1e-12)
        image = ee.Image(call(f"Image.{name}", image1=ee.Image(left), image2=ee.Image(right)))
        assert pixels(image, width=1, height=1)[0, 0][0] == pytest.approx(expected, rel=1e-6)

    @pytest.mark.parametrize("name", UNARY)
    @pytest.mark.parametrize("value", [0.3, 0.75])
    def test_unary(self, pixels: Pixels, name: str, value: float) -> None:
        """Fault: numbers and images that disagree, or another function."""
        expected = UNARY[name](value)
        assert call(f"Number.{name}", input=value).getInfo() == pytest.approx(expected, rel=1e-12)
        image = ee.Image(call(f"Image.{name}", value=ee.Image(value)))
        assert pixels(image, width=1, height=1)[0, 0][0] == pytest.approx(expected, rel=1e-12)

    def test_bitwise_not(self, pixels: Pixels) -> None:
        """Fault: a logical instead of a bitwise negation."""
        assert ee.Number(5).bitwiseNot().getInfo() == -6
        assert pixels(ee.Image(5).bitwiseNot(), width=1, height=1)[0, 0][0] == -6

    @pytest.mark.parametrize("name", CASTS)
    def test_casts(self, pixels: Pixels, name: str) -> None:
        """Fault: another type's range."""
        for form in (name, f"to{name.capitalize()}"):
            assert call(f"Number.{form}", input=300.7).getInfo() == CASTS[name]
            image = ee.Image(call(f"Image.{form}", value=ee.Image(300.7)))
            assert pixels(image, width=1, height=1)[0, 0][0] == CASTS[name]


NUMBERS_1_TO_4 = [1, 2, 2, 7]
CASES: list[tuple[Callable[[], Any], Any]] = [
    # numbers and types
    (lambda: ee.Number(15).unitScale(10, 20), 0.5),
    (lambda: call("IsEqual", left=[1, "a"], right=[1, "a"]), True),
    (lambda: call("IsEqual", left=1, right=2), False),
    (lambda: call("ObjectType", value="x"), "String"),
    (lambda: call("If", condition="", trueCase=1, falseCase=2), 2),
    (lambda: ee.PixelType("int8").minValue(), -128),
    (lambda: ee.PixelType.uint16().maxValue(), 65535),
    (lambda: ee.PixelType.float().precision(), "float"),
    (
        lambda: ee.PixelType("float", 0, 1),
        {"type": "PixelType", "precision": "float", "min": 0, "max": 1},
    ),
    (
        lambda: [
            ee.PixelType.double().precision(),
            ee.PixelType.int16().maxValue(),
            ee.PixelType.int32().maxValue(),
            ee.PixelType.int8().maxValue(),
            ee.PixelType.uint32().maxValue(),
            ee.PixelType.uint8().maxValue(),
        ],
        ["double", 32767, 2147483647, 127, 4294967295, 255],
    ),
    (lambda: ee.PixelType.int64().precision(), "int"),
    # strings
    (lambda: ee.String("b").compareTo("a"), 1),
    (lambda: ee.String("a").equals("a"), True),
    (lambda: ee.String("abcb").rindex("b"), 3),
    (lambda: ee.String("ÄB").toLowerCase(), "äb"),
    (lambda: ee.String(" a ").trim(), "a"),
    (lambda: ee.String.encodeJSON({"a": [1, 2.5]}), '{"a":[1,2.5]}'),
    # lists
    (lambda: ee.List([1]).add(2), [1, 2]),
    (lambda: ee.List([1]).cat([2, 3]), [1, 2, 3]),
    (lambda: ee.List([1, 2]).contains(2), True),
    (lambda: ee.List([1, 2]).containsAll([2, 3]), False),
    (lambda: ee.List([1, 2]).equals([1, 2]), True),
    (lambda: ee.List([1, 2, 1]).frequency(1), 2),
    (lambda: ee.List([1, "a"]).getNumber(0), 1),
    (lambda: ee.List([1, "a"]).getString(1), "a"),
    (
        lambda: ee.List([ee.Geometry.Point(1, 2)]).getGeometry(0),
        {"type": "Point", "coordinates": [1, 2]},
    ),
    (lambda: ee.List([1, 3]).insert(1, 2), [1, 2, 3]),
    (lambda: ee.List([1, 3]).length(), 2),
    (lambda: ee.List([1, 2, 1]).remove(1), [2, 1]),
    (lambda: ee.List([1, 2, 1]).removeAll([1]), [2]),
    (lambda: ee.List([1, 2, 1]).replace(1, 9), [9, 2, 1]),
    (lambda: ee.List([1, 2, 1]).replaceAll(1, 9), [9, 2, 9]),
    (lambda: ee.List([1, 2]).reverse(), [2, 1]),
    (lambda: ee.List([1, 2]).set(-1, 9), [1, 9]),
    (lambda: ee.List([1, 2, 3, 4]).splice(1, 2, [9]), [1, 9, 4]),
    (lambda: ee.List([[1, "a"], [2, "b"]]).unzip(), [[1, 2], ["a", "b"]]),
    # dictionaries
    (lambda: ee.Dictionary(["a", 1, "b", 2]), {"a": 1, "b": 2}),
    (lambda: ee.Dictionary({"a": 1}).contains("b"), False),
    (lambda: ee.Dictionary({"a": 1}).getNumber("a"), 1),
    (lambda: ee.Dictionary({"a": "x"}).getString("a"), "x"),
    (lambda: ee.Dictionary({"a": 1, "b": 2}).remove(["a"]), {"b": 2}),
    (lambda: ee.Dictionary({"a": 1, "b": 2}).select(["a"]), {"a": 1}),
    (lambda: ee.Dictionary({"a": 1}).set("b", 2), {"a": 1, "b": 2}),
    (lambda: ee.Dictionary({"a": 1}).size(), 1),
    (lambda: ee.Dictionary({"a": 1, "b": 2.5}).toImage().bandNames(), ["a", "b"]),
    # dates
    (lambda: call("Date.unitRatio", numerator="day", denominator="hour"), 24),
    (lambda: ee.Date("2019-09-01").update(2020, 2, 3).format("YYYY-MM-dd"), "2020-02-03"),
    (lambda: ee.DateRange("2019-01-01", "2019-03-01").start().format("MM-dd"), "01-01"),
    (
        lambda: (
            ee.DateRange("2019-01-01", "2019-03-01")
            .intersection(ee.DateRange("2019-02-01", "2019-05-01"))
            .end()
            .format("MM-dd")
        ),
        "03-01",
    ),
    (
        lambda: (
            ee.DateRange("2019-01-01", "2019-03-01")
            .union(ee.DateRange("2019-02-01", "2019-05-01"))
            .end()
            .format("MM-dd")
        ),
        "05-01",
    ),
    (
        lambda: ee.DateRange("2019-01-01", "2019-03-01").intersects(
            ee.DateRange("2019-03-01", "2019-05-01")
        ),
        False,
    ),
    (lambda: ee.DateRange("2019-01-01", "2019-03-01").isEmpty(), False),
    (lambda: ee.DateRange.unbounded().isUnbounded(), True),
    # elements
    (lambda: ee.Feature(None, {"a": 1}).getNumber("a"), 1),
    (lambda: ee.Feature(None, {"a": "x"}).getString("a"), "x"),
    (lambda: ee.Feature(None, {"b": 1, "a": 2}).propertyNames(), ["a", "b"]),
    (
        lambda: call(
            "Element.replaceProperties",
            destination=ee.Feature(None, {"a": 1}),
            source=ee.Feature(None, {"b": 2}),
        ).propertyNames(),
        ["b"],
    ),
    (lambda: ee.Feature(None, {"a": 1}).set({"b": 2}).toDictionary(), {"a": 1, "b": 2}),
    (lambda: ee.Feature(None, {"a": 1, "b": 2}).select(["a"], ["z"]).toDictionary(), {"z": 1}),
    (lambda: ee.Image("HILLS").id(), "HILLS"),
    (
        lambda: (
            ee.Feature(ee.Geometry.Point(1, 2))
            .setGeometry(ee.Geometry.Point(3, 4))
            .geometry()
            .coordinates()
        ),
        [3, 4],
    ),
    (
        lambda: call(
            "Element.setMulti", object=ee.Feature(None), properties={"a": 1, "b": 2}
        ).propertyNames(),
        ["a", "b"],
    ),
    # aggregates
    (lambda: numbered().aggregate_count("n"), 4),
    (lambda: numbered().aggregate_first("n"), 1),
    (lambda: numbered().aggregate_max("n"), 7),
    (lambda: numbered().aggregate_min("n"), 1),
    (lambda: numbered().aggregate_product("n"), 28),
    (lambda: numbered().aggregate_sample_sd("n"), float(np.std(NUMBERS_1_TO_4, ddof=1))),
    (lambda: numbered().aggregate_total_sd("n"), float(np.std(NUMBERS_1_TO_4))),
    (lambda: numbered().aggregate_stats("n").get("mean"), 3),
    (lambda: numbered().remap([1, 7], [10, 70], "n").aggregate_array("n"), [10, 70]),
    (lambda: ee.FeatureCollection([numbered(), numbered()]).flatten().size(), 8),
    # filters
    (lambda: numbered().filter(ee.Filter.always()).size(), 4),
    (lambda: numbered().filter(ee.Filter.never()).size(), 0),
    (lambda: numbered().filter(ee.Filter.gte("n", 2)).size(), 3),
    (lambda: numbered().filter(ee.Filter.lte("n", 2)).size(), 3),
    (lambda: numbered().filter(ee.Filter.neq("n", 2)).size(), 2),
    (lambda: numbered().filter(ee.Filter.stringContains("s", "m")).size(), 4),
    (lambda: numbered().filter(ee.Filter.stringEndsWith("s", "7")).size(), 1),
    (lambda: numbered().filter(ee.Filter.hasType("s", "String")).size(), 4),
    (lambda: numbered().filter(call("Filter.hasGeometry")).size(), 4),
    (
        lambda: (
            numbered()
            .filter(ee.Filter.withinDistance(150_000, ".geo", ee.Geometry.Point(1, 0)))
            .size()
        ),
        3,
    ),
    (
        lambda: (
            numbered()
            .filter(ee.Filter.isContained(".geo", ee.Geometry.BBox(1.5, -1, 2.5, 1)))
            .size()
        ),
        2,
    ),
    (
        lambda: (
            numbered().filter(ee.Filter.disjoint(".geo", ee.Geometry.BBox(1.5, -1, 2.5, 1))).size()
        ),
        2,
    ),
    (
        lambda: (
            ee.FeatureCollection([ee.Feature(ee.Geometry.BBox(0, 0, 2, 2))])
            .filter(ee.Filter.contains(".geo", ee.Geometry.Point(1, 1)))
            .size()
        ),
        1,
    ),
    (lambda: ee.ImageCollection("SCENES").filter(ee.Filter.dayOfYear(245, 247)).size(), 2),
    *[
        (
            lambda name=name, value=value: (
                numbered().filter(call(f"Filter.{name}", leftField="n", rightValue=value)).size()
            ),
            count,
        )
        for name, value, count in (
            ("gte", 2, 3),
            ("greaterThanOrEquals", 7, 1),
            ("lte", 2, 3),
            ("lessThanOrEquals", 1, 1),
            ("neq", 2, 2),
            ("notEquals", 1, 3),
            ("inList", [1, 7], 2),
            ("gt", 2, 1),
            ("lt", 2, 1),
            ("eq", 2, 2),
        )
    ],
    # geometry
    (lambda: ee.Geometry.LineString([[0, 0], [1, 0]]).length(1), 111319.49079327357),
    (lambda: ee.Geometry.MultiPoint([[0, 0], [1, 1]]).geometries().size(), 2),
    (lambda: ee.Geometry.Point(0, 0).disjoint(ee.Geometry.Point(1, 1), 1), True),
    (lambda: ee.Geometry.Point(1, 1).containedIn(ee.Geometry.BBox(0, 0, 2, 2), 1), True),
    (lambda: ee.Geometry.Point(0, 0).withinDistance(ee.Geometry.Point(0, 1), 1000, 1), False),
    (lambda: ee.Geometry.LinearRing([[0, 0], [1, 0], [1, 1]]).type(), "LinearRing"),
    (
        lambda: (
            ee.Geometry.MultiPolygon([[[[0, 0], [1, 0], [1, 1]]], [[[5, 5], [6, 5], [6, 6]]]])
            .geometries()
            .size()
        ),
        2,
    ),
    (lambda: ee.Geometry.Point(5, 6).projection().crs(), "EPSG:4326"),
    (lambda: ee.Geometry.BBox(0, 0, 1, 1).geodesic(), False),
    (
        lambda: (
            ee.Geometry.BBox(0, 0, 2, 1)
            .symmetricDifference(ee.Geometry.BBox(1, 0, 3, 1), 1)
            .geometries()
            .size()
        ),
        2,
    ),
    (
        lambda: ee.Geometry.MultiPoint([[0, 0], [2, 0], [2, 2], [1, 1]]).convexHull(1).type(),
        "Polygon",
    ),
    (
        lambda: (
            ee.Geometry.LineString([[0, 0], [0.5, 1e-9], [1, 0]], None, False)
            .simplify(10)
            .coordinates()
            .size()
        ),
        2,
    ),
    (
        lambda: (
            ee.Geometry.MultiPolygon(
                [[[[0, 0], [2, 0], [2, 2], [0, 2]]], [[[1, 1], [3, 1], [3, 3], [1, 3]]]],
                None,
                False,
            )
            .dissolve(1)
            .type()
        ),
        "Polygon",
    ),
    (
        lambda: ee.Geometry.BBox(call_number(1), 0, 2, 1).bounds(1).coordinates().get(0),
        [[1, 0], [2, 0], [2, 1], [1, 1], [1, 0]],
    ),
    # features, by their geometries
    (lambda: ee.Feature(ee.Geometry.LineString([[0, 0], [1, 0]])).length(1), 111319.49079327357),
    (
        lambda: corner().bounds(1).geometry().coordinates().get(0),
        [[0, 0], [2, 0], [2, 1], [0, 1], [0, 0]],
    ),
    (lambda: corner().centroid(1).geometry().type(), "Point"),
    (lambda: corner().contains(ee.Feature(ee.Geometry.Point(1, 0.5)), 1), True),
    (lambda: corner().containedIn(ee.Feature(ee.Geometry.Point(1, 0.5)), 1), False),
    (lambda: corner().intersects(ee.Feature(ee.Geometry.Point(5, 5)), 1), False),
    (lambda: corner().disjoint(ee.Feature(ee.Geometry.Point(5, 5)), 1), True),
    (lambda: corner().distance(ee.Feature(ee.Geometry.Point(1, 0.5)), 1), 0),
    (lambda: corner().withinDistance(ee.Feature(ee.Geometry.Point(1, 0.5)), 1, 1), True),
    (lambda: corner().transform("EPSG:3857", 1).geometry().projection().crs(), "EPSG:3857"),
    (lambda: corner().simplify(10).geometry().type(), "Polygon"),
    (lambda: numbered().bounds(1).coordinates().get(0), [[1, 0], [7, 0], [7, 0], [1, 0], [1, 0]]),
    (lambda: numbered().union(1).size(), 1),
    # projections
    (lambda: ee.Projection("EPSG:32646").crs(), "EPSG:32646"),
    (
        lambda: ee.Projection("EPSG:4326", [2, 0, 10, 0, -2, 20]).scale(3, 3),
        {"type": "Projection", "crs": "EPSG:4326", "transform": [6, 0, 10, 0, -6, 20]},
    ),
    (
        lambda: ee.Projection("EPSG:4326", [2, 0, 10, 0, -2, 20]).translate(1, 1),
        {"type": "Projection", "crs": "EPSG:4326", "transform": [2, 0, 12, 0, -2, 18]},
    ),
    # reducers
    (lambda: reduced(ee.Reducer.allNonZero()), 1),
    (lambda: reduced(ee.Reducer.anyNonZero()), 1),
    (lambda: reduced(ee.Reducer.firstNonNull()), 1),
    (lambda: reduced(ee.Reducer.lastNonNull()), 7),
    (lambda: ee.List([None, "a", "b"]).reduce(ee.Reducer.first()), None),
    (lambda: ee.List([None, "a", "b"]).reduce(ee.Reducer.firstNonNull()), "a"),
    (lambda: ee.List([1, 2, None]).reduce(ee.Reducer.lastNonNull()), 2),
    (lambda: reduced(ee.Reducer.mode()), 2),
    (lambda: reduced(ee.Reducer.product()), 28),
    (lambda: reduced(ee.Reducer.kurtosis()), float(stats.kurtosis(NUMBERS_1_TO_4))),
    (lambda: reduced(ee.Reducer.sampleStdDev()), float(np.std(NUMBERS_1_TO_4, ddof=1))),
    (lambda: reduced(ee.Reducer.sampleVariance()), float(np.var(NUMBERS_1_TO_4, ddof=1))),
    (lambda: ee.Reducer.minMax().getOutputs(), ["min", "max"]),
    (lambda: ee.List([[1, 5], [3, 2]]).reduce(ee.Reducer.max(2)), {"max": 3, "max1": 2}),
    (lambda: ee.List([[1, 5], [3, 2]]).reduce(ee.Reducer.mean().repeat(2)), [2, 3.5]),
    (
        lambda: ee.List([[1, 5], [3, 2]]).reduce(ee.Reducer.sum().forEach(["a", "b"])),
        {"a": 4, "b": 7},
    ),
    # bands
    (lambda: ee.Image("REFLECTANCE").slice(1, 3).bandNames(), ["red", "nir"]),
    (lambda: ee.Image("REFLECTANCE").regexpRename("^", "L8_").bandNames().get(0), "L8_green"),
    (
        lambda: ee.Image("PLACES").toByte().bandTypes().get("col"),
        {"type": "PixelType", "precision": "int", "min": 0, "max": 255},
    ),
    (lambda: call("Image.cat", images=[ee.Image(1), 2]).bandNames(), ["constant", "constant_1"]),
]


def call_number(value: float) -> Any:
    """A number that the client cannot see."""
    return ee.Number(value).add(0)


def numbered() -> Any:
    """Four points on the equator with the numbers 1, 2, 2 and 7."""
    return ee.FeatureCollection(
        [
            ee.Feature(ee.Geometry.Point(number, 0), {"n": number, "s": f"m{number}"})
            for number in NUMBERS_1_TO_4
        ]
    )


def corner() -> Any:
    """A feature of two degrees by one."""
    return ee.Feature(ee.Geometry.BBox(0, 0, 2, 1), {"a": 1})


def reduced(reducer: Any) -> Any:
    """A reducer over 1, 2, 2 and 7."""
    return ee.List(NUMBERS_1_TO_4).reduce(reducer)


@pytest.mark.usefixtures("service")
class TestCases:
    @pytest.mark.parametrize("place", range(len(CASES)))
    def test_case(self, place: int) -> None:
        """Fault: an algorithm bound to the wrong function."""
        make, expected = CASES[place]
        value = make()
        found = ee.List(value).getInfo() if isinstance(value, list) else value.getInfo()
        if isinstance(expected, float):
            assert found == pytest.approx(expected, rel=1e-9)
        else:
            assert found == expected

    def test_centroid_of_a_feature(self) -> None:
        """Fault: the mean of the vertices, of which the closing one counts twice."""
        found = corner().centroid(1).geometry().coordinates().getInfo()
        assert found == pytest.approx([1, 0.5], abs=1e-3)

    def test_multi_geometry(self) -> None:
        """Fault: parts lost."""
        both = ee.Geometry(
            {
                "type": "GeometryCollection",
                "geometries": [
                    {"type": "Point", "coordinates": [0, 0]},
                    {"type": "LineString", "coordinates": [[0, 0], [1, 1]]},
                ],
            }
        )
        assert both.geometries().map(lambda part: ee.Geometry(part).type()).getInfo() == [
            "Point",
            "LineString",
        ]

    def test_joins_that_save_one(self) -> None:
        """Fault: the farthest match saved."""
        near = ee.Filter.maxDifference(3, "n", None, "n")
        first = ee.Join.saveFirst("m", "n", False).apply(numbered(), numbered(), near)
        values = first.map(lambda f: f.set("k", ee.Feature(f.get("m")).get("n")))
        assert values.aggregate_array("k").getInfo() == [2, 2, 2, 7]
        best = ee.Join.saveBest("m", "gap").apply(numbered(), numbered(), near)
        gaps = best.map(lambda f: f.set("k", ee.Feature(f.get("m")).get("gap")))
        assert gaps.aggregate_array("k").getInfo() == [0, 0, 0, 0]


class TestPixels:
    def test_special_functions(self, pixels: Pixels) -> None:
        """Fault: the complement for the function."""
        found = pixels(ee.Image(0.3).erfc(), width=1, height=1)[0, 0][0]
        assert found == pytest.approx(special.erfc(0.3), rel=1e-12)

    @pytest.mark.parametrize(
        ("kernel", "measure"),
        [
            ("euclidean", np.hypot),
            ("manhattan", np.add),
            ("chebyshev", np.maximum),
        ],
    )
    def test_distance_kernels(
        self, pixels: Pixels, service: Any, kernel: str, measure: Any
    ) -> None:
        """Fault: weights that fall with the distance, or are normalised."""
        spike = ee.Image("PLACES").select("col").eq(40).And(ee.Image("PLACES").select("row").eq(30))
        found = pixels(spike.toDouble().convolve(getattr(ee.Kernel, kernel)(2)))["col"]
        row, col = np.abs(np.mgrid[-2:3, -2:3])
        np.testing.assert_allclose(found[28:33, 38:43], measure(row, col))

    def test_laplacian_of_eight_neighbours(self, pixels: Pixels, service: Any) -> None:
        """Fault: the corners left out."""
        spike = ee.Image("PLACES").select("col").eq(40).toDouble()
        found = pixels(spike.convolve(ee.Kernel.laplacian8()))["col"]
        assert found[30, 38:43].tolist() == [0, 3, -6, 3, 0]

    def test_clip_to_collection_and_lengths(self, pixels: Pixels, service: Any) -> None:
        """Fault: only the first feature kept."""
        col = ee.Image("PLACES").select("col")

        def strip(west: int) -> Any:
            corners = [500_000 + 10 * west, 3_999_000, 500_020 + 10 * west, 4_000_000]
            return ee.Feature(ee.Geometry.Rectangle(corners, "EPSG:32646", False))

        both = ee.FeatureCollection([strip(4), strip(10)])
        found = pixels(col.clipToCollection(both).unmask(-1, False))["col"][0]
        assert found[found >= 0].tolist() == [4, 5, 10, 11]
        length = ee.Image("PLACES").toArray().arrayLength(0)
        assert pixels(length, width=1, height=1)[0, 0][0] == 2

    def test_count_of_a_collection(self, pixels: Pixels, service: Any) -> None:
        """Fault: masked images counted."""
        images = ee.ImageCollection([ee.Image(1), ee.Image(1).updateMask(0), ee.Image(5)])
        assert pixels(images.count(), width=1, height=1)[0, 0][0] == 2

    def test_aspect_alone(self, pixels: Pixels, service: Any) -> None:
        """Fault: aspect of another sense than that of Terrain.products."""
        hills = ee.Image("HILLS")
        both = pixels(ee.Terrain.products(hills).unmask(-1))
        np.testing.assert_array_equal(
            pixels(ee.Terrain.aspect(hills).unmask(-1))["aspect"], both["aspect"]
        )
