"""What a file `provisioner.yaml` says, checked; every error names file, line, table and key.

Values arrive as texts, so pydantic's reading of numbers from texts is wanted; beyond that nothing
is guessed, and a key that is not known is an error.
"""

import difflib
import os
import re
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from annotated_types import Ge, Gt, Le, Len, Lt
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    field_serializer,
    model_validator,
)
from pydantic_core import ErrorDetails

from generators.privacy.attacked import Limits
from generators.privacy.kinds import KINDS, Class
from provisioner.errors import WrongConfig
from provisioner.lines import Places, escaped, outline, resolved
from provisioner.passwords import Scheme

DEFAULT_FILE = Path("provisioner.yaml")
EACH_EMPTY = "*"
"""Stands in `rows` for each table that is empty in the source."""
ONE = ""
"""The only entry of `references` in a key that leads to one table."""

_URLS = frozenset({("source",), ("target",)})
_PLACE = re.compile(r"(?P<table>[^()]+?)\s*\((?P<columns>[^()]+)\)")
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
_SPAN: TypeAdapter[timedelta] = TypeAdapter(
    Annotated[timedelta, Ge(timedelta(0)), Le(timedelta(days=30))]
)
_LIMITS = Limits()

Rows = Annotated[int, Ge(0), Le(10**12)]
Names = Annotated[tuple[str, ...], Len(1)]
Condition = Annotated[str, StringConstraints(min_length=1, max_length=10_000)]
Hash = Annotated[str, StringConstraints(pattern="^[0-9a-f]{12}$")]


def _of_percent(value: object) -> object:
    """`1%` or `1 %` as the share that it stands for."""
    text = value.strip() if isinstance(value, str) else ""
    try:
        return float(text.removesuffix("%")) / 100 if text.endswith("%") else value
    except ValueError:
        return value


Share = Annotated[float, Ge(0), Le(1), BeforeValidator(_of_percent)]


class Mode(StrEnum):
    """What becomes of a table."""

    SYNTHESIZE = "synthesize"
    """Its rows are drawn from what was learned."""
    EMPTY = "empty"
    """It is created and stays empty."""
    SKIP = "skip"
    """It is neither learned nor created."""
    KEEP = "keep"
    """The rows that a migrated target already holds stay."""
    COPY = "copy"
    """Its rows travel in the file as they are: they are public."""
    MASK = "mask"
    """Its rows travel in the file, with pseudonyms in the place of what identifies people."""


def _places(value: object) -> object:
    """One place as the only entry of a mapping; places by type stay as they are."""
    one = not isinstance(value, dict) or bool({"table", "columns"} & value.keys())
    return {ONE: value} if one else value


def _day(value: object) -> object:
    try:
        return value if value is None else date.fromisoformat(str(value))
    except ValueError:
        raise ValueError("expected a day such as 2026-01-31") from None


def _duration(value: object) -> object:
    """`90s`, `5m` or `1h30m` as ISO 8601 writes it, which pydantic reads."""
    text = value.strip().upper() if isinstance(value, str) else value
    plain = isinstance(text, str) and not text.startswith("P")
    try:
        return _SPAN.validate_python(f"PT{text}" if plain else text)
    except ValidationError:
        raise ValueError(
            "expected a duration of at most 30 days, such as 90s, 5m or 1h30m"
        ) from None


class _Section(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True
    )


Day = Annotated[date, BeforeValidator(_day)]
Duration = Annotated[timedelta, BeforeValidator(_duration)]


