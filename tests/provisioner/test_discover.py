"""Rules are discovered without fitting anything, and learning finds the same ones."""

from collections.abc import Callable

import psycopg

from connectors.engines import open_source
from provisioner.learn import Learning, discover, learn

STAYS = """
CREATE TABLE stay (id int PRIMARY KEY, arrived date NOT NULL, departed date NOT NULL);
INSERT INTO stay SELECT n, date '2020-01-01' + n * 37 % 900,
    date '2020-01-01' + n * 37 % 900 + n * 11 % 40 FROM generate_series(1, 2000) AS n;
"""


def test_discovery_finds_what_learning_finds(new_database: Callable[[], str]) -> None:
    url = new_database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(STAYS)
    with open_source(url) as source:
        found = discover(source, Learning())
        model = learn(source, Learning())
    assert "arrived <= departed" in {rule.words for rule in found.rules}
    assert [rule.rule for rule in found.rules] == [rule.rule for rule in model.invariants]
    assert found.schema == model.schema
