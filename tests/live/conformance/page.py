"""The page about the live checks: `docs/live.md`.

In: the list of checks. Out: the page as text; `PYTHONPATH=tests/live python -m conformance.page`
prints it.
"""

from __future__ import annotations

from conformance.assets import DATASETS_OF_PUBLISHED, PUBLISHED
from conformance.place import LATITUDE_DEG, LONGITUDE_DEG, known_place
from conformance.record import Check, written
from conformance.suite import CHECKS, RULES
from conformance.table import cell_of
from conformance.together import groups_of, requests_of

from gee.pixels import BYTES_PER_VALUE


def page() -> str:
    """The whole page."""
    return "\n".join((_introduction(), _cost(), _checks(), _reading()))


def _introduction() -> str:
    return f"""\
# Checks against Earth Engine itself

**None of this has been run against the service yet**: this project was built without an account.
What stands below as expected is what Google's documentation says, what the
[stand-in](local-earth-engine.md) does where the documentation is silent, and facts about a place.

{len(CHECKS)} small checks ask through the unmodified client and the product's own session, pixels
and points. In the default suite they ask the stand-in, the {len(RULES)} rules as they are, the
{len(CHECKS) - len(RULES)} about assets over the scenes of the example plateau.

This page is generated (`PYTHONPATH=tests/live python -m conformance.page > docs/live.md`), and a
test holds it true.

## How to run it

Credentials are found as in a study ([signing in](earth-engine.md#signing-in)); once
`earthengine authenticate` has been run, a project that is registered for Earth Engine is all:

```
make test
.venv/bin/python -m pytest -m live tests/live --live-project my-project
```

| option | |
|---|---|
| `--live-project` | the Google Cloud project; without it, or without credentials, all is skipped, \
in one line that says why |
| `--live-key` | the JSON key file of a service account |
| `--live-url` | a service at another address, such as `alm90 earthengine serve`, asked without \
credentials |
| `--live-table` | where the table goes, unless `live-conformance.md` in the working folder |
| `-k 'not full_stack'` | leaves out the one check that is not tiny |

One process: don't add `-n`. A check that disagrees fails, and the rest goes on. The last line says
how many agree, and where the table is: check, matter, stand-in, service, agree?
"""


def _cost() -> str:
    requests = requests_of(CHECKS)
    shared = sum(len(group) for group in groups_of(CHECKS))
    small = [check for check in CHECKS if check.name != "full_stack"]
    values = sum(check.pixels for check in small)
    side = known_place().tile_px
    tile_bytes = side * side * len(PUBLISHED) * BYTES_PER_VALUE
    first, last = known_place().settings.years
    return f"""\
## What it costs

{requests} requests, and three to connect: {shared} of the checks share {len(groups_of(CHECKS))}
requests, and are asked one by one where the service refuses these. All but one bring back {values}
values of pixels together. `full_stack` is one tile of {side} x {side} pixels of the
{len(PUBLISHED)} bands of the published preset, {tile_bytes / 1024:,.0f} KiB with masks,
at {LATITUDE_DEG} N {LONGITUDE_DEG} E, from the scenes of {first} and {last};
where the service finds it too heavy, it is divided, and takes more requests.
`radar_look` takes a mean over a whole radar scene, at 2 km.

Seconds and EECU are unknown until someone has run it. All requests carry the workload tag `alm90`:
the project's console then tells what they cost. Nothing is written to the service.
"""


def _checks() -> str:
    names = ", ".join(f"`{name}`" for name in DATASETS_OF_PUBLISHED)
    return "\n".join(
        (
            "## What is asked\n",
            "`documentation`: Google's pages say so. `stand-in`: they leave it open, and this is "
            "what was chosen here. `fact`: known of the asset or the place.\n",
            "### Rules\n",
            _table(RULES),
            f"### Assets\n\nThe datasets are {names}.\n",
            _table(CHECKS[len(RULES) :]),
        )
    )


def _table(checks: tuple[Check, ...]) -> str:
    head = (
        "| check | matter | expected | who says so | another answer would touch |\n"
        "|---|---|---|---|---|\n"
    )
    rows = (
        f"| `{check.name}` | {cell_of(check.matter)} | {cell_of(written(check.expected))} | "
        f"{check.basis} | {cell_of(check.otherwise)} |\n"
        for check in checks
    )
    return head + "".join(rows)


def _reading() -> str:
    return """\
## What a disagreement means

- With the **documentation**: either the service changed or the check asks wrongly. What the last
  column names is wrong in maps made by it until it is mended.
- With the **stand-in**: its rule is not the service's. The stand-in is to be corrected, and what
  the last column names to be looked at; "nothing" means that the product was built so that either
  rule is right.
- With a **fact**: first whether the asset, the place or the range is another than it was taken for.
- An **error** in place of an answer: as the message says. One about quota or memory tells nothing
  about the rule; run that check again with `-k`.
"""


if __name__ == "__main__":
    print(page(), end="")
