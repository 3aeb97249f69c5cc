"""A share of the rows holds what programs trip over, within constraints, and is told by key."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pyarrow as pa
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from connectors.datatypes import DataType, Kind
from connectors.engines import open_source, open_target
from connectors.limits import Limits
from generators.archive import fingerprint, read_archive, write_archive
from generators.edges import edges
from provisioner.cli import commands
from provisioner.config import read_config
from provisioner.errors import WrongConfig
from provisioner.learn import learn
from provisioner.learning import Learning
from provisioner.load import load
from provisioner.plan import plan
from provisioner.request import Request
from provisioner.verify import verify

SCHEMA = """
CREATE TABLE shelf (id integer PRIMARY KEY, place text NOT NULL);
INSERT INTO shelf SELECT n, 'place ' || n % 5 FROM generate_series(1, 40) n;
CREATE TABLE item (
    id integer PRIMARY KEY,
    shelf integer NOT NULL REFERENCES shelf,
    label varchar(30),
    colour text NOT NULL CHECK (colour IN ('red', 'green', 'blue')),
    amount integer NOT NULL CHECK (amount BETWEEN 1 AND 500),
    price numeric(6,2) NOT NULL,
    made date NOT NULL,
    sold date,
    CHECK (made <= sold)
);
INSERT INTO item
SELECT n, 1 + n % 40, 'label ' || n % 7, (ARRAY['red', 'green', 'blue'])[1 + n % 3], 20 + n % 50,
    10 + n % 90, date '2020-01-01' + n % 700, date '2022-01-01' + n % 300
FROM generate_series(1, 4000) n;
"""
SHARE = 0.1
ROWS = 4000
EDGED = """
SELECT id FROM item WHERE label IS NULL OR label NOT LIKE 'label _' OR amount NOT BETWEEN 20 AND 69
OR price NOT BETWEEN 10 AND 99.99 OR made NOT BETWEEN '2020-01-01' AND '2021-12-31'
OR sold IS NULL OR sold NOT BETWEEN '2022-01-01' AND '2022-12-31'
"""


@dataclass(frozen=True, slots=True)
class Filled:
    """A target with edge cases, and the model that it was filled from."""

    target: str
    model: Path


@pytest.fixture(scope="module")
def filled(lasting_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Filled:
    source, target = lasting_database(), lasting_database()
    path = tmp_path_factory.mktemp("edges") / "a.model"
    with psycopg.connect(source) as connection:
        connection.execute(SCHEMA.encode())
    with open_source(source) as opened:
        # The rows are counted up, so that rules are found which leave no room for edges.
        write_archive(learn(opened, Learning(invariants=False)), path)
    model = read_archive(path)
    planned = plan(model, fingerprint(path), Request(edge_cases=SHARE))
    with open_target(target) as opened_target:
        load(model, planned, opened_target)
        assert verify(model, opened_target).passed
    return Filled(target, path)


def ids(url: str, query: str) -> set[int]:
    with psycopg.connect(url) as connection:
        return {row[0] for row in connection.execute(query.encode()).fetchall()}


def test_about_as_many_rows_as_asked_for_hold_values_at_the_edge(filled: Filled) -> None:
    found = len(ids(filled.target, EDGED))
    # Of colours every value is one that others have, so that not every edge case shows.
    assert 0.6 * SHARE * ROWS < found <= SHARE * ROWS + 4 * (SHARE * ROWS) ** 0.5


def test_edge_cases_reach_the_bounds_that_checks_set(filled: Filled) -> None:
    bounds = ids(filled.target, "SELECT amount FROM item")
    assert {1, 500} <= bounds
    assert min(bounds) == 1
    assert max(bounds) == 500


def test_edge_cases_are_told_by_their_keys(filled: Filled) -> None:
    arguments = ["edge-cases", str(filled.model), "--target", filled.target]
    done = CliRunner().invoke(commands, arguments)
    assert done.exit_code == 0, done.output
    told = [json.loads(line) for line in done.stdout.splitlines()]
    items = {row["key"]["id"] for row in told if row["table"] == "public.item"}
    assert ids(filled.target, EDGED) <= items
    assert len(items) <= SHARE * ROWS + 4 * (SHARE * ROWS) ** 0.5


@pytest.mark.parametrize(("text", "share"), [("1%", 0.01), ("2.5 %", 0.025), ("0.2", 0.2)])
def test_a_share_may_be_a_number_or_in_percent(text: str, share: float) -> None:
    assert read_config(f"edge_cases: {text}", "a.yaml", {}).edge_cases == pytest.approx(share)


@pytest.mark.parametrize("text", ["120%", "-1", "many", "%"])
def test_any_other_share_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(WrongConfig, match=r"a\.yaml, line 1, edge_cases"):
        read_config(f"edge_cases: {text!r}", "a.yaml", {})


@given(bits=st.sampled_from([16, 32, 64]), least=st.integers(-9, 9), width=st.integers(0, 9))
def test_bounds_of_a_whole_number_are_edges(bits: int, least: int, width: int) -> None:
    datatype = DataType(Kind.INTEGER, "integer", bits=bits)
    found = edges(datatype, Limits(least=least, most=least + width)).to_pylist()
    assert {least, least + width, 2 ** (bits - 1) - 1, -(2 ** (bits - 1))} <= set(found)
    assert len(found) == len(set(found))


def test_no_text_is_longer_than_its_type() -> None:
    found = edges(DataType(Kind.TEXT, "character varying(5)", length=5))
    assert {len(text) for text in found.to_pylist()} >= {0, 5}
    assert all(len(text) <= 5 for text in found.to_pylist())
    assert isinstance(found, pa.Array)
