"""The domain: random points of the region that the map will cover, with their covariates.

In: ``domain.csv``, whose points are drawn evenly by ground area. Out: a `DomainSample`; longitude
and latitude in degrees, covariates in their own units, float32, NaN where missing.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from local_ml.errors import SampleTableError
from local_ml.features import Feature
from local_ml.names import nearest
from local_ml.sample_cells import exact_numbers


@dataclass(frozen=True)
class DomainSample:
    """Points of the domain; m of them, p covariates.

    Parameters
    ----------
    names : p, of the columns of `values`
    values : (m, p) float32, NaN where missing
    longitude, latitude : (m,) float64, degrees
    """

    names: tuple[str, ...]
    values: np.ndarray
    longitude: np.ndarray
    latitude: np.ndarray

    @property
    def n(self) -> int:
        return len(self.longitude)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the content."""
        digest = hashlib.sha256("\n".join(self.names).encode())
        for array in (self.values, self.longitude, self.latitude):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def with_features(self, names: Sequence[str]) -> np.ndarray:
        """Return the values of the covariates called `names`, (m, len(names)) float32."""
        columns = [_position(name, self.names) for name in names]
        selected: np.ndarray = self.values[:, columns]
        return selected


def read_domain(path: Path, features: Sequence[Feature]) -> DomainSample:
    """Read ``domain.csv``.

    Parameters
    ----------
    path : of the file
    features : whose columns are wanted; others are not looked at

    Raises
    ------
    SampleTableError
        The file cannot be read; a column is missing; a value is no number; a position is missing
        or impossible; there is no row.
    """
    path = Path(path)
    wanted = ["longitude", "latitude", *(feature.name for feature in features)]
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as fault:
        raise SampleTableError(
            f"{path} cannot be read ({fault}); the sampling step writes it"
        ) from None
    for name in wanted:
        if name not in frame:
            raise SampleTableError(
                f"{path}: column {name} is missing{nearest(name, [*map(str, frame.columns)])}; "
                "sample the covariates again"
            )
    if frame.empty:
        raise SampleTableError(f"{path} has a header but no rows; set domain.pixels above 0")
    numbers = frame[wanted].apply(exact_numbers)
    text = numbers.isna() & (frame[wanted].apply(lambda column: column.str.strip()) != "")
    for name, (low, high) in {"longitude": (-180, 180), "latitude": (-90, 90)}.items():
        text[name] |= ~numbers[name].between(low, high)
    if text.to_numpy().any():
        row, column = np.argwhere(text.to_numpy())[0]
        raise SampleTableError(
            f"{path}, row {row + 2} (the header is row 1), column {wanted[column]}: "
            f"{frame[wanted[column]][row]!r} is not a value that can be there"
        )
    return DomainSample(
        names=tuple(wanted[2:]),
        values=numbers[wanted[2:]].to_numpy(np.float32),
        longitude=numbers["longitude"].to_numpy(),
        latitude=numbers["latitude"].to_numpy(),
    )


def _position(name: str, names: Sequence[str]) -> int:
    if name not in names:
        raise SampleTableError(f"the domain has no covariate {name!r}{nearest(name, names)}")
    return list(names).index(name)