class Place(_Section):
    """Columns of a table that a key leads to; as text, `customers (id)`."""

    table: str
    columns: Names

    @model_validator(mode="before")
    @classmethod
    def _of_text(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        found = _PLACE.fullmatch(value.strip())
        if found is None:
            raise ValueError("expected a table and its columns, such as customers (id)")
        return {**found.groupdict(), "columns": [c.strip() for c in found["columns"].split(",")]}


class Key(_Section):
    """A foreign key that the database does not declare.

    Attributes:
        columns: of this table, in the order of those that they lead to.
        references: the parent, as `customers (id)`; where `type` is given, a parent for each value
            of that column.
        type: the column that says which table a row's key leads to.
        dangling: share of values that lead nowhere; as the source has it where left out.
    """

    columns: Names
    references: Annotated[dict[str, Place], BeforeValidator(_places), Len(1)]
    type: str | None = None
    dangling: Share | None = None

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.type is None and set(self.references) != {ONE}:
            raise ValueError("several tables referenced; add `type`, the column that tells which")
        if self.type is not None and ONE in self.references:
            raise ValueError("one table referenced; expected one for each value of `type`")
        if any(len(p.columns) != len(self.columns) for p in self.references.values()):
            raise ValueError("`columns` and the columns referenced differ in number")
        return self

    @field_serializer("references")
    def _as_written(self, references: dict[str, Place]) -> object:
        return references.get(ONE, references)


def _hand_made(value: object) -> object:
    rows = value if isinstance(value, list | tuple) else []
    plain = all(isinstance(row, dict) and all(map(_is_cell, row.values())) for row in rows)
    if not isinstance(value, str) and (not rows or not plain):
        raise ValueError("expected the name of a CSV file, or a list of rows: columns with values")
    return value


def _is_cell(value: object) -> bool:
    return value is None or isinstance(value, str)


def _known_scheme(value: object) -> object:
    if value not in set(Scheme):
        known = ", ".join(Scheme)
        raise ValueError(
            f"expected one of {known}; of another scheme, give the hash itself and no password"
        )
    return value


HandMade = Annotated[str | tuple[dict[str, str | None], ...], BeforeValidator(_hand_made)]


class RulesSection(_Section):
    """What is said of the rules that nobody declared, as `show` words them.

    Attributes:
        drop: those that shall not be kept.
        relax: those that as many rows shall break as do in the source.
        add: conditions on a row, as in a CHECK, and totals such as `total = sum(lines.amount)`.
    """

    drop: tuple[Condition, ...] = ()
    relax: tuple[Condition, ...] = ()
    add: tuple[Condition, ...] = ()


class ColumnSection(_Section):
    """What is said of one column.

    Attributes:
        group: `class` in the file; what the column says of people.
        kind: for a personal column, what shall be invented: email, phone, free_text ...
    """

    group: Class = Field(alias="class")
    kind: str | None = None

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.kind is not None and self.group not in {Class.PERSONAL, Class.QUASI}:
            raise ValueError(f"no kind goes with the class {self.group}; expected class personal")
        if self.kind is not None and self.kind not in KINDS:
            raise ValueError(f"expected kind to be one of {', '.join(sorted(KINDS))}")
        return self


NOBODY = "nobody"
"""Whose data rows are that are nobody's."""


class TableSection(_Section):
    """What is said of one table.

    Attributes:
        mode: what becomes of its rows.
        rows: rows to make, exactly.
        triggers: `fire` where its triggers are there before its rows.
        keys: foreign keys that the database does not declare.
        hand_made: rows by column, or the CSV file that holds them.
        passwords: the scheme by which hand-made values of a column are hashed.
        invariants: what is said of the rules that its rows keep.
        columns: what is said of columns by name; others are classified.
        values: all values that a column may hold, where differential privacy must not look.
        rows_per_unit: the most rows of a privacy unit that differential privacy counts.
        masks: of mode `mask`, the mask of a column, or `keep`.
        unit: a column of the key that leads to those whose data its rows are; `nobody` for rows
            that are nobody's data, whoever their keys lead to.
    """

    mode: Mode = Mode.SYNTHESIZE
    rows: Rows | None = None
    triggers: Literal["fire"] | None = None
    keys: tuple[Key, ...] = ()
    hand_made: HandMade | None = Field(default=None, repr=False)
    passwords: dict[str, Annotated[Scheme, BeforeValidator(_known_scheme)]] = {}
    invariants: RulesSection = RulesSection()
    columns: dict[str, ColumnSection] = {}
    values: dict[str, Names] = {}
    rows_per_unit: Annotated[int, Ge(1), Le(10**6)] | None = None
    masks: dict[str, str] = {}
    unit: str | None = None

    @model_validator(mode="after")
    def _masks_where_masked(self) -> Self:
        if self.masks and self.mode is not Mode.MASK:
            raise ValueError("masks are for mode mask alone; expected `mode: mask`")
        return self


class HavingSection(_Section):
    """What the children of a scenario's rows shall be like.

    Attributes:
        table: the children's, which the scenario's table owns.
        where: the condition that they satisfy, as in a CHECK.
        at_least: how many of them do so, per row of the scenario.
    """

    table: str
    where: Condition
    at_least: Annotated[int, Ge(1), Le(10**6)] = 1


class ScenarioSection(_Section):
    """How many rows of a table shall satisfy a predicate, or have children that do.

    Attributes:
        table: whose rows are meant.
        name: what reports call it.
        where: the condition, as in a CHECK.
        having: what children shall be like, in place of a condition.
        share: of the table's rows.
        count: so many rows.
        factor: of the frequency that was learned.
    """

    table: str
    name: Annotated[str, StringConstraints(max_length=100)] = ""
    where: Condition | None = None
    having: HavingSection | None = None
    share: Share | None = None
    count: Rows | None = None
    factor: Annotated[float, Ge(0), Le(1_000_000)] | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.where is None) == (self.having is None):
            raise ValueError("expected one of where and having")
        if sum(amount is not None for amount in (self.share, self.count, self.factor)) != 1:
            raise ValueError("expected one of share, count and factor")
        if self.having is not None and self.factor is not None:
            raise ValueError("expected share or count beside having, whose frequency is not known")
        return self


