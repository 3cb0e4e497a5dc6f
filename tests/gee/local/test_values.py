"""Numbers, strings, lists, dictionaries and functions through the real client."""

from __future__ import annotations

import math
from typing import Any

import ee
import pytest

from gee.local import LocalEarthEngine, registry


def _unknown(key: str) -> Any:
    """A dictionary with a null, as a reduction of nothing gives it."""
    nothing = ee.Image(1.0).rename(key).updateMask(0)
    return nothing.reduceRegion(ee.Reducer.mean(), ee.Geometry.Point([93, 36]), 10)


@pytest.mark.usefixtures("service")
class TestNumbers:
    def test_integer_division_gives_a_fraction(self) -> None:
        """Fault: integer division truncated as in Java."""
        assert ee.Number(1).divide(2).getInfo() == 0.5

    def test_division_by_zero_is_zero(self) -> None:
        """Fault: an infinity, where the service's signature promises 0."""
        assert ee.Number(7).divide(0).getInfo() == 0

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            (lambda: ee.Number(7).mod(-3), 1),
            (lambda: ee.Number(-7).mod(3), -1),
            (lambda: ee.Number(2).pow(10), 1024),
            (lambda: ee.Number(5).bitwiseAnd(6), 4),
            (lambda: ee.Number(1).leftShift(5), 32),
            (lambda: ee.Number(2.5).round(), 3),
            (lambda: ee.Number(-2.5).round(), -2),
            (lambda: ee.Number(300).toByte(), 255),
            (lambda: ee.Number(-1.9).toInt(), -1),
            (lambda: ee.Number(4).gt(3), 1),
            (lambda: ee.Number.parse("ff", 16), 255),
            (lambda: ee.Number(9).sqrt(), 3),
            (lambda: ee.Number(5).clamp(0, 3), 3),
            (lambda: ee.Number(3).format("%05d"), "00003"),
            (lambda: ee.Number(3.14159).format("%.2f"), "3.14"),
            (lambda: ee.Number.expression("a + 2 * b ** 2", {"a": 1, "b": 3}), 19),
        ],
    )
    def test_arithmetic(self, value: object, expected: object) -> None:
        """Fault: an operation bound to the wrong function."""
        assert value().getInfo() == expected  # type: ignore[operator]

    def test_transcendental_functions_against_math(self) -> None:
        """Fault: degrees instead of radians, or a wrong base."""
        for name in ("sin", "cos", "tan", "exp", "log", "log10", "atan", "sqrt", "cosh"):
            found = getattr(ee.Number(0.7), name)().getInfo()
            assert found == pytest.approx(getattr(math, name)(0.7), rel=1e-15)


@pytest.mark.usefixtures("service")
class TestStrings:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            (lambda: ee.String("a").cat("b"), "ab"),
            (lambda: ee.String("S1A_IW").slice(0, 3), "S1A"),
            (lambda: ee.String("a,b").split(","), ["a", "b"]),
            (lambda: ee.String("x1y2").replace(r"\d", "", "g"), "xy"),
            (lambda: ee.String("VV_mean").match("(V.)_(.*)"), ["VV_mean", "VV", "mean"]),
            (lambda: ee.String("abc").index("c"), 2),
            (lambda: ee.String("abc").length(), 3),
            (lambda: ee.String("aB").toUpperCase(), "AB"),
            (lambda: ee.String(ee.Number(5)), "5"),
            (lambda: ee.String('{"a": [1, 2]}').decodeJSON(), {"a": [1, 2]}),
        ],
    )
    def test_strings(self, value: object, expected: object) -> None:
        """Fault: a string function with another meaning than its name."""
        assert value().getInfo() == expected  # type: ignore[operator]


