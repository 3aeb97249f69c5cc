"""Learns a source: schema, profile, training rows, model."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial

from connectors.ddl import DdlItem
from connectors.engines import Source
from connectors.errors import EmptyDatabase, RefusedRow, RefusedStatement, UnreadableTable
from connectors.invariants import Claim, Tally
from connectors.planner import Query
from connectors.profile import Split, TableSize, UnitPath
from connectors.schema import ForeignKey, Schema, Table, TableName
from generators.carried import Carried
from generators.classes import Classes, table_classes
from generators.discovery import proposed, remarkable, verified
from generators.facts import Reading, Training
from generators.fit import Fitted, Fitting, Overrun, fit_database
from generators.found import Found
from generators.model import DatabaseModel, TableModel
from generators.orientation import withheld
from generators.portrait import Sitting, portrayed
from generators.privacy.accountant import Ledger
from generators.privacy.attacked import Limits
from generators.privacy.support import Support, distinct
from generators.privacy.units import Ways, unit_paths
from generators.randomness import number
from generators.schedule import Schedule
from generators.tables import Epoch
from generators.viewing import Library
from provisioner.attacking import Evidence, attacked
from provisioner.carrying import Carrying, check_keys, check_public, public
from provisioner.choosing import chosen_masks
from provisioner.declared import check_declared
from provisioner.differential.asking import Privacy
from provisioner.differential.standing import standing_in
from provisioner.errors import WrongRequest
from provisioner.estimating import estimated
from provisioner.events import (
    Advanced,
    EpochFinished,
    Listener,
    StageFinished,
    StageStarted,
    Stated,
    silent,
)
from provisioner.leaving import left_out
from provisioner.masking import masked_tables
from provisioner.reading import read
from provisioner.undeclared import with_undeclared
from provisioner.wishes import Wish, granted, totals, unmet, with_checks
from provisioner.workers.learners import hired

_MOST_ROWS = 1_000_000
_FEW_UNITS = 3
"""Units for each that must share a value, below which little of a table can be learned."""
_MANY_ROWS = 10
"""Rows of a unit from which on these may be rows that it handles, and not its own."""
_PATIENT = frozenset({"auto", "network"})
"""Table generators for those who would rather wait than have less likely rows."""


@dataclass(frozen=True, slots=True)
class Learning:
    """How to learn.

    Attributes:
        k: distinct privacy units behind everything released.
        kind: the table generator: "trees", "network", "auto" or "independent".
        units: tables whose rows are the privacy units; empty to find them by their columns.
        ways: each table's key to its unit, where a person says so.
        skip_unreadable: leave out tables that the role may not read, instead of stopping.
        seed: chooses which units are held out.
        holdout: share of units that are.
        keys: foreign keys that the database does not declare; see `provisioner.undeclared`.
        skip: tables to leave out, with all that needs them.
        refine: whether to hold drawn histories against learned ones, and to choose among several
            when drawing; None for where the table generator takes its time as well.
        as_of: the day that the source's rows stand for; None for today.
        invariants: whether to find the rules that nobody declared.
        wishes: what a person says of those rules.
        budget: how long "auto" may train and refine; None to choose by size.
        carrying: tables whose rows travel in the file.
        attack: what attacks on the model may achieve; None to leave it unattacked.
        queries: the user's own, whose plans are kept.
        classes: what a person says that columns say of people.
        privacy: differential privacy for each unit; None for support alone.
        learners: processes that learn networks; None for as many as there is room and work for.
            What is learned is the same.
    """

    k: int = 11
    kind: str = "trees"
    units: tuple[TableName, ...] = ()
    ways: Ways = field(default_factory=dict)
    skip_unreadable: bool = False
    seed: int = 0
    keys: tuple[ForeignKey, ...] = ()
    skip: frozenset[TableName] = frozenset()
    refine: bool | None = None
    as_of: date | None = None
    invariants: bool = True
    wishes: tuple[Wish, ...] = ()
    budget: timedelta | None = None
    carrying: Carrying = field(default_factory=Carrying)
    attack: Limits | None = None
    queries: tuple[Query, ...] = ()
    classes: Classes = field(default_factory=dict)
    privacy: Privacy | None = None
    holdout: float = 0.1
    learners: int | None = None

    @property
    def refines(self) -> bool:
        """Whether drawn histories are held against learned ones."""
        return self.kind in _PATIENT if self.refine is None else self.refine


@dataclass(frozen=True, slots=True)
class Discovered:
    """The rules that nobody declared, of a schema, and how long finding them took."""

    schema: Schema
    rules: tuple[Found, ...]
    seconds: float


def learn(source: Source, learning: Learning, listen: Listener = silent) -> DatabaseModel:
    """Learns everything about a source that may leave it.

    Raises:
        EmptyDatabase: the source has no tables.
        UnreadableTable: a table may not be read, and `skip_unreadable` was not asked for.
        WrongRequest: a table named as a unit does not exist, an undeclared key cannot be one, or
            rows that shall travel refer to drawn ones.
        NotPublic: a table that shall be copied is not public.
        Telling: a statement of the schema tells of people, or holds a secret.
    """
    *_, best = models(source, learning, listen)
    return best


def models(
    source: Source, learning: Learning, listen: Listener = silent
) -> Iterator[DatabaseModel]:
    """Yields a model as soon as there is one, and of kind "auto" a better one later.

    The last one of them follows once more where it is to be attacked, with what attacks achieved.
    Raises what `learn` does.
    """
    ledger = None
    if learning.privacy is not None:
        if learning.carrying.masked:
            raise WrongRequest("masked rows have no differential privacy; drop one of the two")
        source, learning, ledger = _in_its_stead(source, learning, listen)
    yield from modelled(source, sampled(source, learning, listen), learning, listen, ledger)


def modelled(
    source: Source,
    sample: "Sample",
    learning: Learning,
    listen: Listener = silent,
    ledger: Ledger | None = None,
) -> Iterator[DatabaseModel]:
    """As `models`, of what was read; `ledger` says what that has cost each privacy unit."""
    masked = _masked(source, sample, learning, listen)
    facts = Reading(
        sample.schema,
        sample.ddl,
        source.identity,
        source.profile(sample.schema, sample.split),
        sample.split.paths,
        sample.training,
        learning.carrying.copied,
        frozenset(learning.carrying.masked),
        classes=sample.classes,
    )
    day = learning.as_of or datetime.now(UTC).date()
    rules = _found(source, sample, learning, listen).rules if learning.invariants else ()
    asked = learning.queries, Support(learning.k)
    known = estimated(source, sample.schema, sample.training, asked, listen)
    model = None
    for fitted in _fitted(facts, learning, listen):
        traits = portrayed(Sitting(fitted, sample.training, facts.paths, Support(learning.k)))
        carried = {**fitted.carried, **masked}
        seen = replace(fitted, traits=traits, estimates=known, carried=carried)
        kept = tuple(rule for rule in rules if rule.rule.declared or not withheld(fitted, rule))
        model = replace(seen, as_of=day, invariants=kept, classes=sample.classes)
        model = replace(model, ledger=ledger)
        yield model
    if model is not None and learning.attack is not None:
        evidence = Evidence(source, sample.split, sample.training, learning.attack, learning.seed)
        yield replace(model, attacked=attacked(model, evidence, listen))


def discover(source: Source, learning: Learning, listen: Listener = silent) -> Discovered:
    """The rules that `learn` would find, without fitting anything; raises what `learn` raises."""
    return _found(source, sampled(source, learning, listen), learning, listen)


def _in_its_stead(
    source: Source, learning: Learning, listen: Listener
) -> tuple[Source, Learning, Ledger]:
    """Drawn rows that stand in for the source, how to learn from them, and what they have cost.

    No rules are looked for in them, no plans are kept, and nothing is attacked: what attacks find
    comes from real rows.
    """
    if learning.privacy is None:
        raise WrongRequest("no budget is given; expected an epsilon")
    if learning.keys or learning.wishes:
        raise WrongRequest(
            "keys and invariants of the configuration are held against the source's rows, which "
            "differential privacy does not allow: leave them out, or learn without --epsilon"
        )
    copied = learning.carrying.copied
    if learning.carrying.tables - copied:
        raise WrongRequest(
            "masked rows are real ones, and real rows are not differentially private: leave mode "
            "mask out, or learn without --epsilon"
        )
    wanted = _wanted(source, learning, listen)
    check_declared(wanted[1], learning.carrying.acknowledged)
    _known_units({t.name for t in wanted[0].tables}, learning)
    known = learning.privacy.public | copied
    privacy = replace(learning.privacy, public=known, ways=learning.ways)
    stand = standing_in(source, wanted, learning.units, learning.k, privacy, listen)
    later = replace(
        learning,
        units=stand.units,
        skip=frozenset(),
        invariants=False,
        attack=None,
        queries=(),
    )
    return stand.source, later, stand.ledger


@dataclass(frozen=True, slots=True)
class Sample:
    """What is read of a source, and the rows of the units to learn from."""

    schema: Schema
    ddl: tuple[DdlItem, ...]
    split: Split
    training: Mapping[TableName, Training]
    classes: Classes


def sampled(source: Source, learning: Learning, listen: Listener = silent) -> Sample:
    """What `learn` reads before it learns anything; raises what `learn` raises."""
    schema, ddl = _wanted(source, learning, listen)
    check_declared(ddl, learning.carrying.acknowledged)
    schema = _with_kept(with_undeclared(schema, learning.keys, source), source)
    schema = _with_asked(schema, source, learning, listen)
    check_keys(schema, learning.carrying)
    known = _paths(schema, source.sizes(), learning)
    paths = public(known, learning.carrying.copied)
    listen(Stated(_cost(schema, source.sizes())))
    shares = {**_shares(schema, source, paths), **dict.fromkeys(learning.carrying.copied, 1.0)}
    split = Split(paths, number(learning.seed, "holdout"), learning.holdout, shares)
    training = read(source, schema, split, listen)
    for said in _of_few(known, training, learning.k):
        listen(Stated(said))
    support = Support(learning.k)
    classes = {
        name: table_classes(
            schema.table(name), part.rows, part.units, support, learning.classes.get(name, {})
        )
        for name, part in training.items()
    }
    check_public(learning.carrying, known, classes)
    return Sample(schema, ddl, split, training, classes)


def _masked(
    source: Source, sample: Sample, learning: Learning, listen: Listener
) -> Mapping[TableName, Carried]:
    """The rows that travel masked."""
    if not learning.carrying.masked:
        return {}
    began = time.monotonic()
    listen(StageStarted("mask", len(learning.carrying.masked), "tables"))
    found = {}
    support = Support(learning.k)
    chosen = chosen_masks(sample.schema, learning.carrying, sample.classes)
    carrying = replace(learning.carrying, masked=chosen)
    for name, rows in masked_tables(
        source, sample.schema, carrying, sample.split.paths, sample.training, support
    ):
        found[name] = rows
        listen(Advanced("mask", 1, str(name)))
    listen(StageFinished("mask", len(found), time.monotonic() - began))
    return found


def _found(source: Source, sample: Sample, learning: Learning, listen: Listener) -> Discovered:
    """The rules that all rows keep though nobody declared them."""
    began = time.monotonic()
    library = Library(sample.schema, sample.training, Support(learning.k))

    def count(claim: Claim) -> Tally:
        try:
            return source.tally(claim)
        except (RefusedRow, RefusedStatement) as problem:
            listen(Stated(f"a rule is left out, since the source does not count it: {problem}"))
            return Tally(0, 0)

    listen(StageStarted("discover", len(sample.schema.tables), "tables"))
    found: list[Found] = []
    for table in sample.schema.tables:
        found.extend(verified(library, proposed(library, table), count))
        library.forget(table.name)
        listen(Advanced("discover", 1, str(table.name)))
    asked = tuple(
        verified(library, totals(sample.schema, learning.wishes), source.tally, asked=True)
    )
    for one in asked:
        if one.broken.value != 0:
            few = one.broken.value or f"fewer than {learning.k}"
            text = f"{few} of {one.spoken.value} rows of the source break it"
            listen(Stated(f"{one.rule.table}: {one.words}: {text}"))
    for words in unmet(found, learning.wishes):
        listen(Stated(f"no such rule was found: {words}"))
    seconds = time.monotonic() - began
    listen(StageFinished("discover", len(sample.schema.tables), seconds))
    rules = (*asked, *remarkable(sample.schema, granted(found, learning.wishes)))
    return Discovered(sample.schema, rules, seconds)


def _with_asked(schema: Schema, source: Source, learning: Learning, listen: Listener) -> Schema:
    """The schema with the conditions on rows that a person asks for; how often they are broken."""
    schema = with_checks(schema, learning.wishes)
    for table in schema.tables:
        for check in table.checks:
            broken = 0 if check.declared else source.violations(table, check)
            if broken:
                few = broken if broken >= learning.k else f"fewer than {learning.k}"
                listen(Stated(f"{table.name}: {check.name}: {few} rows of the source break it"))
    return schema


def _with_kept(schema: Schema, source: Source) -> Schema:
    """The schema with what the source keeps of checks that it does not vouch for."""
    return replace(schema, tables=tuple(_with_kept_checks(t, source) for t in schema.tables))


def _with_kept_checks(table: Table, source: Source) -> Table:
    doubtful = [c for c in table.checks if not c.validated and c.columns]
    kept = {c for c in doubtful if not source.violations(table, c)}
    return replace(
        table, checks=tuple(replace(c, kept=True) if c in kept else c for c in table.checks)
    )


def _wanted(
    source: Source, learning: Learning, listen: Listener
) -> tuple[Schema, tuple[DdlItem, ...]]:
    """The schema to learn and its statements, without what the configuration leaves out."""
    schema, unreadable = _readable(source, learning, listen)
    ddl = source.ddl(unreadable | learning.skip)
    if not learning.skip:
        return schema, ddl
    there = {(i.schema, i.name) for i in ddl if i.kind == "TABLE"}
    gone = frozenset(t.name for t in schema.tables if (t.name.schema, t.name.name) not in there)
    found = left_out(source.ddl(unreadable), ddl, learning.skip)
    return replace(schema.without(gone), left_out=(*schema.left_out, *found)), ddl


def _readable(
    source: Source, learning: Learning, listen: Listener
) -> tuple[Schema, frozenset[TableName]]:
    schema = source.schema().without(learning.skip)
    if not schema.tables:
        raise EmptyDatabase("the source holds no tables; expected at least one to learn from")
    unreadable = source.unreadable(schema)
    if unreadable and not learning.skip_unreadable:
        named = ", ".join(f"{name} ({why})" for name, why in unreadable.items())
        raise UnreadableTable(
            f"the role may not read {named}; grant SELECT, or BYPASSRLS where row security is on, "
            "or leave them out with --skip-unreadable"
        )
    if unreadable:
        listen(Stated(f"left out, not readable: {', '.join(map(str, unreadable))}"))
    return schema.without(frozenset(unreadable)), frozenset(unreadable)


def _paths(
    schema: Schema, sizes: Mapping[TableName, TableSize], learning: Learning
) -> Mapping[TableName, UnitPath]:
    _known_units({t.name for t in schema.tables}, learning)
    found = unit_paths(schema, sizes, learning.units, learning.ways)
    for name, column in learning.ways.items():
        if found[name].unit == name:
            raise WrongRequest(f"the rows of {name} are privacy units; leave `unit` out there")
        if column is not None and found[name].unit is None:
            raise WrongRequest(
                f"no key of {name} with {column} leads to a privacy unit; name another column as "
                f"its `unit`, or the table that it leads to among `units`"
            )
    return found


def _of_few(
    paths: Mapping[TableName, UnitPath], training: Mapping[TableName, Training], k: int
) -> Iterator[str]:
    """Tables whose many rows are told as those of so few units that hardly anything is learned."""
    for name, part in training.items():
        rows, units = len(part.rows), distinct(part.units)
        if paths[name].keys and 0 < units < _FEW_UNITS * k and rows >= _MANY_ROWS * units:
            yield (
                f"{name}: {rows:,} rows are those of {units:,} {paths[name].unit}, and what fewer "
                f"than {k} of these share is not learned; if they only handle what is not theirs, "
                f"as clerks do orders, say `unit: nobody` of the table"
            )


def _known_units(known: set[TableName], learning: Learning) -> None:
    for name in learning.units:
        if name not in known:
            raise WrongRequest(f"no table {name} for --unit; expected a table of the source")


def _cost(schema: Schema, sizes: Mapping[TableName, TableSize]) -> str:
    known = [sizes[t.name] for t in schema.tables if t.name in sizes]
    rows, size = sum(max(0, s.rows) for s in known), sum(s.bytes for s in known)
    return (
        f"reading {len(schema.tables)} tables, about {rows:,} rows ({size / 1e6:,.0f} MB), "
        "in one read-only snapshot"
    )


def _shares(
    schema: Schema, source: Source, paths: Mapping[TableName, UnitPath]
) -> Mapping[TableName, float]:
    """One share for all tables of a unit, so that the rows of a chosen unit are all read."""
    sizes = source.sizes()
    largest: dict[TableName | None, int] = {}
    for table in schema.tables:
        unit = paths[table.name].unit or table.name
        rows = sizes[table.name].rows if table.name in sizes else 0
        largest[unit] = max(largest.get(unit, 0), rows)
    share = {unit: min(1.0, _MOST_ROWS / max(1, rows)) for unit, rows in largest.items()}
    return {t.name: share[paths[t.name].unit or t.name] for t in schema.tables}


def _fitted(facts: Reading, learning: Learning, listen: Listener) -> Iterator[DatabaseModel]:
    began, stage = time.monotonic(), "learn"
    listen(StageStarted(stage, len(facts.schema.tables), "tables"))
    for part in _parts(facts, learning, listen):
        match part:
            case TableModel():
                listen(Advanced(stage, 1, str(part.name)))
                if (told := _told_apart(part)) is not None:
                    listen(Stated(told))
            case Schedule():
                listen(Stated(_planned(part, given=learning.budget is not None)))
                began, stage = time.monotonic(), "networks"
                listen(StageStarted(stage, len(part.tables), "tables"))
            case Overrun():
                listen(Stated(_overrun(part)))
            case DatabaseModel():
                listen(StageFinished(stage, len(part.tables), time.monotonic() - began))
                yield part


def _parts(facts: Reading, learning: Learning, listen: Listener) -> Iterator[Fitted]:
    def watch(table: TableName, epoch: Epoch) -> None:
        listen(EpochFinished(str(table), **asdict(epoch)))

    budget = None if learning.budget is None else learning.budget.total_seconds()
    hire = partial(hired, learning.learners)
    fitting = Fitting(learning.kind, learning.refines, budget, watch, hire)
    return fit_database(facts, Support(learning.k), fitting)


def _told_apart(model: TableModel) -> str | None:
    """What choosing among several drawn rows or histories gains, on owners held out."""
    referee = model.referee if model.history is None else model.history.referee
    if referee is None or not referee.trees:
        return None
    any_drawn, kept = referee.scores
    return (
        f"refined {model.name}: rows{'' if model.history is None else ' of an owner'} told from "
        "learned ones with an AUC of "
        f"{any_drawn:.2f} as drawn, {kept:.2f} as chosen"
    )


def _planned(schedule: Schedule, *, given: bool) -> str:
    """What will be trained, before it is."""
    every = len(schedule.tables) + len(schedule.left)
    keep = f"; {', '.join(map(str, schedule.left))} keep trees" if schedule.left else ""
    return (
        f"every table has trees; networks for {len(schedule.tables)} of the {every} tables large "
        f"enough for them may take {schedule.seconds:,.0f} s, and have {schedule.budget:,.0f} s, "
        f"{'the budget' if given else 'chosen by size; --budget changes it'}{keep}"
    )


def _overrun(overrun: Overrun) -> str:
    return (
        "the budget is spent before all was trained that was planned, so that another run may "
        f"learn another model; cut short or left with trees: {', '.join(map(str, overrun.tables))}"
    )
