"""Siblings begin and end with what they belong to, and come when others do."""

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from keeping import filled
from keeping import learned as learned_rules
from querying import query

from connectors.engines import open_source, open_target
from connectors.schema import TableName
from generators.archive import fingerprint, read_archive, write_archive
from generators.model import DatabaseModel
from generators.relations.histories import Clock
from provisioner.learn import learn
from provisioner.learning import Learning
from provisioner.load import load
from provisioner.plan import plan
from provisioner.request import Request

POSTS = (Path(__file__).parent.parent / "databases" / "posts.sql").read_text("utf-8")
STAFF = 1200
FIVE_DEVIATIONS = 5 * (0.5 * 0.5 / STAFF) ** 0.5
HIRED = "SELECT avg((begins = hired)::int) FROM employed JOIN staff ON id = staff"
BEGUN = "SELECT avg((p.begins = s.begins)::int) FROM employed p JOIN paid s USING (staff)"
ENDED = "SELECT avg((p.ends = s.ends)::int) FROM employed p JOIN paid s USING (staff)"
LASTING = """
SELECT avg((abs(n - (1 + floor((least(ends, '2006-01-01') - begins) / 365.25))) < 1)::int)
FROM employed JOIN (SELECT staff, count(*) AS n FROM salary GROUP BY staff) AS s USING (staff)
"""
BUSY = """
SELECT avg((extract(epoch FROM lent - '2005-01-01')::numeric % (40 * 86400) < 7 * 86400)::int)
FROM loan
"""

TITLES = """
CREATE TABLE staff (id int PRIMARY KEY, hired date NOT NULL);
CREATE TABLE post (
    staff int REFERENCES staff, begins date, ends date NOT NULL, PRIMARY KEY (staff, begins)
);
CREATE TABLE title (
    staff int REFERENCES staff, begins date, ends date NOT NULL, PRIMARY KEY (staff, begins)
);
INSERT INTO staff
SELECT n, date '1990-01-01' + abs(hashtext('h' || n) % 3650) FROM generate_series(1, 1200) AS n;
INSERT INTO post
SELECT id, hired, hired + 200 + abs(hashtext('e' || id) % 900) FROM staff;
INSERT INTO post
SELECT staff, ends, ends + 200 + abs(hashtext('f' || staff) % 900) FROM post WHERE staff % 2 = 0;
INSERT INTO title SELECT staff, min(begins), max(ends) FROM post GROUP BY staff;
INSERT INTO title SELECT staff, begins + 50 + staff % 100, ends FROM title WHERE staff % 3 > 0;
UPDATE title AS t SET ends = l.begins
FROM title AS l WHERE l.staff = t.staff AND l.begins > t.begins;
"""
CARRIED = """
SELECT avg((t.ends = p.ends)::int)
FROM (SELECT staff, max(ends) AS ends FROM title GROUP BY staff) AS t
JOIN (SELECT staff, max(ends) AS ends FROM post GROUP BY staff) AS p USING (staff)
"""


@pytest.fixture(scope="module")
def learned(
    lasting_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, DatabaseModel, Path]:
    source = lasting_database()
    path = tmp_path_factory.mktemp("models") / "posts.model"
    with psycopg.connect(source) as connection:
        connection.execute(POSTS.encode())
    with open_source(source) as opened:
        write_archive(learn(opened, Learning(units=(TableName("public", "staff"),))), path)
    return source, read_archive(path), path


@pytest.fixture(scope="module")
def share(
    learned: tuple[str, DatabaseModel, Path], lasting_database: Callable[[], str]
) -> Callable[[str], tuple[float, float]]:
    source, model, path = learned
    target = lasting_database()
    with open_target(target) as opened:
        load(model, plan(model, fingerprint(path), Request()), opened)

    def shares(query: str) -> tuple[float, float]:
        return number(target, query), number(source, query)

    return shares


def number(url: str, query: str) -> float:
    with psycopg.connect(url) as connection:
        row = connection.execute(query.encode()).fetchone()
    return float(row[0]) if row else 0.0


def clock(model: DatabaseModel, table: str) -> Clock:
    history = model.tables[TableName("public", table)].history
    assert history is not None
    assert history.clock is not None
    return history.clock


def test_rows_that_may_begin_with_their_owner_do_as_often(
    share: Callable[[str], tuple[float, float]],
) -> None:
    drawn, stored = share(HIRED)
    assert drawn == pytest.approx(stored, abs=2 * FIVE_DEVIATIONS)


def test_rows_of_one_table_begin_when_those_of_another_do(
    share: Callable[[str], tuple[float, float]],
) -> None:
    drawn, stored = share(BEGUN)
    assert stored == 1
    assert drawn >= 0.99


def test_the_last_row_mostly_ends_when_that_of_the_other_table_does(
    share: Callable[[str], tuple[float, float]],
) -> None:
    drawn, stored = share(ENDED)
    assert stored == 1
    assert drawn >= 0.8


def test_what_began_in_an_earlier_row_of_the_other_table_ends_with_its_last(
    lasting_database: Callable[[], str], tmp_path: Path
) -> None:
    """All titles begin in the first post, and the last one is kept to the end of the last post."""
    source, target = lasting_database(), lasting_database()
    query(source, TITLES)
    model = learned_rules(source, Learning(units=(TableName("public", "staff"),)), tmp_path)
    assert filled(model, target, tmp_path).passed
    assert number(source, CARRIED) == 1
    assert number(target, CARRIED) >= 0.95


def test_an_owner_has_as_many_rows_as_those_of_another_table_last(
    share: Callable[[str], tuple[float, float]],
) -> None:
    """All numbers have to add up to what is planned, which some owners give or take one for."""
    drawn, stored = share(LASTING)
    assert stored >= 0.99
    assert drawn >= 0.75


def test_times_that_heed_no_sibling_are_scattered_and_others_are_not(
    learned: tuple[str, DatabaseModel, Path],
) -> None:
    _, model, _ = learned
    assert clock(model, "loan").scattered
    assert not clock(model, "salary").scattered


def test_scattered_times_lie_where_those_of_others_do(
    share: Callable[[str], tuple[float, float]],
) -> None:
    """Of three weeks, 40 days apart; a bin of a hundred may reach from one into the next."""
    drawn, stored = share(BUSY)
    assert stored == 1
    assert drawn >= 0.96
