"""Where values are missing is found where chance does not make it, and kept."""

from collections.abc import Callable
from typing import Any

import pytest

from connectors.invariants import Term
from generators.invariants.presence import Presence

PARCELS = """
CREATE TABLE clerks (id int PRIMARY KEY);
INSERT INTO clerks SELECT generate_series(1, 30);
CREATE TABLE parcels (
    id int PRIMARY KEY, status text NOT NULL, clerk int REFERENCES clerks, channel text NOT NULL,
    speed int, heading int, gust int, sent date, left_at date, arrived date, debit int, credit int,
    firm text, badge text, voucher text, method text, note text, memo text, union_no text,
    plate text, dept text NOT NULL, rare text, seldom text, low int, high int,
    CHECK ((low IS NULL) = (high IS NULL))
);
INSERT INTO parcels
SELECT n, s, CASE WHEN c <> 'web' THEN 1 + n % 30 END, c,
    CASE WHEN w THEN n END, CASE WHEN w THEN n % 360 END, CASE WHEN w THEN n % 50 END,
    CASE WHEN s IN ('sent', 'done') THEN date '2020-01-01' END,
    CASE WHEN l THEN date '2020-01-01' END,
    CASE WHEN l AND hashtext('v' || n) % 3 = 0 THEN date '2020-01-02' END,
    CASE WHEN d THEN n END, CASE WHEN NOT d THEN n END,
    CASE WHEN f = 0 THEN 'F' || n END, CASE WHEN f = 1 THEN 'B' || n END,
    CASE WHEN m = 'V' OR m = 'C' AND hashtext('w' || n) % 2 = 0 THEN 'X' || n END, m,
    CASE WHEN z THEN 'n' END, CASE WHEN z <> (hashtext('y' || n) % 30 = 0) THEN 'm' END,
    CASE WHEN u THEN 'U' END,
    CASE WHEN u = (t = 'law' OR hashtext('o' || n) % 2 = 0) THEN 'P' END, t,
    CASE WHEN n <= 9 THEN 'r' END, CASE WHEN n <= 9 THEN 's' END,
    CASE WHEN h THEN 1 END, CASE WHEN h THEN 2 END
FROM generate_series(1, 3000) AS n,
    LATERAL (SELECT (ARRAY['open', 'packed', 'sent', 'done'])[1 + abs(hashtext('s' || n)) % 4] AS s,
        (ARRAY['web', 'shop', 'phone'])[1 + abs(hashtext('c' || n)) % 3] AS c,
        (ARRAY['V', 'C', 'D', 'T'])[1 + abs(hashtext('m' || n)) % 4] AS m,
        (ARRAY['law', 'it', 'sales'])[CASE WHEN n % 100 = 0 THEN 1 ELSE 2 + n % 2 END] AS t,
        hashtext('l' || n) % 2 = 0 AS l, hashtext('x' || n) % 2 = 0 AS d,
        hashtext('g' || n) % 4 > 0 AS w, abs(hashtext('f' || n)) % 4 AS f,
        hashtext('z' || n) % 2 = 0 AS z, hashtext('u' || n) % 2 = 0 AS u,
        hashtext('h' || n) % 2 = 0 AS h) AS v;
"""

THINGS = """
CREATE TABLE things (id int PRIMARY KEY, kind text NOT NULL, size int);
INSERT INTO things
SELECT n, CASE WHEN n % 3 = 0 THEN 'LABEL' ELSE 'x' END, CASE WHEN n % 3 > 0 THEN n END
FROM generate_series(1, 900) AS n;
"""

EXPECTED = {
    "speed is null iff heading is null",
    "speed is null iff gust is null",
    "arrived is not null -> left_at is not null",
    "debit is null iff credit is not null",
    "firm is null or badge is null",
    "sent is null iff status in ('open', 'packed')",
    "clerk is null iff channel in ('web')",
    "method in ('D', 'T') -> voucher is null",
    "method in ('V') -> voucher is not null",
}


def _sorted(words: str) -> str:
    """Words with the labels in alphabetical order."""
    before, inside, rest = words.partition(" in (")
    labels, _, after = rest.partition(")")
    return f"{before}{inside}{', '.join(sorted(labels.split(', ')))}{')' if inside else ''}{after}"


def test_patterns_of_nulls_are_found_and_no_others(laboratory: Callable[[str], Any]) -> None:
    assert {_sorted(w) for w in laboratory(PARCELS).found("presence", "parcels")} == EXPECTED


