"""Rows hold what one of the rows that they own does: the team of a worker is one joined once."""

from collections.abc import Callable
from pathlib import Path

import pytest
from keeping import filled, learned, of
from querying import query

from connectors.schema import TableName
from generators.model import DatabaseModel
from generators.orientation import oriented
from provisioner.learning import Learning

WORKERS = """
CREATE TABLE team (id text PRIMARY KEY, size int NOT NULL);
INSERT INTO team SELECT 't' || n, 3 * n FROM generate_series(1, 9) AS n;
CREATE TABLE worker (
    id int PRIMARY KEY, team text REFERENCES team, first_team text NOT NULL REFERENCES team,
    left_on date
);
CREATE TABLE stay (
    worker int REFERENCES worker, since date, team text NOT NULL REFERENCES team,
    PRIMARY KEY (worker, since)
);
INSERT INTO worker SELECT n, 't1', 't1', CASE WHEN n % 4 = 0 THEN date '2021-01-01' + n END
FROM generate_series(1, 900) AS n;
INSERT INTO stay SELECT w.id, date '2010-01-01' + abs(hashtext('d' || w.id)) % 900 + 400 * s,
    't' || 1 + abs(hashtext(w.id || 't' || s)) % 9
FROM worker AS w, generate_series(0, abs(hashtext('n' || w.id)) % 4) AS s;
UPDATE worker AS w SET
    team = CASE WHEN left_on IS NULL
        THEN (SELECT team FROM stay WHERE worker = w.id ORDER BY since DESC LIMIT 1) END,
    first_team = (SELECT team FROM stay WHERE worker = w.id ORDER BY since LIMIT 1);
"""
TEAM, FIRST = (
    f"({name}, id) in (public.stay.team, public.stay.worker)" for name in ("team", "first_team")
)
ALONE = """
SELECT count({0}) > 500, count(*) FILTER (WHERE NOT EXISTS
    (SELECT FROM stay WHERE stay.worker = w.id AND stay.team = w.{0})) FROM worker AS w
WHERE {0} IS NOT NULL
"""


@pytest.fixture(scope="module")
def model(
    lasting_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> DatabaseModel:
    source, units = lasting_database(), (TableName("public", "worker"),)
    query(source, WORKERS)
    return learned(source, Learning(units=units), tmp_path_factory.mktemp("workers"))


@pytest.mark.parametrize(("column", "words"), [("team", TEAM), ("first_team", FIRST)])
def test_rows_hold_what_one_of_theirs_does(
    model: DatabaseModel,
    lasting_database: Callable[[], str],
    tmp_path: Path,
    column: str,
    words: str,
) -> None:
    assert words in of(model, "worker")
    target = lasting_database()
    assert filled(model, target, tmp_path, scale=2.0).passed
    assert query(target, ALONE.format(column)) == [(True, 0)]


def test_nulls_stay_where_another_rule_puts_them(
    model: DatabaseModel, lasting_database: Callable[[], str], tmp_path: Path
) -> None:
    assert "team is null iff left_on is not null" in of(model, "worker")
    assert TEAM not in [found.words for found, _ in oriented(model).unkept]
    target = lasting_database()
    filled(model, target, tmp_path)
    wrong = "SELECT count(*) FROM worker WHERE (team IS NULL) = (left_on IS NULL)"
    assert query(target, wrong) == [(0,)]


def test_what_no_row_below_may_hold_stays_where_it_must_not_be_null(model: DatabaseModel) -> None:
    told = {found.words: why for found, why in oriented(model).unkept}
    assert told[FIRST] == "first_team stays where there is none to choose"
