"""Requests as the client sends them, and requests that it would not send."""

from __future__ import annotations

import json
from typing import Any

from gee.local import LocalEarthEngine

NATIVE = (10.0, 0.0, 500_000.0, 0.0, -10.0, 4_000_000.0)
"""A 10 m lattice in UTM zone 46 north."""


def grid(
    transform: tuple[float, ...] = NATIVE,
    width: int = 96,
    height: int = 64,
    crs: str = "EPSG:32646",
) -> dict[str, Any]:
    """The grid of a computePixels request."""
    names = ("scaleX", "shearX", "translateX", "shearY", "scaleY", "translateY")
    return {
        "crsCode": crs,
        "affineTransform": dict(zip(names, transform, strict=True)),
        "dimensions": {"width": width, "height": height},
    }


GRID = grid(width=8, height=4)


def post(service: LocalEarthEngine, call: str, body: Any) -> tuple[int, Any]:
    """Status and document of a request without the client."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = service.handle("POST", f"http://local/v1/projects/p/{call}", content)
    return answer.status, json.loads(answer.body)


def invocation(name: str, **arguments: Any) -> dict[str, Any]:
    """An expression that calls one algorithm with constants."""
    constants = {key: {"constantValue": value} for key, value in arguments.items()}
    node = {"functionInvocationValue": {"functionName": name, "arguments": constants}}
    return {"expression": {"result": "0", "values": {"0": node}}}
