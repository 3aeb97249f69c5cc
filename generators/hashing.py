"""Numbers of values that are the same in every shard."""

from hashlib import blake2b

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from generators.quoting import as_text

Ints = npt.NDArray[np.int64]


def hashed(values: pa.Array, seed: int) -> Ints:
    """A number below 2**62 per value, the same for equal ones; 0 for null."""
    encoded = values.dictionary_encode()
    texts = as_text(encoded.dictionary).to_pylist()
    numbers = np.array([_number(f"{seed} {text}") for text in texts] or [0], np.int64)
    places = pc.fill_null(encoded.indices, 0).to_numpy(zero_copy_only=False)
    return np.where(values.is_valid().to_numpy(zero_copy_only=False), numbers[places], 0)


def _number(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") >> 2
