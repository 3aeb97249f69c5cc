"""Columns are filled in every row, though they are declared to take nulls."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connectors.invariants import Claim, Invariant, Term, row_claim
from connectors.schema import Schema
from generators.evidence import MOST_BROKEN, holds
from generators.invariants import Drawing, InvariantKind, Part, Plain, Scene, View
from generators.quoting import key_columns
from generators.redrawing import filled

Bools = npt.NDArray[np.bool_]

_OTHERWISE = 0.05
"""Share of nulls that the rows of a table must be able to rule out."""


class Filled(Plain):
    """`a, b, c are not null`: one rule for all such columns of a table."""

    name: ClassVar[str] = "filled"
    part: ClassVar[Part] = Part.MASKS
    tolerated: ClassVar[float] = MOST_BROKEN

    @classmethod
    def propose(cls, view: View) -> Iterator[Invariant]:
        """See `InvariantKind`; of enough rows, since few may all be filled by chance."""
        every, keys = np.ones(view.rows, np.bool_), key_columns(view)
        if not holds(~every, every, view.units, _OTHERWISE, view.support.k):
            return
        open_ = (c.name for c in view.table.written if c.nullable and c.name not in keys)
        terms = tuple(Term(c) for c in open_ if (view.codes(Term(c)) >= 0).all())
        if terms:
            yield Invariant(cls.name, "always", view.table.name, terms)

    @classmethod
    def words(cls, rule: Invariant) -> str:
        """See `InvariantKind`."""
        verb = "are" if len(rule.terms) > 1 else "is"
        return f"{', '.join(map(str, rule.terms))} {verb} not null"

    @classmethod
    def claim(cls, rule: Invariant, schema: Schema) -> Claim:
        """See `InvariantKind`."""
        places = (f"{{{n}}} IS NOT NULL" for n in range(len(rule.terms)))
        return row_claim(schema, rule, " AND ".join(places))

    @classmethod
    def targets(cls, _rule: Invariant) -> tuple[str, ...]:
        """See `InvariantKind`; none: no null was learned, so that none is drawn."""
        return ()

    @classmethod
    def breaks(cls, rule: Invariant, scene: Scene) -> Bools | None:
        """See `InvariantKind`."""
        return ~np.asarray(np.all([filled(scene.values(t)) for t in rule.terms], axis=0))

    @classmethod
    def realise(cls, _rule: Invariant, _state: Mapping[str, Any], drawing: Drawing) -> pa.Array:
        """See `InvariantKind`; nothing is set."""
        return drawing.scene.values(Term(drawing.target))


invariant: type[InvariantKind] = Filled
