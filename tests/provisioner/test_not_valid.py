"""A check that the database does not vouch for is kept where the source keeps it."""

from collections.abc import Callable

import psycopg
import pytest

from connectors.engines import open_source, open_target
from generators.archive import fingerprint, read_archive, write_archive
from provisioner.learn import learn
from provisioner.learning import Learning
from provisioner.load import load
from provisioner.plan import plan
from provisioner.request import Request

SCHEMA = """
CREATE TABLE unseen (id integer PRIMARY KEY, v integer NOT NULL);
CREATE TABLE kept (id integer PRIMARY KEY, v integer NOT NULL);
CREATE TABLE broken (id integer PRIMARY KEY, v integer NOT NULL);
INSERT INTO kept SELECT n, 6 + n % 10 FROM generate_series(1, 300) n;
INSERT INTO broken SELECT n, n % 10 FROM generate_series(1, 300) n;
ALTER TABLE unseen ADD CHECK (v > 5) NOT VALID;
ALTER TABLE kept ADD CHECK (v > 5) NOT VALID;
ALTER TABLE broken ADD CHECK (v > 5) NOT VALID, ADD CHECK (1 = 2) NOT VALID;
"""


@pytest.fixture(scope="module")
def target(lasting_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> str:
    source, target = lasting_database(), lasting_database()
    path = tmp_path_factory.mktemp("models") / "a.model"
    with psycopg.connect(source) as connection:
        connection.execute(SCHEMA.encode())
    with open_source(source) as opened:
        write_archive(learn(opened, Learning()), path)
    model = read_archive(path)
    with open_target(target) as opened_target:
        load(model, plan(model, fingerprint(path), Request(cold=200)), opened_target)
    return target


@pytest.mark.parametrize(("table", "breaks"), [("unseen", 0), ("kept", 0), ("broken", 1)])
def test_rows_break_it_only_where_rows_of_the_source_do(
    target: str, table: str, breaks: int
) -> None:
    with psycopg.connect(target) as connection:
        query = f"SELECT (count(*) FILTER (WHERE v <= 5) > 0)::int FROM {table}"  # noqa: S608 - constants
        assert connection.execute(query.encode()).fetchall() == [(breaks,)]
