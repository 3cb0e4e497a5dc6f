"""The conformance table: what a service answered beside what was expected, in Markdown.

In: rows of a run. Out: the file, whole or not at all.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from conformance.record import Check, Outcome, agrees, written


@dataclass(frozen=True)
class Row:
    """One check of a run.

    Parameters
    ----------
    stand_in : what the stand-in answered in the same run; none where it lacks the assets
    service : what the service answered
    """

    check: Check
    stand_in: Outcome | None
    service: Outcome

    @property
    def agree(self) -> bool:
        answer = self.service
        return answer.error is None and agrees(
            answer.answer, self.check.expected, self.check.tolerance
        )


def table(rows: Sequence[Row], where: str) -> str:
    """Return the table, and beneath it what each disagreement would mean."""
    agreeing = sum(row.agree for row in rows)
    lines = [
        "# Conformance of the service with its stand-in",
        "",
        f"{agreeing} of {len(rows)} checks agree. Asked: {where}, through earthengine-api "
        f"{version('earthengine-api')} and alm90 {version('alm90')}.",
        "",
        "| check | matter | stand-in, or stated | service | agree? |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        known = f"stated: {written(row.check.expected)}"
        if row.stand_in is not None:
            known = str(row.stand_in)
        cells = (
            f"`{row.check.name}`",
            row.check.matter,
            known,
            str(row.service),
            "yes" if row.agree else "**no**",
        )
        lines.append(f"| {' | '.join(cell_of(cell) for cell in cells)} |")
    others = [row for row in rows if not row.agree]
    if others:
        lines += ["", "## What the disagreements touch", ""]
        lines += [f"- `{row.check.name}`: {row.check.otherwise}." for row in others]
    return "\n".join(lines) + "\n"


def cell_of(text: str) -> str:
    """Return text that cannot end a cell or a row."""
    return " ".join(text.replace("|", "\\|").split())


def write_table(path: Path, rows: Sequence[Row], where: str) -> None:
    """Write the table; a file under its final name is whole."""
    part = path.with_name(f"{path.name}.part")
    with part.open("w", encoding="utf-8") as file:
        file.write(table(rows, where))
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
