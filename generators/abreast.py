"""Learns the joint models of several tables side by side.

None is learned from what another says, so that tables are gone through twice: once to hear what
each asks for, and once more with the answers, which others may have found at the same time.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from connectors.schema import TableName
from generators.facts import Facts
from generators.model import TableModel
from generators.privacy.support import Support
from generators.refinement import Compared, refined
from generators.relations.referee import Referee
from generators.study import Study, fit_table
from generators.tables import Epoch, Fitter, Matrix, TableGenerator, Terms, table_generators

Ints = npt.NDArray[np.int64]
Watch = Callable[[TableName, Epoch], None]

_MOST_BYTES = 1 << 29
"""Codes that are asked about at a time; tables beyond wait until these are learned."""


class Chore(Protocol):
    """Work that needs nothing but what it holds, so that any process may do it."""

    @property
    def seconds(self) -> float:
        """About how long it takes."""
        ...

    def done(self, watch: Callable[[Epoch], None]) -> Any:
        """What comes of it; `watch` is told of each epoch of training."""
        ...


class Crew(Protocol):
    """Who does chores."""

    def give(self, chore: Chore) -> int:
        """Has a chore done, and numbers it."""
        ...

    def heard(self, watch: Callable[[int, Epoch], None]) -> tuple[int, Any]:
        """Waits until a chore is done, and gives its number and what came of it.

        Raises what it raised. `watch` is told of each epoch, and by the chore of which number.
        """
        ...


Hire = Callable[[Sequence[Chore]], AbstractContextManager[Crew]]
"""Finds a crew for some chores, and for others that follow from them; it is gone at the end."""


class Alone:
    """A crew of nobody else: chores are done one after another when they are asked for."""

    def __init__(self) -> None:
        self._given = 0
        self._waiting: dict[int, Chore] = {}

    def give(self, chore: Chore) -> int:
        """See `Crew`."""
        self._given += 1
        self._waiting[self._given] = chore
        return self._given

    def heard(self, watch: Callable[[int, Epoch], None]) -> tuple[int, Any]:
        """See `Crew`."""
        number = min(self._waiting)
        return number, self._waiting.pop(number).done(partial(watch, number))


@contextmanager
def alone(chores: Sequence[Chore]) -> Iterator[Crew]:
    """A crew of nobody else, whatever there is to do."""
    del chores
    yield Alone()


@dataclass(frozen=True, slots=True)
class Question:
    """What a joint model is to be learned from, as `TableGenerator.fit` takes it."""

    kind: str
    context: Matrix
    target: Matrix
    units: Ints
    support: Support

    @property
    def seconds(self) -> float:
        """See `Chore`."""
        known = self.context.features, self.target.features
        return table_generators()[self.kind].expected_seconds(len(self.units), *known)

    def done(self, watch: Callable[[Epoch], None]) -> TableGenerator:
        """See `Chore`."""
        known = self.context, self.target, self.units, self.support
        return table_generators()[self.kind].fit(*known, Terms(watch))


@dataclass(frozen=True, slots=True)
class Comparison:
    """Drawn histories that are to be held against learned ones."""

    of: Compared

    @property
    def seconds(self) -> float:
        """See `Chore`."""
        return self.of.seconds

    def done(self, watch: Callable[[Epoch], None]) -> Referee | None:
        """See `Chore`."""
        del watch
        return refined(self.of)


def asking(kind: str, questions: list[Question]) -> Fitter:
    """Notes what joint models are to be learned from, and learns nothing of it."""
    nothing = table_generators()["independent"]

    def fit(context: Matrix, target: Matrix, units: Ints, support: Support) -> TableGenerator:
        questions.append(Question(kind, context, target, units, support))
        bare = [Matrix(m.features, m.codes[:0]) for m in (context, target)]
        return nothing.fit(bare[0], bare[1], units[:0], support)

    return fit


def abreast(
    facts: Facts,
    asked: Iterator[tuple[Study, Sequence[Question]]],
    watch: Watch,
    hire: Hire,
    *,
    refine: bool,
) -> Iterator[TableModel]:
    """Yields the model of each table when it is done, the same whoever does the work.

    Args:
        facts: what the tables are fitted from.
        asked: each table, and what `asking` noted when it was fitted.
        watch: told of each epoch of training, and of which table.
        hire: finds those who do the work.
        refine: whether histories are held against learned ones.
    """
    for some in _rounds(asked):
        with hire([question for _, questions in some for question in questions]) as crew:
            yield from _learned(facts, some, crew, watch, refine=refine)


def _rounds(
    asked: Iterator[tuple[Study, Sequence[Question]]],
) -> Iterator[list[tuple[Study, Sequence[Question]]]]:
    """Tables that are learned at a time."""
    some, size = list[tuple[Study, Sequence[Question]]](), 0
    for study, questions in asked:
        some.append((study, questions))
        size += sum(q.context.codes.nbytes + q.target.codes.nbytes for q in questions)
        if size > _MOST_BYTES:
            yield some
            some, size = [], 0
    if some:
        yield some


def _learned(
    facts: Facts,
    some: Sequence[tuple[Study, Sequence[Question]]],
    crew: Crew,
    watch: Watch,
    *,
    refine: bool,
) -> Iterator[TableModel]:
    studies = {study.table.name: study for study, _ in some}
    table, answers = dict[int, TableName](), dict[TableName, dict[int, Any]]()
    for study, questions in some:
        numbers = [crew.give(question) for question in questions]
        table.update(dict.fromkeys(numbers, study.table.name))
        answers[study.table.name] = dict.fromkeys(numbers)
    drawn = dict[int, TableModel]()
    while answers or drawn:
        number, answer = crew.heard(lambda n, epoch: watch(table[n], epoch))
        if number in drawn:
            yield _judged(drawn.pop(number), answer)
            continue
        name = table[number]
        answers[name][number] = answer
        if None in answers[name].values():
            continue
        model, compared = _fitted(facts, studies[name], answers.pop(name), refine=refine)
        if compared is None:
            yield model
        else:
            drawn[crew.give(compared)] = model


def _fitted(
    facts: Facts, study: Study, answers: Mapping[int, TableGenerator], *, refine: bool
) -> tuple[TableModel, Comparison | None]:
    """A table with the answers to what it asked, and what is left to compare."""
    left, found = list[Comparison](), iter(answers.values())

    def fit(context: Matrix, target: Matrix, units: Ints, support: Support) -> TableGenerator:
        del context, target, units, support
        return next(found)

    def later(of: Compared) -> None:
        if refine:
            left.append(Comparison(of))

    model, _ = fit_table(facts, study, fit, later)
    return model, next(iter(left), None)


def _judged(model: TableModel, referee: Referee | None) -> TableModel:
    if model.history is None:
        return replace(model, referee=referee)
    return replace(model, history=replace(model.history, referee=referee))
