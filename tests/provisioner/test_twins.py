"""Two keys of a row lead to the same row as often as in the source, and where they do there."""

from collections.abc import Callable
from pathlib import Path

import pytest
from keeping import filled, learned
from querying import query

from connectors.schema import TableName
from generators.model import DatabaseModel
from provisioner.learning import Learning

PAPERS = """
CREATE TABLE account (id int PRIMARY KEY, kind int NOT NULL);
INSERT INTO account SELECT n, abs(hashtext('k' || n)) % 4 FROM generate_series(1, 500) AS n;
CREATE TABLE place (id int PRIMARY KEY, zone int NOT NULL);
INSERT INTO place SELECT n, abs(hashtext('z' || n)) % 9 FROM generate_series(1, 1500) AS n;
CREATE TABLE paper (
    id int PRIMARY KEY, made_by int NOT NULL REFERENCES account, done boolean NOT NULL,
    changed_by int REFERENCES account, billed_to int NOT NULL REFERENCES place,
    sent_to int NOT NULL REFERENCES place, kept_at int NOT NULL REFERENCES place
);
INSERT INTO paper SELECT row_number() OVER (), a.id, done,
    CASE WHEN r % 10 = 0 THEN NULL WHEN r % 100 < CASE WHEN done THEN 90 ELSE 30 END THEN a.id
    ELSE 1 + abs(hashtext('c' || a.id || 'n' || n)) % 500 END,
    place, CASE WHEN r / 100 % 100 < 95 THEN place ELSE 1 + abs(hashtext('s' || r)) % 1500 END,
    1 + abs(hashtext('t' || r)) % 1500
FROM account AS a, generate_series(1, 8) AS n,
    LATERAL (SELECT abs(hashtext(a.id || 'r' || n))) AS x (r),
    LATERAL (SELECT r / 10000 % 2 = 0, 1 + abs(hashtext(a.id || 'p' || n)) % 1500)
        AS y (done, place);
"""
SHARES = """
SELECT avg((made_by = changed_by)::int) FILTER (WHERE done),
    avg((made_by = changed_by)::int) FILTER (WHERE NOT done), avg((changed_by IS NULL)::int),
    avg((billed_to = sent_to)::int), avg((billed_to = kept_at)::int)
FROM paper
"""
ROWS = 4_000
TOLERATED = 4 * (0.25 / (ROWS / 2)) ** 0.5
"""Four standard deviations of a share of half of the rows."""


@pytest.fixture(scope="module", params=["trees", "network"])
def both(
    request: pytest.FixtureRequest,
    lasting_database: Callable[[], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[str, DatabaseModel]:
    source, units = lasting_database(), (TableName("public", "account"),)
    query(source, PAPERS)
    learning = Learning(units=units, kind=request.param, refine=False)
    return source, learned(source, learning, tmp_path_factory.mktemp("papers"))


def test_keys_lead_to_one_row_as_often_as_in_the_source(
    both: tuple[str, DatabaseModel], lasting_database: Callable[[], str], tmp_path: Path
) -> None:
    source, model = both
    target = lasting_database()
    assert filled(model, target, tmp_path).passed
    real, drawn = (query(url, SHARES)[0] for url in (source, target))
    for one, other in zip(real, drawn, strict=True):
        assert abs(float(one) - float(other)) <= TOLERATED


def test_only_keys_that_often_lead_to_one_row_are_twins(both: tuple[str, DatabaseModel]) -> None:
    _, model = both
    table = model.tables[TableName("public", "paper")]
    twins = {r.key.columns[0]: r.twin for r in table.references}
    assert twins == {
        "changed_by": "paper_made_by_fkey",
        "billed_to": "",
        "sent_to": "paper_billed_to_fkey",
        "kept_at": "",
    }


ORDERS = """
CREATE TABLE place (id int PRIMARY KEY, zone int NOT NULL);
INSERT INTO place SELECT n, abs(hashtext('z' || n)) % 9 FROM generate_series(1, 1500) AS n;
CREATE TABLE client (id int PRIMARY KEY, kind int NOT NULL);
INSERT INTO client SELECT n, abs(hashtext('k' || n)) % 4 FROM generate_series(1, 500) AS n;
CREATE TABLE orders (
    id int PRIMARY KEY, client int NOT NULL REFERENCES client, day timestamp NOT NULL,
    billed_to int NOT NULL REFERENCES place, sent_to int NOT NULL REFERENCES place
);
INSERT INTO orders SELECT row_number() OVER (), c.id,
    timestamp '2020-01-01' + abs(hashtext('d' || c.id || n)) % 86400000 * interval '1 second', b,
    CASE WHEN abs(hashtext('s' || c.id || n)) % 10 < 7 THEN b
        ELSE 1 + abs(hashtext('o' || c.id || n)) % 1500 END
FROM client AS c, generate_series(1, 8) AS n, LATERAL (SELECT 1 + CASE
    WHEN abs(hashtext('e' || c.id || n)) % 10 < 9 THEN abs(hashtext('h' || c.id)) % 1500
    ELSE abs(hashtext('f' || c.id || n)) % 1500 END) AS x (b);
"""
REPEATED = """
SELECT avg((billed_to = sent_to)::int), avg((billed_to = before)::int), avg((sent_to = past)::int)
FROM (SELECT *, lag(billed_to) OVER w AS before, lag(sent_to) OVER w AS past FROM orders
      WINDOW w AS (PARTITION BY client ORDER BY day)) AS x
"""


def test_keys_lead_to_one_row_where_they_lead_where_they_did_before(
    lasting_database: Callable[[], str], tmp_path: Path
) -> None:
    source, target = lasting_database(), lasting_database()
    query(source, ORDERS)
    units = (TableName("public", "client"),)
    model = learned(source, Learning(units=units, refine=False), tmp_path)
    assert filled(model, target, tmp_path).passed
    real, drawn = (query(url, REPEATED)[0] for url in (source, target))
    for one, other in zip(real, drawn, strict=True):
        assert abs(float(one) - float(other)) <= TOLERATED