class AttacksSection(_Section):
    """What attacks on a model may achieve; see `generators.privacy.attacked.Limits`."""

    auc: Annotated[float, Ge(0.5), Le(1)] = _LIMITS.auc
    tpr: Share = _LIMITS.tpr
    dcr_share: tuple[Share, Share] = _LIMITS.dcr_share
    advantage: Share = _LIMITS.advantage
    fewest: Annotated[int, Ge(20)] = _LIMITS.fewest

    @property
    def limits(self) -> Limits:
        """The same as attacks take it."""
        return Limits(**self.model_dump())


class PrivacySection(_Section):
    """What is said of privacy beyond `k` and `units`."""

    attacks: AttacksSection = AttacksSection()


Part = Annotated[float, Ge(0), Le(1), BeforeValidator(_of_percent)]
Factor = Annotated[float, Ge(1)]


class VerifySection(_Section):
    """From where a difference is an error; see `provisioner.gate.Thresholds` for each."""

    marginal: Part | None = None
    pair: Part | None = None
    parent: Part | None = None
    siblings: Part | None = None
    gap: Part | None = None
    count: Part | None = None
    plans: Part | None = None
    estimates: Factor | None = None
    size: Factor | None = None

    @property
    def said(self) -> dict[str, float]:
        """What is given, by name."""
        return dict(self.model_dump(exclude_none=True))


class SubsetSection(_Section):
    """Which rows of a masked table travel, with all that they need: a share or a predicate.

    Attributes:
        table: of mode `mask`.
        share: of its rows; a larger one holds the rows of a smaller one.
        where: the condition that they satisfy, as in a CHECK.
    """

    table: str
    share: Annotated[Share, Gt(0)] | None = None
    where: Condition | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.share is None) == (self.where is None):
            raise ValueError("expected one of share and where")
        return self


class Config(_Section):
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


def _section(path: tuple[str | int, ...]) -> type[_Section]:
    """What describes the keys at a path."""
    known = (section for form, section in _SECTIONS.items() if _fits(path, form))
    return next(known, Place)


_SECTIONS: Mapping[tuple[str | None, ...], type[_Section]] = {
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
