"""Steps: one rule and the column that is set to keep it, and those of all tables in their order."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from connectors.invariants import Invariant, Term
from connectors.schema import TableName
from generators.found import Found
from generators.invariants import Part, invariant_kinds
from generators.sight import Node

_EXTREMES = frozenset({"min", "max", "latest", "in"})
"""Forms of rules that are one child's value: about what was drawn for the parent."""


@dataclass(frozen=True, slots=True)
class Step:
    """One rule and the column that is set to keep it.

    Attributes:
        reads: the others that it looks at.
        before: whether it is a bound that comes before the column is set, and outlasts that.
        rest: whether it is what a row below has not taken over: rows with none below.
        agrees: whether it is a dependency in a column that others compute from the same: what was
            released of it comes first.
        asks: whether rows take over what one of the rows that they own holds.
        along: the course of the column's values that goes on where it, a bound, moves some of them.
        turn: of one that waits for other rows of its shard, how many times these are gone through
            before, the lowest tables first, then the highest first, and so on.
        postponed: the statement by which the target keeps it once all rows are there.
    """

    found: Found
    number: int
    target: Node
    reads: frozenset[Node]
    before: bool = False
    rest: bool = False
    agrees: bool = False
    asks: bool = False
    along: Invariant | None = None
    turn: int = 0
    postponed: str | None = None

    @property
    def part(self) -> Part:
        """What the rule does to its target."""
        return Part.MASKS if self.agrees else part_of(self.found.rule)

    @property
    def descends(self) -> bool:
        """Whether a row below takes over what its parent says of it."""
        return self.target[0] != self.found.rule.table

    @property
    def stays(self) -> bool:
        """Whether rows that break it get another value, and what is null stays so."""
        rule = self.found.rule
        other = rule.kind == "constant" and rule.form == "->"
        return other and rule.terms[0] == Term(self.target[1])

    @property
    def numbers(self) -> bool:
        """Whether keys are given out in the order of another column."""
        rule = self.found.rule
        return rule.kind == "running" and Term(self.target[1]) in rule.terms[1:]

    @property
    def pushes(self) -> int:
        """Which way a bound moves its target: 1 upwards, -1 downwards, 0 for all else."""
        rule = self.found.rule
        if rule.kind not in ("order", "parts", "condition"):
            return 0
        high = rule.terms[1 if rule.kind == "condition" else -1]
        return 1 if high == Term(self.target[1]) else -1


@dataclass(frozen=True, slots=True)
class Orientation:
    """The steps of each table in their order.

    Attributes:
        steps: those that rows take as they are drawn.
        late: those that wait for the rows that keys lead here from.
        unkept: rules that no step keeps, or none but in part, and why.
        postponed: those that the target takes once all rows are there, in their order.
    """

    steps: Mapping[TableName, tuple[Step, ...]] = field(default_factory=dict)
    late: Mapping[TableName, tuple[Step, ...]] = field(default_factory=dict)
    unkept: tuple[tuple[Found, str], ...] = ()
    postponed: tuple[Step, ...] = ()
    _read: Mapping[TableName, frozenset[str]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        every = (s for steps in (*self.steps.values(), *self.late.values()) for s in steps)
        object.__setattr__(self, "_read", _read_elsewhere(every))

    def of(self, name: TableName) -> tuple[Step, ...]:
        """The steps of a table as it is drawn."""
        return self.steps.get(name, ())

    def stepless(self, name: TableName) -> tuple[Found, ...]:
        """The rules of a table that no step keeps, not even in part."""
        every = (*self.steps.values(), *self.late.values())
        kept = {id(step.found) for steps in every for step in steps}
        return tuple(f for f, _ in self.unkept if f.rule.table == name and id(f) not in kept)

    def read_of(self, name: TableName) -> frozenset[str]:
        """Columns of a table that rules of other tables read."""
        return self._read.get(name, frozenset())

    def targets(self, name: TableName, most: Part = Part.BOUNDS) -> frozenset[str]:
        """Columns of a table that are set to keep rules, by parts up to one."""
        steps = (*self.of(name), *self.late.get(name, ()))
        return frozenset(s.target[1] for s in steps if s.part <= most)

    def totals(self, name: TableName) -> frozenset[str]:
        """Columns of a table that are totals of its children, or follow from one."""
        late = self.late.get(name, ())
        found = late_columns(late, _EXTREMES) | {s.target for s in late if s.turn}
        return frozenset(column for _, column in found)

    def turns(self, name: TableName) -> tuple[int, ...]:
        """The turns in which rows of a table wait for others, in order."""
        return tuple(sorted({step.turn for step in self.late.get(name, ())}))

    def numbering(self, name: TableName) -> str | None:
        """The key of a table that is given out in the order of another column."""
        return next((s.target[1] for s in self.of(name) if s.numbers), None)

    def bounds(self, name: TableName) -> frozenset[str]:
        """Columns of a table that are no more than bounded once its children are drawn."""
        late = self.late.get(name, ())
        firm = {s.target[1] for s in late if s.part is not Part.BOUNDS}
        return frozenset(s.target[1] for s in late) - firm


def part_of(rule: Invariant) -> Part:
    """What keeping a rule does to its target; a multiple is rounded to, whatever set it before."""
    if rule.kind == "arithmetic" and rule.form.endswith("multiple"):
        return Part.BOUNDS
    return Part.SETS if begins(rule) else invariant_kinds()[rule.kind].part


def begins(rule: Invariant) -> bool:
    """Whether a rule says on which day a range begins."""
    return rule.kind == "ranges" and rule.form == "begins"


def in_turn(steps: Iterable[Step], order: Mapping[Node, int]) -> list[Step]:
    """The steps by the number of the column that they set, and for one column as they are taken.

    What outlasts that comes first, what chooses among others' rows last; what is null stays so once
    all else has said where that is.
    """
    return sorted(
        steps,
        key=lambda s: (
            order[s.target],
            not s.before,
            s.found.rule.kind == "among",
            s.part,
            s.stays,
            _told_last(s, order),
            s.number,
        ),
    )


def _told_last(step: Step, order: Mapping[Node, int]) -> int:
    """Of what is told by several, how late each of them is known: a city, then its state."""
    rule = step.found.rule
    given = rule.terms[:-1] if rule.kind == "dependency" else ()
    return max((order.get((rule.table, term.column), 0) for term in given), default=0)


def late_columns(steps: Iterable[Step], but: frozenset[str] = frozenset()) -> frozenset[Node]:
    """The columns that are set from rows below, and all that follow from those.

    What is set from them in some forms is left out.
    """
    late, taken = set[Node](), list(steps)
    while True:
        more = {s.target for s in taken if _starts(s, but) or s.reads & late} - late
        if not more:
            return frozenset(late)
        late |= more


def _starts(step: Step, but: frozenset[str]) -> bool:
    return is_above(step) and step.found.rule.form not in but


def is_above(step: Step) -> bool:
    """Whether a step looks at the rows below; a count of them reads no column there."""
    return step.asks or (step.found.rule.kind == "aggregate" and not step.descends)


def _read_elsewhere(steps: Iterable[Step]) -> Mapping[TableName, frozenset[str]]:
    """The columns of each table that steps of other tables read."""
    found: dict[TableName, set[str]] = {}
    for step in steps:
        for table, column in step.reads:
            if table != step.target[0]:
                found.setdefault(table, set()).add(column)
    return {name: frozenset(columns) for name, columns in found.items()}
