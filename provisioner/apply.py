"""A configuration brought to bear: what it says of a source's tables, and of a model's."""

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain

import pyarrow as pa

from connectors.datatypes import arrow_type
from connectors.engines import Reader
from connectors.schema import ForeignKey, Schema, Table, TableName
from generators.classes import said
from generators.masks import KEEP, masks
from generators.privacy.kinds import Classified
from provisioner.carrying import Carrying, Subset
from provisioner.config import EACH_EMPTY, Config
from provisioner.differential.asking import Privacy
from provisioner.errors import WrongRequest
from provisioner.learning import Learning
from provisioner.lines import Path
from provisioner.masking import cipher_of
from provisioner.naming import cold_rows, named_rows, named_table, named_tables
from provisioner.request import Request
from provisioner.scenarios import Having, Scenario
from provisioner.sections import NOBODY, ONE, Key, Mode
from provisioner.undeclared import undeclared_key, with_key
from provisioner.wishes import Wish, asked


def to_learning(
    config: Config, source: Reader, chosen: Learning, units: Sequence[str] = ()
) -> Learning:
    """How to learn: what was chosen, with the configuration's units, keys and skipped tables.

    Args:
        config: the configuration.
        source: what will be learned.
        chosen: what the command line or a program says; it wins.
        units: names of tables of privacy units, which replace those of the configuration.

    Raises:
        WrongConfig: a table, a column or a key does not fit the source.
        WrongRequest: a table in `units` does not exist.
    """
    schema = source.schema()
    known = tuple(table.name for table in schema.tables)
    _hold_against(config, known)
    skip = frozenset(_in_mode(config, Mode.SKIP, known))
    schema = schema.without(skip)
    if chosen.privacy is not None:
        chosen = replace(chosen, privacy=_privacy(config, chosen.privacy, schema))
    keys = []
    for path, key in _keys(config, schema):
        try:
            schema = with_key(schema, key, source)
        except WrongRequest as error:
            raise config.places.wrong(path, str(error)) from None
        keys.append(key)
    named = named_tables(units, known) or tuple(
        _table(config, ("units", number), name, known) for number, name in enumerate(config.units)
    )
    masked = dict(_masked(config, known))
    carrying = Carrying(
        frozenset(_in_mode(config, Mode.COPY, known)),
        chosen.carrying.acknowledged | set(config.acknowledge),
        masked,
        chosen.carrying.cipher or (cipher_of(os.environ) if masked else None),
        _subset(config, known, masked) or chosen.carrying.subset,
    )
    return replace(
        chosen,
        units=named,
        ways=dict(_ways(config, schema)),
        keys=tuple(keys),
        skip=skip,
        wishes=tuple(_wishes(config, schema)),
        carrying=carrying,
        classes=dict(_classes(config, schema)),
    )


def _hold_against(config: Config, known: tuple[TableName, ...]) -> None:
    """Every table that the file names, so that a mistake is told before hours of learning."""
    for text in config.tables:
        _table(config, ("tables", text), text, known)
    for _ in chain(_rows(config, known), _scenarios(config, known)):
        pass


def _ways(config: Config, schema: Schema) -> Iterator[tuple[TableName, str | None]]:
    """By which key the configuration says that tables lead to their units."""
    known = tuple(table.name for table in schema.tables)
    for text, section in config.tables.items():
        if section.unit is None or section.mode is Mode.SKIP:
            continue
        name = _table(config, ("tables", text), text, known)
        keyed = sorted({c for f in schema.table(name).foreign_keys for c in f.columns})
        if section.unit not in (NOBODY, *keyed):
            expected = ", ".join((NOBODY, *keyed))
            found = f"no foreign key of {name} has a column {section.unit}; expected {expected}"
            raise config.places.wrong(("tables", text, "unit"), found)
        yield name, None if section.unit == NOBODY else section.unit


def _classes(config: Config, schema: Schema) -> Iterator[tuple[TableName, dict[str, Classified]]]:
    """What the configuration says that columns say of people."""
    known = tuple(table.name for table in schema.tables)
    for text, section in config.tables.items():
        if section.mode is Mode.SKIP or not section.columns:
            continue
        name = _table(config, ("tables", text), text, known)
        columns = {column.name for column in schema.table(name).columns}
        for column in section.columns:
            if column not in columns:
                path = ("tables", text, "columns", column)
                raise config.places.wrong(path, f"no column {column} in {name}")
        found = section.columns.items()
        yield name, {column: said(one.group, one.kind) for column, one in found}


