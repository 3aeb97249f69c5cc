"""Values outside every range, each with a code of its own: infinity, and what is no number."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from generators.columns import Codes
from generators.privacy.support import Ints, Released, Support

Values = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Specials:
    """Special values, whose codes follow those of all others.

    Attributes:
        values: at most a few.
        first: the code of the first of them.
    """

    values: Values
    first: int

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.values)

    def marked(self, codes: Codes, values: Values) -> Codes:
        """The codes, with their own for values that are special."""
        for number, special in enumerate(self.values):
            codes = np.where(_is(values, special), self.first + number, codes).astype(np.int32)
        return codes

    def others(self, codes: Codes) -> Codes:
        """The codes, with any other in place of special ones."""
        return np.minimum(codes, self.first - 1)

    def put(self, values: Values, codes: Codes) -> Values:
        """The values, with the special ones where codes say so."""
        for number, special in enumerate(self.values):
            values = np.where(codes == self.first + number, special, values)
        return values


def supported(
    candidates: Values, values: Values, units: Ints, support: Support
) -> Released[Values]:
    """The candidates that enough units hold."""
    held = [support.share(_is(values, c), units).value > 0 for c in candidates]
    return support.declared(candidates[np.array(held, np.bool_)])


def _is(values: Values, special: Any) -> npt.NDArray[np.bool_]:
    same = np.isnan(values) if np.isnan(special) else values == special
    return np.asarray(same, dtype=np.bool_)
