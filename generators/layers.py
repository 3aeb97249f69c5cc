"""The layers that a network is trained with: embeddings, two residual layers, logits of codes.

All target columns are trained side by side, each with weights of its own. Columns in order add a
cosine basis to embeddings and logits, so that neighbouring codes start out alike.
"""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from generators.dependence import Table
from generators.effort import LAYERS, UNITS, WIDTH

Ints = npt.NDArray[np.int64]
Weights = dict[str, Tensor]

_WAVES = 12
_IMPOSSIBLE = -1e9


@dataclass(frozen=True, slots=True)
class Plan:
    """What the layers are built over; `targets` columns with at most `outputs` codes each.

    Attributes:
        starts: per column, its first row of the embeddings.
        inputs: of shape (targets, inputs): the columns asked.
        column: per code of all columns, its column.
        waves: per code of all columns, the cosine basis; 0 where codes have no order.
        supported: per code of all columns, 1 where k units hold it, else 0.
        codes: of shape (targets, outputs): the code of each output; -1 past the last one.
        output_waves: of shape (targets, outputs, waves).
        prior: of shape (targets, outputs): the logarithm of each output's share.
    """

    starts: Tensor
    inputs: Tensor
    column: Tensor
    waves: Tensor
    supported: Tensor
    codes: Tensor
    output_waves: Tensor
    prior: Tensor

    @classmethod
    def of(cls, table: Table, inputs: Ints) -> Self:
        """The plan of a table; a target without a supported code may take any."""
        sizes = np.array([f.size for f in table.features], np.int64)
        waves = [_cosines(f.size, f.ordered) for f in table.features]
        masses = [m if m.any() else np.ones_like(m) for m in table.masses[table.contexts :]]
        kept = [np.flatnonzero(m) for m in masses]
        shares = [m[k] / m.sum() for m, k in zip(masses, kept, strict=True)]
        bases = [w[k] for w, k in zip(waves[table.contexts :], kept, strict=True)]
        return cls(
            torch.from_numpy(np.cumsum(sizes) - sizes),
            torch.from_numpy(inputs),
            torch.from_numpy(np.repeat(np.arange(len(sizes)), sizes)),
            torch.from_numpy(np.concatenate(waves)),
            torch.from_numpy((np.concatenate(table.masses) > 0).astype(np.float32)[:, None]),
            torch.from_numpy(_padded(kept, -1)),
            torch.from_numpy(_padded(bases, 0.0).astype(np.float32)),
            torch.from_numpy(_padded([np.log(s) for s in shares], _IMPOSSIBLE).astype(np.float32)),
        )

    def on(self, device: torch.device) -> Self:
        """The plan with its tensors on a device."""
        names = self.__dataclass_fields__
        return replace(self, **{name: getattr(self, name).to(device) for name in names})


def initial(plan: Plan, rng: np.random.Generator) -> Weights:
    """Weights before training; every column is drawn by its shares."""
    targets, inputs = plan.inputs.shape
    columns, outputs = len(plan.starts), plan.codes.shape[1]
    spread = {
        "embeddings": ((len(plan.column), WIDTH), 0.5),
        "embedding_waves": ((columns, _WAVES, WIDTH), 0.3),
        "first": ((targets, inputs * WIDTH, UNITS), (2 / (inputs * WIDTH + 1)) ** 0.5),
        "first_bias": ((targets, 1, UNITS), 0.0),
        "hidden": ((LAYERS, targets, UNITS, UNITS), 0.7 * UNITS**-0.5),
        "hidden_bias": ((LAYERS, targets, 1, UNITS), 0.0),
        "outputs": ((targets, outputs, UNITS), 0.0),
        "output_waves": ((targets, _WAVES, UNITS), 0.0),
        "output_bias": ((targets, outputs), 0.0),
    }
    return {
        name: torch.from_numpy((rng.standard_normal(shape) * scale).astype(np.float32))
        for name, (shape, scale) in spread.items()
    }


def log_probabilities(
    plan: Plan, weights: Weights, codes: Tensor, known: Tensor, kept: Tensor | None
) -> Tensor:
    """Of every output of every target in every row, of shape (targets, rows, outputs).

    Args:
        plan: what the layers are built over.
        weights: by name, as `initial` gives them.
        codes: of shape (rows, columns).
        known: of shape (rows, targets, inputs), 1 where an input may be looked at, else 0.
        kept: factors for the inputs of the residual layers, of shape (layers, targets, rows,
            units), as dropout has them (Srivastava et al. 2014); None for none.
    """
    embedded = functional.embedding(codes + plan.starts, _embeddings(plan, weights))
    asked = (embedded[:, plan.inputs] * known[..., None]).flatten(2).transpose(0, 1)
    state = torch.relu(torch.baddbmm(weights["first_bias"], asked, weights["first"]))
    for layer in range(LAYERS):
        seen = state if kept is None else state * kept[layer]
        step = torch.baddbmm(weights["hidden_bias"][layer], seen, weights["hidden"][layer])
        state = state + torch.relu(step)
    bias = plan.prior + weights["output_bias"]
    logits = torch.baddbmm(bias[:, None], state, _outputs(plan, weights).transpose(1, 2))
    return logits.log_softmax(-1)


def exported(plan: Plan, weights: Weights) -> dict[str, npt.NDArray[Any]]:
    """The weights by the fields of `generators.fixedpoint.Networks`, bases worked in."""
    targets, inputs = plan.inputs.shape
    prior = plan.prior + weights["output_bias"]
    found = {
        "embeddings": _embeddings(plan, weights),
        "inputs": plan.inputs,
        "first": weights["first"].reshape(targets, inputs, WIDTH, UNITS),
        "first_bias": weights["first_bias"][:, 0],
        "hidden": weights["hidden"],
        "hidden_bias": weights["hidden_bias"][:, :, 0],
        "outputs": _outputs(plan, weights),
        "output_bias": torch.where(plan.codes >= 0, prior, 0.0),
        "codes": plan.codes,
    }
    return {name: tensor.detach().cpu().numpy() for name, tensor in found.items()}


def _embeddings(plan: Plan, weights: Weights) -> Tensor:
    waves = torch.bmm(plan.waves[:, None], weights["embedding_waves"][plan.column])[:, 0]
    return weights["embeddings"] * plan.supported + waves


def _outputs(plan: Plan, weights: Weights) -> Tensor:
    return weights["outputs"] + torch.bmm(plan.output_waves, weights["output_waves"])


def _cosines(size: int, ordered: bool) -> npt.NDArray[np.float32]:
    if not ordered or size < 4:
        return np.zeros((size, _WAVES), np.float32)
    place = (np.arange(size) + 0.5) / size
    return np.cos(np.pi * np.outer(place, np.arange(1, _WAVES + 1))).astype(np.float32)


def _padded(parts: list[npt.NDArray[Any]], filler: float) -> npt.NDArray[Any]:
    """Arrays side by side, each filled up to the longest."""
    longest = max(len(p) for p in parts)
    shape = (len(parts), longest, *parts[0].shape[1:])
    found = np.full(shape, filler, parts[0].dtype)
    for row, part in zip(found, parts, strict=True):
        row[: len(part)] = part
    return found
