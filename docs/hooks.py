"""Fills the pages with what the code and the README say, so that nothing is written twice.

A page holds lines such as `<!-- commands -->`, `<!-- configuration -->` or
`<!-- README: How it works -->`; each stands for Markdown that is made here.
"""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from pydantic import BaseModel

from generators.privacy.attacked import Limits
from provisioner import config, sections
from provisioner.cli import commands
from provisioner.gate import Thresholds

README = Path(__file__).parent.parent / "README.md"
_MARK = re.compile(r"^<!-- (?P<what>\w+)(?:: (?P<name>.+))? -->$", re.MULTILINE)
_ATTRIBUTE = re.compile(r"^ {4}(\w+): (.+(?:\n {5,}.+)*)", re.MULTILINE)
SECTIONS: Mapping[str, type[BaseModel]] = {
    "The file": config.Config,
    "tables.NAME": sections.TableSection,
    "tables.NAME.keys[]": sections.Key,
    "tables.NAME.columns.NAME": sections.ColumnSection,
    "tables.NAME.invariants": sections.RulesSection,
    "scenarios[]": sections.ScenarioSection,
    "scenarios[].having": sections.HavingSection,
    "subset": sections.SubsetSection,
    "privacy.attacks": sections.AttacksSection,
    "verify": sections.VerifySection,
}
"""What may stand where in a configuration."""


def on_page_markdown(markdown: str, **_: object) -> str:
    """A page with its marks replaced; MkDocs calls it for each."""
    return _MARK.sub(lambda found: _MADE[found["what"]](found["name"] or ""), markdown)


def command_pages(_: str = "") -> str:
    """Every command with its arguments and options, as click knows them."""
    with click.Context(commands, info_name="provisioner") as context:
        found = (
            (name, commands.get_command(context, name)) for name in commands.list_commands(context)
        )
        return "\n".join(
            line for name, one in found if one is not None for line in _command(name, one)
        )


def _command(name: str, command: click.Command) -> Iterator[str]:
    arguments = " ".join(
        p.make_metavar(click.Context(command))
        for p in command.params
        if isinstance(p, click.Argument)
    )
    options = [p for p in command.params if isinstance(p, click.Option)]
    yield from (f"## provisioner {name}", "", inspect.cleandoc(command.help or ""), "")
    yield from (
        "```text",
        " ".join(filter(None, ("provisioner", name, arguments, "[OPTIONS]"))),
        "```",
        "",
    )
    yield from ("| option | meaning |", "| --- | --- |")
    yield from (_option(option, click.Context(command)) for option in options)
    yield ""


def _option(option: click.Option, context: click.Context) -> str:
    words, meaning = option.get_help_record(context) or ("", "")
    return f"| `{_cell(words)}` | {_cell(meaning)} |"


def configuration_pages(_: str = "") -> str:
    """Every key of a configuration, by the section that it stands in."""
    return "\n".join(line for place, kind in SECTIONS.items() for line in _section(place, kind))


def _section(place: str, kind: type[BaseModel]) -> Iterator[str]:
    told, schema = meanings(kind), kind.model_json_schema()
    first = (inspect.getdoc(kind) or "").partition("\n")[0].partition("; see")[0].rstrip(".")
    yield from (f"## {place}", "", f"{first}.", "")
    yield from ("| key | value | without it | meaning |", "| --- | --- | --- | --- |")
    for key, described in schema["properties"].items():
        needed = "needed" if key in schema.get("required", ()) else _default(kind, key, described)
        value = _value(described, schema.get("$defs", {}))
        yield f"| `{key}` | {_cell(value)} | {needed} | {_cell(told.get(key, ''))} |"
    yield ""


def _default(kind: type[BaseModel], key: str, described: Mapping[str, Any]) -> str:
    """What stands for a key that is left out, where that is one value."""
    found = described.get("default")
    found = getattr(Thresholds(), key) if kind is sections.VerifySection else found
    return "" if found in (None, "", (), [], {}) or isinstance(found, dict) else f"`{found}`"


def meanings(kind: type[BaseModel]) -> Mapping[str, str]:
    """What the docstring of a section says of each of its keys, by the key as it is written."""
    text = inspect.getdoc(Thresholds if kind is sections.VerifySection else kind) or ""
    text += inspect.getdoc(Limits) or "" if kind is sections.AttacksSection else ""
    names = {name: field.alias or name for name, field in kind.model_fields.items()}
    found = _ATTRIBUTE.findall(text.partition("Attributes:")[2])
    return {names.get(name, name): " ".join(said.split()) for name, said in found}


def _value(described: Mapping[str, Any], known: Mapping[str, Any]) -> str:
    """What a key takes, in a few words."""
    if "$ref" in described:
        name = described["$ref"].rpartition("/")[2]
        return _value(known[name], known) if "enum" in known[name] else "a section"
    if "anyOf" in described:
        kinds = [_value(one, known) for one in described["anyOf"] if one.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    if "enum" in described or "const" in described:
        return ", ".join(f"`{one}`" for one in described.get("enum", [described.get("const")]))
    return _plain(described, known)


def _plain(described: Mapping[str, Any], known: Mapping[str, Any]) -> str:
    kind = described.get("type", "anything")
    if "prefixItems" in described:
        return f"{len(described['prefixItems'])} of: {_value(described['prefixItems'][0], known)}"
    if kind == "array":
        return f"a list of: {_value(described.get('items', {}), known)}"
    if kind == "object":
        return f"names, each with: {_value(described.get('additionalProperties', {}), known)}"
    words = {"integer": "whole number", "string": "text", "boolean": "yes or no"}
    return f"{words.get(kind, kind)}{_bounds(described)}"


def _bounds(described: Mapping[str, Any]) -> str:
    low = described.get("minimum", described.get("exclusiveMinimum"))
    high = described.get("maximum", described.get("exclusiveMaximum"))
    parts = ("" if low is None else f" from {low:,}", "" if high is None else f" to {high:,}")
    return "".join(parts)


def section_of_readme(heading: str) -> str:
    """A section of the README without its heading, its own one level up, for a folder of `docs`."""
    text = README.read_text("utf-8")
    found = re.search(
        rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL
    )
    if found is None:
        raise ValueError(f"the README has no section {heading!r}")
    text = found[1].strip().replace("](docs/", "](../")
    return re.sub(r"^###", "##", text, flags=re.MULTILINE)


def opening_of_readme(_: str = "") -> str:
    """What the README says before its first section, without its title."""
    return README.read_text("utf-8").partition("\n## ")[0].partition("\n")[2].strip()


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


_MADE: Mapping[str, Callable[[str], str]] = {
    "commands": command_pages,
    "configuration": configuration_pages,
    "README": section_of_readme,
    "opening": opening_of_readme,
}
