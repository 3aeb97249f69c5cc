"""How children go with their parents, key by key: numbers, gaps, siblings and what they inherit."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.datatypes import TIMES, Kind
from connectors.schema import Table
from generators.traits import least_children
from provisioner.page.charts import Chart, Form
from provisioner.report import Aspect, Likeness

_DAYS = ("days", 365)
_UNITS = (("us", 1_000), ("ms", 1_000), ("s", 60), ("min", 60), ("h", 24), _DAYS, ("years", 1_000))
"""Units of time, each with how many of it are one of the next."""
_AXES = {
    Aspect.COUNT: "children",
    Aspect.GAP: "time to the sibling before",
    Aspect.SIBLINGS: "association with the sibling before",
}


@dataclass(frozen=True, slots=True)
class Family:
    """One key.

    Attributes:
        key: its name.
        charts: by what they tell: children per parent, times between siblings, and for each column
            its association with the sibling before.
        inherited: per column and column of the parent, their association, learned and found.
    """

    key: str
    charts: Mapping[str, Chart]
    inherited: tuple[tuple[str, str, float, float], ...]

    @property
    def plain(self) -> Mapping[str, Any]:
        """All but the charts, as plain values."""
        return {"key": self.key, "inherited": [list(one) for one in self.inherited]}


def families(table: Table, alike: Sequence[Likeness]) -> Iterator[Family]:
    """The keys of a table that something was learned of, in the order in which they come."""
    for key in dict.fromkeys(one.key for one in alike if one.key):
        own = [one for one in alike if one.key == key]
        yield Family(key, dict(_charts(table, own)), tuple(_inherited(own)))


def _charts(table: Table, own: Sequence[Likeness]) -> Iterator[tuple[str, Chart]]:
    for one in own:
        if one.aspect is Aspect.COUNT:
            yield _AXES[one.aspect], _along(_numbers(len(one.learned)), one)
        elif one.aspect is Aspect.GAP:
            clock = table.column(one.columns[0]).datatype.kind if one.columns else Kind.INTEGER
            yield _AXES[one.aspect], _along(_times(len(one.learned), clock), one)
    siblings = [one for one in own if one.aspect is Aspect.SIBLINGS and one.association]
    if siblings:
        strengths = [one.association or (0.0, 0.0) for one in siblings]
        labels = tuple(one.columns[0] for one in siblings)
        learned, found = (tuple(side) for side in zip(*strengths, strict=True))
        yield _AXES[Aspect.SIBLINGS], Chart(Form.LABELS, labels, (0.0, 0.0), learned, found)


def _along(labels: Sequence[str], one: Likeness) -> Chart:
    """The bins from the first to the last one in which there is anything."""
    there = [n for n, mass in enumerate(zip(one.learned, one.found, strict=True)) if any(mass)]
    first, last = (there[0], there[-1] + 1) if there else (0, 0)
    learned, found = one.learned[first:last], one.found[first:last]
    return Chart(Form.LABELS, tuple(labels[first:last]), (0.0, 0.0), learned, found)


def _numbers(bins: int) -> list[str]:
    """The numbers of children that each bin stands for."""
    least = least_children()[:bins]
    ends = [*(n - 1 for n in least[1:]), None]
    return [_range(low, high) for low, high in zip(least, ends, strict=True)]


def _range(low: int, high: int | None) -> str:
    if high is None:
        return f"{low:,} and more"
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _times(bins: int, clock: Kind) -> list[str]:
    """From how long on each bin of times is, which grow fourfold; in the clock's own ticks."""
    return ["none", *(f"from {_spelled(4.0**n, clock)}" for n in range(bins - 1))]


def _spelled(size: float, clock: Kind) -> str:
    if clock not in TIMES:
        return f"{size:,.0f}"
    units = _UNITS[_UNITS.index(_DAYS) :] if clock is Kind.DATE else _UNITS
    for unit, next_one in units[:-1]:
        if size < next_one:
            return f"{size:.3g} {unit}"
        size /= next_one
    return f"{size:.3g} {units[-1][0]}"


def _inherited(own: Iterable[Likeness]) -> Iterator[tuple[str, str, float, float]]:
    for one in own:
        if one.aspect is Aspect.PARENT and one.association is not None:
            learned, found = one.association
            yield one.columns[0], one.columns[1], round(learned, 2), round(found, 2)
