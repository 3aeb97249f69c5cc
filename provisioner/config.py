"""What a file `provisioner.yaml` says, checked; every error names file, line, table and key.

Values arrive as texts, so pydantic's reading of numbers from texts is wanted; beyond that nothing
is guessed, and a key that is not known is an error.
"""

import difflib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, Field, PrivateAttr, ValidationError
from pydantic_core import ErrorDetails

from provisioner.errors import WrongConfig
from provisioner.lines import Places, escaped, outline, resolved
from provisioner.sections import (
    STRICT,
    ColumnSection,
    Day,
    Duration,
    Hash,
    HavingSection,
    Key,
    Place,
    PrivacySection,
    Rows,
    RulesSection,
    ScenarioSection,
    Share,
    SubsetSection,
    TableSection,
    VerifySection,
)

DEFAULT_FILE = Path("provisioner.yaml")
EACH_EMPTY = "*"
"""Stands in `rows` for each table that is empty in the source."""

_URLS = frozenset({("source",), ("target",)})
_EXPECTED = {
    "int_parsing": "expected a whole number",
    "float_parsing": "expected a number",
    "model_type": "expected keys with values",
    "dict_type": "expected keys with values",
    "tuple_type": "expected a list",
    "string_type": "expected a text",
    "string_pattern_mismatch": "expected twelve hexadecimal digits, the hash of a finding",
}
"""What pydantic's kinds of errors mean, where its own words are about Python."""


class Config(BaseModel):
    """The whole file; what it leaves out is None or empty.

    Attributes:
        source: the source's URL as written; variables are resolved where it is opened.
        target: the target's.
        k: distinct privacy units behind everything that the file holds.
        units: tables whose rows are the privacy units.
        epsilon: what a unit may lose by differential privacy.
        delta: the chance that it loses more.
        public: tables that hold nobody's data.
        scale: factor on the rows learned.
        rows: rows by table, and under "*" those of each table without any in the source.
        as_of: the day that the rows shall look like.
        budget: how long `learn` may train networks.
        acknowledge: hashes of findings that shall not stop a run.
        tables: what is said of tables, by name.
        scenarios: predicates that so many rows shall satisfy.
        subset: which rows of masked tables travel.
        edge_cases: share of rows, as a number or in percent, that hold values at the edge.
        workers: how many load the rows.
        ray: address of the Ray cluster that they are on.
        privacy: what attacks on a model may achieve.
        verify: from where a difference is an error.
        max_rate: rows per second to write at most.
        max_connections: connections to the target to hold at most.
    """

    model_config = STRICT

    source: str | None = Field(default=None, repr=False)
    target: str | None = Field(default=None, repr=False)
    k: Annotated[int, Ge(1)] | None = None
    units: tuple[str, ...] = ()
    epsilon: Annotated[float, Gt(0), Le(1_000)] | None = None
    delta: Annotated[float, Gt(0), Lt(1)] | None = None
    public: tuple[str, ...] = ()
    scale: Annotated[float, Gt(0), Le(1_000_000)] | None = None
    rows: dict[str, Rows] = {}
    as_of: Day | None = None
    budget: Duration | None = None
    acknowledge: tuple[Hash, ...] = ()
    tables: dict[str, TableSection] = {}
    scenarios: tuple[ScenarioSection, ...] = ()
    subset: SubsetSection | None = None
    edge_cases: Share | None = None
    workers: Annotated[int, Ge(1), Le(1_000)] | None = None
    ray: str | None = None
    privacy: PrivacySection = PrivacySection()
    verify: VerifySection = VerifySection()
    max_rate: Annotated[float, Gt(0)] | None = None
    max_connections: Annotated[int, Ge(2), Le(10_000)] | None = None
    _places: Places = PrivateAttr(default_factory=Places)

    @property
    def folder(self) -> Path:
        """The folder in which files that it names are looked for: its own."""
        return Path(self._places.file).parent

    @property
    def places(self) -> Places:
        """Where its parts stand in the file."""
        return self._places

    def url(self, side: Literal["source", "target"], environment: Mapping[str, str]) -> str:
        """The URL of a side; resolved only here, since each side knows its own variables alone.

        Raises:
            WrongConfig: the file gives none, or names a variable that is not set.
        """
        written = self.source if side == "source" else self.target
        if written is None:
            raise self._places.wrong((), f"the key {side} is missing")
        return resolved(written, environment, self._places, (side,))

    def options(self, environment: Mapping[str, str]) -> dict[str, object]:
        """What the file says in place of command-line options; URLs as functions that tell them."""
        urls: dict[str, Callable[[], str]] = {}
        if self.source is not None:
            urls["source"] = lambda: self.url("source", environment)
        if self.target is not None:
            urls["target"] = lambda: self.url("target", environment)
        plain = {
            "k": self.k,
            "scale": self.scale,
            "budget": self.budget,
            "epsilon": self.epsilon,
            "delta": self.delta,
            "workers": self.workers,
            "ray": self.ray,
            "max_rate": self.max_rate,
            "max_connections": self.max_connections,
        }
        return {**urls, **{name: said for name, said in plain.items() if said is not None}}

    def as_yaml(self) -> str:
        """A file that says the same; variables that were resolved when reading are gone."""
        values = self.model_dump(mode="json", exclude_defaults=True)
        urls = {side: values.pop(side) for side in ("source", "target") if side in values}
        return yaml.safe_dump({**urls, **_escaped(values)}, sort_keys=False)

    def model_post_init(self, context: object, /) -> None:
        """Keeps the places that came with the values."""
        if isinstance(context, Places):
            self._places = context


