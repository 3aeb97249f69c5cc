"""Trees inside a table keep their depth, their branching and their owners at any scale."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from connectors.engines import open_source, open_target
from generators.archive import fingerprint, read_archive, write_archive
from provisioner.learn import learn
from provisioner.learning import Learning
from provisioner.load import load
from provisioner.plan import plan
from provisioner.request import Request
from provisioner.verify import verify

TREES = (Path(__file__).parent.parent / "databases" / "trees.sql").read_text("utf-8")
DEPTHS = """
WITH RECURSIVE below AS (
    SELECT id, 0 AS depth FROM {table} WHERE {key} IS NULL OR {key} = id
    UNION ALL SELECT t.id, b.depth + 1
        FROM {table} t JOIN below b ON t.{key} = b.id AND t.id <> b.id
) SELECT depth, count(*) FROM below GROUP BY depth
"""
BRANCHES = """
SELECT n, count(*) FROM (SELECT count(c.id) AS n FROM {table} p
    LEFT JOIN {table} c ON c.{key} = p.id AND c.id <> p.id GROUP BY p.id) AS b GROUP BY n
"""
TENANTS = """
CREATE TABLE node (tenant integer, number integer, above integer,
    PRIMARY KEY (tenant, number), FOREIGN KEY (tenant, above) REFERENCES node);
INSERT INTO node SELECT t, n, CASE WHEN n > 1 THEN n / 2 END
    FROM generate_series(1, 20) t, generate_series(1, 10) n;
"""
ROOTED = """
UPDATE node SET above = 1 WHERE above IS NULL;
ALTER TABLE node ALTER COLUMN above SET NOT NULL;
"""
KEYS = {"unit": "above", "answer": "answers", "folder": "inside"}
SCALE = 2


def shares(url: str, query: str) -> dict[int, float]:
    with psycopg.connect(url) as connection:
        found: dict[int, int] = dict(connection.execute(query.encode()).fetchall())
    return {value: count / sum(found.values()) for value, count in found.items()}


def apart(one: dict[int, float], other: dict[int, float]) -> float:
    """The total variation distance of two distributions."""
    return sum(abs(one.get(v, 0) - other.get(v, 0)) for v in one.keys() | other.keys()) / 2


@pytest.fixture(scope="module")
def sides(
    lasting_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, str]:
    source, target = lasting_database(), lasting_database()
    path = tmp_path_factory.mktemp("models") / "trees.model"
    with psycopg.connect(source) as connection:
        connection.execute(TREES.encode())
    with open_source(source) as opened:
        write_archive(learn(opened, Learning()), path)
    model = read_archive(path)
    planned = plan(model, fingerprint(path), Request(scale=SCALE))
    with open_target(target) as opened_target:
        load(model, planned, opened_target)
        assert verify(model, opened_target).passed
    return source, target


@pytest.mark.parametrize("table", KEYS)
def test_rows_lie_as_deep_as_they_did(sides: tuple[str, str], table: str) -> None:
    real, drawn = (shares(url, DEPTHS.format(table=table, key=KEYS[table])) for url in sides)
    # Four or fewer depths over 600 rows or more: five deviations of each share, and the holdout.
    assert apart(real, drawn) <= 0.1


@pytest.mark.parametrize("table", KEYS)
def test_rows_are_referred_to_as_often_as_they_were(sides: tuple[str, str], table: str) -> None:
    real, drawn = (shares(url, BRANCHES.format(table=table, key=KEYS[table])) for url in sides)
    assert apart(real, drawn) <= 0.15


def test_few_roots_stay_few(sides: tuple[str, str]) -> None:
    roots = "SELECT (above IS NULL)::int, count(*) FROM branch GROUP BY 1"
    assert shares(sides[1], roots)[1] <= 0.02


def test_rows_refer_to_rows_of_the_same_owner(sides: tuple[str, str]) -> None:
    strangers: list[Any] = []
    for url in sides:
        with psycopg.connect(url) as connection:
            strangers += connection.execute(
                b"SELECT count(*) FROM answer c JOIN answer p ON c.answers = p.id"
                b" WHERE c.post <> p.post"
            ).fetchall()
    assert strangers == [(0,), (0,)]


@pytest.mark.parametrize(
    "script", [TENANTS, TENANTS + ROOTED], ids=["roots with null", "roots with themselves"]
)
def test_rows_refer_to_keys_that_are_still_there_once_repeats_were_moved(
    new_database: Callable[[], str], tmp_path: Path, script: str
) -> None:
    source, path = new_database(), tmp_path / "tenants.model"
    with psycopg.connect(source) as connection:
        connection.execute(script.encode())
    with open_source(source) as opened:
        write_archive(learn(opened, Learning()), path)
    model = read_archive(path)
    with open_target(new_database()) as target:
        load(model, plan(model, fingerprint(path), Request(scale=SCALE)), target)
        assert verify(model, target).passed
