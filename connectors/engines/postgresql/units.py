"""SQL that tells each row's privacy unit, and whether the unit is learned from."""

from psycopg import sql

from connectors.profile import Split, UnitPath
from connectors.schema import ForeignKey, Schema, Table

_PARTS = 1000


def relation(table: Table) -> sql.Composable:
    """The table as a FROM item; a parent by inheritance is read without its children."""
    name = sql.Identifier(table.name.schema, table.name.name)
    return name if table.partitioned_by else sql.SQL("ONLY {}").format(name)


def rows_with_units(schema: Schema, table: Table, split: Split) -> sql.Composable:
    """FROM clause whose row alias is `r0`, with a column `u.unit` (bigint), a hash of the unit."""
    path = split.paths.get(table.name, UnitPath(None))
    joins, owner = _owner(schema, table, path)
    own = _hashed(str(table.name), _own_key(table), split.salt)
    unit = (
        own
        if owner is None
        else sql.SQL("coalesce({}, {})").format(_hashed(str(path.unit), owner, split.salt), own)
    )
    return sql.SQL("{} AS r0{}, LATERAL (SELECT {} AS unit OFFSET 0) AS u").format(
        relation(table), joins, unit
    )


def training(table: Table, split: Split) -> sql.Composable:
    """Condition on `u.unit`: the unit is neither held out nor left out by sampling."""
    if not _splits(table, split):
        return _sampled(table, split)
    learned = _at_least(sql.SQL("u.unit"), round(split.holdout * _PARTS))
    return sql.SQL("{} AND {}").format(learned, _sampled(table, split))


def held_out(table: Table, split: Split) -> sql.Composable:
    """Condition on `u.unit`: the unit is held out, and not left out by sampling."""
    if not _splits(table, split):
        return sql.SQL("false")
    learned = _at_least(sql.SQL("u.unit"), round(split.holdout * _PARTS))
    return sql.SQL("NOT {} AND {}").format(learned, _sampled(table, split))


def _splits(table: Table, split: Split) -> bool:
    return split.paths.get(table.name, UnitPath(None)).splits and split.holdout > 0


def _sampled(table: Table, split: Split) -> sql.Composable:
    """Condition on `u.unit`: the unit is among those to read."""
    share = split.shares.get(table.name, 1.0)
    if share >= 1:
        return sql.SQL("true")
    return _at_least(sql.SQL("(u.unit / {})").format(_PARTS), round((1 - share) * _PARTS))


def _at_least(number: sql.Composable, bound: int) -> sql.Composable:
    return sql.SQL("abs({} % {}) >= {}").format(number, sql.Literal(_PARTS), sql.Literal(bound))


def _owner(
    schema: Schema, table: Table, path: UnitPath
) -> tuple[sql.Composable, sql.Composable | None]:
    """The joins that lead towards the unit, and its key's text; no key where there is no unit."""
    if path.unit is None or (not path.keys and table.primary_key is None):
        return sql.SQL(""), None
    unit = schema.table(path.unit)
    key = unit.primary_key
    joins: list[sql.Composable] = []
    if key is None or not path.keys:
        return sql.SQL(""), None if key is None else _text(0, key.columns)
    *first, last = path.keys
    joins.extend(_join(schema, step, depth) for depth, step in enumerate(first))
    depth = len(joins)
    by_parent = dict(zip(last.parent_columns, last.columns, strict=True))
    if set(key.columns) <= set(by_parent):
        columns = tuple(by_parent[c] for c in key.columns)
        return sql.SQL("").join(joins), _text(depth, columns)
    joins.append(_join(schema, last, depth))
    return sql.SQL("").join(joins), _text(depth + 1, key.columns)


def _join(schema: Schema, key: ForeignKey, depth: int) -> sql.Composable:
    pairs = (
        compared(_column(depth, column), operator, _column(depth + 1, parent))
        for column, operator, parent in key.comparisons
    )
    return sql.SQL(" LEFT JOIN {} AS {} ON {}").format(
        relation(schema.table(key.parent)),
        sql.Identifier(f"r{depth + 1}"),
        sql.SQL(" AND ").join(pairs),
    )


def compared(one: sql.Composable, operator: str, other: sql.Composable) -> sql.Composable:
    """Condition that two columns are equal, by an operator as the catalog spells it."""
    return sql.SQL("{} {} {}").format(one, sql.SQL(operator), other)


def _column(depth: int, name: str) -> sql.Composable:
    return sql.Identifier(f"r{depth}", name)


def _text(depth: int, columns: tuple[str, ...]) -> sql.Composable:
    """Text of a key, null where a part is null."""
    parts = (sql.SQL("{}::text").format(_column(depth, c)) for c in columns)
    return sql.SQL(" || chr(31) || ").join(parts)


def _own_key(table: Table) -> sql.Composable:
    key = table.primary_key
    if key is not None:
        return _text(0, key.columns)
    return sql.SQL("r0.tableoid::text || chr(31) || r0.ctid::text")


def _hashed(table: str, key: sql.Composable, salt: int) -> sql.Composable:
    return sql.SQL("pg_catalog.hashtextextended({} || chr(31) || {}, {})").format(
        sql.Literal(table), key, sql.Literal(salt)
    )
