"""Times move by whole weeks to another day, together or not at all, and every constraint holds."""

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from querying import query

from connectors.datatypes import INFINITE
from connectors.engines import open_target
from connectors.schema import TableName
from generators.archive import fingerprint, read_archive
from generators.model import DatabaseModel
from generators.shift import shifted
from provisioner.cli import main
from provisioner.errors import WrongRequest
from provisioner.events import Advanced, Event
from provisioner.learning import Learning
from provisioner.load import load
from provisioner.plan import Plan, plan, read_plan
from provisioner.report import Severity
from provisioner.request import Request
from provisioner.shifting import shift_to
from provisioner.verify import verify

TIMES = (Path(__file__).parent.parent / "databases" / "times.sql").read_text("utf-8")
LEARNED, AS_OF = date(2024, 6, 3), date(2026, 6, 4)
DAYS = 728
"""The whole weeks from one to the other, which lie 731 days apart."""


@pytest.fixture(scope="module")
def archive(filled_database: Callable[[str], str], learned_archive: Callable[..., Path]) -> Path:
    return learned_archive(filled_database(TIMES), Learning(as_of=LEARNED))


def planned(archive: Path, as_of: date | None) -> Plan:
    return plan(read_archive(archive), fingerprint(archive), Request(seed=3, as_of=as_of))


def provisioned(model: DatabaseModel, plan: Plan, url: str) -> str:
    with open_target(url) as target:
        load(model, plan, target)
    return url


@pytest.fixture(scope="module")
def both(
    archive: Path, model: DatabaseModel, lasting_database: Callable[[], str]
) -> tuple[str, str]:
    """The same rows as learned, and as of another day."""
    plain, moved = (planned(archive, day) for day in (None, AS_OF))
    return (
        provisioned(model, plain, lasting_database()),
        provisioned(model, moved, lasting_database()),
    )


def rows(url: str, order: str, days: int = 0) -> list[tuple[Any, ...]]:
    table, columns = order.split(": ")
    wanted = columns.replace("DAYS", str(days))
    found = query(url, f"select {wanted} from {table}")  # noqa: S608 - a test's own SQL
    return sorted(found, key=str)


MOVED = [
    "person: id, born + DAYS",
    "person: id, joined + DAYS * interval '24h', (left_at + DAYS * interval '24h')::text",
    "person: id, (select array_agg(d + DAYS) from unnest(seen) d)",
    "shift: day + DAYS",
    "work: person, day + DAYS, done + DAYS * interval '1d', paid + DAYS",
    "room: id, lower(during) + DAYS * interval '1d', upper(during) + DAYS * interval '1d'",
    "event: id, at + DAYS",
]


@pytest.mark.parametrize("order", MOVED)
def test_times_move_by_whole_weeks_wherever_they_stand(both: tuple[str, str], order: str) -> None:
    plain, moved = both
    assert rows(moved, order) == rows(plain, order, DAYS)


RESTING = [
    "budget: id, decided, spent, booked, year",
    "reading: sensor, taken, value",
    "room: id, valid_until = '9999-12-31'",
    "person: id, left_at = 'infinity'",
]


@pytest.mark.parametrize("order", RESTING)
def test_what_must_not_move_does_not(both: tuple[str, str], order: str) -> None:
    plain, moved = both
    assert rows(moved, order) == rows(plain, order) != []


def test_a_column_that_rests_is_named_with_the_constraint(archive: Path) -> None:
    findings = {f.place: f for f in planned(archive, AS_OF).findings if f.kind == "unshifted"}
    assert {f.severity for f in findings.values()} == {Severity.WARNING}
    assert set(findings) == {
        "public.budget.decided",
        "public.budget.spent",
        "public.budget.booked",
        "public.reading.taken",
    }
    assert "2025-01-01" in findings["public.budget.decided"].text
    assert "partition bounds" in findings["public.reading.taken"].text


def test_a_moved_load_is_valid_and_verified_with_the_shift(
    model: DatabaseModel, both: tuple[str, str]
) -> None:
    with open_target(both[0]) as plain, open_target(both[1]) as moved:
        expected, found = verify(model, plain), verify(model, moved)
    assert found.passed, found.findings
    for before, after in zip(expected.tables, found.tables, strict=True):
        assert after.marginals == pytest.approx(before.marginals)
        assert (after.orphans, after.duplicates, after.violations) == (0, 0, 0)


