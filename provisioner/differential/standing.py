"""Draws rows that may stand in for a source: all that is known of them was measured with noise.

The budget is split by tables, by how many columns each has, and in a table into what its units
bring, domains, single columns and pairs. Units of different tables share one ledger.
"""

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from connectors.ddl import DdlItem
from connectors.engines import Source
from connectors.limits import UNLIMITED, Limits
from connectors.profile import Split, UnitPath
from connectors.schema import ForeignKey, Schema, TableName
from generators.checked import limits_of
from generators.columns import Sample
from generators.facts import Training
from generators.privacy.accountant import Accountant, Ledger, epsilon_of
from generators.privacy.classify import semantic
from generators.privacy.graphical import Given
from generators.privacy.noisy import (
    DOMAINS,
    SINGLES,
    Asked,
    Means,
    Measurement,
    Rows,
    domains,
    grouped,
    joint,
    singles,
)
from generators.privacy.support import Ints
from generators.relations.links import parent_rows
from provisioner.differential.asking import Privacy, protected
from provisioner.differential.contributions import (
    CODES,
    Contributions,
    contributions,
    expected_error,
    limited,
)
from provisioner.differential.rows import Drawn, Maker
from provisioner.differential.shape import Shape, child_column, link_column, shapes
from provisioner.differential.source import DrawnSource
from provisioner.errors import HopelessBudget
from provisioner.events import Listener, Stated
from provisioner.reading import read

_CONTRIBUTIONS = 0.03
"""Share of a table's cost for how many rows its units bring."""
_HOPELESS = 0.4
"""Expected total variation of single columns from which on nothing useful is left."""
_MOST_GIVEN = 12
"""Columns of an owner that its children's are fitted beside."""
_NOTHING = Sample(pa.array([], pa.string()), np.empty(0, np.int64))


@dataclass(frozen=True, slots=True)
class Standing:
    """Rows that stand in for those of a source.

    Attributes:
        units: the tables whose rows are the privacy units.
        ledger: what drawing them has cost.
    """

    source: DrawnSource
    units: tuple[TableName, ...]
    ledger: Ledger


def standing_in(
    source: Source,
    wanted: tuple[Schema, tuple[DdlItem, ...]],
    units: tuple[TableName, ...],
    k: int,
    privacy: Privacy,
    listen: Listener,
) -> Standing:
    """Draws rows for all tables but public ones, whose own rows are used.

    Args:
        source: read once, in full.
        wanted: the schema to learn, and its statements.
        units: tables of privacy units; empty to find them by names of columns alone.
        k: units behind every value that is found.
        privacy: what it may cost.
        listen: told of the error to expect, before anything is measured but numbers of rows.

    Raises:
        WrongRequest: a table belongs to no unit and is not public.
        HopelessBudget: noise would drown a table.
    """
    schema, statements = wanted
    paths = protected(schema, units, privacy)
    split = Split(paths, secrets.randbits(62), holdout=0.0)
    real = read(source, schema, split, listen)
    public = {n: len(real[n].rows) for n in privacy.public if n in real}
    work = _Database(schema, paths, real, shapes(schema, paths, public), k, privacy)
    work.begin(listen)
    made = {n: real[n] for n in public}
    made |= {n: Training(d.rows, d.units) for n, d in work.drawn(made).items()}
    stand = DrawnSource(schema, statements, source.identity, made)
    named = tuple(n for n, p in paths.items() if p.unit == n)
    return Standing(stand, named, work.accountant.ledger)