def to_request(
    config: Config,
    known: Iterable[TableName],
    chosen: Request,
    rows: Sequence[str] = (),
    carried: Collection[TableName] = (),
) -> Request:
    """What to make: what was chosen, with what the configuration says of tables and findings.

    Args:
        config: the configuration.
        known: the tables of the model.
        chosen: what the command line or a program says; it wins.
        rows: texts such as `orders=1000` or `200`, which win over the configuration's numbers.
        carried: those of the tables whose rows are in the model.

    Raises:
        WrongConfig: a table does not fit the model.
        WrongRequest: a text in `rows` does not.
    """
    names = tuple(known)
    _refuse_skipped(config, names)
    _refuse_uncarried(config, names, carried)
    cold = cold_rows(rows) if any(text.isdecimal() for text in rows) else None
    sections = [
        (_table(config, ("tables", text), text, names), section)
        for text, section in config.tables.items()
        if section.mode is not Mode.SKIP
    ]
    return replace(
        chosen,
        rows={**dict(_rows(config, names)), **named_rows(rows, names)},
        cold=config.rows.get(EACH_EMPTY, chosen.cold) if cold is None else cold,
        empty=frozenset(name for name, s in sections if s.mode is Mode.EMPTY),
        keep=chosen.keep | {name for name, s in sections if s.mode is Mode.KEEP},
        fire=frozenset(name for name, s in sections if s.triggers == "fire"),
        acknowledged=chosen.acknowledged | set(config.acknowledge),
        as_of=chosen.as_of or config.as_of,
        scenarios=(*chosen.scenarios, *_scenarios(config, names)),
        edge_cases=chosen.edge_cases if config.edge_cases is None else config.edge_cases,
    )


def _table(config: Config, path: Path, text: str, known: tuple[TableName, ...]) -> TableName:
    try:
        return named_table(text, known)
    except WrongRequest as error:
        raise config.places.wrong(path, str(error)) from None


def _scenarios(config: Config, known: tuple[TableName, ...]) -> Iterator[Scenario]:
    for number, section in enumerate(config.scenarios):
        path: Path = ("scenarios", number)
        having = None
        if section.having is not None:
            children = _table(config, (*path, "having", "table"), section.having.table, known)
            having = Having(children, section.having.where, section.having.at_least)
        yield Scenario(
            _table(config, (*path, "table"), section.table, known),
            section.where,
            having,
            section.share,
            section.count,
            section.factor,
            section.name,
        )


def _privacy(config: Config, chosen: Privacy, schema: Schema) -> Privacy:
    """What the configuration says of tables, so that differential privacy need not look."""
    known = tuple(table.name for table in schema.tables)
    for text, section in config.tables.items():
        if section.keys and section.mode is not Mode.SKIP:
            raise config.places.wrong(
                ("tables", text, "keys"),
                "keys are held against the source's rows, which differential privacy does not "
                "allow; leave them out, or learn without epsilon",
            )
    public = (_table(config, ("public", n), name, known) for n, name in enumerate(config.public))
    sections = [
        (_table(config, ("tables", text), text, known), text, section)
        for text, section in config.tables.items()
        if section.mode is not Mode.SKIP
    ]
    return replace(
        chosen,
        public=frozenset(public),
        bounds={n: s.rows_per_unit for n, _, s in sections if s.rows_per_unit is not None},
        values={
            (name, column): _listed(config, ("tables", text, "values", column), schema.table(name))
            for name, text, section in sections
            for column in section.values
        },
    )


def _listed(config: Config, path: Path, table: Table) -> pa.Array:
    """What the file lists at a path as the values of a column, in the column's own type."""
    text, name = str(path[1]), str(path[-1])
    column = {c.name: c for c in table.written}.get(name)
    if column is None:
        raise config.places.wrong(path, f"{table.name} has no such column that is written")
    try:
        texts = pa.array(list(config.tables[text].values[name]), pa.string())
        return texts.cast(arrow_type(column.datatype))
    except pa.ArrowException:
        raise config.places.wrong(path, f"expected values of type {column.datatype.sql}") from None


