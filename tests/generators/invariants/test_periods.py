"""Periods that follow each other, and owners with one open period, are found and kept."""

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from connectors.invariants import Term
from generators.invariants import invariant_kinds

PERIODS = """
CREATE TABLE staff (id int PRIMARY KEY);
INSERT INTO staff SELECT generate_series(1, 400);
CREATE TABLE pay (
    id int PRIMARY KEY, person int NOT NULL REFERENCES staff, begins date NOT NULL,
    ends date, low date NOT NULL, high date NOT NULL
);
INSERT INTO pay
SELECT n * 10 + s, n, date '2010-01-01' + n + s * 90 + abs(hashtext('s' || n || s) % 60),
    CASE WHEN s < 4 THEN date '2010-01-01' + n + (s + 1) * 90
        + abs(hashtext('s' || n || s + 1) % 60) - 1 END,
    date '2015-01-01' + abs(hashtext('l' || n || s) % 900),
    date '2015-01-01' + abs(hashtext('l' || n || s) % 900) + abs(hashtext('h' || n || s) % 90)
FROM generate_series(1, 400) AS n, generate_series(1, 4) AS s;
CREATE TABLE leave (
    id int PRIMARY KEY, person int NOT NULL REFERENCES staff, begins timestamp NOT NULL,
    ends timestamp NOT NULL, broken timestamp NOT NULL
);
INSERT INTO leave
SELECT n * 10 + s, n, begins,
    begins + (later - begins) * (abs(hashtext('e' || n || s) % 101) / 100.0),
    begins + (later - begins) * (abs(hashtext('b' || n || s) % 105) / 100.0)
FROM (
    SELECT n, s, begins,
        lead(begins, 1, '2012-01-01') OVER (PARTITION BY n ORDER BY begins) AS later
    FROM (
        SELECT n, s,
            timestamp '2010-01-01'
                + interval '1 hour' * abs(hashtext('s' || n || s) % 9999) AS begins
        FROM generate_series(1, 400) AS n, generate_series(1, 5) AS s
    ) AS starts
) AS free;
CREATE TABLE posts (
    id int PRIMARY KEY, person int REFERENCES staff, begins date NOT NULL,
    ends date NOT NULL, chief boolean, often boolean NOT NULL
);
INSERT INTO posts
SELECT n * 10 + s, nullif(n, 7), date '2010-01-01' + abs(hashtext('b' || n || s) % 900),
    CASE WHEN s = 1 + n % 3 THEN date '9999-12-31' ELSE
        date '2010-01-01' + abs(hashtext('b' || n || s) % 900)
        + abs(hashtext('e' || n || s) % 900) END,
    s = 1 + n % 5, s = 1 + n % 5 OR (s = 2 AND n % 40 = 0)
FROM generate_series(1, 400) AS n, generate_series(1, 3) AS s;
"""


@pytest.mark.parametrize(
    ("table", "rules"),
    [
        (
            "pay",
            {
                "ends + 1 day = next begins per pay_person_fkey",
                "count(ends is null) = 1 per pay_person_fkey",
            },
        ),
        ("leave", {"ends <= next begins per leave_person_fkey"}),
        (
            "posts",
            {
                "count(ends = '9999-12-31') = 1 per posts_person_fkey",
                "count(chief) <= 1 per posts_person_fkey",
            },
        ),
    ],
)
def test_periods_in_turn_and_single_open_ones_are_found_and_kept(
    laboratory: Callable[[str], Any], table: str, rules: set[str]
) -> None:
    place = laboratory(PERIODS)
    found = place.found("periods", table)
    assert found.keys() == rules
    for words, rule in found.items():
        assert "person" not in rule.columns, words
        [target] = invariant_kinds()[rule.kind].targets(rule)
        for tight in (False, True):
            place.store(table, target, place.remade(rule, target, tight=tight))
            assert place.tally(rule).broken == 0, (rule, target)
        place.store(table, target, place.view(table).values(Term(target)))


def test_last_periods_stay_open_as_often_as_they_were(laboratory: Callable[[str], Any]) -> None:
    place = laboratory(PERIODS)
    rule = place.found("periods", "pay")["ends + 1 day = next begins per pay_person_fkey"]
    values = place.remade(rule, "ends")
    assert values.null_count == 400
    rows = pa.table({"b": place.view("pay").values(Term("begins")), "e": values})
    assert all(e is None or e >= b for b, e in zip(*rows.to_pydict().values(), strict=True))


SEATED = """
CREATE TABLE clerks (id int PRIMARY KEY);
INSERT INTO clerks SELECT generate_series(1, 300);
CREATE TABLE desks (
    id int PRIMARY KEY, clerk int NOT NULL REFERENCES clerks, begins date NOT NULL, ends date
);
INSERT INTO desks SELECT n, n, date '2010-01-01' + n, NULL FROM generate_series(1, 300) AS n;
INSERT INTO desks
SELECT 300 + n, 7 * n, date '2009-01-01' + n, date '2009-09-01' + n FROM generate_series(1, 6) AS n;
"""


def test_a_few_owners_with_several_rows_tell_that_one_is_open(
    laboratory: Callable[[str], Any],
) -> None:
    """That six ends fall on just the rows of those who have another is no chance."""
    place = laboratory(SEATED)
    found = place.found("periods", "desks")
    assert found.keys() == {"count(ends is null) = 1 per desks_clerk_fkey"}
    ends = pa.nulls(306, pa.date32())
    assert not place.with_values("desks", "ends", ends).found("periods", "desks")


PARTS = """
CREATE TABLE product (id int PRIMARY KEY);
INSERT INTO product SELECT generate_series(1, 40);
CREATE TABLE part (
    id int PRIMARY KEY, whole int NOT NULL REFERENCES product,
    piece int NOT NULL REFERENCES product,
    begins date NOT NULL, ends date, checked date NOT NULL
);
INSERT INTO part SELECT row_number() OVER (), w, p, begins, lead(begins) OVER v - 1,
    begins + abs(hashtext('c' || w || ' ' || p || s)) % 400
FROM generate_series(1, 40) AS w, generate_series(1, 12) AS p, generate_series(1, 3) AS s,
    LATERAL (SELECT date '2010-01-01' + s * 300
        + abs(hashtext('b' || w || ' ' || p || s)) % 250 AS begins) AS x
WINDOW v AS (PARTITION BY w, p ORDER BY begins);
"""


def test_a_part_of_a_whole_is_in_one_version_at_a_time(laboratory: Callable[[str], Any]) -> None:
    place = laboratory(PARTS)
    [(words, rule)] = place.found("periods", "part").items()
    assert words == "ends + 1 day = next begins per part_piece_fkey, whole"
    place.store("part", "ends", place.scrambled("part", "ends").view("part").values(Term("ends")))
    assert place.tally(rule).broken > 0
    place.store("part", "ends", place.remade(rule, "ends"))
    assert place.tally(rule).broken == 0
