"""What attacks on a model found: figures beside what chance alone gives, and a verdict."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from pydantic import TypeAdapter

from generators.privacy.support import Released, Support

PLACE = "attacked"
"""The path of the results in an archive."""


class Verdict(StrEnum):
    """What attacks say of a model."""

    PASSED = "passed"
    """No attack did better than it may, or than chance."""
    FAILED = "failed"
    """An attack told learned entities from those held out."""
    INCONCLUSIVE = "inconclusive"
    """Too few entities were held out to tell."""
    NOT_ATTACKED = "not attacked"
    """Nobody tried."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What an attack may achieve; where chance achieves as much, it may that too.

    Attributes:
        auc: area under the ROC curve of the best membership attack.
        tpr: share of members that it finds at a false positive rate of 1 %.
        dcr_share: share of synthetic rows that lie nearer to learned rows than to held out ones.
        advantage: how much more often an attack succeeds on learned rows than on held out ones.
        fewest: held out units from which on a verdict can be reached.
    """

    auc: float = 0.55
    tpr: float = 0.03
    dcr_share: tuple[float, float] = (0.47, 0.54)
    advantage: float = 0.05
    fewest: int = 200


@dataclass(frozen=True, slots=True)
class Figure:
    """What one attack achieved.

    Attributes:
        attack: its name.
        place: the table whose rows it looked at; that of the units where it looked at entities.
        view: what it looked at, where it chose the best of several.
        value: what it achieved.
        limits: the lowest and highest value that the limits allow.
        chance: the lowest and highest value by chance: in all but one in a hundred random
            labellings, no figure of the model lies outside its own.
        passed: whether the value lies within either.
    """

    attack: str
    place: str
    view: str
    value: float
    limits: tuple[float, float]
    chance: tuple[float, float]
    passed: bool


@dataclass(frozen=True, slots=True)
class AttackedUnits:
    """What attacks on the privacy units of one table achieved.

    Attributes:
        unit: the table whose rows are the units.
        learned: units that were learned from and attacked.
        held_out: units held out that they were compared with.
        drawn: synthetic units that the attacks looked at.
        figures: of each attack; none where too few units were held out.
        unseen: tables of these units whose rows were too many, or say nothing.
    """

    unit: str
    verdict: Verdict
    learned: int
    held_out: int
    drawn: int
    figures: tuple[Figure, ...] = ()
    unseen: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Attacked:
    """What attacks on a model achieved.

    Attributes:
        units: the results by table of units.
        why: why nothing was attacked; empty where nobody asked for it, or where it was.
    """

    units: tuple[AttackedUnits, ...] = ()
    why: str = ""

    @property
    def verdict(self) -> Verdict:
        """Failed where any units failed; passed where any passed and none failed."""
        found = {one.verdict for one in self.units}
        ranked = (Verdict.FAILED, Verdict.PASSED, Verdict.INCONCLUSIVE)
        return next((v for v in ranked if v in found), Verdict.NOT_ATTACKED)

    @property
    def worst_auc(self) -> float | None:
        """The highest AUC of any membership attack on all entities; None without one."""
        found = [f.value for f in self.figures if f.attack == "membership"]
        return max(found, default=None)

    @property
    def figures(self) -> tuple[Figure, ...]:
        """The figures of all units."""
        return tuple(figure for one in self.units for figure in one.figures)


NOT_ATTACKED = Attacked()
_ATTACKED = TypeAdapter(Attacked)


def attacked_states(attacked: Attacked, k: int) -> Iterator[tuple[str, Released[Any]]]:
    """The results with their path, rounded; figures over fewer than k units are left out."""
    if attacked == NOT_ATTACKED:
        return
    support = Support(k)
    units = tuple(_rounded(one) for one in attacked.units)
    behind = min((min(u.learned, u.held_out) for u in units if u.figures), default=k)
    sealed = support.seal(_plain(replace(attacked, units=units)), behind)
    if sealed is None:
        bare = tuple(replace(u, figures=()) for u in units)
        sealed = support.declared(_plain(replace(attacked, units=bare)))
    yield PLACE, sealed


def restored_attacked(values: Mapping[str, Any]) -> Attacked:
    """The results whose `attacked_states` were among these values; not attacked without them."""
    return _ATTACKED.validate_python(values[PLACE]) if PLACE in values else NOT_ATTACKED


def _plain(attacked: Attacked) -> Any:
    return _ATTACKED.dump_python(attacked, mode="json")


def _rounded(units: AttackedUnits) -> AttackedUnits:
    return replace(units, figures=tuple(_rounded_figure(f) for f in units.figures))


def _rounded_figure(figure: Figure) -> Figure:
    low, high = (round(end, 2) for end in figure.chance)
    return replace(figure, value=round(figure.value, 2), chance=(low, high))
