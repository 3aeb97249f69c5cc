"""A rule that was found or asked for, with what keeping it takes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from connectors.invariants import Invariant
from generators.invariants import InvariantKind, State, invariant_kinds
from generators.privacy.support import Released, Support

_RULE = TypeAdapter(Invariant)


@dataclass(frozen=True, slots=True)
class Found:
    """A rule with what was learned to keep it.

    Attributes:
        spoken: rows that it speaks of in the source.
        broken: how many of them break it; None for some, but fewer than k.
        state: what its kind learned.
    """

    rule: Invariant
    spoken: Released[int]
    broken: Released[int | None]
    state: State

    @property
    def kind(self) -> type[InvariantKind]:
        """The kind of its rule."""
        return invariant_kinds()[self.rule.kind]

    @property
    def words(self) -> str:
        """The rule as a person would say it."""
        return self.kind.words(self.rule)

    @property
    def known(self) -> Mapping[str, Any]:
        """What its kind learned, unwrapped."""
        return {name: released.value for name, released in self.state.items()}

    @property
    def source_share(self) -> float:
        """The share of rows that break it in the source; 0 where those are fewer than k units."""
        return (self.broken.value or 0) / max(1, self.spoken.value)

    def most_broken(self, k: int) -> float:
        """The largest share of rows that may break it in the source."""
        broken = k - 1 if self.broken.value is None else self.broken.value
        return broken / max(1, self.spoken.value)


def found_states(rules: tuple[Found, ...]) -> Iterator[tuple[str, Released[Any]]]:
    """Every released value of some rules with its path, `invariants/number/field`."""
    for number, found in enumerate(rules):
        place = f"invariants/{number}"
        rule = _RULE.dump_python(found.rule, mode="json")
        yield f"{place}/rule", Support().declared(rule)
        yield f"{place}/spoken", found.spoken
        yield f"{place}/broken", found.broken
        for name, released in found.state.items():
            yield f"{place}/state/{name}", released


def restored_rules(values: Mapping[str, Any]) -> tuple[Found, ...]:
    """The rules whose `found_states` were among these values."""
    parts: dict[int, dict[str, Any]] = {}
    for path, value in values.items():
        if _is_ours(path):
            _, number, place = path.split("/", 2)
            parts.setdefault(int(number), {})[place] = value
    return tuple(_restored(parts[n]) for n in range(len(parts)))


def _restored(values: Mapping[str, Any]) -> Found:
    support = Support()
    state = {
        path.removeprefix("state/"): support.declared(value)
        for path, value in values.items()
        if path.startswith("state/")
    }
    rule = _RULE.validate_python(values["rule"])
    if rule.kind not in invariant_kinds():
        raise ValueError(f"{rule.kind}: no kind of rule")
    return Found(
        rule,
        support.counted(int(values["spoken"])),
        support.declared(values["broken"]),
        state,
    )


def _is_ours(path: str) -> bool:
    return path.startswith("invariants/")