def found_config(path: Path | None = None) -> Config:
    """The configuration of a file; without a name, of `provisioner.yaml` where there is one.

    Raises:
        WrongConfig: the file is not there, cannot be read, or says what is not known.
    """
    if path is None and not DEFAULT_FILE.is_file():
        return Config()
    path = path or DEFAULT_FILE
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise WrongConfig(f"found no file {path}; expected a configuration") from None
    except UnicodeDecodeError:
        raise WrongConfig(f"{path} is no text in UTF-8; expected a configuration") from None
    return read_config(text, str(path), os.environ)


def read_config(text: str, file: str, environment: Mapping[str, str]) -> Config:
    """The configuration that a text holds; `file` is its name in errors.

    Raises:
        WrongConfig: it is no YAML, or says what is not known; each mistake with its line.
    """
    found = outline(text, file, environment, _URLS)
    try:
        values = found.value if found.value is not None else {}
        return Config.model_validate(values, context=found.places)
    except ValidationError as error:
        told = [str(_wrong(found.places, one)) for one in error.errors()]
        raise WrongConfig("; ".join(told)) from None


def _wrong(places: Places, error: ErrorDetails) -> WrongConfig:
    """One mistake, at the innermost part of its place that the file has."""
    path: tuple[str | int, ...] = ()
    for part in error["loc"]:
        path = (*path, part) if (*path, part) in places.lines else path
    if error["type"] == "missing":
        return places.wrong(path, f"the key {error['loc'][-1]} is missing")
    if error["type"] == "extra_forbidden":
        return places.wrong(path, f"this key is not known; {_suggestion(path)}")
    plain = error["msg"].removeprefix("Value error, ").replace("Input should be", "expected")
    said = _EXPECTED.get(error["type"], plain)
    return places.wrong(path, f"{places.found(path)}{said}")


def _suggestion(path: tuple[str | int, ...]) -> str:
    known = sorted(_section(path[:-1]).model_fields)
    near = difflib.get_close_matches(str(path[-1]), known, n=1)
    return f"did you mean {near[0]}?" if near else f"expected one of {', '.join(known)}"


def _section(path: tuple[str | int, ...]) -> type[BaseModel]:
    """What describes the keys at a path."""
    known = (section for form, section in _SECTIONS.items() if _fits(path, form))
    return next(known, Place)


_SECTIONS: Mapping[tuple[str | None, ...], type[BaseModel]] = {
    (): Config,
    ("tables", None): TableSection,
    ("tables", None, "keys", None): Key,
    ("tables", None, "invariants"): RulesSection,
    ("tables", None, "columns", None): ColumnSection,
    ("subset",): SubsetSection,
    ("scenarios", None): ScenarioSection,
    ("scenarios", None, "having"): HavingSection,
}
"""What describes the keys at a path; None stands for any part of it."""


def _fits(path: tuple[str | int, ...], form: tuple[str | None, ...]) -> bool:
    return len(path) == len(form) and all(
        wanted is None or part == wanted for part, wanted in zip(path, form, strict=True)
    )


def _escaped(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _escaped(below) for key, below in value.items()}
    if isinstance(value, list):
        return [_escaped(below) for below in value]
    return escaped(value) if isinstance(value, str) else value
