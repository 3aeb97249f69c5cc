"""Rows enact the scenarios asked for, exactly, and are otherwise distributed as they were."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from querying import query

from connectors.engines import open_source, open_target
from connectors.schema import TableName
from generators.archive import fingerprint
from generators.model import DatabaseModel
from provisioner.cli import main
from provisioner.errors import Infeasible, WrongRequest
from provisioner.frequency import measured
from provisioner.learn import learn
from provisioner.learning import Learning
from provisioner.load import load
from provisioner.plan import Plan, plan, read_plan
from provisioner.report import Severity
from provisioner.request import Request
from provisioner.scenarios import Having, Scenario
from provisioner.synthesize import Synthesizer
from provisioner.verify import verify

FOLDER = Path(__file__).parent.parent / "databases"
BANK = (FOLDER / "payments.sql").read_text("utf-8")
BEATS = (FOLDER / "beats.sql").read_text("utf-8")
ABROAD = "status = 'fraud' and country <> 'NZ'"
OVERDUE = "due < date '2024-06-01' and paid is null"
RARE = "status = 'fraud' and country = 'FR' and amount between 500 and 600"
UNEVEN = "status = 'fraud' and channel = 'app' and device in ('emulator', 'tablet')"
NATURAL_SCALE = 12
TOLERANCE = 0.03
COLUMNS = {
    "payments": [
        "country",
        "channel",
        "status",
        "coalesce(device, '-')",
        "width_bucket(ln(amount), 3, 8, 12)",
        "width_bucket(fee / amount, 0, 0.02, 4)",
        "(select segment from bank.customers as c where c.id = customer_id)",
    ],
    "invoices": [
        "kind",
        "reminded",
        "width_bucket(total, 0, 2000, 10)",
        "extract(quarter from due)::int",
    ],
}


def named(name: str) -> TableName:
    return TableName("bank", name)


def asked(where: str, table: str = "payments", **amount: float) -> Scenario:
    return Scenario(named(table), where, **amount)  # type: ignore[arg-type]


def with_children(where: str, at_least: int, share: float) -> Scenario:
    having = Having(named("payments"), where, at_least)
    return Scenario(named("customers"), having=having, share=share)


TOGETHER = (
    asked(ABROAD, share=0.1),
    asked(OVERDUE, "invoices", count=500),
    with_children("status = 'chargeback'", 1, 0.6),
)


@pytest.fixture(scope="module")
def source(filled_database: Callable[[str], str]) -> str:
    return filled_database(BANK)


@pytest.fixture(scope="module")
def archive(source: str, learned_archive: Callable[..., Path]) -> Path:
    return learned_archive(source)


def planned(model: DatabaseModel, *scenarios: Scenario, scale: float = 1, seed: int = 1) -> Plan:
    return plan(model, "bank", Request(scale, seed, scenarios=scenarios))


def provisioned(model: DatabaseModel, found: Plan, url: str) -> str:
    with open_target(url) as target:
        load(model, found, target)
        report = verify(model, target)
    assert report.passed, report.findings
    assert all(t.orphans == t.duplicates == t.violations == 0 for t in report.tables)
    assert [(p.planned, p.found) for p in report.scenarios] == [
        (quota.rows, quota.rows) for quota in found.scenarios
    ]
    return url


@pytest.fixture(scope="module")
def natural(model: DatabaseModel, lasting_database: Callable[[], str]) -> str:
    """Many rows as they were learned, without any scenario."""
    found = planned(model, scale=NATURAL_SCALE, seed=7)
    return provisioned(model, found, lasting_database())


@pytest.fixture(scope="module")
def staged(model: DatabaseModel, lasting_database: Callable[[], str]) -> str:
    return provisioned(model, planned(model, *TOGETHER), lasting_database())


def number(url: str, table: str, where: str = "true") -> int:
    return int(query(url, f"select count(*) from bank.{table} where {where}")[0][0])  # noqa: S608 - names and conditions of this file


def shares(url: str, table: str, column: str, where: str) -> tuple[Mapping[Any, float], int]:
    found = Counter(query(url, f"select {column} from bank.{table} where {where}"))  # noqa: S608 - names and conditions of this file
    total = sum(found.values())
    return {value: count / total for value, count in found.items()}, total


def assert_alike(one: str, other: str, table: str, where: str, columns: Sequence[str]) -> None:
    """One-way marginals of two databases differ by no more than samples of one law may.

    A share's difference has a mean of at most 0.8 deviations, so that half their sum is expected
    by chance; one row changes it by 1 / n, so that it is 3 times its deviation above that in one
    case of several hundred.
    """
    for column in columns:
        (left, n), (right, m) = (shares(url, table, column, where) for url in (one, other))
        values = left.keys() | right.keys()
        distance = sum(abs(left.get(v, 0) - right.get(v, 0)) for v in values) / 2
        spread = np.sqrt(1 / n + 1 / m)
        mixed = np.array([(left.get(v, 0) * n + right.get(v, 0) * m) / (n + m) for v in values])
        chance = 0.4 * np.sqrt(mixed * (1 - mixed)).sum() * spread
        most = TOLERANCE + chance + 1.5 * spread
        assert distance <= most, (table, where, column, distance, most, n, m)


def test_as_many_rows_as_asked_enact_each_scenario_in_the_servers_own_count(staged: str) -> None:
    payments, customers = number(staged, "payments"), number(staged, "customers")
    hit = "id in (select customer_id from bank.payments where status = 'chargeback')"
    assert number(staged, "payments", ABROAD) == round(0.1 * payments)
    assert number(staged, "invoices", OVERDUE) == 500
    assert number(staged, "customers", hit) == round(0.6 * customers)


def test_rows_that_enact_a_scenario_are_like_those_that_do_by_themselves(
    natural: str, staged: str
) -> None:
    assert_alike(natural, staged, "payments", ABROAD, COLUMNS["payments"])
    assert_alike(natural, staged, "invoices", OVERDUE, COLUMNS["invoices"])
    assert_alike(natural, staged, "payments", "status = 'chargeback'", COLUMNS["payments"])


def test_rows_that_enact_a_scenario_are_like_production_s(source: str, staged: str) -> None:
    # What the model itself has learned well; a scenario cannot mend the rest.
    columns = ["channel", "coalesce(device, '-')", COLUMNS["payments"][-1]]
    assert_alike(source, staged, "payments", ABROAD, columns)


def test_rows_not_asked_for_are_distributed_as_they_were(natural: str, staged: str) -> None:
    rest = f"({ABROAD}) is not true"
    assert_alike(natural, staged, "payments", rest, COLUMNS["payments"])
    assert_alike(natural, staged, "invoices", f"({OVERDUE}) is not true", COLUMNS["invoices"])


@pytest.mark.parametrize(("where", "share"), [(RARE, 0.02), (UNEVEN, 0.06)])
def test_a_rare_predicate_is_met_without_changing_what_goes_with_it(
    model: DatabaseModel, source: str, natural: str, database: str, where: str, share: float
) -> None:
    found = planned(model, asked(where, share=share), scale=3)
    # So rare in production that rows that are drawn again a few times would not be enough.
    assert number(source, "payments", where) < share / 8 * number(source, "payments")
    provisioned(model, found, database)
    assert_alike(natural, database, "payments", where, COLUMNS["payments"])


def test_fewer_rows_than_learned_are_left_like_those_learned(
    model: DatabaseModel, natural: str, database: str
) -> None:
    found = planned(model, asked("status = 'done'", share=0.5), scale=2)
    provisioned(model, found, database)
    assert_alike(natural, database, "payments", "status = 'done'", COLUMNS["payments"])


def test_owners_have_several_children_that_satisfy_a_predicate(
    model: DatabaseModel, database: str
) -> None:
    scenario = with_children("status = 'fraud'", 3, 0.25)
    provisioned(model, planned(model, scenario), database)
    hits = "select customer_id from bank.payments where status = 'fraud' group by 1"
    enough = f"select count(*) from ({hits} having count(*) >= 3) as h"  # noqa: S608 - names and conditions of this file
    assert query(database, enough)[0][0] == round(0.25 * number(database, "customers"))


def test_no_owner_may_have_such_a_child_where_none_is_asked_for(
    model: DatabaseModel, database: str
) -> None:
    provisioned(model, planned(model, with_children("status = 'fraud'", 1, 0)), database)
    assert number(database, "payments", "status = 'fraud'") == 0


def test_a_factor_multiplies_the_frequency_learned(
    model: DatabaseModel, natural: str, database: str
) -> None:
    request = Request(scenarios=(asked(ABROAD, factor=3), asked(OVERDUE, "invoices", count=9)))
    found = plan(model, "bank", measured(model, "bank", request))
    rows = number(natural, "payments")
    share = number(natural, "payments", ABROAD) / rows
    drawn = found.scenarios[0].rows / found.layout(named("payments")).total / 3
    # Measured on as many rows as the plan has, beside those of the natural database.
    deviation = np.sqrt(share * (1 - share) * (1 / 9_000 + 1 / rows))
    assert abs(drawn - share) <= 5 * deviation
    provisioned(model, found, database)


def test_a_factor_is_one_of_owners_where_children_are_asked_for(
    model: DatabaseModel, natural: str
) -> None:
    scenario = replace(with_children(ABROAD, 1, 0), share=None, factor=1)
    [known] = measured(model, "bank", Request(scenarios=(scenario,))).scenarios
    assert known.frequency is not None
    owners = number(natural, "customers")
    hits = f"id in (select customer_id from bank.payments where {ABROAD})"  # noqa: S608 - names and conditions of this file
    share = number(natural, "customers", hits) / owners
    deviation = np.sqrt(share * (1 - share) * (1 / 1_500 + 1 / owners))
    assert abs(known.frequency - share) <= 4 * deviation


def test_scenarios_are_exact_over_many_shards_each_drawn_by_itself(
    model: DatabaseModel, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("provisioner.plan._SHARD_ROWS", 2_000)
    found = planned(model, *TOGETHER)
    tree = found.tree(named("payments"))
    assert found.trees[tree].shards >= 7
    provisioned(model, found, database)
    alone = Synthesizer(model, read_plan(found.as_json()))
    there = Synthesizer(model, found)
    for shard in (5, 2):
        one, other = (list(s.shard(tree, shard)) for s in (alone, there))
        assert [b.table for b in one] == [b.table for b in other]
        assert all(a.rows.equals(b.rows) for a, b in zip(one, other, strict=True))


def test_a_stopped_load_is_resumed_to_the_same_rows(
    model: DatabaseModel, new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("provisioner.plan._SHARD_ROWS", 4_000)
    found = planned(model, *TOGETHER)
    whole = provisioned(model, found, new_database())
    stopped = new_database()
    drawn, shards = Synthesizer.shard, iter(range(100))

    def failing(self: Synthesizer, tree: int, shard: int) -> Any:
        if next(shards) == 3:
            raise KeyboardInterrupt
        return drawn(self, tree, shard)

    with monkeypatch.context() as patch, open_target(stopped) as target:
        patch.setattr(Synthesizer, "shard", failing)
        with pytest.raises(KeyboardInterrupt):
            load(model, found, target)
    provisioned(model, found, stopped)
    assert sums(stopped) == sums(whole)


def sums(url: str) -> Mapping[str, str]:
    with open_target(url) as target:
        return {str(t.name): target.checksum(t).digest for t in target.schema().tables}


def test_a_scenario_belongs_to_what_a_plan_is_known_by(model: DatabaseModel) -> None:
    found = {
        planned(model, *scenarios).fingerprint
        for scenarios in ((), (asked(ABROAD, share=0.1),), (asked(ABROAD, share=0.2),))
    }
    assert len(found) == 3


def test_verify_counts_rows_that_left_their_scenario(model: DatabaseModel, database: str) -> None:
    provisioned(model, planned(model, asked(ABROAD, count=700)), database)
    first = f"select min(id) from bank.payments where {ABROAD}"  # noqa: S608 - as above
    query(database, f"update bank.payments set status = 'done' where id = ({first})")  # noqa: S608 - as above
    with open_target(database) as target:
        [finding] = [f for f in verify(model, target).findings if f.kind == "scenario"]
    assert finding.severity is Severity.ERROR
    assert "699 rows found, 700 planned" in finding.text


def test_rows_that_repeat_their_siblings_and_follow_a_clock_enact_scenarios(
    new_database: Callable[[], str],
) -> None:
    url, target = new_database(), new_database()
    query(url, BEATS)
    with open_source(url) as opened:
        learned = learn(opened, Learning(units=()))
    treatment, visit, patient = (TableName("public", n) for n in ("treatment", "visit", "patient"))
    scenarios = (
        Scenario(treatment, "ward in ('ward 3', 'ward 4')", share=0.3),
        Scenario(visit, "day > '2020-10-01'", share=0.5),
        Scenario(patient, having=Having(visit, "ward = 'ward 2'", 2), count=30),
    )
    assert learned.tables[treatment].history is not None
    provisioned(learned, planned(learned, *scenarios), target)


TEAMS = """
create table teams (id serial primary key, lead integer, title text not null);
create table members (
    id serial primary key, team integer not null references teams, role text not null,
    since date not null, until date, unique (team, role), check (until > since));
