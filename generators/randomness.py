"""Randomness keyed by what it is for, so that any shard can be drawn by anybody, alike."""

import hashlib

import numpy as np
import numpy.typing as npt

from generators.feistel import mixed

_BELOW_ONE = float(np.nextafter(1.0, 0.0))
_RANDOM = 1 << 16


def stream(seed: int, *purpose: object) -> np.random.Generator:
    """A generator for one purpose: Philox (Salmon et al. 2011) with a key hashed from both."""
    return np.random.Generator(np.random.Philox(key=_digest(seed, purpose, 16)))


def number(seed: int, *purpose: object) -> int:
    """A 63-bit number for one purpose."""
    return _digest(seed, purpose, 8) >> 1


def identities(seed: int, table: str, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
    """A 64-bit identity per row index of a table."""
    return mixed(rows.astype(np.uint64), number(seed, "identity", table))


def even_uniforms(rows: int, columns: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Uniform numbers of shape (rows, columns), those of a column evenly far apart.

    Each alone is uniform, but shares of what is drawn with a column of them miss the true ones by
    less than a row (systematic sampling, Madow and Madow 1944). Numbers of 16 bits are sorted by
    two passes over their bytes, twice as fast as shuffling; of equal ones, which a pair is once in
    65,536 times, the first stays the first.
    """
    ranks = np.argsort(rng.integers(0, _RANDOM, (columns, rows), np.uint16), axis=1, kind="stable")
    found = ranks + rng.random(columns)[:, None]
    found /= max(1, rows)
    return np.asarray(np.minimum(found, _BELOW_ONE, out=found)).T


def _digest(seed: int, purpose: tuple[object, ...], size: int) -> int:
    text = repr((seed, *map(str, purpose))).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=size).digest(), "little")
