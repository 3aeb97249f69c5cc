"""Rules that have found the column that keeps them so far, and those that have found none."""

from dataclasses import dataclass, field

from generators.found import Found
from generators.sight import Node
from generators.steps import Step


@dataclass(frozen=True, slots=True)
class Placed:
    """What is placed so far: steps in order, the same by the column that they set, what is not."""

    accepted: list[Step] = field(default_factory=list)
    by_target: dict[Node, list[Step]] = field(default_factory=dict)
    unkept: list[tuple[Found, str]] = field(default_factory=list)

    def accept(self, step: Step) -> None:
        """Adds a step."""
        self.accepted.append(step)
        self.by_target.setdefault(step.target, []).append(step)

    def of(self, node: Node) -> list[Step]:
        """The steps that set a column."""
        return self.by_target.get(node, [])


def sources(node: Node, placed: Placed) -> set[Node]:
    """All that a column is computed from, by any number of steps; itself included."""
    found, left = set[Node](), [node]
    while left:
        at = left.pop()
        if at not in found:
            found.add(at)
            left += [read for step in placed.of(at) for read in step.reads]
    return found
