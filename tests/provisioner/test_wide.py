"""What many small tables take grows with their number, and chance ties none of their columns."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import psycopg
import pyarrow as pa
import pytest

from benchmarks.wide import statements
from connectors.engines import open_source, open_target
from connectors.invariants import Term
from connectors.schema import TableName
from generators.archive import fingerprint, read_archive, write_archive
from generators.invariants.inclusion import Inclusion
from generators.model import DatabaseModel
from generators.orientation import oriented
from generators.privacy.support import Support
from generators.traits import Sort
from generators.viewing import LearnedView, Library
from provisioner.events import Event, StageFinished
from provisioner.learn import learn
from provisioner.learning import Learning
from provisioner.load import load
from provisioner.plan import Plan, plan
from provisioner.request import Request
from provisioner.sampling import sampled
from provisioner.synthesize import Synthesizer
from provisioner.verify import verify

FEW, MANY = 22, 62
DEPENDENT = {
    "item": {("price", "cost")},
    "account": {("state", "closed")},
    "order": {("state", "shipped"), ("placed", "shipped")},
    "order_line": {("price", "total"), ("quantity", "total")},
}
"""All pairs of columns of a module's tables that are not drawn independently of each other."""
STEEPEST = 1.35
"""How much faster than the number of tables calls may grow: 2.8 were it with the square."""


class Wide:
    """A learned database of many tables, its file and a target that its plan has filled."""

    def __init__(self, tables: int, source: str, target: str, folder: Path) -> None:
        with psycopg.connect(source, autocommit=True) as connection:
            for text in statements(tables):
                connection.execute(text.encode())
        self.source = source
        self.events: list[Event] = []
        self.path = folder / f"{tables}.model"
        with open_source(source) as opened:
            write_archive(
                learn(opened, Learning(kind="independent"), self.events.append), self.path
            )
        self.model: DatabaseModel = read_archive(self.path)
        self.tables = len(self.model.tables)
        self.target = target

    def planned(self) -> Plan:
        """The plan of as many rows as were learned."""
        return plan(self.model, fingerprint(self.path), Request())


@pytest.fixture(scope="module")
def sizes(
    lasting_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Wide, Wide]:
    folder = tmp_path_factory.mktemp("wide")
    few, many = (Wide(n, lasting_database(), lasting_database(), folder) for n in (FEW, MANY))
    return few, many


def calls(run: Callable[[], object]) -> int:
    """How many functions run in Python while this one does."""
    count = 0

    def watch(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        run()
    finally:
        sys.setprofile(before)
    return count


def steepness(sizes: tuple[Wide, Wide], run: Callable[[Wide], object]) -> float:
    """How much faster than the number of tables the calls grow that a run takes."""
    few, many = sizes
    for wide in sizes:
        run(wide)  # so that no part of either count fills what is kept for good
    grown = calls(lambda: run(many)) / calls(lambda: run(few))
    return grown / (many.tables / few.tables)


def test_the_keys_that_are_read_to_find_references_grow_with_the_tables(
    sizes: tuple[Wide, Wide], monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[TableName] = []
    read = Library.column

    def counted(self: Library, name: TableName, term: Term) -> pa.Array:
        reads.append(name)
        return read(self, name, term)

    monkeypatch.setattr(Library, "column", counted)
    numbers = []
    for wide in sizes:
        with open_source(wide.source) as source:
            sample = sampled(source, Learning())
        reads.clear()
        library = Library(sample.schema, sample.training, Support())
        for table in sample.schema.tables:
            list(Inclusion.propose(LearnedView(library, table)))
        numbers.append(len(reads) / wide.tables)
    assert numbers[1] < STEEPEST * numbers[0]


def test_reading_a_file_grows_with_its_tables(sizes: tuple[Wide, Wide]) -> None:
    assert steepness(sizes, lambda wide: read_archive(wide.path)) < STEEPEST


def test_a_plan_grows_with_its_tables(sizes: tuple[Wide, Wide]) -> None:
    assert steepness(sizes, Wide.planned) < STEEPEST


def test_placing_rules_grows_with_them(sizes: tuple[Wide, Wide]) -> None:
    assert steepness(sizes, lambda wide: oriented(wide.model)) < STEEPEST


def test_getting_ready_to_draw_grows_with_the_tables(sizes: tuple[Wide, Wide]) -> None:
    plans = {wide.tables: wide.planned() for wide in sizes}
    ready = steepness(sizes, lambda wide: Synthesizer(wide.model, plans[wide.tables]))
    assert ready < STEEPEST


def test_verify_makes_one_synthesizer_at_most(
    sizes: tuple[Wide, Wide], monkeypatch: pytest.MonkeyPatch
) -> None:
    wide = sizes[0]
    with open_target(wide.target) as target:
        load(wide.model, wide.planned(), target)
        made: list[Synthesizer] = []
        create = Synthesizer.__init__

        def counted(self: Synthesizer, *given: Any, **named: Any) -> None:
            made.append(self)
            create(self, *given, **named)

        monkeypatch.setattr(Synthesizer, "__init__", counted)
        verify(wide.model, target)
    assert len(made) <= 1


def test_of_all_pairs_of_columns_those_are_learned_that_depend_on_each_other(
    sizes: tuple[Wide, Wide],
) -> None:
    found: dict[str, set[tuple[str, ...]]] = {}
    for trait in (trait for wide in sizes for trait in wide.model.traits):
        if trait.sort is Sort.PAIR:
            kind = trait.table.name.partition("_")[2]
            found.setdefault(kind, set()).add(trait.columns)
    assert found == DEPENDENT


def test_each_stage_of_learning_says_how_many_tables_it_went_through(
    sizes: tuple[Wide, Wide],
) -> None:
    for wide in sizes:
        ended = {e.stage: e.amount for e in wide.events if isinstance(e, StageFinished)}
        assert ended["discover"] == ended["learn"] == wide.tables
