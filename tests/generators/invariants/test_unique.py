"""Keys that nobody declared are found, and rows drawn to keep them."""

from collections.abc import Callable
from typing import Any

import pyarrow as pa

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


LINES = """
CREATE TABLE bills (id int PRIMARY KEY);
INSERT INTO bills SELECT generate_series(1, 300);
CREATE TABLE songs (id int PRIMARY KEY);
INSERT INTO songs SELECT generate_series(1, 5000);
CREATE TABLE lines (
    id int PRIMARY KEY, bill int NOT NULL REFERENCES bills, song int NOT NULL REFERENCES songs,
    charge numeric NOT NULL
);
INSERT INTO lines SELECT n, 1 + n % 300, 1 + abs(hashtext('s' || n)) % 5000,
    round(abs(hashtext('c' || n)) % 100000 / 7.0, 4) FROM generate_series(1, 900) AS n;
CREATE TABLE people (
    id int PRIMARY KEY, first_name text NOT NULL, last_name text NOT NULL, birth_date date
);
INSERT INTO people SELECT n, (ARRAY['Anna', 'Peter', 'Paul', 'Maria', 'John'])[1 + n % 5],
    (ARRAY['Smith', 'Miller', 'Brown', 'Jones', 'Davis', 'Wilson'])[1 + n % 6],
    date '1950-01-01' + abs(hashtext('b' || n)) % 20000 FROM generate_series(1, 200) AS n;
"""


def test_columns_that_name_a_row_by_what_they_are_need_no_chance_to_repeat(
    laboratory: Callable[[str], Any],
) -> None:
    place = laboratory(LINES)
    assert place.found("unique", "lines").keys() == {"unique (bill, song)"}
    assert "unique (first_name, last_name, birth_date)" in place.found("unique", "people")


PLACES = """
CREATE TABLE places (
    id int PRIMARY KEY, latitude float NOT NULL, longitude float NOT NULL, height float NOT NULL,
    phone text
);
INSERT INTO places SELECT n, abs(hashtext('a' || n)) % 18000 / 100.0 - 90, n % 360,
    abs(hashtext('h' || n)) % 1000 / 10.0,
    CASE WHEN n % 50 = 0 THEN '' WHEN n % 60 > 0 THEN 'p' || n END
FROM generate_series(1, 600) AS n;
"""


def test_degrees_name_a_place_and_a_number_that_nobody_has_names_nobody(
    laboratory: Callable[[str], Any],
) -> None:
    place = laboratory(PLACES)
    found = place.found("unique", "places")
    assert found.keys() == {"unique (latitude, longitude)", "unique (phone) but for ''"}
    rule = found["unique (phone) but for ''"]
    assert place.tally(rule).spoken == 580
    place.store("places", "phone", pa.array(["p", "", None] * 200))
    assert place.tally(rule).broken == 199
    phones = ["p7", "", None, *(f"p{n}" for n in range(597))]
    drawn = place.with_values("places", "phone", pa.array(phones))
    place.store("places", "phone", place.remade(rule, "phone", drawn=drawn))
    assert place.tally(rule).broken == 0


LISTS = """
CREATE TABLE categories (id int PRIMARY KEY, category_name text NOT NULL, note text NOT NULL);
INSERT INTO categories VALUES (1, 'Tea', 'a'), (2, 'Coffee', 'b'), (3, 'Milk', 'c');
CREATE TABLE clerk (id int PRIMARY KEY, email text NOT NULL, last_name text NOT NULL);
INSERT INTO clerk VALUES (1, 'ann@acme.com', 'Ray'), (2, 'bob@acme.com', 'Fox');
CREATE TABLE region (id int PRIMARY KEY);
INSERT INTO region SELECT generate_series(1, 40);
CREATE TABLE tax (
    id int PRIMARY KEY, region int NOT NULL REFERENCES region, tax_type int NOT NULL,
    rate int NOT NULL
);
INSERT INTO tax SELECT n, 1 + n / 2, 1 + n % 2, n / 2 FROM generate_series(0, 59) AS n;
CREATE TABLE review (
    id int PRIMARY KEY, category int NOT NULL REFERENCES categories,
    clerk int NOT NULL REFERENCES clerk, email text NOT NULL, title text NOT NULL
);
INSERT INTO review VALUES (1, 1, 1, 'c@acme.com', 'Good'), (2, 1, 2, 'd@acme.com', 'Bad');
CREATE TABLE address (
    id int PRIMARY KEY, street text NOT NULL, postcode text NOT NULL, floor int NOT NULL
);
INSERT INTO address SELECT n, (n % 97) || ' Mill Road', 'P' || n % 20, n % 20
FROM generate_series(1, 900) AS n;
"""


def test_what_others_refer_to_goes_by_one_name_however_few_there_are(
    laboratory: Callable[[str], Any],
) -> None:
    place = laboratory(LISTS)
    assert place.found("unique", "categories").keys() == {"unique (category_name)"}
    assert place.found("unique", "clerk").keys() == {"unique (email)"}
    assert not place.found("unique", "review")


def test_an_owner_has_a_row_of_each_sort_and_a_street_a_postal_code_of_few_values(
    laboratory: Callable[[str], Any],
) -> None:
    place = laboratory(LISTS)
    assert place.found("unique", "tax").keys() == {"unique (region, tax_type)"}
    assert "unique (street, postcode)" in place.found("unique", "address")
