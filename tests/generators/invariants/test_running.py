"""Columns that run along siblings are found, and run again after they were mixed."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from connectors.invariants import Term
from connectors.schema import TableName
from generators.facts import Training
from generators.viewing import Library

MOVES = """
CREATE TABLE accounts (id int PRIMARY KEY);
INSERT INTO accounts SELECT generate_series(1, 300);
CREATE TABLE moves (
    id int PRIMARY KEY, account int REFERENCES accounts, line int NOT NULL, step int NOT NULL,
    at timestamp NOT NULL, booked date NOT NULL, amount numeric(8,2) NOT NULL,
    balance numeric(10,2) NOT NULL, mileage int NOT NULL, fuel float8 NOT NULL,
    driven int, nearly int NOT NULL, other int NOT NULL, alike int NOT NULL
);
INSERT INTO moves
SELECT row_number() OVER (ORDER BY day, n, s), nullif(n, 7), 0, 0,
    timestamp '2020-01-01' + interval '1 second' * (abs(hashtext('t' || n || s) % 30000000)),
    date '2020-01-01' + day, hashtext('a' || n || s) % 90000 / 100.0, 0, 0, 0, NULL, 0,
    abs(hashtext('o' || n || s) % 1000), n % 9
FROM (
    SELECT n, s, abs(hashtext('d' || n || s) % 700) AS day
    FROM generate_series(1, 300) AS n, generate_series(1, 8) AS s WHERE s <= 1 + n % 8
) AS drawn;
UPDATE moves SET line = a, step = b - 1, balance = c, mileage = d, fuel = 900 - d / 2
FROM (
    SELECT id AS i, row_number() OVER (PARTITION BY account ORDER BY hashtext('l' || id)) AS a,
        row_number() OVER w AS b, sum(amount) OVER w AS c,
        sum(1 + abs(hashtext('m' || id) % 3)) OVER w AS d
    FROM moves WINDOW w AS (PARTITION BY account ORDER BY at)
) AS runs WHERE i = id;
UPDATE moves SET driven = m, nearly = CASE WHEN id % 40 = 0 THEN 0 ELSE mileage END
FROM (
    SELECT id AS i, mileage - lag(mileage) OVER (PARTITION BY account ORDER BY at) AS m FROM moves
) AS runs WHERE i = id;
DELETE FROM moves WHERE account IS NULL;
INSERT INTO moves SELECT 9000 + n, NULL, 5, 5, timestamp '2020-01-01', date '2023-01-01', 1, 5, 5,
    5, 5, 5, 5, 5 FROM generate_series(1, 30) AS n;
"""

KEY = "moves_account_fkey"
RULES = {
    f"line = row_number() per {KEY}",
    f"step = row_number(order by at) - 1 per {KEY}",
    f"balance = previous balance + amount by at per {KEY}",
    f"driven = mileage - previous mileage by at per {KEY}",
    f"mileage > previous mileage by at per {KEY}",
    f"fuel <= previous fuel by at per {KEY}",
    "booked >= previous booked by id",
}


def test_what_runs_along_siblings_is_found_and_nothing_near_it(
    laboratory: Callable[[str], Any],
) -> None:
    assert laboratory(MOVES).found("running", "moves").keys() == RULES


def test_what_ran_along_siblings_runs_again(laboratory: Callable[[str], Any]) -> None:
    place = laboratory(MOVES)
    for words, rule in place.found("running", "moves").items():
        target = rule.terms[0].column
        values = place.remade(rule, target)
        place.store("moves", target, values)
        tally = place.tally(rule)
        assert tally.spoken > 100, words
        assert tally.broken == 0, words
        place.store("moves", target, place.view("moves").values(Term(target)))


def test_numbers_of_rows_go_in_the_order_of_a_date_which_stays(
    laboratory: Callable[[str], Any],
) -> None:
    place = laboratory(MOVES)
    rule = place.found("running", "moves")["booked >= previous booked by id"]
    numbers = np.array(place.view("moves").values(Term("id")))
    mixed = place.scrambled("moves", "booked")
    made = np.array(place.remade(rule, "id", drawn=mixed))
    booked = np.array(mixed.view("moves").values(Term("booked")))
    assert sorted(made) == sorted(numbers)
    assert (np.diff(booked[np.argsort(made)]).astype(int) >= 0).all()


def test_a_course_keeps_the_values_of_each_owner(laboratory: Callable[[str], Any]) -> None:
    place = laboratory(MOVES)
    rule = place.found("running", "moves")[f"fuel <= previous fuel by at per {KEY}"]
    owners = place.view("moves").owners(KEY)
    mixed = place.scrambled("moves", "fuel").view("moves").values(Term("fuel"))
    for owner in (3, 11):
        rows = pa.array(np.flatnonzero(owners == owner))
        kept = place.remade(rule, "fuel").take(rows)
        assert sorted(kept.to_pylist()) == sorted(mixed.take(rows).to_pylist())


NUMBERED = "number = row_number() per stint_player_fkey, year"
STINTS = """
CREATE TABLE player (id int PRIMARY KEY);
INSERT INTO player SELECT generate_series(1, 150);
CREATE TABLE stint (
    player int NOT NULL REFERENCES player, year int NOT NULL, number int NOT NULL,
    id int NOT NULL, shirt int NOT NULL, PRIMARY KEY (player, year, number),
    UNIQUE (player, year, shirt)
);
INSERT INTO stint SELECT p, y, s, row_number() OVER (), s * 2 - (p + y) % 2
FROM generate_series(1, 150) AS p, generate_series(2001, 2008) AS y,
    generate_series(1, 1 + abs(hashtext(p || ' ' || y)) % 3) AS s;
"""


def test_rows_are_numbered_within_an_owner_and_a_year(laboratory: Callable[[str], Any]) -> None:
    place = laboratory(STINTS)
    found = place.found("running", "stint")
    assert [words for words in found if "row_number" in words] == [NUMBERED]
    rule = found[NUMBERED]
    numbers = place.remade(rule, "number")
    drawn = place.with_values("stint", "number", numbers)
    assert place.remade(rule, "number", drawn=drawn) == numbers
    assert sorted(numbers.to_pylist()) == sorted(
        place.view("stint").values(rule.terms[0]).to_pylist()
    )


def test_numbers_are_found_though_siblings_of_other_units_are_held_out(
    laboratory: Callable[[str], Any],
) -> None:
    place = laboratory(STINTS)
    name = TableName("public", "stint")
    every = place.library.training[name]
    kept = np.flatnonzero(np.arange(len(every.rows)) % 11 > 0)
    learned = Training(every.rows.take(pa.array(kept)), every.units[kept])
    training = {**place.library.training, name: learned}
    library = Library(place.library.schema, training, place.library.support)
    found = replace(place, library=library).found("running", "stint")
    assert [words for words in found if "row_number" in words] == [NUMBERED]
