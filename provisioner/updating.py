"""A file brought up to date with its source: what differs is named, and learned anew."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from connectors.engines import Source
from connectors.profile import TableSize
from connectors.schema import Schema, Table, TableName
from generators.estimates import Estimates
from generators.found import Found
from generators.model import DatabaseModel
from generators.privacy.support import Support
from generators.privacy.units import unit_paths
from provisioner.attacking import Evidence, attacked
from provisioner.carrying import Carrying, every_key
from provisioner.drift import Difference, class_drift, new_classes, schema_drift, unit_drift
from provisioner.errors import Unasked, Unlearned, WrongRequest
from provisioner.estimating import estimated
from provisioner.events import Listener, Stated, silent
from provisioner.learn import modelled
from provisioner.learning import Learning
from provisioner.report import Finding, acknowledged
from provisioner.sampling import Sample, sampled

_GROWN = 0.1
"""Part by which the number of rows may differ before a table is learned anew."""


@dataclass(frozen=True, slots=True)
class Compared:
    """A source held against a file.

    Attributes:
        findings: what differs, and what else stands against learning it; acknowledged ones too.
        sample: what was read of the source; None where reading it was not of use.
    """

    findings: tuple[Finding, ...]
    sample: Sample | None

    @property
    def stops(self) -> bool:
        """Whether anything differs that nobody acknowledged."""
        return any(finding.stops for finding in self.findings)


def compared(
    model: DatabaseModel, source: Source, learning: Learning, listen: Listener = silent
) -> Compared:
    """Holds a source against a file: what is declared, and what columns say of people.

    Rows are read as `learn` reads them, since they tell the classes; not for a file that is
    differentially private, whose classes come from drawn rows. Where `learning` names no units,
    they are the file's, and those that new tables bring.
    """
    schema = source.schema().without(learning.skip)
    learning = _with_units(model, learning, schema, source.sizes())
    sample: Sample | None = None
    stopped: tuple[Finding, ...] = ()
    if model.ledger is None:
        try:
            sample = sampled(source, learning, listen)
            schema = sample.schema
        except Unlearned as problem:
            stopped = problem.findings
    differences = list(schema_drift(model.schema, schema))
    if sample is not None:
        differences += _of_rows(model, sample, differences)
    found = acknowledged((d.finding for d in differences), learning.carrying.acknowledged)
    return Compared((*found, *stopped), sample)


def updated(
    model: DatabaseModel, source: Source, learning: Learning, listen: Listener = silent
) -> Iterator[DatabaseModel]:
    """Yields the file's model with what changed learned anew, as `provisioner.learn.models` does.

    Learned anew is a table that is declared otherwise, has other classes, or a tenth more or fewer
    rows, with all that keys tie to it. Everything else stays as it was learned. Attacks are run on
    the whole, with the units held out that were held out before if the seed is the same.

    Raises:
        WrongRequest: the file is of another database, of another k, or differentially private.
        Unasked: the source is not as the file knows it, and nobody acknowledged that.
    """
    _check_same(model, source, learning)
    found = compared(model, source, learning, listen)
    if found.stops or found.sample is None:
        raise Unasked(found.findings)
    sample = found.sample
    fresh = tied(model, sample.schema, changed(model, sample, source.sizes()))
    listen(Stated(f"tables to learn anew: {len(fresh)} of {len(sample.schema.tables)}"))
    if not fresh:
        yield _merged(model, None, sample)
        return
    part, asked = _narrowed(sample, fresh), _restricted(learning, fresh)
    better = model
    for one in modelled(source, part, asked, listen):
        better = _merged(model, one, sample)
        if learning.queries:
            wanted = learning.queries, Support(learning.k)
            known = estimated(source, sample.schema, sample.training, wanted, listen)
            better = replace(better, estimates=replace(better.estimates, queries=known.queries))
        yield better
    if learning.attack is not None:
        evidence = Evidence(source, sample.split, sample.training, learning.attack, learning.seed)
        yield replace(better, attacked=attacked(better, evidence, listen))


def changed(
    model: DatabaseModel, sample: Sample, sizes: Mapping[TableName, TableSize]
) -> frozenset[TableName]:
    """The tables that are not what they were when the file was learned."""
    known = {table.name: _form(table) for table in model.schema.tables}
    return frozenset(
        table.name
        for table in sample.schema.tables
        if known.get(table.name) != _form(table)
        or model.classes.get(table.name) != sample.classes[table.name]
        or model.tables[table.name].unit != sample.split.paths[table.name].unit
        or _has_grown(model.tables[table.name].rows.value, sizes.get(table.name))
    ) | _left_by(model.schema, sample.schema)


def tied(
    model: DatabaseModel, schema: Schema, names: Collection[TableName]
) -> frozenset[TableName]:
    """These tables with all that keys or discovered rules tie to them, of those that are there.

    Counts of children, ranks of siblings and clusters of references are learned on both sides of a
    key, so that neither side fits the other once one of them is learned anew.
    """
    bonds = {
        frozenset({key.table, key.parent})
        for known in (model.schema, schema)
        for table in known.tables
        for key in every_key(table)
    } | {_tables(found) for found in model.invariants}
    reached = frozenset(names)
    while wider := {name for bond in bonds if bond & reached for name in bond} - reached:
        reached |= wider
    return reached & {table.name for table in schema.tables}


def _of_rows(
    model: DatabaseModel, sample: Sample, differences: list[Difference]
) -> Iterator[Difference]:
    """The differences that rows tell."""
    units = {name: table.unit for name, table in model.tables.items()}
    yield from class_drift(model.classes, sample.classes)
    yield from new_classes(differences, sample.classes)
    yield from unit_drift(units, {name: path.unit for name, path in sample.split.paths.items()})


def _with_units(
    model: DatabaseModel,
    learning: Learning,
    schema: Schema,
    sizes: Mapping[TableName, TableSize],
) -> Learning:
    if learning.units:
        return learning
    there = {table.name for table in schema.tables}
    known = {table.unit for table in model.tables.values() if table.unit in there}
    guessed = {path.unit for path in unit_paths(schema, sizes).values()} - model.tables.keys()
    units = {unit for unit in known | guessed if unit is not None}
    return replace(learning, units=tuple(sorted(units)))


def _check_same(model: DatabaseModel, source: Source, learning: Learning) -> None:
    if model.ledger is not None or learning.privacy is not None:
        raise WrongRequest(
            "learning a table once more would cost its units more than the file's ledger says; "
            "learn anew with --epsilon instead of --update"
        )
    if model.identity != source.identity:
        raise WrongRequest("the file was learned from another database; learn this one anew")
    if model.k != learning.k:
        raise WrongRequest(f"the file was learned with k {model.k}; give --k {model.k}, or no file")


def _form(table: Table) -> Table:
    """What of a table its model rests on."""
    return replace(table, indexes=(), partitions=(), triggers=())


def _has_grown(rows: int, size: TableSize | None) -> bool:
    """Whether the planner expects other numbers of rows; it expects -1 where it does not know."""
    return size is not None and size.rows >= 0 and abs(size.rows - rows) > _GROWN * max(rows, 1)


def _left_by(known: Schema, found: Schema) -> frozenset[TableName]:
    """Tables that are gone, by which others may have been tied."""
    return frozenset(t.name for t in known.tables) - {t.name for t in found.tables}


def _tables(found: Found) -> frozenset[TableName]:
    """The tables that a rule speaks of, but for those that foreign keys lead to."""
    rule = found.rule
    others = (place[0] for place in (rule.key, rule.other) if place is not None)
    return frozenset({rule.table, *others})


def _narrowed(sample: Sample, names: frozenset[TableName]) -> Sample:
    """What was read of some tables."""
    others = frozenset(table.name for table in sample.schema.tables) - names
    return replace(
        sample,
        schema=sample.schema.without(others),
        training={name: rows for name, rows in sample.training.items() if name in names},
        classes={name: found for name, found in sample.classes.items() if name in names},
    )


def _restricted(learning: Learning, names: frozenset[TableName]) -> Learning:
    """What is asked of some tables; attacks and queries concern all of them."""
    carrying = learning.carrying
    subset = carrying.subset
    masked = {name: kinds for name, kinds in carrying.masked.items() if name in names}
    return replace(
        learning,
        wishes=tuple(wish for wish in learning.wishes if wish.table in names),
        carrying=Carrying(
            carrying.copied & names,
            carrying.acknowledged,
            masked,
            carrying.cipher,
            subset if subset is not None and subset.table in names else None,
        ),
        attack=None,
        queries=(),
    )


def _merged(model: DatabaseModel, fresh: DatabaseModel | None, sample: Sample) -> DatabaseModel:
    """The file's model, with tables learned anew in the place of theirs."""
    kept = replace(model, schema=sample.schema, ddl=sample.ddl, classes=sample.classes)
    if fresh is None:
        return kept
    new, there = fresh.tables.keys(), {table.name for table in sample.schema.tables}
    old = there - new
    estimates = {n: e for n, e in model.estimates.tables.items() if n in old}
    return replace(
        kept,
        tables={
            table.name: (fresh if table.name in new else model).tables[table.name]
            for table in sample.schema.tables
        },
        as_of=fresh.as_of,
        invariants=(*(r for r in model.invariants if _tables(r) <= old), *fresh.invariants),
        carried={**{n: c for n, c in model.carried.items() if n in old}, **fresh.carried},
        traits=(*(t for t in model.traits if t.table in old), *fresh.traits),
        estimates=Estimates({**estimates, **fresh.estimates.tables}, model.estimates.queries),
        attacked=fresh.attacked,
    )