def _wishes(config: Config, schema: Schema) -> Iterator[Wish]:
    """What is said of the rules of each table; wrong ones are told by their line."""
    known = tuple(table.name for table in schema.tables)
    for text, section in config.tables.items():
        said = section.invariants
        if section.mode is Mode.SKIP or not (said.drop or said.relax or said.add):
            continue
        wish = Wish(_table(config, ("tables", text), text, known), said.drop, said.relax, said.add)
        for number, words in enumerate(said.add):
            try:
                asked(schema, wish.table, words)
            except WrongRequest as error:
                path = ("tables", text, "invariants", "add", number)
                raise config.places.wrong(path, str(error)) from None
        yield wish


def _in_mode(config: Config, mode: Mode, known: tuple[TableName, ...]) -> Iterator[TableName]:
    for text, section in config.tables.items():
        if section.mode is mode:
            yield _table(config, ("tables", text), text, known)


def _masked(
    config: Config, known: tuple[TableName, ...]
) -> Iterator[tuple[TableName, Mapping[str, str]]]:
    """Masked tables with what is said of their columns; wrong names are told by their line."""
    for text, section in config.tables.items():
        if section.mode is Mode.MASK:
            for column, kind in section.masks.items():
                if kind not in {KEEP, *masks()}:
                    expected = ", ".join(sorted({KEEP, *masks()}))
                    path = ("tables", text, "masks", column)
                    told = f"{config.places.found(path)}expected one of {expected}"
                    raise config.places.wrong(path, told)
            yield _table(config, ("tables", text), text, known), section.masks


def _subset(
    config: Config, known: tuple[TableName, ...], masked: Collection[TableName]
) -> Subset | None:
    section = config.subset
    if section is None:
        return None
    table = _table(config, ("subset", "table"), section.table, known)
    if table not in masked:
        told = f"rows of {table} are not masked; expected a table of mode mask"
        raise config.places.wrong(("subset", "table"), told)
    return Subset(table, section.share, section.where)


def _refuse_skipped(config: Config, known: tuple[TableName, ...]) -> None:
    """A model that was learned with the same configuration holds none of the skipped tables."""
    spellings = {*map(str, known), *(name.name for name in known)}
    for text, section in config.tables.items():
        if section.mode is Mode.SKIP and text in spellings:
            raise config.places.wrong(
                ("tables", text, "mode"),
                "the model holds this table; learn again with this file, or use mode empty",
            )


def _refuse_uncarried(
    config: Config, known: tuple[TableName, ...], carried: Collection[TableName]
) -> None:
    """A model that was learned with the same configuration holds the rows that shall travel."""
    asked = (*_in_mode(config, Mode.COPY, known), *_in_mode(config, Mode.MASK, known))
    for name in asked:
        if name not in carried:
            spelled = next(t for t in config.tables if t in {str(name), name.name})
            raise config.places.wrong(
                ("tables", spelled, "mode"),
                "the model holds no rows of this table; learn again with this file",
            )


def _rows(config: Config, known: tuple[TableName, ...]) -> Iterator[tuple[TableName, int]]:
    seen: dict[TableName, Path] = {}
    for path, text, number in _numbers(config):
        name = _table(config, path, text, known)
        if name in seen:
            raise config.places.wrong(path, f"the rows of {name} stand in this file twice")
        seen[name] = path
        yield name, number


def _numbers(config: Config) -> Iterator[tuple[Path, str, int]]:
    for text, number in config.rows.items():
        if text != EACH_EMPTY:
            yield ("rows", text), text, number
    for text, section in config.tables.items():
        if section.rows is not None and section.mode is not Mode.SKIP:
            yield ("tables", text, "rows"), text, section.rows


def _keys(config: Config, schema: Schema) -> Iterator[tuple[Path, ForeignKey]]:
    """Every key with its place; those to one table first, since they may not share columns."""
    known = tuple(table.name for table in schema.tables)
    found = [
        (("tables", text, "keys", number), text, key)
        for text, section in config.tables.items()
        if section.mode is not Mode.SKIP
        for number, key in enumerate(section.keys)
    ]
    for path, text, key in sorted(found, key=lambda one: one[2].type is not None):
        table = _table(config, ("tables", text), text, known)
        yield from ((path, one) for one in _of_key(config, path, table, key, known))


def _of_key(
    config: Config, path: Path, table: TableName, key: Key, known: tuple[TableName, ...]
) -> Iterator[ForeignKey]:
    for value, place in key.references.items():
        below = (*path, "references") if value == ONE else (*path, "references", value)
        parent = _table(config, below, place.table, known)
        only = None if key.type is None else (key.type, value)
        yield undeclared_key(table, key.columns, parent, place.columns, key.dangling, only)
