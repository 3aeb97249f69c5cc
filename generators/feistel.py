"""Mixes and permutes 64-bit integers, so that distinct rows get values that look random."""

import hashlib

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint64]
Rows = npt.NDArray[np.int64]

LARGEST = 1 << 62
"""The largest domain that `permute` takes: an index must fit a signed 64-bit integer."""

_ROUNDS = 8
_WORD = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15


def permute(rows: Rows, size: int, key: int) -> Rows:
    """Where a permutation of 0..size-1, chosen by the key, sends each row.

    An alternating Feistel network over the smallest power of two that holds the domain, walked
    along its cycle until it falls inside (Black and Rogaway, "Ciphers with Arbitrary Finite
    Domains", 2002). Fewer than two steps per row are expected.

    Raises:
        ValueError: the size is not within 1 and `LARGEST`, or a row is outside 0..size-1.
    """
    if not 1 <= size <= LARGEST:
        raise ValueError(f"a domain of {size} found; expected 1 to {LARGEST}; shrink the format")
    if len(rows) and not 0 <= int(rows.min()) <= int(rows.max()) < size:
        raise ValueError(f"a row outside 0..{size - 1} found; ask for fewer rows or a wider format")
    bits = (size - 1).bit_length()
    words = _network(rows.astype(np.uint64), bits, key)
    while len(outside := np.flatnonzero(words >= np.uint64(size))):
        words[outside] = _network(words[outside], bits, key)
    return words.astype(np.int64)


def mixed(words: Words, salt: int) -> Words:
    """A bijection of 64-bit words: the finaliser of SplitMix64 after adding a salt.

    Constants from Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", 2014.
    """
    z = words + np.full(1, (salt * _GOLDEN + _GOLDEN) & _WORD, np.uint64)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def salt_of(text: str) -> int:
    """A 64-bit salt that depends on a text alone, the same in every process."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def _network(words: Words, bits: int, key: int) -> Words:
    low_bits = np.uint64(bits // 2)
    low_mask = np.uint64((1 << (bits // 2)) - 1)
    high_mask = np.uint64((1 << (bits - bits // 2)) - 1)
    low, high = words & low_mask, words >> low_bits
    for turn in range(0, _ROUNDS, 2):
        high = high ^ (mixed(low, key + turn) & high_mask)
        low = low ^ (mixed(high, key + turn + 1) & low_mask)
    return (high << low_bits) | low