@pytest.mark.usefixtures("service")
class TestListsAndDictionaries:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            (lambda: ee.List.sequence(1, 10, 3), [1, 4, 7, 10]),
            (lambda: ee.List.sequence(0, 1, None, 5), [0, 0.25, 0.5, 0.75, 1]),
            (lambda: ee.List([3, 1, 2]).sort(), [1, 2, 3]),
            (lambda: ee.List(["c", "a"]).sort([2, 1]), ["a", "c"]),
            (lambda: ee.List([1, [2, [3]]]).flatten(), [1, 2, 3]),
            (lambda: ee.List([1, 2, 1]).distinct(), [1, 2]),
            (lambda: ee.List([1, 2, 3]).slice(1), [2, 3]),
            (lambda: ee.List([1, 2]).zip(["a", "b"]), [[1, "a"], [2, "b"]]),
            (lambda: ee.List([1, 2, 3]).get(-1), 3),
            (lambda: ee.List([5, 6]).indexOf(6), 1),
            (lambda: ee.List([1, 2, 3, 4]).reduce(ee.Reducer.mean()), 2.5),
            (lambda: ee.List([1, 2, 3, 10]).reduce(ee.Reducer.median()), 2.5),
            (
                lambda: ee.List([[1, 2], [2, 4], [3, 6]]).reduce(ee.Reducer.linearFit()),
                {"scale": 2, "offset": 0},
            ),
            (lambda: ee.List(["a", "b"]).join("-"), "a-b"),
            (lambda: ee.List.repeat(7, 2), [7, 7]),
            (lambda: ee.Dictionary({"b": 2, "a": 1}).keys(), ["a", "b"]),
            (lambda: ee.Dictionary({"b": 2, "a": 1}).values(), [1, 2]),
            (lambda: ee.Dictionary({"a": 1}).combine({"a": 2, "b": 3}), {"a": 2, "b": 3}),
            (lambda: ee.Dictionary({"a": 1}).combine({"a": 2}, False), {"a": 1}),
            (lambda: ee.Dictionary({"a": 1}).combine(_unknown("a")), {"a": 1}),
            (lambda: _unknown("a").combine({"a": 1}, False), {"a": 1}),
            (lambda: ee.Dictionary.fromLists(["x"], [9]), {"x": 9}),
            (lambda: ee.Dictionary({"a": 1}).get("b", 5), 5),
            (
                lambda: ee.Dictionary({"a": 1, "b": 2}).map(
                    lambda _key, value: ee.Number(value).add(1)
                ),
                {"a": 2, "b": 3},
            ),
            (lambda: ee.Dictionary({"a": 1}).rename(["a"], ["z"]), {"z": 1}),
        ],
    )
    def test_value(self, value: object, expected: object) -> None:
        """Fault: a list or dictionary function with another meaning than its name."""
        assert value().getInfo() == expected  # type: ignore[operator]

    def test_map_iterate_and_filter_call_the_client_s_functions(self) -> None:
        """Fault: closures that lose the argument of an outer function."""
        numbers = ee.List([1, 2, 3])
        table = numbers.map(lambda n: numbers.map(lambda m: ee.Number(m).multiply(n)))
        assert table.getInfo() == [[1, 2, 3], [2, 4, 6], [3, 6, 9]]
        total = numbers.iterate(lambda n, sofar: ee.Number(sofar).add(n), 10)
        assert total.getInfo() == 16
        assert numbers.filter(ee.Filter.gt("item", 1)).getInfo() == [2, 3]

    def test_only_the_chosen_branch_of_if_is_evaluated(self) -> None:
        """Fault: an error in the branch that was not taken."""
        broken = ee.Dictionary({}).get("missing")
        assert ee.Algorithms.If(1, "yes", broken).getInfo() == "yes"

    def test_a_shared_node_is_evaluated_once_a_call(self, service: object) -> None:
        """Fault: a value of one call of a function reused in another."""
        doubled = ee.List([1, 2]).map(lambda n: ee.Number(n).add(n).multiply(ee.Number(n).add(n)))
        assert doubled.getInfo() == [4, 16]

    def test_what_does_not_depend_on_the_argument_is_computed_once(
        self, service: LocalEarthEngine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Fault: a constant part of a mapped function evaluated for every element."""
        calls = []
        real = registry.call

        def counted(name: str, arguments: dict[str, Any]) -> Any:
            calls.append(name)
            return real(name, arguments)

        monkeypatch.setattr(registry, "call", counted)
        image = ee.List([1, 2, 3]).map(lambda n: ee.Number(2).sqrt().multiply(n))
        assert image.getInfo() == pytest.approx([2**0.5, 2 * 2**0.5, 3 * 2**0.5])
        assert calls.count("Number.sqrt") == 1
        assert calls.count("Number.multiply") == 3

    def test_integers_beyond_doubles_survive(self) -> None:
        """Fault: a 64-bit integer rounded to a double."""
        assert ee.Number(2**60 + 1).subtract(2**60).getInfo() == 1
