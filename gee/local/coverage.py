"""The page that says what the stand-in covers: `docs/local-earth-engine.md`.

In: what is declared in the registry. Out: the page as text; `python -m gee.local.coverage` prints
it.
"""

from __future__ import annotations

from gee.local import limits
from gee.local.faults import KINDS
from gee.local.registry import HINTS, implemented, unsupported_arguments
from gee.local.signatures import signatures

INTRODUCTION = """\
# The local Earth Engine

`gee/local/` answers the requests of the unmodified `earthengine-api` client from rasters in a
folder. How to start it and how its catalogue looks is in `gee/local/README.md`. This page is
generated (`python -m gee.local.coverage > docs/local-earth-engine.md`), and a test holds it true.

What is not listed here is refused with an HTTP 501 that names it: algorithms, arguments, types and
fields of requests alike. A plausible value for something unknown is never given.

## What it cannot prove

- **Cost**: memory, time, quotas and concurrency of the real service. Faults can be injected, but
  they come when they are told to.
- **Which assets exist today**, their bands, properties and gaps.
- **Sub-pixel positions**: between two CRSs a nearest pixel may differ from the service's where a
  position falls on an edge; `reduceResolution` takes an output pixel's footprint as an upright
  rectangle on the native lattice, which is exact in the same CRS and close in a CRS that is a
  little rotated.
- **What the documentation leaves open.** Where the service's own rule is not written down, one is
  chosen here, and tests of the product leave room for another. [live.md](live.md) lists checks that
  ask the service itself; they have not been run on it yet:

| matter | here |
|---|---|
| percentiles of few values | Hazen's rule; the usual median |
| ties of the mode | the smallest value |
| types of results | integers get the range their operands allow; functions of integers give \
doubles; quotients of integers floats; means, moments and percentiles doubles |
| the default projection of arithmetic | that of the left image |
| properties after arithmetic | dropped, unless the documentation promises to keep them |
| masked pixels in NPY | 0 |
| fractional masks of two operands | the smaller one |
| what is undefined (logarithm of 0, root of -1) | masked |
| `clip` at the edge | by the pixel's centre, where the service makes fractional masks |
| pixels cut by a region | by their exact area, which the service rounds to 1/256 |
| `focal*` at masked pixels | filled from valid neighbours |
| `convolve` | not turned around; masked where a neighbour that counts is masked |
| kernels in metres | divided by the nominal scale of the requested grid |
| integers in a `MEAN` pyramid | rounded |
| `Image.random`, `randomColumn`, `sample` with `numPixels` | repeatable, with other numbers |
| distances and buffers | an azimuthal projection about the geometry |
| interpolation next to masked pixels | masked where a neighbour that counts is masked |

- **Easily mistaken, and as the service documents it**: `atan2` takes x before y; a quotient by 0 is
  0; `Kernel.gaussian` ends before its radius; `Kernel.cross` is diagonal; casts hold values to the
  range and drop fractions (`test_documented.py`).
- **Stricter than the service**, on purpose: `resample` and `reduceResolution` on an image that has
  the one-degree projection of composites are errors; time zones other than UTC are refused;
  a GeoTIFF of bands of several types is an error in `computePixels` too.
"""

POINTS = (
    (
        "Band pairing, types of results, integer division",
        "test_arithmetic.py",
        ("TestBandPairing", "TestTypes"),
    ),
    ("`updateMask` ANDs, `unmask` keeps the footprint", "test_masks.py", ("TestMasks",)),
    (
        "`normalizedDifference` masks negative inputs",
        "test_arithmetic.py",
        ("TestNormalizedDifference",),
    ),
    (
        "A composite has the projection EPSG:4326 at 1 degree",
        "test_projections.py",
        ("test_composites_are_refused",),
    ),
    (
        "Focal and terrain functions work on the output's pixels",
        "test_neighbourhoods.py",
        ("test_pixels_mean_the_output_s_pixels", "test_metres_follow_the_output_s_pixel"),
    ),
    (
        "Pyramid level and nearest pixel; `reduceResolution` and its `maxPixels`",
        "test_projections.py",
        ("TestReading", "TestReduceResolution"),
    ),
    (
        "`reduce` adds suffixes, `mean` does not; `addBands` renames duplicates",
        "test_composites.py",
        ("test_reduce_adds_the_output_s_name", "test_mean_and_others_add_no_suffix"),
    ),
    (
        "`filterDate` excludes its end, `calendarRange` includes it",
        "test_collections.py",
        ("test_filter_date_excludes_its_end", "test_calendar_range_includes_its_end"),
    ),
    (
        "`sampleRegions` drops points, `reduceRegions` leaves keys out",
        "test_sampling.py",
        ("TestSampleRegions",),
    ),
    (
        "Percentiles of few values",
        "test_composites.py",
        ("test_percentiles_within_one_gap_of_numpy",),
    ),
)
"""What has to be right for composites to be right: the matter, the file, its tests."""


