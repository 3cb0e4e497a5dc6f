"""`plan --probe`: a few windows are asked for, to know what an export takes.

In: a study whose service is connected. Out: `covariates/probe.json`, and hours and EECU-hours for
the terminal. What the service does not tell stays unknown.
"""

import time
from collections.abc import Sequence

from export.covariates.export_path import PROBE_FILE
from export.covariates.probe import Kind, Measured, Range, eecu_hours, seconds, to_json
from export.covariates.provider import AskedWindow, CovariateStack
from export.covariates.region import Extent
from export.steps.context import Context
from gee.errors import RefusedError, TooLargeError
from local_ml.files import json_bytes, write_whole
from local_ml.names import counted

TIERS = {"community": 150, "contributor": 1000}
"""EECU-hours that a noncommercial project has in a month."""
_MONTH = "A month holds " + " and ".join(
    f"{hours:,} EECU-hours in the {name} tier" for name, hours in TIERS.items()
)
WINDOWS = 3
"""How many are measured whole: what a window takes differs with its scenes."""


def probe(context: Context, stack: CovariateStack, extents: Sequence[Extent]) -> None:
    """Measure whole windows of the stack, and one with each group of covariates alone."""
    from gee.eecu import can_tell

    windows = stack.asked_windows(extents)
    if not windows:
        context.tell("plan", "nothing to probe: no covariate comes from Earth Engine")
        return
    chosen = _spread(windows)
    groups = _groups(stack, chosen[0])
    times: list[tuple[Kind, tuple[str, ...], AskedWindow]]
    times = [("direct", one.names, one) for one in chosen]
    times += [("group", names, chosen[len(chosen) // 2]) for names in groups]
    requests = sum(one.service.cost(names, one.window.shape).requests for _, names, one in times)
    costs = f", at most {len(times)} more for what they cost" if can_tell() else ""
    context.tell(
        "plan",
        f"probe: {counted(requests, 'request')} for pixels{costs}; more where one is too "
        "heavy and divided",
    )
    found = []
    with context.progress.task("probe", len(times)) as task:
        for kind, names, asked in times:
            found.append(_measure(context, kind, names, asked))
            context.tell("plan", f"probe: {_told(found[-1])}")
            task.advance()
    write_whole(context.study.covariates_folder / PROBE_FILE, json_bytes(to_json(found)))


def tell_hours(
    context: Context, windows: Sequence[AskedWindow], probed: Sequence[Measured] | None
) -> None:
    """Say how long the windows take and what they cost, or that nothing tells it."""
    if not probed:
        why = "`alm90 plan --probe` measures a few requests"
        context.tell("plan", f"time and EECU-hours: unknown; {why}. {_MONTH}")
        return
    of = {asked.names: asked.service.made_from(asked.names) for asked in windows}
    direct = [one for one in probed if one.kind == "direct" and one.made_from in of.values()]
    if {one.made_from for one in direct} != set(of.values()):
        why = "the probe was of other covariates or settings; `alm90 plan --probe` measures anew"
        context.tell("plan", f"time and EECU-hours: unknown; {why}. {_MONTH}")
        return
    pixels = [(of[asked.names], asked.window.pixels) for asked in windows]
    at_once = min(len(windows), windows[0].service.requests_at_once)
    by = f"by {len(direct)} windows measured" if len(direct) > 1 else "by one window measured"
    taken = seconds(direct, pixels, at_once)
    cost = eecu_hours(direct, pixels)
    if taken is None:
        context.tell("plan", "time: unknown; no window was answered")
    else:
        context.tell("plan", f"time: {_duration(taken)}, {by}, {at_once} at once")
    if cost is None:
        context.tell("plan", f"EECU-hours: unknown; the service did not tell. {_MONTH}")
        return
    shares = " and ".join(
        f"{_range(Range(100 * cost.low / one, 100 * cost.high / one))} % of a month in the {name} "
        f"tier ({one:,})"
        for name, one in TIERS.items()
    )
    context.tell("plan", f"EECU-hours: {_range(cost)}, {by}: {shares}")


def _spread(windows: Sequence[AskedWindow]) -> list[AskedWindow]:
    """Return some large windows from all over the region."""
    largest = max(asked.window.pixels for asked in windows)
    large = [asked for asked in windows if 2 * asked.window.pixels >= largest]
    count = min(WINDOWS, len(large))
    return [large[(2 * number + 1) * len(large) // (2 * count)] for number in range(count)]


def _groups(stack: CovariateStack, asked: AskedWindow) -> list[tuple[str, ...]]:
    """Return the names of each group of covariates, where there are several."""
    group = {info.name: info.group for info in stack.covariates}
    kinds = list(dict.fromkeys(group[name] for name in asked.names))
    if len(kinds) == 1:
        return []
    return [tuple(name for name in asked.names if group[name] == kind) for kind in kinds]


def _measure(context: Context, kind: Kind, names: tuple[str, ...], asked: AskedWindow) -> Measured:
    from gee.eecu import eecu_seconds, profiled

    grid = context.region().geobox
    refused = len(asked.service.refusals(names))
    window = AskedWindow(asked.service, names, asked.window)
    taken: float | None = None
    with profiled() as profiles:
        begun = time.monotonic()
        try:
            window.read(grid)
            taken = time.monotonic() - begun
        except (RefusedError, TooLargeError):
            pass  # it is among the refusals
    refusals = asked.service.refusals(names)[refused:]
    return Measured(
        kind=kind,
        names=names,
        made_from=asked.service.made_from(names),
        shape=asked.window.shape,
        first=(asked.window.rows[0], asked.window.cols[0]),
        seconds=taken,
        eecu_seconds=eecu_seconds(profiles),
        refused=refusals[0] if refusals else None,
    )


def _told(one: Measured) -> str:
    rows, cols = one.shape
    seconds = "no answer" if one.seconds is None else f"{one.seconds:.1f} s"
    cost = "unknown" if one.eecu_seconds is None else f"{one.eecu_seconds:.1f}"
    refused = "" if one.refused is None else f"; refused at first: {one.refused}"
    what = ", ".join(one.names[:3]) + (", ..." if len(one.names) > 3 else "")
    return (
        f"{rows} x {cols} pixels of {counted(len(one.names), 'covariate')} ({what}): {seconds}, "
        f"EECU-seconds {cost}{refused}"
    )


def _duration(found: Range) -> str:
    for unit, length in (("h", 3600), ("min", 60)):
        if found.high >= 2 * length:
            return f"{_range(Range(found.low / length, found.high / length))} {unit}"
    return f"{_range(found)} s"


def _range(found: Range) -> str:
    low, high = f"{found.low:.2g}", f"{found.high:.2g}"
    return low if low == high else f"{low} to {high}"
