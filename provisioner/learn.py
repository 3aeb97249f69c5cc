"""Learns a source: schema, profile, training rows, model."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial

from connectors.engines import Source
from connectors.errors import RefusedRow, RefusedStatement
from connectors.invariants import Claim, Tally
from connectors.schema import Schema, TableName
from generators.carried import Carried
from generators.discovery import proposed, remarkable, taken_over, verified
from generators.facts import Reading
from generators.fit import Fitted, Fitting, Overrun, fit_database
from generators.found import Found
from generators.model import DatabaseModel, TableModel
from generators.orientation import withheld
from generators.portrait import Sitting, portrayed
from generators.privacy.accountant import Ledger
from generators.privacy.support import Support
from generators.schedule import Schedule
from generators.tables import Epoch
from generators.viewing import Library
from provisioner.attacking import Evidence, attacked
from provisioner.choosing import chosen_masks
from provisioner.declared import check_declared
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
from provisioner.learning import Learning
from provisioner.masking import masked_tables
from provisioner.sampling import Sample, check_units, readable_tables, sampled
from provisioner.wishes import granted, totals, unmet
from provisioner.workers.learners import hired


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
    learning = replace(learning, carrying=learning.carrying.within(sample.schema))
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
    wanted = readable_tables(source, learning, listen)
    check_declared(wanted[1], learning.carrying.acknowledged)
    check_units({t.name for t in wanted[0].tables}, learning)
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
    found.extend(verified(library, taken_over(sample.schema, tuple(found)), count))
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
