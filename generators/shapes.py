"""The look of a text, character class by character class, and texts made to that look."""

from collections.abc import Iterator, Mapping, Sequence
from math import prod

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from generators.feistel import Rows

Characters = npt.NDArray[np.uint8]
"""ASCII codes, a row per text and a column per position."""

_DIGITS = "0123456789"
_CAPITAL = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_SMALL = "abcdefghijklmnopqrstuvwxyz"
ALPHABETS: Mapping[str, str] = {
    "9": _DIGITS,
    "A": _CAPITAL,
    "a": _SMALL,
    "h": _DIGITS + "abcdef",
    "H": _DIGITS + "ABCDEF",
    "w": _DIGITS + _SMALL,
    "W": _DIGITS + _CAPITAL,
    "x": _DIGITS + _CAPITAL + _SMALL,
}
"""What each character of a shape stands for; any other character stands for itself."""

_MOST_MORE = 9
"""Digits behind the longest texts that are made of others."""

_CLASSES = ((r"\p{N}", "9"), (r"\p{Lu}", "A"), (r"[^\P{L}\p{Lu}]", "a"))


def shapes_of(values: pa.Array) -> pa.Array:
    """Each text with its digits as 9, capitals as A, other letters as a; trailing blanks go."""
    shapes = pc.ascii_rtrim(values, " ")
    for pattern, stand_in in _CLASSES:
        shapes = pc.replace_substring_regex(shapes, pattern, stand_in)
    return shapes


def slots(shape: str) -> list[int]:
    """The positions of a shape that are filled; the others are literals."""
    return [at for at, character in enumerate(shape) if character in ALPHABETS]


def filled(shape: str, characters: Characters) -> pa.Array:
    """Texts with the literals of a shape and, in its slots, one row of characters each."""
    texts = np.tile(np.frombuffer(shape.encode("ascii"), np.uint8), (len(characters), 1))
    texts[:, slots(shape)] = characters
    return texts_of(texts)


def texts_of(characters: Characters) -> pa.Array:
    """Each row of ASCII codes as a text."""
    rows, width = characters.shape
    offsets = np.arange(rows + 1, dtype=np.int64) * width
    data = pa.py_buffer(np.ascontiguousarray(characters).tobytes())
    large = pa.LargeStringArray.from_buffers(rows, pa.py_buffer(offsets.tobytes()), data)
    return pc.cast(large, pa.string())


def characters_of(text: str, rows: int) -> Characters:
    """The same ASCII text in every row."""
    return np.tile(np.frombuffer(text.encode("ascii"), np.uint8), (rows, 1))


def digits_of(numbers: Rows, width: int) -> Characters:
    """The last `width` decimal digits of each number, with leading zeros."""
    powers = np.array([10**at for at in reversed(range(min(width, 18)))], np.int64)
    digits = (numbers[:, None] // powers % 10 + ord("0")).astype(np.uint8)
    return np.hstack([characters_of("0" * (width - len(powers)), len(numbers)), digits])


def written(numbers: Rows, alphabets: list[str]) -> Characters:
    """Each number in the mixed base of the alphabets, one digit per alphabet, highest first."""
    columns = []
    rest = numbers
    for alphabet in reversed(alphabets):
        columns.append(np.frombuffer(alphabet.encode("ascii"), np.uint8)[rest % len(alphabet)])
        rest = rest // len(alphabet)
    return np.stack(columns[::-1], axis=1) if columns else np.empty((len(numbers), 0), np.uint8)


def others_like(known: Sequence[str], count: int, longest: int) -> list[str]:
    """Texts that are none of the known ones and spelled as most of them; fewer if there is no room.

    What these have in common stays, or else no letter and digit, or else there are more digits.

    Args:
        known: texts, each once.
        count: how many others are wanted.
        longest: how many characters a text may have.
    """
    found, taken = list[str](), set(known)
    for alphabets in _spellings([text for text in known if text.isascii()], longest):
        numbers = np.arange(min(count + len(taken), prod(map(len, alphabets))))
        texts = texts_of(written(numbers, alphabets)).to_pylist()
        found = [text for text in texts if text not in taken][:count]
        if len(found) == count:
            break
    return found


def _spellings(known: Sequence[str], longest: int) -> Iterator[list[str]]:
    """What may stand at each place, ever more."""
    shapes = shapes_of(pa.array(known, pa.string())).to_pylist()
    shape = max(sorted(set(shapes)), key=shapes.count, default="")
    alike = [text for text, its in zip(known, shapes, strict=True) if its == shape]
    places = [{text[at] for text in alike} for at in range(len(shape))]
    every = [ALPHABETS.get(character, character) for character in shape]
    yield [min(held) if len(held) == 1 else a for held, a in zip(places, every, strict=True)]
    for more in range(min(longest - len(shape), _MOST_MORE) + 1):
        yield every + [_DIGITS] * more
