"""Draws one table in one shard, and makes its rows keep unique keys, exclusions and checks."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from connectors.dialect.expressions import Scope
from connectors.schema import TableName
from generators.columns import Codes
from generators.contexts import Rows
from generators.distinct import groups, patched, surplus
from generators.errors import Unmeetable
from generators.relations.casts import Turns
from generators.relations.references import Mode
from generators.spans import apart, apart_by_ends, overlap
from generators.steps import Orientation
from generators.tables import Matrix
from provisioner.accompanying import accompanied
from provisioner.agreeing import agreed
from provisioner.apportioning import apportioned
from provisioner.borrowing import lent
from provisioner.dating import dated, led_in_time
from provisioner.edging import edged
from provisioner.enacting import enacted
from provisioner.exchanging import exchanged
from provisioner.freedom import free_columns
from provisioner.holding import held, held_codes, held_late, numbered
from provisioner.job import Drawn, Ints, Job, Values, features, job_of
from provisioner.keeping import Keeper, callable_functions, keeper
from provisioner.meeting import met
from provisioner.mending import mended
from provisioner.moving import move, repeats_of, uniques
from provisioner.pinning import pardoned, pinned, pinned_codes
from provisioner.report import Finding, Severity
from provisioner.resolving import resolved
from provisioner.scenarios import with_roles
from provisioner.selves import reference_selves
from provisioner.setting import Setting
from provisioner.straying import drawn_values, strayed
from provisioner.succession import draw_codes, draw_codes_again, with_repeats
from provisioner.values import late_values

_RESAMPLES = 6
_ROUNDS = 12
_PATIENCE = 4
_PROGRESS = 0.9


def draw_table(
    setting: Setting, name: TableName, shard: int, above: Mapping[TableName, Drawn]
) -> Drawn:
    """Draws a table's rows in a shard whose owners are in `above`.

    Rows that repeat a unique key or break a check are drawn again, all columns together; what
    still does after a few rounds is moved to free values or mended.

    Raises:
        Unmeetable: a constraint leaves no room for the rows.
    """
    drawn = draw_keys(setting, name, shard, above)
    if not setting.late[name]:
        return drawn
    job = job_of(setting, name, shard, above)
    values = late_values(job, drawn.rows.target.codes, dict(drawn.values))
    values = _lent(job, _settled(job, pinned(job, values)), drawn.edges)
    return replace(drawn, values=values, indexes=numbered(job, values))


def draw_keys(
    setting: Setting, name: TableName, shard: int, above: Mapping[TableName, Drawn]
) -> Drawn:
    """As `draw_table`, without the references that wait for the keys of other tables.

    Raises:
        Unmeetable: a constraint leaves no room for the rows.
    """
    job = job_of(setting, name, shard, above)
    rows = np.arange(len(job.indexes))
    turns = draw_codes(job)
    values = _led(job, drawn_values(job, turns.codes, rows, 0), turns)
    values = pinned(job, held(job, values))
    for attempt in range(1, _RESAMPLES + 1):
        refused = _refused(job, values)
        if not len(refused):
            break
        turns = draw_codes_again(job, turns, refused, attempt)
        fresh = drawn_values(job, turns.codes[refused], refused, attempt)
        keys = job.model.keys  # rows may have got each other's
        values = {c: v if c in keys else patched(v, refused, fresh[c]) for c, v in values.items()}
        values = _led(job, values, turns)
        values = pinned(job, held(job, values))
    if job.setting.plan.roles(name):
        values = _settled(job, values)  # a row that is moved later might lose its part
        turns, values = enacted(job, turns, values)
        values = pinned(job, values)
    values, edges = edged(job, values)
    if any(r.mode is Mode.SELF for r in job.model.references):
        values = _settled(job, values)  # what rows refer to stays as it is from here on
        values |= reference_selves(job, turns.codes, values)
    values |= strayed(job, values, rows, 0, selves=True)
    values = _lent(job, _settled(job, pinned(job, values)), edges)
    values = _exchanged(job, turns.codes, values, edges)
    return _drawn(job, pinned_codes(job, turns.codes, values), values, edges)


def _led(job: Job, values: Values, turns: Turns) -> Values:
    """The values as rows repeat each other, with natural keys that lead to rows that are there.

    What led nowhere leads elsewhere, and so does then what repeats it, and what stands beside it.
    """
    values = dated(job, agreed(job, with_repeats(job, values, turns), turns))
    values = resolved(job, apportioned(job, values), turns.codes)
    if job.model.natural:
        values = resolved(job, dated(job, with_repeats(job, values, turns)), turns.codes)
    return met(job, accompanied(job, led_in_time(job, values)))


def complete_table(
    setting: Setting, name: TableName, shard: int, drawn: Mapping[TableName, Drawn], turn: int
) -> Drawn:
    """A table's rows in a shard with what follows in one turn from the rows below, or above.

    Raises:
        Unmeetable: a constraint leaves no room for the rows.
    """
    job, known = job_of(setting, name, shard, drawn), drawn[name]
    values = pinned(job, held_late(job, dict(known.values), drawn, turn))
    bounds = job.setting.orientation.bounds(name)
    for columns in (bounds, frozenset(values)):  # what is declared comes before what nobody did
        refused = _refused(job, values)
        before = {c: known.values[c].take(pa.array(refused)) for c in columns if len(refused)}
        values |= {c: patched(values[c], refused, v) for c, v in before.items()}
    if len(_refused(job, values)):
        return known
    if turn == setting.orientation.turns(name)[-1]:
        values = _lent(job, values, known.edges, drawn)
    return _drawn(job, known.rows.target.codes, values, known.edges)


def _lent(
    job: Job, values: Values, edges: Ints, below: Mapping[TableName, Drawn] | None = None
) -> Values:
    """Rows that break rules borrow of others, but for those that are then refused."""
    found = lent(job, values, edges, below)
    refused = _refused(job, found) if found is not values else edges[:0]
    if not len(refused):
        return found
    found = {c: patched(v, refused, values[c].take(pa.array(refused))) for c, v in found.items()}
    return values if len(_refused(job, found)) else found


def _exchanged(job: Job, codes: Codes, values: Values, edges: Ints) -> Values:
    """Rows exchange what tells others, unless any row is then refused."""
    found = exchanged(job, codes, values, edges)
    changed = any(found[column] is not values[column] for column in found)
    return values if changed and len(_refused(job, found)) else found


def _drawn(job: Job, codes: Codes, values: Values, edges: Ints) -> Drawn:
    target = Matrix(features(job.model), held_codes(job, codes, values))
    indexes = numbered(job, values)
    return Drawn(indexes, job.parents, Rows(job.context, target), values, edges)


def _refused(job: Job, values: Values) -> Ints:
    """Rows that repeat a unique key or break a check, as far as their columns are drawn."""
    if job.seen.is_sound(job.table, values):
        return np.empty(0, np.int64)
    found = np.union1d(repeats_of(job, values), _breaking(job, values))
    if not len(found):
        job.seen.sound = job.table, dict(values)
    return found


def _breaking(job: Job, values: Values) -> Ints:
    """Rows that break a check; none are looked for where the very same columns had none."""
    rules = _keeper(job, values)
    read = tuple(values[column] for rule in rules.rules for column in rule.columns)
    if job.seen.are_kept(rules.rules, read):
        return np.empty(0, np.int64)
    found = np.flatnonzero(pardoned(job, rules, rules.broken(values)).any(axis=1))
    if not len(found):
        job.seen.kept = rules.rules, read
    return found


def _keeper(job: Job, values: Values) -> Keeper:
    """The rules of the table whose columns are drawn."""
    return job.setting.keeper(job.table.name).over(frozenset(values))


def _settled(job: Job, values: Values) -> Values:
    """Rows that nothing refuses; what nobody vouches for is given up where others need it.

    These are first the rules that nobody declared, then checks that are NOT VALID.

    Raises:
        Unmeetable: something is still refused.
    """
    firm = (job, _without_rules(job), _without_doubtful(_without_rules(job) or job))
    tried = [j for j in firm if j is not None]
    for some in tried[:-1]:
        try:
            return _mended(some, values)
        except Unmeetable:
            continue
    return _mended(tried[-1], values)


def _without_rules(job: Job) -> Job | None:
    """The job without rules that nobody declared; None where there are none."""
    if not job.setting.orientation.of(job.table.name) and not job.beside:
        return None
    return replace(job, setting=replace(job.setting, orientation=Orientation(), companions={}))


def _without_doubtful(job: Job) -> Job | None:
    """The job without checks that are NOT VALID; None where there are none."""
    checks = tuple(c for c in job.table.checks if c.validated)
    if checks == tuple(c for c in job.table.checks if c.binding):
        return None
    table, setting = replace(job.table, checks=checks), job.setting
    firm = keeper(table, callable_functions(setting.model.schema))
    scope = Scope(table, functions=callable_functions(setting.model.schema))
    firm = with_roles(firm, setting.plan.roles(table.name), scope)
    firm = replace(firm, matching=setting.matching)

    def rules(name: TableName) -> Keeper:
        return firm if name == table.name else setting.keeper(name)

    return replace(job, table=table, setting=replace(setting, keeper=rules))


def _mended(job: Job, values: Values) -> Values:
    """Mends and moves until nothing is refused, or only what somebody acknowledged.

    Raises:
        Unmeetable: something else still is after a few rounds, or when no round gets any further.
    """
    rules = _keeper(job, values)
    left: list[int] = []
    for attempt in range(_ROUNDS):
        if not job.seen.is_sound(job.table, values):
            rng = job.randomness("mend", attempt)
            free = free_columns(job, values, rng, last=attempt >= _PATIENCE)
            values = mended(rules, values, free, rng)
            move(job, values, attempt)
        _separate(job, values)
        values = pinned(job, held(job, values))
        left.append(len(_refused(job, values)))
        if not left[-1]:
            return values
        if _is_stuck(left):
            break
    broken = dict(_complaints(job, values))
    if not all(_is_acknowledged(job, place) for place in broken):
        raise Unmeetable(
            f"{job.table.name}: {'; '.join(broken.values())}; lower its rows, or change the "
            "constraint in the target",
            broken,
        )
    return values


def _is_stuck(left: Sequence[int]) -> bool:
    """Whether the last rounds left nearly as many rows refused as the best one before them."""
    earlier, late = left[:-_PATIENCE], left[-_PATIENCE:]
    return bool(earlier) and min(late) > _PROGRESS * min(earlier)


def _complaints(job: Job, values: Values) -> Iterator[tuple[str, str]]:
    """Each rule and key that rows break, by its place, with the rows that do."""
    rows = len(job.indexes)
    rules = _keeper(job, values)
    rates = pardoned(job, rules, rules.broken(values)).sum(axis=0)
    for rule, count in zip(rules.rules, rates, strict=True):
        if count:
            text = f"{count} of {rows} rows break {rule.name}: {rule.sql}"
            yield f"{job.table.name} {rule.name}", text
    for unique, columns in uniques(job, values):
        if count := len(surplus(columns)):
            text = f"{count} of {rows} rows repeat {unique.name} and no free value is left"
            yield f"{job.table.name} {unique.name}", text


def _is_acknowledged(job: Job, place: str) -> bool:
    finding = Finding("unmeetable", Severity.ERROR, place, "")
    return finding.hash in job.setting.plan.acknowledged


def _separate(job: Job, values: Values) -> None:
    """Keeps apart the ranges that an exclusion constraint forbids to overlap."""
    for exclusion in job.table.exclusions:
        found = overlap(job.table, exclusion)
        if found is None or not len(job.indexes):
            continue
        equal = [values[c] for c in found.equal]
        group = groups(equal) if equal else np.zeros(len(job.indexes), np.int64)
        columns = [(values[c], job.table.column(c).datatype) for c in found.columns]
        if len(columns) == 1:
            moved = [apart(group, columns[0][0], columns[0][1].plain)]
        else:
            moved = [*apart_by_ends(group, columns[0], columns[1], closed=found.closed)]
        values.update(zip(found.columns, moved, strict=True))