def test_verify_finds_times_that_were_not_moved(
    archive: Path, model: DatabaseModel, database: str
) -> None:
    provisioned(model, planned(archive, AS_OF), database)
    query(database, "update event set at = at - 728")
    with open_target(database) as target:
        found = verify(model, target)
    assert ("marginal", "public.event.at") in {(f.kind, f.place) for f in found.findings}


def test_a_stopped_load_is_resumed_to_the_same_rows(
    archive: Path, model: DatabaseModel, both: tuple[str, str], database: str
) -> None:
    def stop(event: Event) -> None:
        if isinstance(event, Advanced) and event.stage == "load" and event.place == "public.work":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), open_target(database) as target:
        load(model, planned(archive, AS_OF), target, stop)
    provisioned(model, planned(archive, AS_OF), database)
    assert checksums(database) == checksums(both[1])


def checksums(url: str) -> Mapping[str, str]:
    with open_target(url) as target:
        return {str(t.name): target.checksum(t).digest for t in target.schema().tables}


def test_the_day_is_part_of_the_plan(archive: Path) -> None:
    plain, moved = planned(archive, None), planned(archive, AS_OF)
    assert read_plan(moved.as_json()) == moved
    assert plain.shift is None
    assert plain.fingerprint != moved.fingerprint
    assert moved.shift is not None
    assert (moved.shift.days, moved.shift.days % 7) == (DAYS, 0)
    assert planned(archive, date(2024, 6, 9)).shift is None
    back = planned(archive, date(2024, 6, 2)).shift
    assert back is not None
    assert back.days == -7


def test_bounds_from_below_hold_times_that_would_move_back(archive: Path) -> None:
    back = planned(archive, date(2020, 1, 1))
    assert back.shift is not None
    assert "joined" not in back.shift.of(TableName("public", "person"))
    assert {"during", "valid_until"} <= back.shift.of(TableName("public", "room"))
    why = {f.place: f.text for f in back.findings if f.kind == "unshifted"}
    assert "spent" in why["public.budget.decided"]  # tied to what was booked, which its year holds


def test_what_refers_to_kept_rows_rests_with_all_that_is_tied_to_it(model: DatabaseModel) -> None:
    kept = TableName("public", "shift")
    shift, findings = shift_to(model, AS_OF, frozenset({kept}))
    assert shift is not None
    assert not shift.of(kept) | shift.of(TableName("public", "work"))
    told = {f.place: f.text for f in findings}
    assert "public.shift.day, which work_day_fkey leads to" in told["public.work.day"]
    assert {"public.work.done", "public.work.paid"} <= told.keys()


@pytest.mark.parametrize("day", [date(1066, 10, 14), date(3000, 1, 1)])
def test_a_day_that_makes_no_sense_is_refused(archive: Path, day: date) -> None:
    with pytest.raises(WrongRequest, match="expected a day from 1900-01-01"):
        planned(archive, day)


def test_infinity_and_what_stands_for_it_rest_and_nulls_stay() -> None:
    never = pa.array([INFINITE[32], -INFINITE[32], None, 19_000], pa.int32()).view(pa.date32())
    moved = shifted(never, 7).view(pa.int32()).to_pylist()
    assert moved == [INFINITE[32], -INFINITE[32], None, 19_007]
    texts = pa.array(["[2023-01-30,9999-12-31)", "empty", "(,0001-01-01]", None])
    assert shifted(texts, 7).to_pylist() == ["[2023-02-06,9999-12-31)", *texts.to_pylist()[1:]]


def test_the_command_line_and_the_file_name_the_day(
    archive: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["plan", str(archive), "--as-of", AS_OF.isoformat()]) == 0
    assert f"as of {AS_OF}: " in (told := capfd.readouterr().out)
    (tmp_path / "provisioner.yaml").write_text(f"as_of: {AS_OF}")
    assert main(["plan", str(archive)]) == 0
    assert capfd.readouterr().out == told
    assert main(["plan", str(archive), "--as-of", "tomorrow"]) == 2
    assert "expected one such as 2026-01-31" in capfd.readouterr().err
    (tmp_path / "provisioner.yaml").write_text("as_of: 1700000000")
    assert main(["plan", str(archive)]) == 3
    assert "line 1, as_of: found '1700000000', expected a day" in capfd.readouterr().err