alter table teams add foreign key (lead) references members;
insert into teams (title) select 'team ' || n % 20 from generate_series(1, 400) n;
insert into members (team, role, since, until)
select t, (array['a', 'b', 'c', 'd'])[r], date '2020-01-01' + t,
    case when t % 3 = 0 then date '2021-06-01' + t end
from generate_series(1, 400) t, generate_series(1, 4) r where (t + r) % 3 > 0;
update teams set lead = (select min(id) from members m where m.team = teams.id) where id % 2 = 0;
"""


def test_rows_under_a_unique_key_enact_what_it_leaves_room_for(
    new_database: Callable[[], str],
) -> None:
    url = new_database()
    query(url, TEAMS)
    with open_source(url) as opened:
        learned = learn(opened, Learning(units=()))
    teams, members = TableName("public", "teams"), TableName("public", "members")
    both = Having(members, "role in ('a', 'b')", 2)  # a team has each role once
    for scenarios in (
        (Scenario(members, "role = 'a'", share=0.32), Scenario(teams, "lead is null", count=90)),
        (Scenario(teams, having=both, share=0.5),),
    ):
        provisioned(learned, planned(learned, *scenarios), new_database())
    late = planned(learned, Scenario(members, "role = 'a'", share=0.9))
    with open_target(new_database()) as target, pytest.raises(Infeasible, match="role = 'a'"):
        load(learned, late, target)


def test_a_factor_of_what_never_happens_is_refused(model: DatabaseModel) -> None:
    request = Request(scenarios=(asked("amount > 1e6", factor=2),))
    with pytest.raises(WrongRequest, match="none of the rows drawn beforehand"):
        measured(model, "bank", request)


def test_scenarios_of_kept_rows_are_refused(model: DatabaseModel) -> None:
    for scenario in (asked(ABROAD, share=0.1), with_children(ABROAD, 1, 0.1)):
        request = Request(scenarios=(scenario,), keep=frozenset({scenario.table}))
        with pytest.raises(WrongRequest, match="are kept; drop one of the two"):
            plan(model, "bank", request)


WRONG = [
    (asked("colour = 'red'", share=0.1), "colour, which is no column of bank.payments"),
    (asked("status = ", share=0.1), "SQL that cannot be parsed"),
    (asked("true) or (true", share=0.1), "SQL that cannot be parsed"),
    (asked("amount", share=0.1), "a condition is true or false"),
    (asked("amount > (select 1)", share=0.1), "a sub-select"),
    (asked("due < current_date", "invoices", share=0.1), "the clock"),
    (asked("id < 10", share=0.1), "id is a key that follows from the row's place"),
    (asked("customer_id = 1", share=0.1), "customer_id leads to the row's owner"),
    (asked(ABROAD, count=10_000_000), "10000000 rows asked for, but bank.payments has"),
    (asked(ABROAD, share=0.1, count=3), "expected one of share, count and factor"),
    (asked(ABROAD, factor=2), "measure it first"),
    (asked(ABROAD, "nowhere", share=0.1), "the model holds no table bank.nowhere"),
    (
        Scenario(named("branches"), having=Having(named("payments"), ABROAD), count=1),
        "belong to bank.customers; expected children that belong to bank.branches",
    ),
    (with_children(ABROAD, 9, 0.9), "ask for fewer"),
    (Scenario(named("payments"), share=0.5), "expected one of where and having"),
]


@pytest.mark.parametrize(("scenario", "words"), WRONG, ids=range(len(WRONG)))
def test_a_scenario_that_cannot_be_understood_stops_the_plan(
    model: DatabaseModel, scenario: Scenario, words: str
) -> None:
    with pytest.raises(WrongRequest, match=words.replace("(", r"\(")):
        planned(model, scenario)


HOPELESS = [
    (asked("amount > 10 and amount < 5", share=0.1), "no row was found that satisfies it"),
    (asked("amount < 0", share=0.1), "no row was found that satisfies it"),
    (asked("fee > amount", count=1), "no row was found that satisfies it"),
    (asked("segment = 'secret'", "customers", count=5), "no row was found that satisfies it"),
    (asked("amount > 0", share=0.5), "no row was found that does not satisfy it"),
]


@pytest.mark.parametrize(("scenario", "words"), HOPELESS, ids=range(len(HOPELESS)))
def test_the_plan_names_a_scenario_that_no_row_can_enact(
    model: DatabaseModel, scenario: Scenario, words: str
) -> None:
    [finding] = [f for f in planned(model, scenario).findings if f.kind == "unmeetable"]
    assert finding.stops
    assert words in finding.text
    assert scenario.condition in finding.text


def test_scenarios_that_exclude_each_other_stop_before_the_first_row(
    model: DatabaseModel, database: str
) -> None:
    found = planned(
        model, asked("status = 'fraud'", share=0.7), asked("status = 'done'", share=0.7)
    )
    with open_target(database) as target, pytest.raises(Infeasible, match="status = 'done'"):
        load(model, found, target)
    assert query(database, "select to_regclass('bank.payments')") == [(None,)]


def test_a_predicate_that_the_server_refuses_stops_before_the_first_row(
    model: DatabaseModel, database: str
) -> None:
    found = planned(model, asked("status = 1", share=0.1))
    with open_target(database) as target, pytest.raises(WrongRequest, match="status = 1"):
        load(model, found, target)
    assert query(database, "select to_regclass('bank.payments')") == [(None,)]


CONFIGURED = """
scenarios:
  - name: fraud abroad
    table: bank.payments
    where: status = 'fraud' and country <> 'NZ'
    share: 0.1
  - table: customers
    having: {table: payments, where: status = 'chargeback', at_least: 2}
    count: 300
