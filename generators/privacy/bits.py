"""Floats as whole numbers in the same order, so that leaving out bits makes intervals of them."""

import numpy as np

from generators.privacy.support import Floats, Ints

_SIGN = np.int64(0x7FFFFFFFFFFFFFFF)


def ordered_bits(numbers: Floats) -> Ints:
    """The bits of IEEE 754 doubles, with those of negative ones turned around."""
    bits = (numbers + 0.0).view(np.int64)  # adding zero makes one of both zeros
    return np.where(bits < 0, bits ^ _SIGN, bits)


def at_bits(bits: Ints) -> Floats:
    """The numbers of such bits; those beyond the largest number are that number."""
    found = np.where(bits < 0, bits ^ _SIGN, bits).astype(np.int64).view(np.float64)
    largest = float(np.finfo(np.float64).max)
    return np.clip(np.nan_to_num(found, nan=largest), -largest, largest)
