"""A small network per column in fixed-point arithmetic, so that every machine draws the same.

Weights and activations are whole multiples of powers of two, few enough for a sum of their
products to be exact in float32: whatever its order, thread count or instruction set. A softmax is
a table of whole numbers over rounded differences of logits.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from generators.columns import Codes

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Singles = npt.NDArray[np.float32]

_STEPS = 512.0
"""Weights are multiples of 1 / _STEPS; with the next one, products are multiples of 2**-15."""
_COARSE = 64.0
"""Embeddings, activations and differences of logits are multiples of 1 / _COARSE."""
_MOST = 2047 / _COARSE
"""The highest activation."""
_WIDEST = (1 << 15) - 1
_ONE = 1 << 20
_EXPONENTIALS = np.rint(_ONE * np.exp(-np.arange(1024) / _COARSE)).astype(np.int32)
"""What a code weighs by how far its logit lies below the highest one, in steps."""
_ACTIVATION = np.float32(_COARSE), np.float32(_MOST), np.float32(0)
_NO_EMBEDDING = "found codes that no network has an embedding for"


@dataclass(frozen=True, slots=True, eq=False)
class Networks:
    """A network per target column, over embeddings of the codes of other columns.

    Attributes:
        starts: per column, its first row of `embeddings`.
        embeddings: of shape (codes of all columns, width).
        inputs: of shape (targets, inputs): the columns asked, as positions in context ++ target.
        first: of shape (targets, inputs, width, units), with `first_bias` (targets, units).
        hidden: of shape (layers, targets, units, units), with `hidden_bias` (layers, targets,
            units); each layer adds to what it was given.
        outputs: of shape (targets, most codes, units), with `output_bias` (targets, most codes).
        codes: of shape (targets, most codes): the code of each output; -1 past the last one.
    """

    starts: Ints
    embeddings: Singles
    inputs: Ints
    first: Singles
    first_bias: Singles
    hidden: Singles
    hidden_bias: Singles
    outputs: Singles
    output_bias: Singles
    codes: Ints

    @classmethod
    def of(cls, sizes: Ints, packed: Mapping[str, npt.NDArray[Any]]) -> Self:
        """The networks whose `rounded` weights are these."""
        scaled = {name: _scaled(name, values) for name, values in packed.items()}
        return cls(starts=np.cumsum(sizes) - sizes, **scaled)

    def weights(self, target: int, known: Codes, usable: Bools) -> npt.NDArray[np.int32]:
        """How much each output weighs in each row, of shape (rows, outputs); not normalised.

        `known` is of shape (columns, rows), of which only usable inputs are read.
        """
        asked = self.inputs[target][usable]
        places = known[asked].T + self.starts[asked]
        flat = self.embeddings.take(places, axis=0).reshape(len(places), -1 if len(asked) else 0)
        first = self.first[target][usable].reshape(flat.shape[1], self.first.shape[-1])
        state = _activated(flat @ first + self.first_bias[target])
        for matrix, bias in zip(self.hidden[:, target], self.hidden_bias[:, target], strict=True):
            state = np.minimum(state + _activated(state @ matrix + bias), np.float32(_MOST))
        count = int((self.codes[target] >= 0).sum())
        logits = state @ self.outputs[target, :count].T + self.output_bias[target, :count]
        below = (logits.max(1, keepdims=True) - logits) * np.float32(_COARSE)
        steps = np.minimum(np.rint(below), len(_EXPONENTIALS) - 1).astype(np.int32)
        return np.asarray(_EXPONENTIALS.take(steps))

    def drawn(self, target: int, known: Codes, usable: Bools, uniform: Floats) -> Ints:
        """A code per row, by inverse transform of one uniform number each."""
        total = np.cumsum(self.weights(target, known, usable), axis=1, dtype=np.int32)
        point = (uniform * total[:, -1]).astype(np.int32)
        return np.asarray(self.codes[target].take((total <= point[:, None]).sum(1)))

    def draw(
        self, target: int, given: tuple[Codes, Codes], usable: Bools, uniform: Floats, rows: Ints
    ) -> None:
        """As `drawn`, in place and by machine code, in some rows of what is given.

        Args:
            target: the column.
            given: the context and the codes, each of shape (rows, columns).
            usable: the inputs that are known.
            uniform: a number for each of `rows`.
            rows: where to draw.

        Raises:
            IndexError: a code that is asked for has no embedding.
        """
        from generators.firing import added, picked, summed  # noqa: PLC0415 - see `EFFORT`

        state = np.empty((len(rows), self.first.shape[-1]), np.float32)
        asked = _summands(self, target, usable.tobytes())
        if not summed(state, given, rows, asked, _ACTIVATION):
            raise IndexError(_NO_EMBEDDING)
        for matrix, bias in zip(self.hidden[:, target], self.hidden_bias[:, target], strict=True):
            added(state, state @ matrix, bias, _ACTIVATION)
        count = int((self.codes[target] >= 0).sum())
        outputs = self.output_bias[target, :count], self.codes[target, :count]
        logits = state @ self.outputs[target, :count].T
        own = given[1][:, target]
        picked(own, rows, logits, uniform, (*outputs, _EXPONENTIALS, np.float32(_COARSE)))

    def probabilities(self, target: int, known: Codes, usable: Bools, own: Codes) -> Floats:
        """The probability of each row's own code; 0 where it is no output."""
        weights = self.weights(target, known, usable)
        output = np.full(max(int(own.max(initial=0)), int(self.codes[target].max())) + 1, -1)
        kept = self.codes[target][self.codes[target] >= 0]
        output[kept] = np.arange(len(kept))
        found = np.take_along_axis(weights, np.maximum(output[own], 0)[:, None], axis=1)[:, 0]
        return np.asarray(np.where(output[own] >= 0, found / weights.sum(1), 0.0))


@lru_cache(maxsize=256)
def _summands(
    networks: Networks, target: int, usable: bytes
) -> tuple[Ints, Ints, Ints, Singles, Singles]:
    """What each code of each usable input adds to a target's first layer, and where it stands.

    Few tables are drawn from at a time, and what is known of them is usually the same.
    """
    known = np.frombuffer(usable, np.bool_)
    asked = networks.inputs[target][known]
    sizes = np.diff(np.append(networks.starts, len(networks.embeddings)))[asked]
    parts = [
        networks.embeddings[start : start + size] @ weights
        for start, size, weights in zip(
            networks.starts[asked], sizes, networks.first[target][known], strict=True
        )
    ]
    none = np.empty((0, networks.first.shape[-1]), np.float32)
    bias = networks.first_bias[target]
    return asked, np.cumsum(sizes) - sizes, sizes, np.concatenate([none, *parts]), bias


def rounded(weights: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    """Weights by field as an archive keeps them: 16-bit counts of steps; whole numbers as given."""
    return {name: _counted(name, values) for name, values in weights.items()}


def _counted(name: str, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if values.dtype.kind != "f":
        return values.astype(np.int64)
    return np.clip(np.rint(values * _steps(name)), -_WIDEST, _WIDEST).astype(np.int16)


def _scaled(name: str, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return values if values.dtype == np.int64 else values.astype(np.float32) / _steps(name)


def _steps(name: str) -> np.float32:
    return np.float32(_COARSE if name == "embeddings" else _STEPS)


def _activated(values: Singles) -> Singles:
    """Rectified and rounded."""
    steps = np.rint(np.maximum(values, 0) * np.float32(_COARSE))
    return np.minimum(steps / np.float32(_COARSE), np.float32(_MOST))
