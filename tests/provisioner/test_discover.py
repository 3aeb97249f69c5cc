"""Rules are discovered without fitting anything, and learning finds the same ones."""

from collections.abc import Callable

import psycopg

from connectors.engines import open_source
from provisioner.learn import discover, learn
from provisioner.learning import Learning

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


STAFFED = """
CREATE TABLE people (id int PRIMARY KEY);
INSERT INTO people SELECT generate_series(1, 800);
CREATE TABLE stars (id serial PRIMARY KEY, who int NOT NULL REFERENCES people);
INSERT INTO stars (who) SELECT 1 + n % 15 FROM generate_series(1, 300) AS n;
DO $$ BEGIN
    FOR i IN 1 .. 6 LOOP
        EXECUTE format('CREATE TABLE deed%s (by int NOT NULL REFERENCES people)', i);
        EXECUTE format('INSERT INTO deed%s SELECT 1 + n %% 60 FROM generate_series(1, 300) n', i);
    END LOOP;
END $$;
"""


def test_keys_that_all_lead_to_the_same_few_rows_are_not_told_of_each_other(
    new_database: Callable[[], str],
) -> None:
    url = new_database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(STAFFED)
    with open_source(url) as source:
        words = {one.words for one in discover(source, Learning()).rules}
    inside = {text for text in words if " in (" in text}
    assert not {text for text in inside if text.endswith(".by)")}
