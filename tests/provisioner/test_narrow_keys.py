"""Keys that are narrower than what they lead to are learned, attacked, drawn and loaded."""

from collections.abc import Callable
from pathlib import Path

import pytest
from keeping import filled, learned
from querying import query

from generators.errors import Unmeetable
from generators.privacy.attacked import Limits
from provisioner.learning import Learning

VISITS = """
CREATE TABLE person (id bigint PRIMARY KEY, first_name text, last_name text, age int);
INSERT INTO person SELECT n, 'F' || n % 50, 'L' || n % 70, 20 + n % 60
FROM generate_series(1, 3000) AS n;
CREATE TABLE visit (
    id int PRIMARY KEY, person smallint NOT NULL REFERENCES person, kind text,
    friend int REFERENCES person
);
INSERT INTO visit SELECT n, 1 + abs(hashtext('p' || n)) % 3000, 'k' || n % 3,
    CASE WHEN n % 2 = 0 THEN 1 + abs(hashtext('f' || n)) % 3000 END
FROM generate_series(1, 4000) AS n;
"""


def test_rows_with_narrower_keys_are_attacked_and_loaded(
    lasting_database: Callable[[], str], database: str, tmp_path: Path
) -> None:
    url = lasting_database()
    query(url, VISITS)
    model = learned(url, Learning(attack=Limits()), tmp_path)
    assert model.attacked.units
    report = filled(model, database, tmp_path)
    assert not [f for f in report.findings if f.stops]
    [(orphans,)] = query(
        database, "SELECT count(*) FROM visit WHERE person NOT IN (SELECT id FROM person)"
    )
    assert orphans == 0


def test_more_rows_than_a_narrow_key_can_name_are_refused_with_what_to_do(
    lasting_database: Callable[[], str], database: str, tmp_path: Path
) -> None:
    url = lasting_database()
    query(url, VISITS)
    model = learned(url, Learning(), tmp_path)
    with pytest.raises(Unmeetable, match=r"visit.person: its type has no room .* widen the column"):
        filled(model, database, tmp_path, scale=20)
