"""Keys in order: still a bijection, still anywhere in their part, one after the other."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.datatypes import DataType, Kind
from connectors.schema import Column
from generators.ascent import Ascent
from generators.columns import Sample
from generators.feistel import LARGEST
from generators.keys import OrderedKey, choose
from generators.privacy.support import Support

SALTS = st.integers(0, 2**64 - 1)


def key(pattern: str | None, values: list[str]) -> OrderedKey:
    column = Column("code", DataType(Kind.TEXT, "text"), nullable=False)
    kind = choose(column, pattern)
    assert kind is not None
    sample = Sample(pa.array(values, pa.string()), np.arange(len(values)))
    found = kind.fit(column, sample, Support(), pattern)
    assert isinstance(found, OrderedKey)
    return found


CODES = [
    pytest.param(key(None, [f"p{chr(97 + n % 26)}{n:04d}" for n in range(80)]), id="code"),
    pytest.param(key("^[A-HJ-NP-Z2-9]{3}-[0-9]+$", []), id="pattern"),
    pytest.param(key(None, [f"{n:040x}" for n in range(2**150, 2**150 + 60)]), id="long code"),
]


@settings(max_examples=60, deadline=None)
@given(size=st.integers(1, 3_000), rows=st.integers(0, 4_000), rises=st.booleans(), salt=SALTS)
def test_every_number_is_hit_once_whatever_the_rows(
    size: int, rows: int, *, rises: bool, salt: int
) -> None:
    found = Ascent(rows, rises).places(np.arange(size), size, salt)
    np.testing.assert_array_equal(np.sort(found), np.arange(size))


@settings(max_examples=60, deadline=None)
@given(size=st.integers(2**20, LARGEST), rows=st.integers(1, 2**20), salt=SALTS)
def test_first_rows_ascend_within_the_range_and_descend_where_they_are_to(
    size: int, rows: int, salt: int
) -> None:
    some = np.unique(np.linspace(0, rows - 1, 300).astype(np.int64))
    rising, falling = (Ascent(rows, way).places(some, size, salt) for way in (True, False))
    assert (np.diff(rising) > 0).all()
    assert (np.diff(falling) < 0).all()
    assert 0 <= min(rising[0], falling[-1]) <= max(rising[-1], falling[0]) < size


@pytest.mark.parametrize("code", CODES)
def test_keys_of_the_first_rows_are_in_the_order_of_the_rows(code: OrderedKey) -> None:
    made = code.ordered(Ascent(5_000)).at(np.arange(5_000)).to_pylist()
    assert made == sorted(made)
    assert made != sorted(code.at(np.arange(5_000)).to_pylist())
    falling = code.ordered(Ascent(5_000, rises=False)).at(np.arange(5_000)).to_pylist()
    assert falling == sorted(falling, reverse=True)


@pytest.mark.parametrize("code", CODES)
def test_keys_of_rows_that_come_later_are_others(code: OrderedKey) -> None:
    made = code.ordered(Ascent(5_000)).at(np.arange(20_000)).to_pylist()
    assert len(set(made)) == 20_000
    assert code.ordered(Ascent(5_000)).capacity == code.capacity


def test_a_key_in_order_lies_anywhere_in_its_part() -> None:
    """A tenth of the part would be missed by all of a thousand rows once in 10**44 orders."""
    within = Ascent(1_000).places(np.arange(1_000), 10**9, 7) % 10**6
    assert len(np.unique(within // 10**5)) == 10


@pytest.mark.parametrize("code", CODES)
def test_the_order_is_no_part_of_what_a_file_holds(code: OrderedKey) -> None:
    released = (one.released() for one in (code, code.ordered(Ascent(1_000))))
    plain, ordered = ({n: part.value for n, part in state.items()} for state in released)
    assert plain == ordered
