"""Years that are never before those of dates are found, and no others."""

from collections.abc import Callable
from typing import Any

PLAYED = """
CREATE TABLE person (id int PRIMARY KEY, born date NOT NULL, debut date, seen date NOT NULL);
INSERT INTO person SELECT n, date '1950-01-01' + abs(hashtext('b' || n)) % 15000,
    CASE WHEN n % 20 > 0 THEN date '1970-06-01' + abs(hashtext('d' || n)) % 9000 END,
    date '1970-06-01' + abs(hashtext('s' || n)) % 9000
FROM generate_series(1, 300) AS n;
CREATE TABLE season (
    id int PRIMARY KEY, person int NOT NULL REFERENCES person, year int NOT NULL,
    games int NOT NULL
);
INSERT INTO season SELECT n, p.id,
    extract(year FROM coalesce(p.debut, '1999-01-01')) + abs(hashtext('y' || n)) % 9,
    1600 + abs(hashtext('g' || n)) % 500
FROM generate_series(1, 3000) AS n JOIN person AS p ON p.id = 1 + n % 300;
"""


def test_nobody_plays_before_the_year_of_the_debut_and_other_dates_say_nothing(
    laboratory: Callable[[str], Any],
) -> None:
    place = laboratory(PLAYED)
    found = place.found("years", "season")
    assert found.keys() == {"extract(year from season_person_fkey.debut) <= year"}
    assert not place.found("years", "person")
