"""Pandas as it reads numbers before 3.1: off by a last digit, here in all of them."""

from typing import Any

import numpy as np
import pandas as pd
import pytest


def misread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pandas' own parsers of text miss each float64 by its last digit."""
    to_numeric, read_csv = pd.to_numeric, pd.read_csv

    def off(values: Any) -> Any:
        return values.map(lambda value: np.nextafter(value, np.inf))

    def numbers(text: Any, **options: Any) -> Any:
        found = to_numeric(text, **options)
        return off(found) if found.dtype == np.float64 else found

    def table(*arguments: Any, **options: Any) -> pd.DataFrame:
        frame = read_csv(*arguments, **options)
        for name in frame.select_dtypes("float64"):
            frame[name] = off(frame[name])
        return frame

    monkeypatch.setattr(pd, "to_numeric", numbers)
    monkeypatch.setattr(pd, "read_csv", table)
