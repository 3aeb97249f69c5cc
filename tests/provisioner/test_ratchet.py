"""Bounds of columns that are set to keep other rules hold beside these; so do masks that fill."""

from collections.abc import Callable

import pytest
from keeping import filled, learned, of
from querying import query

from generators.orientation import oriented
from provisioner.learning import Learning
from provisioner.plan import whole_as_learned

SHIFTS = """
CREATE TABLE worker (id int PRIMARY KEY, hired date NOT NULL);
INSERT INTO worker SELECT n, date '2015-01-01' + abs(hashtext('h' || n)) % 300
FROM generate_series(1, 120) AS n;
CREATE TABLE batch (id int PRIMARY KEY, opened date NOT NULL);
INSERT INTO batch SELECT n, date '2015-01-01' + n * 5 FROM generate_series(1, 300) AS n;
CREATE TABLE task (
    id int PRIMARY KEY, worker int NOT NULL REFERENCES worker, batch int NOT NULL REFERENCES batch,
    begun date NOT NULL
);
INSERT INTO task SELECT w.id * 100 + k, w.id, b.id, d
FROM worker AS w, generate_series(1, 12) AS k,
    LATERAL (SELECT w.hired + k * 90 + abs(hashtext(w.id || 'd' || k)) % 80) AS x (d),
    LATERAL (
        SELECT id FROM batch WHERE opened <= d
        ORDER BY hashtext(w.id || 'b' || k || batch.id) LIMIT 1
    ) AS b;
"""
RISING = "begun >= previous begun by id per task_worker_fkey"


@pytest.fixture(scope="module")
def shifts(
    lasting_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[set[str], set[str], set[str]]:
    """The rules of tasks, those told as not kept, and those that rows broke."""
    return _kept(lasting_database, tmp_path_factory, SHIFTS, "task")


def test_times_that_rise_along_an_owner_keep_to_the_owners_bound(
    shifts: tuple[set[str], set[str], set[str]],
) -> None:
    found, unkept, broken = shifts
    assert {RISING, "task_worker_fkey.hired <= begun"} <= found - unkept - broken


def test_times_that_rise_go_on_to_where_bounds_by_another_key_send_some(
    shifts: tuple[set[str], set[str], set[str]],
) -> None:
    found, unkept, broken = shifts
    assert {RISING, "task_batch_fkey.opened <= begun"} <= found - unkept - broken


PURCHASES = """
CREATE TABLE purchase (id int PRIMARY KEY, asked date NOT NULL, shipped date NOT NULL);
INSERT INTO purchase SELECT n, d, d + 2 + abs(hashtext('s' || n)) % 20
FROM generate_series(1, 900) AS n,
    LATERAL (SELECT date '2019-01-01' + abs(hashtext('a' || n)) % 900) AS x (d);
CREATE TABLE line (
    id int PRIMARY KEY, purchase int NOT NULL REFERENCES purchase, due date NOT NULL,
    quantity int NOT NULL
);
INSERT INTO line SELECT row_number() OVER (), p.id, p.shipped + abs(hashtext('u' || p.id)) % 9,
    1 + abs(hashtext(p.id || 'q' || k)) % 30
FROM purchase AS p, generate_series(1, 6) AS k WHERE k <= 1 + abs(hashtext('n' || p.id)) % 6;
"""


def test_what_all_rows_of_an_owner_have_alike_keeps_to_several_bounds(
    lasting_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    found, unkept, broken = _kept(lasting_database, tmp_path_factory, PURCHASES, "line")
    wanted = {"purchase -> due", "line_purchase_fkey.shipped <= due"}
    assert wanted <= found
    assert not (found & (unkept | broken))
    assert any("asked" in rule and "due" in rule for rule in found)


BALLOTS = """
CREATE TABLE vote (id int PRIMARY KEY, year int NOT NULL, ballots int NOT NULL, elected text);
INSERT INTO vote SELECT n, y, CASE WHEN c THEN 81 ELSE 60 + abs(hashtext('b' || n)) % 300 END,
    CASE WHEN NOT c THEN (ARRAY['Y', 'N', 'N', 'N'])[1 + abs(hashtext('e' || n)) % 4] END
FROM generate_series(1, 4000) AS n,
    LATERAL (SELECT 1936 + abs(hashtext('y' || n)) % 80) AS x (y),
    LATERAL (SELECT y = 2007 AND hashtext('c' || n) % 2 = 0) AS z (c);
"""


def test_rows_that_several_rules_fill_are_filled(
    lasting_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    found, unkept, broken = _kept(lasting_database, tmp_path_factory, BALLOTS, "vote")
    wanted = {f"elected is null -> {c} = '{v}'" for c, v in (("ballots", 81), ("year", 2007))}
    assert wanted | {"ballots > '81' -> elected is not null"} <= found - unkept - broken


INVOICES = """
CREATE TABLE invoice (
    id int PRIMARY KEY, year smallint NOT NULL, number int NOT NULL, issued date NOT NULL,
    UNIQUE (year, number)
);
INSERT INTO invoice SELECT row_number() OVER (), extract(year FROM d),
    row_number() OVER (PARTITION BY extract(year FROM d) ORDER BY d), d
FROM generate_series(1, 3000) AS n,
    LATERAL (SELECT date '2022-01-01' + abs(hashtext('d' || n)) % 900) AS x (d);
"""


def test_rows_that_repeat_a_key_move_in_a_column_that_no_rule_sets(
    lasting_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    found, unkept, broken = _kept(lasting_database, tmp_path_factory, INVOICES, "invoice")
    assert "year = extract(year from issued)" in found - unkept - broken


def _kept(
    lasting_database: Callable[[], str],
    tmp_path_factory: pytest.TempPathFactory,
    source: str,
    table: str,
) -> tuple[set[str], set[str], set[str]]:
    """The rules found of a table, those told as not kept, and those that drawn rows broke."""
    url, target, scratch = lasting_database(), lasting_database(), tmp_path_factory.mktemp("kept")
    query(url, source)
    model = learned(url, Learning(), scratch)
    report = filled(model, target, scratch)
    unkept = {f.words for f, _ in oriented(model, whole_as_learned(model)).unkept}
    return {*of(model, table)}, unkept, {r.rule for r in report.invariants if r.broken > r.allowed}
