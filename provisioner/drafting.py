"""A proposal as a file `provisioner.yaml`, and brought up to date in one that people have changed.

Lines that begin with `#:` are notes of this module and change with each update. All else in a file
is a person's and stays as it is, to the letter: lines are put between others, and none is written
anew.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import unified_diff

import yaml

from connectors.schema import TableName
from provisioner.errors import WrongRequest
from provisioner.lines import escaped, outline
from provisioner.naming import named_table
from provisioner.proposing import Proposal, TableProposal

_NOTE = re.compile(r"[ \t]*#:.*\n?")
_SAYS_NOTHING = re.compile(r"[ \t]*(#.*)?\n?")
_HEADER = (
    "What becomes of a source's tables. `provisioner init --update` writes the lines that begin",
    "with #: anew and adds new tables; all else is yours and stays.",
)
_SERVER = "# yaml-language-server:"
_INDENT = 2


@dataclass(frozen=True, slots=True)
class Draft:
    """A file as it shall be.

    Attributes:
        text: all of it.
        diff: what changes in the file that is there, as `diff -u` tells it; empty for nothing.
        gone: tables that it names and the source does not have, with their lines.
    """

    text: str
    diff: str
    gone: tuple[str, ...] = ()


def drafted(proposal: Proposal, schema: str = "") -> Draft:
    """A new file; `schema` names a JSON Schema for editors."""
    source = escaped(proposal.source) if proposal.source else "${PROVISIONER_SOURCE}"
    top: dict[str, object] = {"source": source}
    if proposal.units:
        top["units"] = list(proposal.units)
    lines = [f"{_SERVER} $schema={schema}\n"] if schema else []
    text = "".join([*lines, _spelled(top), *_block(proposal.tables)])
    return Draft(_annotated(text, proposal), "")


def updated(text: str, file: str, proposal: Proposal) -> Draft:
    """The file with new tables and present notes.

    Args:
        text: what the file holds: a valid configuration.
        file: its name, for the diff and for errors.
        proposal: what would be said of the source as it is now.

    Raises:
        WrongRequest: there are new tables, and they cannot be put between those in braces.
    """
    kept = [line for line in text.splitlines(keepends=True) if not _NOTE.fullmatch(line)]
    found = _annotated(_with_tables("".join(kept), file, proposal), proposal)
    before, after = text.splitlines(keepends=True), found.splitlines(keepends=True)
    diff = "".join(unified_diff(before, after, file, f"{file}, updated"))
    return Draft(found, diff, tuple(_gone(text, file, proposal)))


def _spelled(values: object) -> str:
    return yaml.safe_dump(values, sort_keys=False, width=float("inf"), allow_unicode=True)


def _block(tables: Iterable[TableProposal]) -> Iterator[str]:
    """The key `tables` and what stands below it."""
    sections = list(_sections_of(tables, _INDENT))
    yield "tables:\n" if sections else ""
    yield from sections


def _sections_of(tables: Iterable[TableProposal], indent: int) -> Iterator[str]:
    for table in tables:
        section = _spelled({table.name: {"mode": table.mode.value}})
        yield from (" " * indent + line for line in section.splitlines(keepends=True))


def _with_tables(text: str, file: str, proposal: Proposal) -> str:
    """The text with a section for each table that it does not name, after the last one there."""
    named = {_resolved(spelling, proposal) for spelling, _ in _sections(text, file)}
    missing = [table for table in proposal.tables if table.name not in named]
    if not missing:
        return text
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if root is None:
        return "".join([*lines, *_block(missing)])
    parts = {key.value: (key, value) for key, value in root.value}
    if any(map(_in_braces, (root, *parts.get("tables", ())))):
        raise WrongRequest(
            f"{file}: new tables cannot be put between braces; write `tables` with a line for each"
        )
    if "tables" not in parts:
        return "".join([*lines, *_block(missing)])
    return "".join(_inserted(lines, *parts["tables"], missing))


def _in_braces(node: yaml.Node) -> bool:
    return isinstance(node, yaml.CollectionNode) and bool(node.flow_style)


def _inserted(
    lines: list[str], key: yaml.Node, value: yaml.Node, missing: list[TableProposal]
) -> list[str]:
    """The lines with sections behind the last line of a block that says something."""
    filled = isinstance(value, yaml.MappingNode) and bool(value.value)
    end = value.end_mark.line if filled else key.start_mark.line + 1
    while filled and _SAYS_NOTHING.fullmatch(lines[end - 1]):
        end -= 1
    indent = value.start_mark.column if filled else _INDENT
    return [*lines[:end], *_sections_of(missing, indent), *lines[end:]]


def _gone(text: str, file: str, proposal: Proposal) -> Iterator[str]:
    for spelling, line in _sections(text, file):
        if _resolved(spelling, proposal) is None:
            yield f"{file}, line {line}: the source has no table {spelling}; take the section out"


def _sections(text: str, file: str) -> Iterator[tuple[str, int]]:
    """Each table that a text has a section for, as it is spelled, with its line."""
    lines = outline(text, file, _Unset(), frozenset()).places.lines
    for path, line in lines.items():
        if len(path) == 2 and path[0] == "tables" and isinstance(path[1], str):
            yield path[1], line


class _Unset(dict[str, str]):
    """The environment's variables, where it does not matter what they hold."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> str:
        return ""


def _resolved(spelling: str, proposal: Proposal) -> str | None:
    """The full name of the table that is meant; None where the source has none."""
    known = [TableName(*table.name.split(".", 1)) for table in proposal.tables]
    try:
        return str(named_table(spelling, known))
    except WrongRequest:
        return None


def _annotated(text: str, proposal: Proposal) -> str:
    """The text with the notes of each table above its section, and the header at the top."""
    notes = {table.name: table.notes for table in proposal.tables}
    above: dict[int, list[str]] = {}
    for spelling, line in _sections(text, "the configuration"):
        above.setdefault(line, []).extend(notes.get(_resolved(spelling, proposal) or "", ()))
    lines = text.splitlines(keepends=True)
    first = 1 if lines and lines[0].startswith(_SERVER) else 0
    told = [*lines[:first], *(f"#: {line}\n" for line in _HEADER)]
    for number, here in enumerate(lines[first:], first + 1):
        indent = here[: len(here) - len(here.lstrip())]
        told += [f"{indent}#: {note}\n" for note in above.get(number, ())]
        told.append(here)
    return "".join(told)
