"""Neutral words for texts that must look like text and say nothing."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from generators.privacy.support import Ints, Released, Support

Bytes = npt.NDArray[np.uint8]

_SEED = 20240101
_WORDS = 20_000
_SPACE = ord(" ")
_PREDICATES = {
    "upper": pc.utf8_is_upper,
    "title": pc.utf8_is_title,
    "lower": pc.utf8_is_lower,
}
_MOST_FREQUENT = 0.9


def texts(lengths: Ints, style: str, spaced: bool, rng: np.random.Generator) -> pa.Array:
    """A text of exactly that many ASCII characters per length, starting at a random word.

    `style` is one of upper, title, lower and sentence; without `spaced`, words run together.
    """
    pool, starts = _pool(style, spaced)
    ends = np.cumsum(lengths)
    firsts = ends - lengths
    begin = starts[rng.integers(len(starts), size=len(lengths))]
    data = pool[(np.arange(lengths.sum()) + np.repeat(begin - firsts, lengths)) % len(pool)]
    filled = lengths > 0
    _no_blank_at_end(data, ends[filled] - 1, style)
    if style == "sentence":
        data[firsts[filled]] = np.frombuffer(data[firsts[filled]].tobytes().upper(), dtype=np.uint8)
    return text_array(data, lengths)


def text_array(data: Bytes, lengths: Ints) -> pa.Array:
    """Texts of the given lengths, cut one after another from ASCII bytes."""
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    buffers = [None, pa.py_buffer(offsets.tobytes()), pa.py_buffer(data.tobytes())]
    return pa.Array.from_buffers(pa.string(), len(lengths), buffers)


def writing_style(values: pa.Array, units: Ints, support: Support) -> Mapping[str, Released[Any]]:
    """Released fields `style` and `spaced` of a column of texts, for `texts`."""
    spaced = pc.match_substring(values, " ").to_numpy(zero_copy_only=False)
    return {
        "style": support.declared(_style(values, units, support)),
        "spaced": support.declared(support.share(spaced, units).value >= 0.5),
    }


def _style(values: pa.Array, units: Ints, support: Support) -> str:
    for name, predicate in _PREDICATES.items():
        holds = predicate(values).to_numpy(zero_copy_only=False)
        if support.share(holds, units).value >= _MOST_FREQUENT:
            return name
    return "sentence"


def _no_blank_at_end(data: Bytes, lasts: Ints, style: str) -> None:
    blank = lasts[data[lasts] == _SPACE]
    data[blank] = ord("E" if style == "upper" else "e")


@cache
def _pool(style: str, spaced: bool) -> tuple[Bytes, Ints]:
    """One long neutral text as ASCII bytes, and where its words start."""
    words = [_STYLED[style](word) for word in neutral_words()]
    chosen = np.random.default_rng(_SEED).integers(len(words), size=_WORDS)
    picked = [words[i] + (" " if spaced else "") for i in chosen]
    lengths = np.array([len(word) for word in picked])
    data = np.frombuffer("".join(picked).encode("ascii"), dtype=np.uint8)
    return data, (np.cumsum(lengths) - lengths).astype(np.int64)


_STYLED = {
    "upper": str.upper,
    "title": str.title,
    "lower": str.lower,
    "sentence": str.lower,
}


@cache
def neutral_words() -> list[str]:
    """Lower-case English words without names, the same in every process."""
    from mimesis import Text  # noqa: PLC0415 - a slow import that most commands never need

    source = Text(seed=_SEED)
    found = {source.word().lower() for _ in range(4000)}
    return sorted(word for word in found if word.isascii() and word.isalpha() and len(word) > 2)
