"""The gate: what somebody broke is named and stops a run, what nobody broke does not."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import numpy as np
import psycopg
import pyarrow as pa
import pytest
from psycopg import sql

from benchmarks.gate import DEFECTS, SHOP, Defect
from connectors.batch import Batch
from connectors.datatypes import DataType, Kind
from connectors.dialect.queries import read_queries
from connectors.engines import open_source, open_target
from connectors.planner import ColumnStatistics, TableStatistics
from connectors.schema import Column, TableName
from generators.archive import fingerprint, read_archive, write_archive
from generators.columns import Sample
from generators.estimates import Estimates, coarse_statistics
from generators.keys.code import Code
from generators.model import DatabaseModel
from generators.privacy.support import Support
from provisioner.arranging import arranged, with_ordered_keys
from provisioner.cli import main
from provisioner.gate import Gate, Thresholds
from provisioner.learn import learn
from provisioner.learning import Learning
from provisioner.load import load
from provisioner.plan import plan
from provisioner.report import Report, Severity
from provisioner.request import Request
from provisioner.verify import verify

QUERIES = """
-- name: one customer
SELECT * FROM customers WHERE email = 'customer7@shop0.nz';
-- name: businesses
SELECT count(*) FROM orders o JOIN customers c ON c.id = o.customer_id
WHERE c.segment = 'business' AND o.amount > 200;
"""


@dataclass(frozen=True)
class Shop:
    """A learned shop, and the URL of a database that was filled from its file."""

    file: Path
    model: DatabaseModel
    target: str


@pytest.fixture(scope="module")
def shop(lasting_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Shop:
    file = tmp_path_factory.mktemp("gate") / "shop.model"
    source, target = lasting_database(), lasting_database()
    with psycopg.connect(source, autocommit=True) as connection:
        connection.execute(SHOP.read_bytes())
    units = (TableName("public", "customers"),)
    with open_source(source) as opened:
        learning = Learning(units=units, queries=read_queries(QUERIES))
        write_archive(learn(opened, learning), file)
    model = read_archive(file)
    with open_target(target) as opened:
        load(model, plan(model, fingerprint(file), Request()), opened)
    return Shop(file, model, target)


@contextmanager
def broken(shop: Shop, defect: Defect, server_url: str) -> Iterator[str]:
    """A copy of the shop with a defect."""
    name = urlsplit(shop.target).path.removeprefix("/")
    copy = f"{name}_{defect.kind.replace('-', '_')}"
    pair = sql.Identifier(copy), sql.Identifier(name)
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*pair))
        url = urlsplit(shop.target)._replace(path=f"/{copy}").geturl()
        try:
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(defect.statements.encode())
            yield url
        finally:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(pair[0]))


def verified(shop: Shop, url: str, gate: Gate | None = None) -> Report:
    with open_target(url) as target:
        return verify(shop.model, target, gate=gate)


def test_an_untouched_database_has_no_error(shop: Shop) -> None:
    report = verified(shop, shop.target)
    assert [f for f in report.findings if f.severity is Severity.ERROR] == []
    assert {one.aspect.value for one in report.likenesses} == {
        *("marginal", "pair", "parent", "siblings", "gap", "count")
    }


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.kind)
def test_a_defect_is_named_and_stops_the_run(shop: Shop, defect: Defect, server_url: str) -> None:
    with broken(shop, defect, server_url) as url:
        report = verified(shop, url)
    assert not report.passed
    assert (defect.kind, defect.place) in {(f.kind, f.place) for f in report.findings if f.stops}


def test_an_acknowledged_defect_is_named_and_stops_nothing(shop: Shop, server_url: str) -> None:
    defect = next(d for d in DEFECTS if d.name == "a dropped index")
    with broken(shop, defect, server_url) as url:
        [found] = [f for f in verified(shop, url).findings if f.stops]
        report = verified(shop, url, Gate(acknowledged=frozenset({found.hash})))
    assert report.passed
    assert replace(found, acknowledged=True) in report.findings


def test_thresholds_say_what_is_an_error(shop: Shop) -> None:
    strict = Thresholds(gap=1.0, count=1.0, marginal=1.0, pair=1.0, parent=1.0, siblings=1.0)
    assert {one.least for one in verified(shop, shop.target, Gate(strict)).likenesses} == {1.0}


def test_plans_of_queries_are_the_same_though_what_they_ask_for_is_invented(shop: Shop) -> None:
    report = verified(shop, shop.target, Gate(queries=read_queries(QUERIES)))
    assert [(p.query, p.same) for p in report.planner.plans] == [
        ("one customer", True),
        ("businesses", True),
    ]
    # Estimates are rounded to two digits, and follow ANALYZE's samples.
    assert report.planner.ratio is not None
    assert report.planner.ratio < 1.5


def test_a_query_that_changed_since_is_not_compared(shop: Shop) -> None:
    other = read_queries("-- name: businesses\nSELECT 1")
    report = verified(shop, shop.target, Gate(queries=other))
    assert report.planner.plans == ()
    assert [f.place for f in report.findings if f.kind == "query"] == ["businesses"]


def test_no_literal_of_a_query_is_in_the_file(shop: Shop) -> None:
    [first, second] = shop.model.estimates.queries
    assert first.pattern == "SELECT * FROM customers WHERE email = ?"
    assert "200" not in second.pattern
    # A text that one unit alone has gets no rank, and estimates are no smaller than k.
    assert first.ranks.value == [None]
    assert min(node.rows for node in first.expected.nodes) >= shop.model.k


def test_the_command_writes_json_and_junit(
    shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, junit = tmp_path / "report.json", tmp_path / "report.xml"
    queries, config = tmp_path / "queries.sql", tmp_path / "strict.yaml"
    queries.write_text(QUERIES)
    config.write_text("verify:\n  plans: 100%\n  size: 2\n")
    options = ["--json", file, "--junit", junit, "--queries", queries, "--config", config]
    words = ["verify", shop.file, "--target", shop.target, "--output", "json", *options]
    assert main([str(word) for word in words]) == 0
    assert file.read_text() == capsys.readouterr().out
    root = ET.fromstring(junit.read_text())  # noqa: S314 - the product's own
    assert {suite.get("name") for suite in root} >= {"public.customers", "public.orders"}
    assert root.findall(".//failure") == []


def test_rows_are_written_in_the_order_that_the_source_has_them_on_disk(shop: Shop) -> None:
    name = TableName("public", "customers")
    mixed = np.random.default_rng(0).permutation(100)
    batch = Batch(name, pa.RecordBatch.from_pydict({"id": mixed, "country": mixed}))
    found = arranged(batch, shop.model).rows
    assert found["id"].to_pylist() == found["country"].to_pylist() == list(range(100))
    unseen = replace(shop.model, estimates=Estimates({}))
    assert arranged(batch, unseen).rows.equals(batch.rows)


def test_rows_are_written_by_another_column_where_that_one_tells_the_order_on_disk(
    shop: Shop,
) -> None:
    name, rng = TableName("public", "customers"), np.random.default_rng(0)
    rows = {"id": rng.permutation(100), "country": rng.permutation(100) // 10}
    batch = Batch(name, pa.RecordBatch.from_pydict(rows))
    columns = {
        "id": ColumnStatistics(0, -1, correlation=0.2),
        "country": ColumnStatistics(0, 10, correlation=-1.0),
        "segment": ColumnStatistics(0, 1, correlation=1.0),  # not among these rows
    }
    supported = dict.fromkeys(columns, 1)
    known = coarse_statistics(TableStatistics(100, 8192, {}, columns), supported, 100, Support())
    assert known is not None
    model = replace(shop.model, estimates=Estimates({name: known}))
    found = arranged(batch, model).rows
    assert found["country"].to_pylist() == sorted(rows["country"].tolist(), reverse=True)
    assert sorted(found["id"].to_pylist()) == list(range(100))


def test_invented_keys_follow_the_rows_of_all_shards_where_the_source_has_them_so(
    shop: Shop,
) -> None:
    """The order on disk is that of shards: what is put in order in each alone is in none."""
    name = TableName("public", "customers")
    column = Column("id", DataType(Kind.TEXT, "text"), nullable=False)
    codes = Sample(pa.array([f"c{n:06d}" for n in range(50)]), np.arange(50))
    customers = replace(shop.model.tables[name], keys={"id": Code.fit(column, codes, Support())})
    tables = {**shop.model.tables, name: customers}

    def keys(correlation: float) -> list[str]:
        statistics = TableStatistics(
            100, 8192, {}, {"id": ColumnStatistics(0, -1, correlation=correlation)}
        )
        known = coarse_statistics(statistics, {"id": 1}, 100, Support())
        assert known is not None
        model = replace(shop.model, tables=tables, estimates=Estimates({name: known}))
        found = with_ordered_keys(model, plan(model, "", Request())).tables[name].keys["id"]
        return list(found.at(np.arange(400)).to_pylist())

    assert keys(1.0) == sorted(keys(1.0))
    assert keys(-1.0) == sorted(keys(-1.0), reverse=True)
    assert keys(0.2) not in (sorted(keys(0.2)), sorted(keys(0.2), reverse=True))
