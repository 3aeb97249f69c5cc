"""What is learned for `verify`: dependences within rows and between rows and their parents."""

from collections import Counter
from collections.abc import Callable

import psycopg
import pyarrow as pa
import pytest

from connectors.engines import open_source
from generators.traits import Binning, Ints, Sort
from provisioner.learn import learn
from provisioner.learning import Learning

SOURCE = """
CREATE TABLE towns (id int PRIMARY KEY, size int, region text, climate text);
INSERT INTO towns SELECT n, n % 7, 'region ' || n % 5, 'climate ' || n % 3
    FROM generate_series(1, 400) n;
CREATE TABLE houses (id int PRIMARY KEY, town int NOT NULL REFERENCES towns, rooms int,
    colour text, roof text, heating text);
INSERT INTO houses SELECT n, 1 + n % 400, n % 7, 'colour ' || n % 5, 'roof ' || n % 5,
    'heating ' || n % 3 FROM generate_series(1, 4000) n;
"""


def test_a_column_is_binned_once_however_many_pairs_it_stands_in(
    new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: Counter[str] = Counter()
    binned = Binning.__call__

    def counted(one: Binning, rows: pa.Table) -> Ints:
        calls[one.fitted.column.name] += 1
        return binned(one, rows)

    monkeypatch.setattr(Binning, "__call__", counted)
    source = new_database()
    with psycopg.connect(source) as connection:
        connection.execute(SOURCE.encode())
    with open_source(source) as opened:
        model = learn(opened, Learning())
    assert {"rooms", "colour", "roof", "heating", "size", "region", "climate"} <= calls.keys()
    assert max(calls.values()) <= 2, "once for its own table, once for its key"
    sorts = {one.sort for one in model.traits}
    assert {Sort.PAIR, Sort.COUNT} <= sorts
    pairs = {one.columns for one in model.traits if one.sort is Sort.PAIR}
    assert ("colour", "roof") in pairs
