"""Numbers in base 10000, as the server stores and sends them."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connectors.engines.postgresql.buffers import Bools, fixed_values, validity

Unsigned = npt.NDArray[np.uint64]
Groups = list[Unsigned]

_BASE = 10_000
_GROUP_DIGITS = 4
_NEGATIVE = 0x4000
_LIMB_BITS = np.uint64(32)
_LIMB = np.uint64(0xFFFFFFFF)
_LARGEST = (1 << 64) - 1
_TRAILING_ZEROS = np.array(
    [_GROUP_DIGITS if n == 0 else len(str(n)) - len(str(n).rstrip("0")) for n in range(_BASE)],
    np.int16,
)


def numeric_wire(array: pa.Array, is_free: bool) -> npt.NDArray[np.void]:
    """Decimal values in the form that the server's numeric_recv reads, all of one width.

    That is four int16, in network order: the count of groups, the power of 10000 of the first,
    the sign and the display scale; then the groups, most significant first. All values have as
    many groups as the largest needs, since the server strips zeros from both ends.

    Args:
        array: decimal128 or decimal256 values; nulls come out as any value.
        is_free: True for a numeric without a declared scale: it displays no trailing zeros.
    """
    scale = array.type.scale
    if scale < 0:
        array, scale = array.cast(pa.decimal256(76, 0)), 0
    fractions = -(-scale // _GROUP_DIGITS)
    negative, groups = _signed_groups(array, 10 ** (fractions * _GROUP_DIGITS - scale))
    wire = np.empty((len(array), 4 + len(groups)), ">i2")
    wire[:, 0] = len(groups)
    wire[:, 1] = len(groups) - fractions - 1
    wire[:, 2] = np.where(negative, _NEGATIVE, 0)
    wire[:, 3] = _shown_digits(groups, fractions, len(array)) if is_free else scale
    for place, group in enumerate(reversed(groups), start=4):
        wire[:, place] = group
    return wire.view(f"V{wire.shape[1] * 2}")[:, 0]


def _signed_groups(array: pa.Array, factor: int) -> tuple[Bools, Groups]:
    """Which values are negative, and the groups of their magnitudes times `factor`, last first."""
    words: Unsigned = fixed_values(array, np.dtype(("<u8", array.type.byte_width // 8)))
    if array.null_count:
        words = np.where(validity(array)[:, None], words, np.uint64(0))
    negative = words[:, -1] > _LARGEST >> 1
    magnitude = _magnitude(words, negative)
    low = magnitude[0]
    if not any(word.any() for word in magnitude[1:]) and int(low.max(initial=0)) <= (
        _LARGEST // factor
    ):
        return negative, _groups(low * np.uint64(factor))
    return negative, _wide_groups(magnitude, factor)


def _magnitude(words: Unsigned, negative: Bools) -> Groups:
    """Words of the values without their signs, lowest first: two's complement, taken back."""
    found: Groups = []
    carry = negative
    for word in words.T:
        flipped = ~word + carry
        found.append(np.where(negative, flipped, word))
        carry = carry & (flipped == 0)
    return found


def _groups(magnitudes: Unsigned) -> Groups:
    groups: Groups = []
    while magnitudes.any():
        rest = magnitudes // _BASE
        groups.append(magnitudes - rest * _BASE)
        magnitudes = rest
    return groups


def _wide_groups(words: Groups, factor: int) -> Groups:
    """Long division by 10000 over limbs of 32 bits, which leave room for the remainder."""
    limbs = _limbs(words, factor)
    groups: Groups = []
    while any(limb.any() for limb in limbs):
        remainder = np.zeros_like(words[0])
        for place in reversed(range(len(limbs))):
            dividend = (remainder << _LIMB_BITS) | limbs[place]
            limbs[place] = dividend // _BASE
            remainder = dividend - limbs[place] * _BASE
        groups.append(remainder)
    return groups


def _limbs(words: Groups, factor: int) -> Groups:
    """The words times `factor` (at most 1000), as limbs of 32 bits, lowest first."""
    carry = np.zeros_like(words[0])
    limbs: Groups = []
    for limb in (half for word in words for half in (word & _LIMB, word >> _LIMB_BITS)):
        product = limb * np.uint64(factor) + carry
        limbs.append(product & _LIMB)
        carry = product >> _LIMB_BITS
    return [*limbs, carry]


def _shown_digits(groups: Groups, fractions: int, rows: int) -> npt.NDArray[np.int16]:
    """Digits after the point without the zeros at the end."""
    zeros, all_zero = np.zeros(rows, np.int16), np.ones(rows, np.bool_)
    for group in groups[:fractions]:
        found = _TRAILING_ZEROS[group]
        zeros += np.where(all_zero, found, 0)
        all_zero &= found == _GROUP_DIGITS
    missing = max(0, fractions - len(groups))
    digits = fractions * _GROUP_DIGITS - zeros
    return np.where(all_zero, digits - missing * _GROUP_DIGITS, digits).astype(np.int16)