def test_values_are_put_and_taken_away_until_every_pattern_is_kept(
    laboratory: Callable[[str], Any],
) -> None:
    place = laboratory(PARCELS)
    for words, rule in place.found("presence", "parcels").items():
        for target in {*rule.columns} - {"clerk"}:
            place.store("parcels", target, place.remade(rule, target))
            assert place.tally(rule).broken == 0, (words, target)
            place.store("parcels", target, place.view("parcels").values(Term(target)))


def test_no_row_is_no_trouble(laboratory: Callable[[str], Any]) -> None:
    place = laboratory(PARCELS)
    empty = place.emptied("parcels")
    for rule in place.found("presence", "parcels").values():
        for target in rule.columns:
            assert not len(empty.remade(rule, target))
    assert not list(Presence.propose(empty.view("parcels")))


@pytest.mark.parametrize("label", ["a{b}'c", "\\"])
def test_labels_with_any_characters_are_named(laboratory: Callable[[str], Any], label: str) -> None:
    place = laboratory(THINGS.replace("LABEL", label.replace("'", "''")))
    [rule] = place.found("presence", "things").values()
    assert rule.constants == (label,)
    assert place.tally(rule).spoken == 900


CONTACTS = """
CREATE TABLE contacts (id int PRIMARY KEY, phone text, mail text, fax text);
INSERT INTO contacts
SELECT n, CASE WHEN w < 2 THEN 'p' || n END, CASE WHEN w > 0 THEN 'm' || n END,
    CASE WHEN n % 3 > 0 THEN 'f' || n END
FROM generate_series(1, 900) AS n, LATERAL (SELECT abs(hashtext('w' || n)) % 3 AS w) AS v;
"""


def test_one_of_two_columns_is_always_there(laboratory: Callable[[str], Any]) -> None:
    place = laboratory(CONTACTS)
    found = place.found("presence", "contacts")
    assert found.keys() == {"phone is not null or mail is not null"}
    [rule] = found.values()
    for target in ("phone", "mail"):
        place.store("contacts", target, place.remade(rule, target))
        assert place.tally(rule).broken == 0


ENGINES = """
CREATE TABLE planes (
    type text NOT NULL, part text NOT NULL, id int NOT NULL, seats int, PRIMARY KEY (id, part)
);
INSERT INTO planes
SELECT CASE WHEN n <= 5 THEN 'rotor' WHEN n % 2 = 0 THEN 'jet' ELSE 'glider' END, p, n,
    CASE WHEN p = 'cabin' AND (n % 2 = 0 OR n = 3) THEN 1 + abs(hashtext(n || p)) % 9 END
FROM generate_series(1, 400) AS n, unnest(ARRAY['cabin', 'wing']) AS p;
"""


def test_labels_of_few_do_not_hide_the_others_and_a_part_of_a_key_may_be_one(
    laboratory: Callable[[str], Any],
) -> None:
    assert laboratory(ENGINES).found("presence", "planes").keys() == {
        "part in ('wing') -> seats is null",
        "type in ('glider') -> seats is null",
    }


STAFF = """
CREATE TABLE staff (
    id int PRIMARY KEY, employed daterange, desk text, exit_code text, phone text, note text
);
INSERT INTO staff
SELECT n, CASE WHEN n % 50 > 0 THEN daterange(d, CASE WHEN gone THEN d + 900 END) END,
    CASE WHEN NOT gone THEN 'D' || n % 40 END, CASE WHEN gone THEN 'X' || n % 40 END,
    CASE WHEN NOT gone OR n % 20 = 0 THEN 'P' || n % 40 END, CASE WHEN n % 3 > 0 THEN 'N' END
FROM generate_series(1, 900) AS n, LATERAL (SELECT
    date '2001-01-01' + abs(hashtext('d' || n)) % 4000 AS d,
    hashtext('g' || n) % 3 = 0 AS gone) AS x;
"""


def test_what_is_there_while_a_range_is_open_is_found_and_kept(
    laboratory: Callable[[str], Any],
) -> None:
    place = laboratory(STAFF)
    found = {w: r for w, r in place.found("presence", "staff").items() if "upper" in w}
    assert found.keys() == {
        "desk is null iff upper(employed) is not null",
        "exit_code is null iff upper(employed) is null",
    }
    for rule in found.values():
        target = rule.columns[0]
        mixed = place.scrambled("staff", target).view("staff").values(rule.terms[0])
        place.store("staff", target, mixed)
        assert place.tally(rule).broken > 0
        place.store("staff", target, place.remade(rule, target))
        assert place.tally(rule).broken == 0
