"""What the service does not know, or what is wrong: refused, and named."""

from __future__ import annotations

import ee
import pytest
from service_requests import GRID, invocation, post

from gee.local import LocalEarthEngine, endpoints
from gee.local.signatures import signatures


class TestRefusals:
    def test_an_unknown_algorithm_is_501_and_named(self, service: LocalEarthEngine) -> None:
        """Fault: a plausible value for something unknown."""
        status, document = post(service, "value:compute", invocation("Image.cumulativeCost"))
        assert status == 501
        assert "'Image.cumulativeCost'" in document["error"]["message"]
        status, document = post(service, "value:compute", invocation("Nonsense"))
        assert status == 501
        assert "'Nonsense'" in document["error"]["message"]

    def test_every_algorithm_that_is_not_known_is_refused(self, service: LocalEarthEngine) -> None:
        """Fault: a name in the service's list that ends in anything but 501."""
        from gee.local.registry import implemented

        unknown = set(signatures()) - set(implemented())
        assert len(unknown) > 300
        for name in sorted(unknown):
            status, document = post(service, "value:compute", invocation(name))
            assert status == 501
            assert f"'{name}'" in document["error"]["message"]

    def test_an_unknown_argument_is_501_and_named(self, service: LocalEarthEngine) -> None:
        """Fault: an argument ignored."""
        body = invocation("Number.add", left=1, right=2, carry=True)
        status, document = post(service, "value:compute", body)
        assert status == 501
        assert "'carry' of 'Number.add'" in document["error"]["message"]

    def test_an_argument_that_is_not_supported_is_refused(self, service: LocalEarthEngine) -> None:
        """Fault: a known argument without effect."""
        image = ee.Image("PLACES").paint(ee.FeatureCollection("SITES"), 1, 3)
        with pytest.raises(ee.EEException, match="width"):
            image.getInfo()
        with pytest.raises(ee.EEException, match="spherical"):
            ee.Geometry.Point(0, 0).distance(ee.Geometry.Point(1, 1), 1, None, True).getInfo()

    @pytest.mark.parametrize(
        ("name", "asset"),
        [("Collection.loadTable", {"tableId": "SITES"}), ("Image.load", {"id": "PLACES"})],
    )
    def test_a_version_of_an_asset_is_refused_unless_it_is_the_latest(
        self, service: LocalEarthEngine, name: str, asset: dict[str, str]
    ) -> None:
        """Fault: none given, which older clients mean by the latest, is refused."""
        for version, wanted in ((None, 200), (-1, 200), (7, 501)):
            body = invocation(name, **asset, version=version)
            assert post(service, "value:compute", body)[0] == wanted

    def test_a_value_of_an_unknown_type_is_refused(self, service: LocalEarthEngine) -> None:
        """Fault: a description made up."""
        with pytest.raises(ee.EEException, match="Array"):
            ee.Array([1, 2]).getInfo()
        with pytest.raises(ee.EEException, match="does not implement the description"):
            ee.Kernel.square(1).getInfo()

    def test_a_wrong_type_gives_the_service_s_words(self, service: LocalEarthEngine) -> None:
        """Fault: a wrong type converted silently."""
        body = invocation("Number.add", left="one", right=2)
        status, document = post(service, "value:compute", body)
        assert status == 400
        assert document["error"]["message"].startswith(
            "Number.add, argument 'left': Invalid type.\nExpected type: Number.\nActual type: "
            "String."
        )
        assert document["error"]["status"] == "INVALID_ARGUMENT"

    def test_unknown_fields_and_calls_are_refused(self, service: LocalEarthEngine) -> None:
        """Fault: a field of a request without effect."""
        body = {**invocation("Image.constant", value=1), "grid": {**GRID, "scale": 30}}
        assert post(service, "image:computePixels", body)[0] == 501
        assert post(service, "video:export", {})[0] == 501
        assert (
            post(service, "value:compute", {"expression": {"result": "9", "values": {}}})[0] == 400
        )
        assert post(service, "value:compute", b"{")[0] == 400

    def test_an_error_of_the_stand_in_is_a_500(
        self, service: LocalEarthEngine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Fault: a broken connection, which looks like the network."""
        monkeypatch.setattr(endpoints, "value_of", lambda _body: 1 / 0)
        status, document = post(service, "value:compute", invocation("DateRange.unbounded"))
        assert status == 500
        assert "ZeroDivisionError" in document["error"]["message"]
