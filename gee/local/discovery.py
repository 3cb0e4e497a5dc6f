"""The discovery document from which the client builds its calls.

In: the document in the client's own package (v1alpha, of 2020). Out: the v1 document that the
client of today needs: renamed, with the methods and parameters that came since.
"""

from __future__ import annotations

import copy
import json
from functools import cache
from typing import Any

from gee.local.signatures import client_file

PATH_PARAMETER = {"location": "path", "required": True, "type": "string"}


@cache
def _original() -> dict[str, Any]:
    text = client_file("cloud_api_discovery_document.json").read_text("utf-8")
    document: dict[str, Any] = json.loads(text.replace("v1alpha", "v1"))
    return document


def discovery_document(root_url: str) -> dict[str, Any]:
    """The document for a service at a root URL."""
    document = copy.deepcopy(_original())
    document["rootUrl"] = document["baseUrl"] = f"{root_url.rstrip('/')}/"
    projects = document["resources"]["projects"]
    for name in ("maps", "thumbnails"):
        create = projects["resources"][name]["methods"]["create"]
        create["parameters"]["workloadTag"] = {"location": "query", "type": "string"}
    projects["resources"]["tables"] = {
        "methods": {
            "create": _method(
                "projects.tables.create", "POST", "v1/{+parent}/tables", {"parent": "projects"}
            ),
            "getFeatures": _method(
                "projects.tables.getFeatures",
                "GET",
                "v1/{+name}:getFeatures",
                {"name": "projects/[^/]+/tables"},
            ),
        }
    }
    projects["methods"]["getConfig"] = _method(
        "projects.getConfig", "GET", "v1/{+name}", {"name": "projects/[^/]+"}
    )
    return document


def _method(identifier: str, verb: str, path: str, parameters: dict[str, str]) -> dict[str, Any]:
    method: dict[str, Any] = {
        "id": f"earthengine.{identifier}",
        "httpMethod": verb,
        "path": path,
        "flatPath": path,
        "parameterOrder": list(parameters),
        "parameters": {
            name: {**PATH_PARAMETER, "pattern": f"^{pattern}/[^/]+$"}
            for name, pattern in parameters.items()
        },
        "response": {"type": "any"},
    }
    if verb == "POST":
        method["parameters"]["parent"]["pattern"] = "^projects/[^/]+$"
        method["request"] = {"type": "any"}
        method["parameters"]["workloadTag"] = {"location": "query", "type": "string"}
    return method
