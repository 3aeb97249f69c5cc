"""Categories are put in an order in which those that come with like things are neighbours."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from generators.coarse import arranged, profiled


def test_each_half_of_the_order_holds_codes_that_come_with_like_things() -> None:
    rng = np.random.default_rng(0)
    kind = rng.permutation(np.repeat(np.arange(4), 10))
    rows = rng.multinomial(200, np.eye(4)[kind] * 0.8 + 0.05)
    places = arranged(profiled(rows), rows.sum(1))
    for start in range(0, 40, 10):
        inside = (places >= start) & (places < start + 10)
        assert len(np.unique(kind[inside])) == 1


@given(st.lists(st.integers(0, 20), min_size=1, max_size=40), st.integers(0, 9))
def test_every_code_has_a_place_of_its_own_and_empty_ones_come_last(
    mass: list[int], seed: int
) -> None:
    held = np.array(mass)
    profiles = np.random.default_rng(seed).standard_normal((len(mass), 3))
    places = arranged(profiles, held)
    assert sorted(places) == list(range(len(mass)))
    assert (places[held > 0] < (held > 0).sum()).all()
