"""What a configuration of a source would say: modes of tables, units, personal columns, rules."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from connectors.engines import Source
from generators.found import Found
from provisioner.apply import to_learning
from provisioner.config import Config
from provisioner.describe import Description, TableDescription, describe
from provisioner.events import Listener, silent
from provisioner.learn import discover
from provisioner.learning import Learning
from provisioner.sections import Mode

_MOST_ROWS = 1_000
"""Rows of a table of reference data that may be small enough to copy."""
_MOST_RULES = 6
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class TableProposal:
    """What is proposed for one table.

    Attributes:
        name: with its schema.
        mode: how it is to be treated unless somebody says otherwise.
        notes: what a person should know before deciding, a line each.
    """

    name: str
    mode: Mode
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Proposal:
    """What is proposed for a source.

    Attributes:
        source: its URL; empty where that holds a password.
        units: the tables whose rows are the privacy units.
        tables: in the order of their owner trees.
    """

    source: str
    units: tuple[str, ...]
    tables: tuple[TableProposal, ...]


def propose(
    source: Source, url: str, config: Config, listen: Listener = silent, *, rules: bool = True
) -> Proposal:
    """Looks at a source as `describe` does, and for the rules that nobody declared.

    Args:
        source: what will be learned.
        url: where it is.
        config: what is already said of it.
        listen: told what is done.
        rules: whether to look for rules; that reads up to a million rows of each table.
    """
    chosen = to_learning(config, source, Learning(skip_unreadable=True))
    found = describe(source, listen, chosen.ways)
    known = discover(source, chosen, listen).rules if rules else ()
    by_table: dict[str, list[Found]] = {}
    for one in known:
        by_table.setdefault(str(one.rule.table), []).append(one)
    referenced = {parent for table in found.tables for parent in table.references}
    tables = [
        TableProposal(table.name, Mode.SYNTHESIZE, tuple(_notes(table, by_table, referenced)))
        for table in found.tables
    ]
    hidden = "this role may not read it; grant SELECT, or leave it out"
    tables += [TableProposal(name, Mode.SKIP, (hidden,)) for name in found.unreadable]
    return Proposal(url, _units(found), tuple(tables))


def _units(found: Description) -> tuple[str, ...]:
    return tuple(sorted({table.unit for table in found.tables if table.unit is not None}))


def _notes(
    table: TableDescription, rules: Mapping[str, list[Found]], referenced: Collection[str]
) -> Iterator[str]:
    yield from map(_in_one_line, _facts(table))
    if _is_reference_data(table, referenced):
        yield "proposed, if its rows are public: mode: copy"
    found = rules.get(table.name, [])
    for one in found:
        if one.rule.kind == "inclusion":
            yield _in_one_line(_key(one))
    plain = [one for one in found if one.rule.kind != "inclusion"]
    for one in plain[:_MOST_RULES]:
        yield _in_one_line(f"rule: {one.words} ({one.spoken.value:,} rows)")
    if len(plain) > _MOST_RULES:
        yield f"and {len(plain) - _MOST_RULES} rules more; `provisioner show` lists all"


def _facts(table: TableDescription) -> Iterator[str]:
    size = f"{table.rows:,} rows, {table.bytes / 1e6:,.1f} MB"
    unit = "belongs to nobody"
    if table.unit is not None:
        unit = "its rows are privacy units" if table.unit == table.name else f"of {table.unit}"
    owner = f", owned by {table.owner}" if table.owner else ""
    yield f"{size}, {unit}{owner}"
    personal = [_personal(c.name, c.personal) for c in table.columns if c.personal]
    if personal:
        yield f"personal, invented: {', '.join(personal)}"


def _personal(column: str, kind: str) -> str:
    return column if column == kind else f"{column} ({kind.replace('_', ' ')})"


def _is_reference_data(table: TableDescription, referenced: Collection[str]) -> bool:
    """Whether others refer to it, it is small, refers to nothing and says nothing of people."""
    alone = table.name in referenced and table.unit is None and not table.references
    personal = any(column.personal for column in table.columns)
    return alone and not personal and 0 < table.rows <= _MOST_ROWS


def _key(one: Found) -> str:
    """A reference that nobody declared, as a key that the configuration may hold."""
    parent, column = one.rule.other or (one.rule.table, "")
    share = one.source_share
    dangling = f", dangling: {share:.2g}" if share else ""
    columns = _listed(one.rule.columns)
    return f'proposed: keys: [{{columns: {columns}, references: "{parent} ({column})"{dangling}}}]'


def _listed(names: Iterable[str]) -> str:
    return f"[{', '.join(names)}]"


def _in_one_line(text: str) -> str:
    """The text without what would end a comment, whatever a name holds."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