"""


def test_the_command_line_plans_and_verifies_what_the_configuration_asks(
    archive: Path, database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(CONFIGURED)
    assert main(["plan", str(archive), "--config", str(config)]) == 0
    assert "fraud abroad" in capsys.readouterr().out
    to = ["--target", database, "--config", str(config)]
    assert main(["provision", str(archive), *to]) == 0
    assert "bank.payments scenario fraud abroad" in capsys.readouterr().out
    assert number(database, "payments", ABROAD) == round(0.1 * number(database, "payments"))


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("[{table: payments, where: nope = 1, share: 0.1}]", 2, "nope, which is no column"),
        ("[{table: payments, where: x = 1, share: 2}]", 3, "line 1, scenarios.1.share"),
        ("[{table: paiments, where: x = 1, share: 1}]", 3, "did you mean bank.payments"),
        ("[{table: payments, share: 0.1}]", 3, "expected one of where and having"),
        ("[{table: payments, where: x, quota: 1}]", 3, "this key is not known"),
        ("[{table: payments, where: '', share: 1}]", 3, "scenarios.1.where"),
    ],
)
def test_a_wrong_scenario_in_the_configuration_is_told_with_its_place(
    archive: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    text: str,
    code: int,
    words: str,
) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(f"scenarios: {text}\n")
    assert main(["plan", str(archive), "--config", str(config)]) == code
    assert words in capsys.readouterr().err


def test_a_model_file_is_planned_by_its_fingerprint(archive: Path, model: DatabaseModel) -> None:
    found = plan(model, fingerprint(archive), Request(scenarios=(asked(ABROAD, share=0.1),)))
    assert read_plan(found.as_json()) == found