def page() -> str:
    """The whole page."""
    names = implemented()
    parts = [
        INTRODUCTION,
        _points(),
        _limits(),
        f"## Algorithms\n\n{len(names)} of the service's {len(signatures())}, older names of the "
        "same algorithm included.\n",
        *_groups(names),
        _refused(names),
    ]
    return "\n".join(parts)


def _points() -> str:
    rows = "\n".join(
        f"| {place} | {matter} | `{file}`: {', '.join(f'`{test}`' for test in tests)} |"
        for place, (matter, file, tests) in enumerate(POINTS, start=1)
    )
    head = "## Ten points that composites depend on\n\nEach has tests in `tests/gee/local/`.\n\n"
    return f"{head}| | matter | tests |\n|---|---|---|\n{rows}\n"


def _limits() -> str:
    return f"""\
## Limits, faults, batch

| limit | value |
|---|---|
| pixels of `computePixels`, with one mask byte a band and pixel | \
{limits.MAXIMUM_REQUEST_BYTES:,} B |
| side of a request, of a download | {limits.MAXIMUM_SIDE_PX:,} px, \
{limits.MAXIMUM_DOWNLOAD_SIDE_PX:,} px |
| a download | {limits.MAXIMUM_DOWNLOAD_BYTES:,} B |
| bands of a request | {limits.MAXIMUM_BANDS:,} |
| elements in a `getInfo` | {limits.MAXIMUM_ELEMENTS:,} |
| body of a request | {limits.MAXIMUM_PAYLOAD_BYTES:,} B |
| pixels of an export without `maxPixels` | {limits.MAXIMUM_EXPORT_PIXELS:,} |
| queued tasks | {limits.MAXIMUM_QUEUED_TASKS:,} |

Faults on request: {", ".join(f"`{kind}`" for kind in KINDS)}. Exports of images (GeoTIFF) and
tables (CSV, GeoJSON) to files and assets; map tiles, thumbnails and downloads (PNG, JPEG, NPY,
GeoTIFF, zipped GeoTIFF). Files exported to Cloud Storage are listed and read through its JSON
interface (`/storage/v1/b/BUCKET/o`), whole or in ranges; nothing else of it is there.
"""


def _groups(names: list[str]) -> list[str]:
    groups: dict[str, list[str]] = {}
    for name in names:
        group, _, short = name.rpartition(".")
        groups.setdefault(group or "Constructors", []).append(short)
    return [
        f"**{group}** ({len(members)}): {', '.join(f'`{member}`' for member in members)}\n"
        for group, members in sorted(groups.items())
    ]


def _refused(names: list[str]) -> str:
    rows = [
        f"| `{name}` | {', '.join(f'`{argument}`' for argument in refused)} |"
        for name in names
        if (refused := unsupported_arguments(name))
    ]
    hints = ", ".join(f"`{hint}`" for hint in sorted(HINTS))
    return (
        "## Arguments that must keep their default\n\n"
        "Any other value is refused. Arguments that change only cost or a tolerated error "
        f"({hints}) are taken and not used.\n\n"
        "| algorithm | arguments |\n|---|---|\n" + "\n".join(rows) + "\n"
    )


if __name__ == "__main__":
    print(page(), end="")
