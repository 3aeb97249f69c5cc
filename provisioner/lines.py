"""YAML text as plain texts, lists and dictionaries, with the line that each part stands on."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import yaml

from provisioner.errors import WrongConfig

Path = tuple[str | int, ...]

_NULL = "tag:yaml.org,2002:null"
_REFERENCE = re.compile(r"\$(\$?)\{(\w+)\}")
_LONGEST = 40


@dataclass(frozen=True, slots=True)
class Places:
    """Where each part of a file stands; any two are equal, since a place is no setting.

    Attributes:
        lines: the line of each part by its path, counted from 1.
        written: the text of each value as the file has it, references unresolved.
    """

    file: str = field(default="the configuration", compare=False)
    lines: Mapping[Path, int] = field(default_factory=dict, compare=False)
    written: Mapping[Path, str] = field(default_factory=dict, compare=False)

    def wrong(self, path: Path, text: str) -> WrongConfig:
        """The error that names file, line, table and key of what is wrong."""
        return WrongConfig(f"{self.of(path)}: {text}")

    def of(self, path: Path) -> str:
        """File, line, table and key of a part."""
        known = max((path[:n] for n in range(len(path) + 1) if path[:n] in self.lines), default=())
        line = [f"line {self.lines[known]}"] if known in self.lines else []
        return ", ".join([self.file, *line, *_words(path)])

    def found(self, path: Path) -> str:
        """What a place holds, as far as that may be shown: no address, for it may hold a secret."""
        text = self.written.get(path, "")
        return f"found {text!r}, " if text and len(text) <= _LONGEST and "/" not in text else ""


@dataclass(frozen=True, slots=True)
class Outline:
    """A YAML document: its scalars are texts, or None where the file says null."""

    value: object
    places: Places


def outline(text: str, file: str, environment: Mapping[str, str], raw: frozenset[Path]) -> Outline:
    """Reads a document; `${NAME}` becomes the variable's value, `$${NAME}` stays `${NAME}`.

    Scalars stay texts, so that a table called `no` or a hash of twelve digits means itself.

    Args:
        text: the document.
        file: its name, for errors.
        environment: the variables.
        raw: paths of values that are taken as they are written.

    Raises:
        WrongConfig: the text is no YAML, repeats a key, or names a variable that is not set.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        parts = [] if node is None else list(_parts(node, (), ()))
    except (yaml.YAMLError, RecursionError) as error:
        raise _no_yaml(file, error, text) from None
    if node is None:
        return Outline(None, Places(file))
    lines = {path: mark.line + 1 for path, mark, _ in reversed(parts)}
    written = {p: n.value for p, _, n in parts if isinstance(n, yaml.ScalarNode)}
    places = Places(file, lines, written)
    return Outline(_Reading(places, environment, raw).value(node, ()), places)


def resolved(text: str, environment: Mapping[str, str], places: Places, path: Path) -> str:
    """The text with every `${NAME}` replaced.

    Raises:
        WrongConfig: a variable is not set.
    """

    def value(found: re.Match[str]) -> str:
        if found[1]:
            return found[0][1:]
        if found[2] not in environment:
            raise places.wrong(path, f"the environment variable {found[2]} is not set; set it")
        return environment[found[2]]

    return _REFERENCE.sub(value, text)


def escaped(text: str) -> str:
    """The text that `resolved` turns into this one."""
    return _REFERENCE.sub(lambda found: "$" + found[0], text)


def _words(path: Path) -> Iterator[str]:
    if path[:1] == ("tables",) and len(path) > 1:
        yield f"table {path[1]}"
        path = path[2:]
    if path:
        yield ".".join(str(p + 1) if isinstance(p, int) else p for p in path)


def _no_yaml(file: str, error: Exception, text: str) -> WrongConfig:
    mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
    line = "" if mark is None else f", line {mark.line + 1}"
    why = error.problem if isinstance(error, yaml.MarkedYAMLError) else "it cannot be read"
    advice = "mend it; inside brackets, ${NAME} needs quotes" if "${" in text else "mend it"
    return WrongConfig(f"{file}{line}: this is no YAML ({why}); {advice}")


def _parts(
    node: yaml.Node, path: Path, open_nodes: tuple[yaml.Node, ...]
) -> Iterator[tuple[Path, yaml.Mark, yaml.Node]]:
    """Every part with its path; what a key leads to stands where the key does."""
    if node in open_nodes:
        raise yaml.YAMLError
    yield path, node.start_mark, node
    inside = (*open_nodes, node)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            below = (*path, _key(key))
            yield below, key.start_mark, key
            yield from _parts(value, below, inside)
    elif isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            yield from _parts(item, (*path, number), inside)


def _key(node: yaml.Node) -> str:
    return str(node.value) if isinstance(node, yaml.ScalarNode) else ""


@dataclass(frozen=True, slots=True)
class _Reading:
    places: Places
    environment: Mapping[str, str]
    raw: frozenset[Path]

    def value(self, node: yaml.Node, path: Path) -> object:
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, n)) for n, item in enumerate(node.value)]
        if node.tag == _NULL:
            return None
        text = str(node.value)
        if path in self.raw:
            return text
        return resolved(text, self.environment, self.places, path)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, object]:
        found: dict[str, object] = {}
        for key, value in node.value:
            name = _key(key)
            if not isinstance(key, yaml.ScalarNode):
                raise self.places.wrong(path, "a list or mapping stands where a key should")
            if name in found:
                raise self.places.wrong((*path, name), "the key stands here twice; keep one")
            found[name] = self.value(value, (*path, name))
        return found
