"""A load is started over: another one takes its place, and nothing else there is touched."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from querying import query

from connectors.engines import open_source, open_target
from connectors.errors import ForeignLoad
from generators.model import DatabaseModel
from provisioner.errors import Drifted, SameDatabase, WrongRequest
from provisioner.events import Event, StageStarted, silent
from provisioner.learn import learn
from provisioner.learning import Learning
from provisioner.load import load
from provisioner.migrated import start_over, target_drift
from provisioner.plan import Plan, plan
from provisioner.request import Request
from provisioner.verify import verify

SHOP = (Path(__file__).parent.parent / "databases" / "shop.sql").read_text("utf-8")


@pytest.fixture(scope="module")
def shop(filled_database: Callable[[str], str]) -> str:
    return filled_database(SHOP)


@pytest.fixture(scope="module")
def model(shop: str) -> DatabaseModel:
    with open_source(shop) as source:
        return learn(source, Learning())


def planned(model: DatabaseModel, seed: int, file: str = "f") -> Plan:
    return plan(model, file, Request(seed=seed))


class Interrupted(Exception):
    """What ends a load in the middle."""


def filled(model: DatabaseModel, plan: Plan, url: str, until: str = "") -> None:
    def listen(event: Event) -> None:
        if isinstance(event, StageStarted) and event.stage == until:
            raise Interrupted

    with open_target(url) as target:
        load(model, plan, target, listen if until else silent)


def started_over(model: DatabaseModel, plan: Plan, url: str) -> int:
    with open_target(url) as target:
        emptied = start_over(model, plan, target)
        assert target.ledger() is None
        assert all(target.rows(target.schema().table(name)) == 0 for name in emptied)
        return len(emptied)


def contents(url: str) -> Mapping[str, object]:
    """Checksums of the tables, and what the database declares beside them."""
    with open_target(url) as target:
        sums: dict[str, object] = {
            str(t.name): target.checksum(t).digest for t in target.schema().tables
        }
    objects = (
        "select conname::text from pg_constraint where connamespace = 'shop'::regnamespace"
        " union select indexdef from pg_indexes where schemaname = 'shop'"
        " union select tgname from pg_trigger where not tgisinternal"
    )
    return {**sums, "": sorted(query(url, objects))}


@pytest.mark.parametrize("until", ["", "load", "finish"])
def test_what_a_load_filled_is_filled_anew_wherever_it_had_come(
    model: DatabaseModel, new_database: Callable[[], str], until: str
) -> None:
    fresh, used = new_database(), new_database()
    filled(model, planned(model, 2), fresh)
    if until:
        with pytest.raises(Interrupted):
            filled(model, planned(model, 1), used, until)
    else:
        filled(model, planned(model, 1), used)
        query(used, "create table public.mine (id int); insert into mine values (7)")
    anew = planned(model, 2)
    if not until:
        with pytest.raises(Drifted, match=r"public\.mine: table-added"):
            started_over(model, anew, used)
        with open_source(used) as opened:
            later = {found.hash for found in target_drift(model, opened.schema())}
        anew = plan(model, "f", Request(seed=2, acknowledged=frozenset(later)))
    assert started_over(model, anew, used) > 5
    filled(model, anew, used)
    if not until:
        assert query(used, "table public.mine") == [(7,)]
        query(used, "drop table public.mine")
    assert contents(used) == contents(fresh)
    with open_target(used) as target:
        assert verify(model, target).passed


def test_a_target_without_a_load_and_a_source_are_not_emptied(
    model: DatabaseModel, shop: str, database: str
) -> None:
    assert started_over(model, planned(model, 1), database) == 0
    with open_target(shop) as target, pytest.raises(SameDatabase):
        start_over(model, planned(model, 1), target)


def test_what_could_not_be_filled_anew_is_left_as_it_is(
    model: DatabaseModel, database: str
) -> None:
    with pytest.raises(Interrupted):
        filled(model, planned(model, 1), database, "finish")
    before = contents(database)
    firing = plan(model, "f", Request(fire=frozenset(list(model.tables)[:1])))
    with open_target(database) as target:
        with pytest.raises(ForeignLoad, match="unfinished load of another model"):
            start_over(model, planned(model, 1, "another"), target)
        with pytest.raises(WrongRequest, match="triggers that fire"):
            start_over(model, firing, target)
    assert contents(database) == before
