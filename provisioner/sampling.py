"""What is read of a source, and the rows of the units to learn from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from connectors.ddl import DdlItem
from connectors.engines import Source
from connectors.errors import EmptyDatabase, UnreadableTable
from connectors.profile import Split, TableSize, UnitPath
from connectors.schema import Schema, Table, TableName
from generators.classes import Classes, table_classes
from generators.facts import Training
from generators.privacy.support import Support, distinct
from generators.privacy.units import unit_paths
from generators.randomness import number
from provisioner.carrying import check_held, check_keys, check_public, public
from provisioner.declared import check_declared
from provisioner.errors import WrongRequest
from provisioner.events import Listener, Stated, silent
from provisioner.learning import Learning
from provisioner.leaving import left_out
from provisioner.reading import read
from provisioner.undeclared import with_undeclared
from provisioner.wishes import with_checks

_MOST_ROWS = 1_000_000
_FEW_UNITS = 3
"""Units for each that must share a value, below which little of a table can be learned."""
_MANY_ROWS = 10
"""Rows of a unit from which on these may be rows that it handles, and not its own."""


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
    schema, ddl = readable_tables(source, learning, listen)
    check_declared(ddl, learning.carrying.acknowledged)
    schema = _with_kept(with_undeclared(schema, learning.keys, source), source)
    schema = _with_asked(schema, source, learning, listen)
    learning = replace(learning, carrying=learning.carrying.within(schema))
    check_keys(schema, learning.carrying)
    known = _paths(schema, source.sizes(), learning)
    paths = public(known, learning.carrying.copied)
    listen(Stated(_cost(schema, source.sizes())))
    shares = {**_shares(schema, source, paths), **dict.fromkeys(learning.carrying.copied, 1.0)}
    split = Split(paths, number(learning.seed, "holdout"), learning.holdout, shares)
    training = read(source, schema, split, listen)
    for name in sorted(learning.carrying.copied):
        check_held(schema.table(name), training[name].rows)
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


def readable_tables(
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
    check_units({t.name for t in schema.tables}, learning)
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


def check_units(known: set[TableName], learning: Learning) -> None:
    """Raises WrongRequest where a privacy unit is no table of the source."""
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
