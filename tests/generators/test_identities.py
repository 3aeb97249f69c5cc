"""Every part of an invented person is a function of one seed."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest

from generators import identities
from generators.feistel import Words

PARTS = [
    identities.first_name,
    identities.middle_name,
    identities.last_name,
    identities.street_name,
    identities.house_number,
    identities.company_name,
]
Part = Callable[[Words], pa.Array]


def seeds(rows: int) -> Words:
    return np.random.default_rng(1).integers(0, 2**64, rows, np.uint64)


@pytest.mark.parametrize("part", PARTS)
def test_a_part_depends_on_its_own_seed_alone(part: Part) -> None:
    many = seeds(500)
    whole = part(many)
    assert whole.type == pa.string()
    assert part(many[100:200]).equals(whole.slice(100, 100))
    assert part(many[:1]).equals(whole.slice(0, 1))


@pytest.mark.parametrize("part", PARTS)
def test_neighbouring_seeds_are_as_varied_as_random_ones(part: Part) -> None:
    neighbours = len(part(np.arange(5_000, dtype=np.uint64)).unique())
    random = len(part(seeds(5_000)).unique())
    assert abs(neighbours - random) < 0.1 * random


@pytest.mark.parametrize("part", [identities.first_name, identities.last_name])
def test_names_come_from_thousands_and_fit_an_address(part: Part) -> None:
    found = part(seeds(50_000)).unique().to_pylist()
    assert len(found) > 4_000
    assert all(name.isascii() and name.isalpha() for name in found)


def test_first_and_last_names_do_not_depend_on_each_other() -> None:
    rows = 20_000
    first = identities.first_name(seeds(rows)).dictionary_encode().indices.to_numpy() % 4
    last = identities.last_name(seeds(rows)).dictionary_encode().indices.to_numpy() % 4
    counts = np.bincount(first * 4 + last, minlength=16).reshape(4, 4)
    expected = counts.sum(1)[:, None] * counts.sum(0) / rows
    # Chi-squared with 9 degrees of freedom exceeds 40 once in 130,000 times.
    assert ((counts - expected) ** 2 / expected).sum() < 40


def test_no_rows_get_no_names() -> None:
    assert len(identities.first_name(np.array([], np.uint64))) == 0
