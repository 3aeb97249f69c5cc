"""Keys that nobody declared are found, and rows drawn to keep them."""

from collections.abc import Callable
from typing import Any

SEATS = """
CREATE TABLE seats (
    id int PRIMARY KEY, flight int NOT NULL, seat int NOT NULL, price int NOT NULL, kg int NOT NULL
);
INSERT INTO seats SELECT n, n % 150, n / 150, 50 + abs(hashtext('p' || n) % 400),
    abs(hashtext('k' || n)) FROM generate_series(0, 2999) AS n;
"""


def test_columns_that_tell_rows_apart_together_are_found_and_measures_are_not(
    laboratory: Callable[[str], Any],
) -> None:
    assert laboratory(SEATS).found("unique", "seats").keys() == {"unique (flight, seat)"}


def test_rows_that_repeat_are_drawn_again_or_moved(laboratory: Callable[[str], Any]) -> None:
    place = laboratory(SEATS)
    [rule] = place.found("unique", "seats").values()
    place.store(
        "seats", "seat", place.scrambled("seats", "seat").view("seats").values(rule.terms[1])
    )
    assert place.tally(rule).broken > 0
    place.store("seats", "seat", place.remade(rule, "seat"))
    assert place.tally(rule).broken == 0
