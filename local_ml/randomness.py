"""One seed in the study, independent streams by name.

A stream depends on the study's seed and on its own name alone, so that a new step
or a fold run in another order doesn't shift the random numbers of the others.
"""

import hashlib

import numpy as np


def _entropy(seed: int, names: tuple[str | int, ...]) -> int:
    text = "/".join([str(seed), *map(str, names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big")


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """Return the random generator of the stream called `names` under the study's `seed`."""
    return np.random.default_rng(np.random.SeedSequence(_entropy(seed, names)))


def seed_for(seed: int, *names: str | int) -> int:
    """Return a seed in [0, 2**31) for a library that takes an integer and not a generator."""
    return _entropy(seed, names) % 2**31
