"""Everything random draws from a generator named by the seed and by what it is for."""

import hashlib

import numpy as np


def seed_of(seed: int, *purpose: str | int) -> int:
    """A 63-bit seed for `purpose`, such as ("augment", round, epoch, image id), independent of every other."""
    digest = hashlib.sha256(repr((seed, *purpose)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator(seed: int, *purpose: str | int) -> np.random.Generator:
    """A NumPy generator for `purpose`."""
    return np.random.default_rng(seed_of(seed, *purpose))
