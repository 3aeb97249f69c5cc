"""Whether a computed number is the one that stands there, but for what rounding takes."""

import numpy as np
import numpy.typing as npt

from connectors.datatypes import DataType, Kind
from generators.magnitudes import step_of

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_FREE = 0.01
"""How far a decimal of no declared scale may be off."""


def slack(datatype: DataType, steps: float = 0.5) -> tuple[float, float]:
    """How far a value may be off: absolutely, and as a share of it; `steps` of a decimal's last."""
    if datatype.kind is Kind.FLOAT:
        return 1e-6, 1e-4 if datatype.bits == 32 else 1e-6
    if datatype.kind is Kind.DECIMAL and datatype.precision is None:
        return _FREE, 0.0
    return step_of(datatype) * steps, 0.0


def differ(
    own: Floats | Ints, found: Floats | Ints, datatype: DataType, steps: float = 0.5
) -> Bools:
    """Which values are not what was computed; whole numbers are, or are not."""
    if own.dtype == np.int64 and found.dtype == np.int64:
        return np.asarray(own != found)
    absolute, share = slack(datatype, steps)
    return np.asarray(np.abs(own - found) > absolute * (1 + 1e-6) + 1e-9 + share * np.abs(own))


def near(own: str, found: str, datatype: DataType, steps: float = 0.5) -> str:
    """The same of two numbers in SQL."""
    absolute, share = slack(datatype, steps)
    room = f"{absolute:.12f}" + (f" + {share:.12f} * abs({own})" if share else "")
    return f"abs({own} - ({found})) <= {room}"
