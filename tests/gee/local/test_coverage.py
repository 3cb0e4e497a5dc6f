"""The page about the stand-in is true, and its declarations fit the service's own signatures."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import ee

from gee.local import LocalEarthEngine, algorithms_in, coverage, implemented, registry
from gee.local.signatures import signatures

ROOT = Path(__file__).resolve().parents[3]


def test_the_page_is_what_the_registry_says() -> None:
    """Fault: a page that promises, or hides, an algorithm."""
    written = (ROOT / "docs" / "local-earth-engine.md").read_text("utf-8")
    # How many algorithms the service has depends on the client's version.
    told, found = (
        re.sub(r"of the service's \d+", "of the service's", page)
        for page in (written, coverage.page())
    )
    assert told == found, "run: python -m gee.local.coverage > docs/..."


def test_the_tests_that_the_page_names_exist() -> None:
    """Fault: a point without its test."""
    assert len(coverage.POINTS) == 10
    for _, file, names in coverage.POINTS:
        tree = ast.parse((Path(__file__).parent / file).read_text("utf-8"))
        found = {
            node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef | ast.FunctionDef)
        }
        assert set(names) <= found


def test_declarations_have_the_signatures_arguments() -> None:
    """Fault: an argument under another name, which would never arrive."""
    for name in registry.implemented():
        check_declaration(name)


def check_declaration(name: str) -> None:
    """One algorithm's function against the service's signature."""
    function = registry._IMPLEMENTATIONS[name]
    parameters = list(inspect.signature(function).parameters)
    arguments = [registry.python_name(argument.name) for argument in signatures()[name].arguments]
    if name in registry._BY_POSITION:
        assert len(parameters) == len(arguments) + 1
        return
    assert set(parameters) <= set(arguments), name
    required = {
        registry.python_name(argument.name)
        for argument in signatures()[name].arguments
        if not argument.optional
    }
    assert required - set(parameters) <= registry.HINTS, name


def test_the_algorithms_of_a_graph_are_found(service: LocalEarthEngine) -> None:
    """Fault: calls inside mapped functions overlooked."""
    images = ee.ImageCollection("SCENES").map(lambda image: image.log10().multiply(10))
    found = algorithms_in(ee.serializer.encode(images.mean()))
    assert found == {
        "ImageCollection.load",
        "Collection.map",
        "Image.log10",
        "Image.multiply",
        "Image.constant",
        "reduce.mean",
    }
    assert found <= set(implemented())


def test_nothing_of_the_product_is_imported() -> None:
    """Fault: a stand-in that depends on what it is to test."""
    for path in (ROOT / "gee" / "local").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            modules = []
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                modules = [node.module or ""]
            for module in modules:
                own = module == "gee.local" or module.startswith("gee.local.")
                assert own or module.split(".")[0] not in ("gee", "local_ml", "export"), path
