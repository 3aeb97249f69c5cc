"""Numbers of values that are the same in every shard."""

from hashlib import blake2b

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from generators.quoting import as_text

Ints = npt.NDArray[np.int64]

_FOLDED = 12
"""Bytes at either end of a text that tell it from others."""
_PRIME = np.uint64(0x100000001B3)
"""Of the hash by Fowler, Noll and Vo (RFC 9923, section 5)."""


def hashed(values: pa.Array, seed: int) -> Ints:
    """A number below 2**62 per value, the same for equal ones; 0 for null."""
    encoded = values.dictionary_encode()
    texts = as_text(encoded.dictionary).to_pylist()
    numbers = np.array([_number(f"{seed} {text}") for text in texts] or [0], np.int64)
    places = pc.fill_null(encoded.indices, 0).to_numpy(zero_copy_only=False)
    return np.where(values.is_valid().to_numpy(zero_copy_only=False), numbers[places], 0)


def folded(texts: pa.Array) -> npt.NDArray[np.uint64]:
    """A number per text, of its length, its first and its last bytes; of null, any."""
    spelled = texts.cast(pa.large_binary())
    _, places, held = spelled.buffers()
    found = np.zeros(len(spelled), np.uint64)
    if held is None or not held.size:
        return found
    ends = np.frombuffer(places, np.int64)[spelled.offset : spelled.offset + len(spelled) + 1]
    content, sizes = np.frombuffer(held, np.uint8), np.diff(ends)
    for step in range(_FOLDED):
        for place in (ends[:-1] + step, ends[1:] - 1 - step):
            byte = content[np.clip(place, 0, len(content) - 1)]
            found = (found ^ np.where(step < sizes, byte, 0).astype(np.uint64)) * _PRIME
    found = (found ^ sizes.astype(np.uint64)) * _PRIME
    return np.asarray(found ^ found >> np.uint64(29))


def _number(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") >> 2
