"""What the sections of a configuration say of a table, a column, a scenario or a limit."""

import re
from datetime import date, timedelta
from enum import StrEnum
from typing import Annotated, Literal, Self

from annotated_types import Ge, Gt, Le, Len
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    field_serializer,
    model_validator,
)

from generators.privacy.attacked import Limits
from generators.privacy.kinds import KINDS, Class
from provisioner.passwords import Scheme

STRICT = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)
"""A key that is not known is an error, and no error tells a value."""
ONE = ""
"""The only entry of `references` in a key that leads to one table."""
_PLACE = re.compile(r"(?P<table>[^()]+?)\s*\((?P<columns>[^()]+)\)")
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
    model_config = STRICT


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
