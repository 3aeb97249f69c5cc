"""What the children of a row have in common becomes codes of the row, and nothing else does."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from connectors.schema import TableName
from generators.archive import read_archive
from generators.privacy.support import Support
from generators.relations.factors import factors
from generators.tables import Feature, Matrix

Ints = npt.NDArray[np.int64]
CHILD = TableName("public", "visit")
OWNERS, CHILDREN = 600, 5


def children(rng: np.random.Generator, *, alike: float) -> tuple[Matrix, Ints, npt.NDArray[Any]]:
    """Two ordered columns that follow a bent of their owner, as far as they are alike."""
    owners = np.repeat(np.arange(OWNERS), CHILDREN)
    bent = rng.standard_normal(OWNERS)
    columns = []
    for _ in range(2):
        noise = rng.standard_normal(len(owners))
        values = alike * bent[owners] + np.sqrt(1 - alike**2) * noise
        columns.append(np.clip((values + 3) / 6 * 40, 0, 39).astype(np.int32))
    features = tuple(Feature(f"c{n}", 40, ordered=True) for n in range(2))
    return Matrix(features, np.stack(columns, axis=1)), owners, bent


def found(target: Matrix, owners: Ints, units: int = OWNERS) -> Matrix:
    return factors(CHILD, target, owners, np.arange(OWNERS) % units, Support())


def test_the_first_factor_follows_what_sets_owners_apart() -> None:
    target, owners, bent = children(np.random.default_rng(0), alike=0.8)
    codes = found(target, owners).codes[:, 0]
    correlation = np.corrcoef(codes, bent)[0, 1]
    # Ten observations with a signal of .64: a reliability of .95, less than .02 lost by bins.
    assert abs(correlation) >= 0.9


def test_an_owner_without_children_has_code_zero() -> None:
    target, owners, _ = children(np.random.default_rng(1), alike=0.8)
    kept = owners >= 100
    codes = found(Matrix(target.features, target.codes[kept]), owners[kept]).codes
    assert (codes[:100] == 0).all()
    assert (codes[100:] > 0).all()


def test_each_code_stands_for_k_units() -> None:
    target, owners, _ = children(np.random.default_rng(2), alike=0.8)
    matrix = found(target, owners)
    for column in matrix.codes.T:
        assert np.bincount(column)[1:].min() >= Support().k


def test_fewer_owners_are_told_apart_more_coarsely() -> None:
    target, owners, _ = children(np.random.default_rng(6), alike=0.8)
    sizes = []
    for some in (400, OWNERS):
        kept = owners < some
        matrix = found(Matrix(target.features, target.codes[kept]), owners[kept])
        sizes.append(matrix.features[0].size - 1)
    assert sizes == [5, 7]  # 12 owners for each pair of codes


def test_few_owners_have_no_factors() -> None:
    target, owners, _ = children(np.random.default_rng(3), alike=0.8)
    kept = owners < 150
    assert found(Matrix(target.features, target.codes[kept]), owners[kept]).features == ()
    assert found(target, owners, units=20).features == ()


def test_only_children_have_nothing_in_common() -> None:
    target, owners, _ = children(np.random.default_rng(4), alike=0.8)
    first = np.arange(0, len(owners), CHILDREN)
    assert found(Matrix(target.features, target.codes[first]), owners[first]).features == ()


def test_a_column_without_an_order_counts_by_its_frequent_codes() -> None:
    rng = np.random.default_rng(5)
    owners = np.repeat(np.arange(OWNERS), CHILDREN)
    team = rng.integers(0, 3, OWNERS)
    codes = np.where(rng.random(len(owners)) < 0.9, team[owners], rng.integers(0, 3, len(owners)))
    matrix = Matrix((Feature("team", 3, ordered=False),), codes[:, None].astype(np.int32))
    common = found(matrix, owners)
    found_codes = common.codes
    means = [found_codes[team == t].mean(0) for t in range(3)]
    spread = np.ptp(np.stack(means), axis=0)
    assert spread.max() >= common.features[0].size / 4


def test_when_children_come_is_not_what_they_have_in_common(
    filled_database: Callable[[str], str], learned_archive: Callable[..., Path]
) -> None:
    url = filled_database(
        """
        CREATE TABLE guest (id integer PRIMARY KEY);
        CREATE TABLE visit (id integer PRIMARY KEY, guest integer NOT NULL REFERENCES guest,
                            day date NOT NULL, left_on date);
        INSERT INTO guest SELECT n FROM generate_series(1, 400) n;
        INSERT INTO visit SELECT row_number() OVER (), g, d, d + 3
            FROM (SELECT g, date '2000-01-01' + 20 * g + 30 * n AS d
                  FROM generate_series(1, 400) g, generate_series(1, 5) n) every;
        """
    )
    model = read_archive(learned_archive(url))
    assert model.tables[TableName("public", "guest")].factors == ()


def test_times_by_which_no_row_follows_another_are_what_children_have_in_common(
    filled_database: Callable[[str], str], learned_archive: Callable[..., Path]
) -> None:
    url = filled_database(
        """
        CREATE TABLE guest (id integer PRIMARY KEY);
        CREATE TABLE wish (id integer PRIMARY KEY, guest integer NOT NULL REFERENCES guest,
                           met_on date);
        INSERT INTO guest SELECT n FROM generate_series(1, 400) n;
        INSERT INTO wish SELECT row_number() OVER (), g,
            CASE WHEN (g + n) % 3 > 0 THEN date '2000-01-01' + 20 * g END
            FROM generate_series(1, 400) g, generate_series(1, 5) n;
        """
    )
    model = read_archive(learned_archive(url))
    assert model.tables[TableName("public", "guest")].factors
