"""Rules that rows obey though nobody declared them: their parts, and the SQL that counts them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from connectors.schema import ForeignKey, Schema, Table, TableName


@dataclass(frozen=True, slots=True, order=True)
class Term:
    """A column of a row, or of the row that foreign keys lead to from it.

    Attributes:
        keys: names of the foreign keys to follow, from the row's table upwards.
    """

    column: str
    keys: tuple[str, ...] = ()

    def __str__(self) -> str:
        return ".".join((*self.keys, self.column))


@dataclass(frozen=True, slots=True)
class Invariant:
    """A rule that (nearly) every row of a table keeps.

    Attributes:
        kind: the file in `generators.invariants` that knows what it means.
        form: which of the forms of that kind it has.
        table: the table whose rows it speaks of.
        terms: what it compares or computes, in the order that its form reads.
        key: the foreign key along which siblings or children stand, by the child's table and name.
        constants: values that it speaks of, as texts.
        other: a column of a table that no key leads to.
        beside: more columns of that table; without one, what siblings have in common besides a key.
        declared: whether a person wrote it.
        relaxed: whether as many rows may break it as do in the source, and shall.
    """

    kind: str
    form: str
    table: TableName
    terms: tuple[Term, ...]
    key: tuple[TableName, str] | None = None
    constants: tuple[str, ...] = ()
    other: tuple[TableName, str] | None = None
    beside: tuple[str, ...] = ()
    declared: bool = False
    relaxed: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the rule's own table that it speaks of, each once."""
        return tuple(dict.fromkeys(term.column for term in self.terms if not term.keys))


@dataclass(frozen=True, slots=True)
class Claim:
    """A rule as a query: one row for each thing that the rule speaks of.

    Attributes:
        sql: a SELECT of one column `holds`: true, false, or null where nothing is said.
    """

    sql: str


@dataclass(frozen=True, slots=True)
class Tally:
    """How often a rule holds: the things that it speaks of, and those of them that break it."""

    spoken: int
    broken: int

    @property
    def share(self) -> float:
        """The share that breaks it."""
        return self.broken / max(1, self.spoken)


@dataclass(frozen=True, slots=True)
class Sight:
    """The rows of a table beside those that foreign keys lead to, as a FROM clause.

    Attributes:
        schema: where the keys are declared.
        table: the table whose rows are looked at; its alias is `r`.
        paths: the keys that are followed; each path has an alias of its own.
    """

    schema: Schema
    table: Table
    paths: tuple[tuple[str, ...], ...] = ()
    aliases: Mapping[tuple[str, ...], str] = field(init=False)

    def __post_init__(self) -> None:
        steps = (path[: n + 1] for path in self.paths for n in range(len(path)))
        names = {path: f"p{n}" for n, path in enumerate(dict.fromkeys(steps))}
        object.__setattr__(self, "aliases", {(): "r", **names})

    def column(self, term: Term) -> str:
        """A term as SQL."""
        return f"{self.aliases[term.keys]}.{quoted(term.column)}"

    @property
    def source(self) -> str:
        """What stands behind FROM."""
        lines = [f"{relation(self.table.name)} AS r"]
        for path, alias in self.aliases.items():
            if path:
                key = foreign_key(self.schema, self.table.name, path)
                below = self.aliases[path[:-1]]
                lines.append(
                    f"LEFT JOIN {relation(key.parent)} AS {alias} ON {_on(key, below, alias)}"
                )
        return " ".join(lines)


def sight(schema: Schema, table: TableName, terms: Iterable[Term]) -> Sight:
    """The rows of a table with all that some terms speak of."""
    return Sight(schema, schema.table(table), tuple(dict.fromkeys(t.keys for t in terms)))


def foreign_key(schema: Schema, table: TableName, path: tuple[str, ...]) -> ForeignKey:
    """The last foreign key of a path that starts at a table; KeyError where there is none."""
    *before, name = path
    start = foreign_key(schema, table, tuple(before)).parent if before else table
    return key_named(schema.table(start), name)


def key_named(table: Table, name: str) -> ForeignKey:
    """A table's foreign key by its name; KeyError where there is none."""
    for key in table.foreign_keys:
        if key.name == name:
            return key
    raise KeyError(name)


def row_claim(schema: Schema, rule: Invariant, holds: str) -> Claim:
    """The claim that a condition on a row holds; `{0}`, `{1}` ... stand for the rule's terms."""
    found = sight(schema, rule.table, rule.terms)
    condition = holds.format(*(found.column(term) for term in rule.terms))
    return Claim(f"SELECT ({condition}) AS holds FROM {found.source}")  # noqa: S608 # all quoted


def relation(name: TableName) -> str:
    """A table's name as SQL."""
    return f"{quoted(name.schema)}.{quoted(name.name)}"


def quoted(name: str) -> str:
    """An identifier as SQL, whatever its characters (PostgreSQL's manual, 4.1.1)."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text constant as SQL, whatever its characters (PostgreSQL's manual, 4.1.2)."""
    plain = "'" + text.replace("'", "''") + "'"
    return plain if "\\" not in text else "E" + plain.replace("\\", "\\\\")


def bounded(sql: str) -> str:
    """A date or time in SQL, null where it is infinite: infinite ones cannot be subtracted."""
    return f"CASE WHEN isfinite({sql}) THEN {sql} END"


def _on(key: ForeignKey, below: str, above: str) -> str:
    pairs = zip(key.columns, key.parent_columns, strict=True)
    return " AND ".join(f"{below}.{quoted(c)} = {above}.{quoted(p)}" for c, p in pairs)


def spoken(table: Table, schema: Schema) -> Iterator[Term]:
    """Every written column of a table, then those of the tables that its keys lead to."""
    yield from (Term(column.name) for column in table.written)
    for key in table.foreign_keys:
        if not key.self_reference:
            yield from (Term(c.name, (key.name,)) for c in schema.table(key.parent).written)


def further(table: Table, schema: Schema) -> Iterator[Term]:
    """The columns of the rows that two keys lead to, one after the other; none that they hold."""
    for key in (k for k in table.foreign_keys if not k.self_reference):
        for second in schema.table(key.parent).foreign_keys:
            if not second.self_reference and second.parent != table.name:
                above = schema.table(second.parent).written
                yield from (
                    Term(column.name, (key.name, second.name))
                    for column in above
                    if column.name not in second.parent_columns
                )
