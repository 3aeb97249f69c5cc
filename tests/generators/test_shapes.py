"""Texts are made to the look of others."""

from hypothesis import given
from hypothesis import strategies as st

from generators.shapes import others_like

LABELS = st.lists(st.text("rA-é19", max_size=4), max_size=6, unique=True)


@given(known=LABELS, count=st.integers(0, 300), longest=st.integers(7, 9))
def test_others_differ_from_all_and_are_as_many_as_wanted(
    known: list[str], count: int, longest: int
) -> None:
    found = others_like(known, count, longest)
    assert len({*found, *known}) == count + len(known)
    assert max(map(len, found), default=0) <= longest


def test_what_texts_have_in_common_stays_as_long_as_there_is_room() -> None:
    assert others_like(["r1", "r2", "r4", "final"], 3, 9) == ["r0", "r3", "r5"]
    assert {text[2:] for text in others_like(["AB-1"], 9, 4)} >= {"-0", "-2"}
    assert others_like(["a"], 40, 1) == [*"bcdefghijklmnopqrstuvwxyz"]