class _Database:
    """All tables, in the order in which they are measured and drawn."""

    def __init__(
        self,
        schema: Schema,
        paths: Mapping[TableName, UnitPath],
        real: Mapping[TableName, Training],
        shapes: Mapping[TableName, Shape],
        k: int,
        privacy: Privacy,
    ) -> None:
        self.schema, self.paths, self.real, self.shapes = schema, paths, real, shapes
        self.k, self.privacy = k, privacy
        self.accountant = Accountant(privacy.budget)
        self.rng = np.random.default_rng(secrets.randbits(128))
        total = sum(s.weight for s in shapes.values())
        self.rho = {n: privacy.budget.rho * s.weight / total for n, s in shapes.items()}
        self.delta = privacy.budget.delta / 2 / max(1, total)
        self.measured: dict[TableName, Measurement] = {}
        self.brought: dict[TableName, Contributions] = {}
        self.tables: dict[TableName, Drawn] = {}

    def begin(self, listen: Listener) -> None:
        """Finds out what units bring, and says how far off margins will be."""
        for name, shape in self.shapes.items():
            rho, bound = self.rho[name], self.privacy.bounds.get(name)
            prices = rho * _CONTRIBUTIONS, rho * SINGLES / shape.weight
            self.brought[name] = contributions(
                str(name),
                self.real[name].units,
                1 if shape.owner is None else bound,
                prices,
                self.accountant,
            )
        self._share_out()
        errors = {name: self._error(name) for name in self.shapes}
        for name, error in errors.items():
            listen(Stated(_expected(name, self.brought[name], error)))
        worst = max(errors, key=lambda n: errors[n], default=None)
        if worst is not None and errors[worst] > _HOPELESS:
            raise HopelessBudget(self._hopeless(worst, errors[worst]))

    def _share_out(self) -> None:
        """What is left of the budget, more to tables in which a unit weighs more.

        Errors of single columns, added up, are least where each column's share of rho goes by the
        unit's weight to the power of 2/3.
        """
        shares = {n: s.weight * self.brought[n].weight ** (2 / 3) for n, s in self.shapes.items()}
        total, left = sum(shares.values()), self.accountant.left
        self.rho = {name: left * share / total for name, share in shares.items()}

    def _error(self, name: TableName) -> float:
        rho = self.rho[name] * SINGLES / self.shapes[name].weight
        return expected_error(self.brought[name], rho)

    def drawn(self, made: Mapping[TableName, Training]) -> Mapping[TableName, Drawn]:
        """The drawn rows of every table."""
        rows = {n: t.rows for n, t in made.items()}
        for name, shape in self.shapes.items():
            self.tables[name] = self._table(shape, rows)
            rows[name] = self.tables[name].rows
        return self.tables

    def _table(self, shape: Shape, made: Mapping[TableName, pa.Table]) -> Drawn:
        name = shape.table.name
        brought, left = self.brought[name], self.rho[name]
        link = self._link(shape.owner)
        rows = limited(self.real[name].units, brought.bound, self.rng)
        if link is not None:
            rows = Rows(rows.kept & (link >= 0), rows.units, rows.bound)
        asked = tuple(self._asked(shape))
        before = self.accountant.left
        found = domains(str(name), asked, rows, self._means(left * DOMAINS))
        paid = before - self.accountant.left
        each = left * SINGLES if any(d.size > 1 for d in found.values()) else 0.0
        counted = singles(str(name), asked, found, rows, self._means(each))
        above = self._above(shape, counted.rows)
        rest = left - paid - each
        given = self._given(shape, None if link is None else link[rows.kept], above)
        self.measured[name] = grouped(counted, len(given), rest, brought.bound)
        codes = joint(self.measured[name], rows, given, len(above), self._means(rest))
        maker = Maker(self.schema, made, self.rng)
        held, kept = maker.assembled(shape, found, codes, above)
        return Drawn(held, self._units(shape, above)[kept], _taken(codes, kept), above[kept])

    def _means(self, rho: float) -> Means:
        return Means(rho, self.delta, self.k, self.accountant, self.rng)

    def _asked(self, shape: Shape) -> Iterator[Asked]:
        """What is measured of a table, its number of children among it."""
        table, rows = shape.table, self.real[shape.table.name].rows
        for child in shape.children:
            above = self._link(self.shapes[child].owner)
            counts = np.bincount(above[above >= 0], minlength=len(rows)) if above is not None else 0
            yield Asked(child_column(child), pa.array(counts, pa.int64()), Limits(least=0))
        for key in (*shape.links, *shape.loose):
            yield self._reference(key, rows, told=key in shape.links)
        for column in shape.columns:
            personal = semantic(table.name, column, _NOTHING) is not None
            limits = limits_of(self.schema, table, column)
            values = rows[column.name].combine_chunks()
            told = self.privacy.values.get((table.name, column.name))
            learned = told is not None or not personal
            yield Asked(column, values, limits, learned=learned, told=told)

    def _reference(self, key: ForeignKey, rows: pa.Table, *, told: bool) -> Asked:
        """Which row a key leads to, or only whether it leads to one."""
        table = self.schema.table(key.table)
        nullable = any(table.column(c).nullable for c in key.columns)
        column = link_column(key, nullable=nullable)
        if not told:
            present = np.all([rows[c].is_valid().to_numpy() for c in key.columns], axis=0)
            values = pa.array(np.zeros(len(rows), np.int64), mask=~present)
            return Asked(column, values, UNLIMITED, learned=False)
        places = parent_rows(rows, self.real[key.parent].rows, key)
        values = pa.array(places, mask=places < 0)
        listed = tuple(range(len(self.real[key.parent].rows)))
        return Asked(column, values, Limits(values=listed))

    def _link(self, owner: ForeignKey | None) -> Ints | None:
        """The place of each row's owner among real rows; -1 for none."""
        if owner is None:
            return None
        return parent_rows(self.real[owner.table].rows, self.real[owner.parent].rows, owner)

    def _above(self, shape: Shape, rows: float) -> Ints:
        """The place of each drawn row's owner, or as many rows as there seem to be."""
        if shape.owner is None:
            return np.full(max(1, round(rows)), -1, np.int64)
        parent = self.tables[shape.owner.parent]
        pseudo = child_column(shape.table.name)
        domain = self.measured[shape.owner.parent].columns[pseudo.name].domain
        found = domain.decode(parent.codes[pseudo.name], self.rng, _zeros)
        numbers = found.to_numpy(zero_copy_only=False).astype(np.int64)
        counts = np.clip(numbers, 0, self.brought[shape.table.name].most)
        return np.repeat(np.arange(len(counts)), counts)

    def _given(self, shape: Shape, link: Ints | None, above: Ints) -> Mapping[str, Given]:
        """The owner's coarse codes, of real and of drawn rows."""
        if shape.owner is None or link is None:
            return {}
        name = shape.owner.parent
        measured, parent = self.measured[name].columns, self.tables[name]
        own = child_column(shape.table.name).name
        names = sorted((n for n, m in measured.items() if m.size > 1), key=lambda n: n != own)
        return {
            f"^{n}": Given(
                measured[n].groups[measured[n].codes[link]],
                measured[n].size,
                measured[n].groups[parent.codes[n]][above],
            )
            for n in names[:_MOST_GIVEN]
        }

    def _units(self, shape: Shape, above: Ints) -> Ints:
        """Made-up units, other ones in each table that has its own."""
        if shape.owner is None:
            start = sum(len(t.rows) for t in self.tables.values())
            return start + np.arange(len(above))
        return self.tables[shape.owner.parent].units[above]

    def _hopeless(self, name: TableName, error: float) -> str:
        """What would drown, and the epsilon that would do."""
        budget, spent = self.privacy.budget, self.accountant.ledger.epsilon
        enough = budget.rho * (error / _HOPELESS) ** 2 * 1.05
        wanted = epsilon_of(enough, budget.delta / 2)
        return (
            f"epsilon {budget.epsilon:g} is hopeless: noise would move columns of {name} by "
            f"{min(1.0, error):.0%} of its rows; epsilon {wanted:.2g} would do, or fewer tables "
            "and columns, or a smaller bound on the rows of a unit. Looking has cost epsilon "
            f"{spent:.2g}"
        )


def _expected(name: TableName, brought: Contributions, error: float) -> str:
    return (
        f"{name}: about {brought.rows:,.0f} rows, at most {brought.bound} of a unit; noise will "
        f"move a column of {CODES} values by about {error:.1%} of the rows"
    )


def _zeros(count: int) -> pa.Array:
    return pa.array(np.zeros(count, np.int64))


def _taken(codes: Mapping[str, Ints], kept: Ints) -> Mapping[str, Ints]:
    return {name: held[kept] for name, held in codes.items()}
