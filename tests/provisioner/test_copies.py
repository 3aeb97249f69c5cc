"""What rows copy from the one that they refer to keeps their rules, since that one does."""

from collections.abc import Callable
from pathlib import Path

import pytest
from keeping import filled, learned, of
from querying import query

from connectors.schema import TableName
from generators.model import DatabaseModel
from generators.orientation import oriented
from provisioner.learning import Learning

BILLS = """
CREATE TABLE client (
    id int PRIMARY KEY, city text NOT NULL, state text, country text NOT NULL, age int NOT NULL
);
INSERT INTO client SELECT n, 'city ' || c, CASE WHEN c < 16 THEN 'state ' || c % 8 END,
    'country ' || CASE WHEN c < 16 THEN c % 8 % 3 ELSE c % 4 END, abs(hashtext('a' || n)) % 60
FROM generate_series(1, 70) AS n, LATERAL (SELECT abs(hashtext('c' || n)) % 40) AS x (c);
CREATE TABLE bill (
    id int PRIMARY KEY, client int NOT NULL REFERENCES client, city text NOT NULL, state text,
    country text NOT NULL, amount int NOT NULL
);
INSERT INTO bill SELECT row_number() OVER (), c.id, city, state, country,
    abs(hashtext(c.id || 'm' || n)) % 900
FROM client AS c, generate_series(1, 6 + c.id % 5) AS n;
"""
SEVERAL = """
SELECT count(*) FROM (SELECT FROM {} WHERE {} IS NOT NULL GROUP BY {}
HAVING count(DISTINCT country) > 1) AS x
"""


@pytest.fixture(scope="module")
def model(
    lasting_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> DatabaseModel:
    source, units = lasting_database(), (TableName("public", "client"),)
    query(source, BILLS)
    return learned(source, Learning(units=units), tmp_path_factory.mktemp("bills"))


@pytest.mark.parametrize("given", ["state", "city"])
@pytest.mark.parametrize("table", ["bill", "client"])
def test_what_rows_copy_is_told_by_several_columns(
    model: DatabaseModel,
    lasting_database: Callable[[], str],
    tmp_path: Path,
    table: str,
    given: str,
) -> None:
    target = lasting_database()
    assert filled(model, target, tmp_path).passed
    assert query(target, SEVERAL.format(table, given, given)) == [(0,)]
    assert query(target, "SELECT count(*) > 400, count(DISTINCT country) > 1 FROM bill") == [
        (True, True)
    ]


def test_what_rows_above_keep_for_those_that_copy_them_is_found_and_kept(
    model: DatabaseModel,
) -> None:
    assert {"state -> country"} <= {*of(model, "bill")} & {*of(model, "client")}
    unkept = oriented(model, frozenset(model.tables)).unkept
    told = [found.words for found, _ in unkept if found.rule.table.name == "client"]
    assert "state -> country" not in told
