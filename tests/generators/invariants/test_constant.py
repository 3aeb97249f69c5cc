"""Constants, of all rows or with one label, are found where chance does not make them, and kept."""

from collections.abc import Callable
from typing import Any

from connectors.invariants import Term
from generators.invariants.constant import Constant

ACCOUNTS = """
CREATE TABLE accounts (
    id int PRIMARY KEY, frozen boolean NOT NULL, interest numeric(4,2), status text NOT NULL,
    stage text NOT NULL, colour text NOT NULL, shade text NOT NULL, coupon text,
    rebate int NOT NULL,
    settled date, owed numeric(8,2) NOT NULL, tier text NOT NULL, bonus int NOT NULL,
    kind text NOT NULL, reason text NOT NULL, branch int NOT NULL, last_name text NOT NULL,
    step int NOT NULL, line int NOT NULL, "odd" text NOT NULL, even text NOT NULL,
    spare date
);
INSERT INTO accounts
SELECT n, f, CASE WHEN f THEN 0 WHEN n % 50 > 0 THEN abs(hashtext('i' || n)) % 40 / 4.0 END, s,
    CASE WHEN s = 'closed' THEN 'end' ELSE
        (ARRAY['a', 'b', 'c'])[1 + abs(hashtext('g' || n)) % 3] END,
    c, CASE WHEN c = 'red' THEN 'dark' ELSE
        (ARRAY['dark', 'pale'])[1 + abs(hashtext('h' || n)) % 2] END,
    CASE WHEN p THEN 'P' || n END, CASE WHEN p THEN 1 + abs(hashtext('r' || n)) % 90 ELSE 0 END,
    CASE WHEN z THEN date '2020-01-01' END,
    CASE WHEN z THEN 0 ELSE 1 + abs(hashtext('o' || n)) % 5000 / 10.0 END,
    t, CASE WHEN t = 'gold' THEN 5 WHEN t = 'silver' THEN 3 ELSE 0 END, k,
    CASE WHEN k = 'x' AND hashtext('e' || n) % 20 > 0 THEN 'wish' ELSE
        (ARRAY['wish', 'late', 'lost'])[1 + abs(hashtext('w' || n)) % 3] END, 1,
    CASE WHEN k = 'y' THEN 'Smith' ELSE 'Name' || n % 70 END,
    v, greatest(1, v - abs(hashtext('l' || n)) % 3),
    CASE WHEN s = 'closed' THEN '{0}''\\' ELSE 'u' || n % 25 END, 'E'
FROM generate_series(1, 4000) AS n,
    LATERAL (SELECT hashtext('f' || n) % 5 = 0 AS f,
        (ARRAY['open', 'closed', 'held'])[1 + abs(hashtext('s' || n)) % 3] AS s,
        (ARRAY['red', 'blue', 'green'])[1 + abs(hashtext('c' || n)) % 3] AS c,
        hashtext('p' || n) % 2 = 0 AS p, hashtext('z' || n) % 2 = 0 AS z,
        (ARRAY['gold', 'silver', 'plain'])[1 + abs(hashtext('t' || n)) % 3] AS t,
        (ARRAY['x', 'y', 'q'])[1 + abs(hashtext('k' || n)) % 3] AS k,
        1 + abs(hashtext('v' || n)) % 6 AS v) AS x;
"""


def test_constants_of_all_rows_or_of_a_label_are_found_and_no_others(
    laboratory: Callable[[str], Any],
) -> None:
    assert laboratory(ACCOUNTS).found("constant", "accounts").keys() == {
        "frozen = 'true' -> interest = '0.00'",
        "stage = 'end' iff status = 'closed'",
        "colour = 'red' -> shade = 'dark'",
        "coupon is null iff rebate = '0'",
        "settled is not null iff owed = '0.00'",
        "status = 'closed' iff odd = E'{0}''\\\\'",
        "stage = 'end' iff odd = E'{0}''\\\\'",
        "branch = '1'",
        "even = 'E'",
        "spare is null",
    }


def test_both_sides_of_a_constant_may_be_set_to_keep_it(laboratory: Callable[[str], Any]) -> None:
    place = laboratory(ACCOUNTS)
    for words, rule in place.found("constant", "accounts").items():
        for target in rule.columns:
            place.store("accounts", target, place.remade(rule, target))
            assert place.tally(rule).broken == 0, (words, target)
            place.store("accounts", target, place.view("accounts").values(Term(target)))


def test_no_row_is_no_trouble(laboratory: Callable[[str], Any]) -> None:
    place = laboratory(ACCOUNTS)
    empty = place.emptied("accounts")
    for rule in place.found("constant", "accounts").values():
        for target in rule.columns:
            assert not len(empty.remade(rule, target))
    assert not list(Constant.propose(empty.view("accounts")))


WEATHER = """
CREATE TABLE unit (code text PRIMARY KEY);
CREATE TABLE station (id int PRIMARY KEY);
INSERT INTO unit VALUES ('knots'), ('mph');
INSERT INTO station SELECT generate_series(1, 5);
CREATE TABLE gust (
    id int PRIMARY KEY, speed numeric(6,2), direction int, rain int NOT NULL, drops int NOT NULL,
    unit text NOT NULL REFERENCES unit, station int NOT NULL REFERENCES station
);
INSERT INTO gust
SELECT n, CASE WHEN calm THEN 0 ELSE 1 + abs(hashtext('s' || n)) % 4000 / 100.0 END,
    CASE WHEN calm THEN 0 ELSE 10 + abs(hashtext('d' || n)) % 350 END,
    rain, abs(hashtext('e' || n)) % (rain + 1), 'knots', 1
FROM generate_series(1, 3000) AS n,
    LATERAL (SELECT hashtext('c' || n) % 5 = 0 AS calm, abs(hashtext('r' || n)) % 90 AS rain) AS x;
"""


def test_nought_of_an_amount_tells_another_but_what_merely_lies_below_it_does_not(
    laboratory: Callable[[str], Any],
) -> None:
    found = laboratory(WEATHER).found("constant", "gust")
    assert found.keys() == {"direction = '0' iff speed = '0.00'", "unit = 'knots'"}


def test_noughts_and_natural_keys_are_kept(laboratory: Callable[[str], Any]) -> None:
    place = laboratory(WEATHER)
    for words, rule in place.found("constant", "gust").items():
        for target in rule.columns:
            place.store("gust", target, place.remade(rule, target))
            assert place.tally(rule).broken == 0, (words, target)
            place.store("gust", target, place.view("gust").values(Term(target)))
