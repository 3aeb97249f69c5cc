"""What a model archive holds, for a reviewer who decides whether it may leave."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from connectors.schema import Column, Table
from generators.carried import Carried
from generators.encoding import FittedColumn
from generators.model import DatabaseModel, TableModel
from generators.orientation import oriented
from generators.privacy.accountant import Ledger, Spend
from generators.privacy.attacked import NOT_ATTACKED, Attacked, Verdict
from generators.privacy.kinds import Classified
from provisioner.plan import whole_as_learned

_BY_KEYS = "how many rows there are, and how keys are drawn"
NOT_PROMISED = (
    "The file is derived from personal data and is not anonymous.",
    "There is no differential privacy.",
    "Attacks that fail prove nothing of better ones.",
    "Names, defaults, enum labels, comments and function bodies travel as they are declared.",
    "Sizes of tables are exact.",
    "Personal data that neither names nor values of columns give away is not recognised.",
    "An invented name may be somebody's name.",
)


@dataclass(frozen=True, slots=True)
class ColumnContents:
    """What was learned of one column.

    Attributes:
        generator: the kind of its generator, "key: ..." for one that makes a key, "reference" or
            "owner" for one that takes a parent's value, "generated" for one that SQL computes.
        codes: codes that it was learned in, null included; 0 where nothing was learned in codes.
        group: its class, what it says of people; empty where the file does not say.
        personal: whether it stands for data that identifies people; nothing is learned from
            the values of such a column.
        withheld: share of its rows whose value fewer than k units share, as far as k units have
            such rows; None where its generator withholds in another way.
    """

    name: str
    type: str
    generator: str
    codes: int
    personal: bool
    withheld: float | None
    group: str = ""


@dataclass(frozen=True, slots=True)
class TableContents:
    """What was learned of one table; see `generators.model.TableModel`.

    Attributes:
        mode: what becomes of its rows; `copy` or `mask` where the file holds them.
    """

    name: str
    rows: int
    unit: str | None
    owner: str | None
    generator: str
    columns: tuple[ColumnContents, ...]
    mode: str = "synthesize"


_SHARED = tuple(text for text in NOT_PROMISED if "sizes" not in text.lower())
PRIVATE_NOT_PROMISED = (
    _SHARED[0],
    "Differential privacy covers rows alone: what is declared, such as enum labels, is outside it.",
    "Rows of tables declared public are outside it, too.",
    "It counts the unit of each row that `show` names, and nobody else whom a row may speak of.",
    *_SHARED[2:],
)


@dataclass(frozen=True, slots=True)
class SpendContents:
    """What looks of one kind have cost each privacy unit, in zCDP."""

    what: str
    looks: int
    rho: float
    delta: float


@dataclass(frozen=True, slots=True)
class LedgerContents:
    """What learning has cost each privacy unit.

    Attributes:
        epsilon: what was allowed.
        spent: the epsilon that all spends amount to.
        rho: what they cost in zCDP.
        spends: the looks, by what they looked at.
    """

    epsilon: float
    delta: float
    spent: float
    rho: float
    spends: tuple[SpendContents, ...]


@dataclass(frozen=True, slots=True)
class RuleContents:
    """A rule that rows keep though nobody declared it.

    Attributes:
        spoken: rows of the source that it speaks of.
        broken: how many of them break it; None for some, but fewer than k.
        kept_by: the column that is set to keep it where as many rows are drawn as were learned, or
            why it is not kept.
    """

    table: str
    rule: str
    sql: str
    spoken: int
    broken: int | None
    kept_by: str


@dataclass(frozen=True, slots=True)
class SeenContents:
    """What `verify` holds a target against, beside what the models are made of.

    Attributes:
        traits: how many dependences and sizes of families there are, in bins.
        tables: how many tables have statistics of the planner.
        queries: the user's own by name, with `?` for each literal.
    """

    traits: int
    tables: int
    queries: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Contents:
    """What a file holds.

    Attributes:
        identity: digest of the source, which tells it from any other database.
        fingerprint: SHA-256 of the file's members.
        k: distinct privacy units behind everything released.
        as_of: the day that the source's rows stand for.
        invariants: the rules that nobody declared.
        seen: what `verify` holds a target against.
        ddl: how many statements of each kind travel.
        unmodelled: what travels in the statements but is not looked at, and why.
        not_promised: what a reviewer must not expect.
        carried: what the file says of rows that are in it.
        attacks: what attacks on it achieved.
        verdict: passed, failed, inconclusive or not attacked.
        ledger: what learning has cost each unit; None without differential privacy.
    """

    identity: str
    fingerprint: str
    k: int
    tables: tuple[TableContents, ...]
    ddl: Mapping[str, int]
    unmodelled: tuple[str, ...]
    as_of: str | None = None
    invariants: tuple[RuleContents, ...] = ()
    seen: SeenContents = SeenContents(0, 0, {})
    not_promised: tuple[str, ...] = NOT_PROMISED
    carried: tuple[str, ...] = ()
    verdict: Verdict = Verdict.NOT_ATTACKED
    attacks: Attacked = NOT_ATTACKED
    ledger: LedgerContents | None = None


def contents(model: DatabaseModel, fingerprint: str) -> Contents:
    """Lists what a model holds; the fingerprint is that of its archive."""
    return Contents(
        identity=model.identity,
        fingerprint=fingerprint,
        k=model.k,
        tables=tuple(_table(model, table) for table in model.schema.tables),
        ddl=dict(sorted(Counter(item.kind for item in model.ddl).items())),
        unmodelled=tuple(f"{u.kind} {u.name}: {u.why}" for u in model.schema.unmodelled),
        as_of=None if model.as_of is None else model.as_of.isoformat(),
        invariants=tuple(_rules(model)),
        seen=SeenContents(
            len(model.traits),
            len(model.estimates.tables),
            {query.name: query.pattern for query in model.estimates.queries},
        ),
        carried=tuple(_carried(model)),
        verdict=model.attacked.verdict,
        attacks=model.attacked,
        not_promised=NOT_PROMISED if model.ledger is None else PRIVATE_NOT_PROMISED,
        ledger=None if model.ledger is None else _ledger(model.ledger),
    )


def _ledger(ledger: Ledger) -> LedgerContents:
    """The spends, those of margins of two columns of a table taken together."""
    found: dict[str, list[Spend]] = {}
    for spend in ledger.spends:
        found.setdefault(spend.what.partition(" (")[0], []).append(spend)
    return LedgerContents(
        ledger.budget.epsilon,
        ledger.budget.delta,
        ledger.epsilon,
        ledger.rho,
        tuple(
            SpendContents(
                what, len(spends), sum(s.rho for s in spends), sum(s.delta for s in spends)
            )
            for what, spends in found.items()
        ),
    )


def _carried(model: DatabaseModel) -> Iterator[str]:
    """A sentence for each table whose rows are in the file."""
    for name, one in sorted(model.carried.items()):
        if one.masks is None:
            yield f"The {one.count} rows of {name} travel as they are, declared public."
            continue
        written = [c.name for c in model.schema.table(name).written]
        masked = ", ".join(f"{c} ({one.masks[c]})" for c in written if c in one.masks)
        plain = ", ".join(c for c in written if c not in one.masks)
        yield f"The {one.count} rows of {name} travel, masked: {masked}; as they are: {plain}."


def _rules(model: DatabaseModel) -> Iterator[RuleContents]:
    orientation = oriented(model, whole_as_learned(model))
    unkept = {found.rule: f"not kept: {why}" for found, why in orientation.unkept}
    every = (*orientation.steps.values(), *orientation.late.values())
    targets = {step.found.rule: step.target[1] for steps in every for step in steps}
    targets |= {
        s.found.rule: f"{s.target[1]}, once all rows are there" for s in orientation.postponed
    }
    for found in model.invariants:
        kept = unkept.get(found.rule, targets.get(found.rule, _BY_KEYS))
        sql = found.kind.claim(found.rule, model.schema).sql
        counts = found.spoken.value, found.broken.value
        yield RuleContents(str(found.rule.table), found.words, sql, *counts, kept)


def _table(model: DatabaseModel, table: Table) -> TableContents:
    learned = model.tables[table.name]
    owner, carried = model.owners.get(table.name), model.carried.get(table.name)
    classes = model.classes.get(table.name, {})
    return TableContents(
        name=str(table.name),
        rows=learned.rows.value,
        unit=None if learned.unit is None else str(learned.unit),
        owner=None if owner is None else str(owner.parent),
        generator=learned.generator.kind,
        columns=tuple(_columns(table, learned, classes))
        if carried is None
        else _standing(table, carried),
        mode="synthesize" if carried is None else carried.mode,
    )


def _standing(table: Table, carried: Carried) -> tuple[ColumnContents, ...]:
    """The columns of rows that are in the file: each masked, or as it is."""
    kinds = carried.masks or {}
    return tuple(
        ColumnContents(
            c.name,
            _type(c),
            "generated"
            if c.generated
            else f"mask: {kinds[c.name]}"
            if c.name in kinds
            else "as is",
            0,
            personal=False,
            withheld=None,
        )
        for c in table.columns
    )


def _columns(
    table: Table, learned: TableModel, classes: Mapping[str, Classified]
) -> Iterator[ColumnContents]:
    for column in _made_or_learned(table, learned):
        known = classes.get(column.name)
        yield column if known is None else replace(column, group=known.group.value)


def _made_or_learned(table: Table, learned: TableModel) -> Iterator[ColumnContents]:
    fitted = {f.column.name: f for f in learned.columns}
    for column in table.columns:
        if column.name in fitted:
            yield _learned(fitted[column.name], learned)
        else:
            made = _made(table, column, learned)
            yield ColumnContents(column.name, _type(column), made, 0, personal=False, withheld=None)


def _learned(fitted: FittedColumn, learned: TableModel) -> ColumnContents:
    generator = fitted.generator
    return ColumnContents(
        fitted.column.name,
        _type(fitted.column),
        generator.kind,
        fitted.feature.size,
        personal=generator.personal,
        withheld=_withheld(fitted, learned),
    )


def _made(table: Table, column: Column, learned: TableModel) -> str:
    """Where the values of a column without codes of its own come from."""
    if column.name in learned.keys:
        return f"key: {learned.keys[column.name].kind}"
    for key in table.foreign_keys:
        if column.name in key.columns:
            return f"{'owner' if key.name == learned.owner else 'reference'}: {key.parent}"
    return "generated"


def _withheld(fitted: FittedColumn, learned: TableModel) -> float | None:
    """The share of a generator's last code, where that stands for all withheld values."""
    shares = learned.histograms[fitted.column.name].value
    if not hasattr(fitted.generator, "rare") or len(shares) == 0:
        return None
    return float(shares[-1]) if fitted.generator.rare else 0.0


def _type(column: Column) -> str:
    return column.datatype.domain or column.datatype.sql
