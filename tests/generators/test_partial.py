"""The least and the greatest child are told though some of the children are not seen."""

import numpy as np
import pytest

from generators.partial import is_end

RNG = np.random.default_rng(5)
CHILDREN = RNG.integers(0, 1_000, (400, 20))
SEEN = np.where(RNG.random(CHILDREN.shape) < 0.9, CHILDREN, -1)
ANY = CHILDREN[np.arange(400), RNG.integers(0, 20, 400)]


@pytest.mark.parametrize("form", ["min", "max"])
def test_an_end_is_told_by_most_of_its_children(form: str) -> None:
    held = CHILDREN.min(axis=1) if form == "min" else CHILDREN.max(axis=1)
    kept = np.where(SEEN < 0, 10_000 if form == "min" else -1, SEEN)
    ends = kept.min(axis=1) if form == "min" else kept.max(axis=1)
    other = kept.max(axis=1) if form == "min" else kept.min(axis=1)
    assert is_end(ends, held, ANY, form)
    assert not is_end(other, held, ANY, form)
    assert not is_end(ends, held + (RNG.random(400) < 0.5), ANY, form)


def test_what_any_child_holds_is_no_end() -> None:
    alike = np.repeat(RNG.integers(0, 1_000, 400)[:, None], 20, axis=1)
    ends = np.where(RNG.random(400) < 0.1, alike[:, 0] + 1, alike[:, 0])
    assert not is_end(ends, alike[:, 0], alike[:, 1], "min")


def test_few_parents_tell_nothing() -> None:
    held, ends = CHILDREN.min(axis=1)[:150], np.maximum(CHILDREN.min(axis=1)[:150], 3)
    assert not is_end(ends, held, ANY[:150], "min")
