"""What was found in the candidate covariates, for the terminal, the report and whoever asks later.

In: what the sources' own look gave, the values sampled, and why some are missing. Out: the
document `covariates/report.json`.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.covariates.checks import SourceReport
from export.covariates.provider import CovariateInfo, Missing

SCHEMA_VERSION = 1
OUT_OF_RANGE = "out of range"


def covariate_report(
    covariates: Sequence[CovariateInfo],
    looks: Sequence[SourceReport],
    values: NDArray[np.float32],
    missing: Sequence[Missing],
    domain_missing: Sequence[Missing],
) -> dict[str, Any]:
    """Return the document of what was found.

    Parameters
    ----------
    looks : of the sources that can be looked at before pixels are asked for
    values : (n, p), sampled at the sites and at the random pixels of the region
    missing, domain_missing : of the sites, and of these pixels
    """
    found = [_plain(look) for look in looks]
    looked_at = {look.covariate for look in looks}
    found += [
        _of_values(info, column)
        for info, column in zip(covariates, values.T, strict=True)
        if info.name not in looked_at
    ]
    licences = _licences(covariates)
    warnings = [
        finding["text"]
        for entry in found
        for finding in entry["findings"]
        if finding["severity"] == "warning"
    ]
    warnings += [
        f"licence of {licence['title']} ({licence['licence']}): {licence['condition']}; "
        f"{', '.join(licence['covariates'])} come from it"
        for licence in licences
        if licence["condition"]
    ]
    return {
        "schema_version": SCHEMA_VERSION,
        "covariates": found,
        "sources": [
            {
                "name": info.name,
                "unit": info.unit,
                "group": info.group,
                "source": info.source,
                "role": info.role,
            }
            for info in covariates
        ],
        "missing_at_sites": dict(Counter(entry.covariate for entry in missing)),
        "missing_by_reason": _by_reason(missing),
        "missing_in_domain": dict(Counter(entry.covariate for entry in domain_missing)),
        "out_of_range": {
            "sites": _out_of_range(missing),
            "domain": _out_of_range(domain_missing),
        },
        "licences": licences,
        "warnings": warnings,
    }


def missing_counts(missing: Iterable[Missing]) -> str:
    """Say at how many sites each covariate is missing: "ndvi at 12 (masked 11, out of range 1)"."""
    texts = []
    for name, reasons in _by_reason(missing).items():
        count = sum(reasons.values())
        told = [reason if len(reasons) == 1 else f"{reason} {n}" for reason, n in reasons.items()]
        texts.append(f"{name} at {count} ({', '.join(told)})")
    return ", ".join(texts)


def _by_reason(missing: Iterable[Missing]) -> dict[str, dict[str, int]]:
    """Count by covariate and by the kind of reason, which stands before its colon."""
    counts: dict[str, Counter[str]] = {}
    for entry in missing:
        kind = entry.reason.partition(":")[0]
        counts.setdefault(entry.covariate, Counter())[kind] += 1
    return {name: dict(kinds) for name, kinds in counts.items()}


def _out_of_range(missing: Iterable[Missing]) -> dict[str, int]:
    return dict(
        Counter(entry.covariate for entry in missing if entry.reason.startswith(OUT_OF_RANGE))
    )


def _licences(covariates: Iterable[CovariateInfo]) -> list[dict[str, Any]]:
    """Return each dataset once, with the covariates that come from it."""
    users: dict[str, dict[str, Any]] = {}
    for info in covariates:
        for licence in info.licences:
            entry = users.setdefault(
                licence.dataset,
                {
                    "dataset": licence.dataset,
                    "title": licence.title,
                    "licence": licence.name,
                    "condition": licence.condition,
                    "covariates": [],
                },
            )
            entry["covariates"].append(info.name)
    return list(users.values())


def _plain(look: SourceReport) -> dict[str, Any]:
    fields = asdict(look)
    for name in ("minimum", "maximum"):
        fields[name] = fields[name] if isfinite(fields[name]) else None
    return fields


def _of_values(info: CovariateInfo, column: NDArray[np.float32]) -> dict[str, Any]:
    """Describe a covariate by what was sampled of it, with the keys of a `SourceReport`."""
    present = column[~np.isnan(column)]
    text = None
    if not present.size:
        text = f"{info.name} ({info.source}): holds no value wherever it was sampled"
    elif info.role == "feature" and present.min() == present.max():
        text = (
            f"{info.name} ({info.source}): is constant ({present[0]:g}) wherever it was sampled: "
            "it tells a model nothing"
        )
    return {
        "covariate": info.name,
        "resampling": info.way,
        "pixels": int(column.size),
        "whole": False,
        "covered": 1.0,
        "valid": float(present.size / max(column.size, 1)),
        "minimum": float(present.min()) if present.size else None,
        "maximum": float(present.max()) if present.size else None,
        "findings": (
            [{"covariate": info.name, "severity": "warning", "text": text}] if text else []
        ),
    }
