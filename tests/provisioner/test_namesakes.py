"""A dozen rows are drawn as a column of the same name has its values, where it has many."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from generators.model import DatabaseModel
from provisioner import learn_frames, sample

PEOPLE, MANAGERS, FLAGS = 1_000, 12, 60
FIRST, DAYS = np.datetime64("2010-01-01"), 3_000


def frames() -> dict[str, pd.DataFrame]:
    rng = np.random.default_rng(0)
    people = np.arange(1, PEOPLE + 1)
    begun = rng.integers(0, DAYS, PEOPLE)
    memberships = {
        "person_id": people,
        "since": FIRST + begun,
        "until": FIRST + begun + rng.integers(1, 900, PEOPLE),
        "grade": rng.integers(1, 9, PEOPLE),
        "shown": np.ones(PEOPLE, np.int64),
    }
    chosen = rng.choice(people, MANAGERS, replace=False)
    managers = {
        "person_id": chosen,
        "since": FIRST + rng.integers(0, 60, MANAGERS),
        "until": FIRST + rng.integers(60, 90, MANAGERS),
        "grade": rng.integers(7, 9, MANAGERS),
        "elsewhere": rng.integers(0, 9, MANAGERS),
    }
    # Nearly all are alike, so that the column tells its own values.
    flags = {"person_id": people[:FLAGS], "grade": np.append(np.full(FLAGS - 2, 4), [5, 6])}
    return {
        "people": pd.DataFrame({"id": people, "height": rng.integers(150, 200, PEOPLE)}),
        "memberships": pd.DataFrame(memberships),
        "managers": pd.DataFrame(managers),
        "flags": pd.DataFrame(flags),
    }


def learned(given: dict[str, pd.DataFrame]) -> DatabaseModel:
    keys: Any = {name: {"person_id": "people (id)"} for name in given if name != "people"}
    return learn_frames(given, primary_keys={"people": "id"}, keys=keys, units="people")


@pytest.fixture(scope="module")
def model() -> DatabaseModel:
    return learned(frames())


def kinds(model: DatabaseModel, table: str) -> dict[str, str]:
    name = next(n for n in model.tables if n.name == table)
    return {f.column.name: f.generator.kind for f in model.tables[name].columns}


def test_a_column_of_a_dozen_rows_is_drawn_like_its_namesake(model: DatabaseModel) -> None:
    found = kinds(model, "managers")
    assert {c: found[c] for c in ("since", "until", "grade")} == dict.fromkeys(
        ("since", "until", "grade"), "namesake"
    )


def test_a_column_without_a_namesake_or_with_values_of_its_own_is_not(
    model: DatabaseModel,
) -> None:
    assert kinds(model, "managers")["elsewhere"] == "numeric"
    assert kinds(model, "flags")["grade"] == "numeric"


def test_values_come_as_often_as_in_the_namesake(model: DatabaseModel) -> None:
    grades = sample(model, scale=40, seed=1)["managers"]["grade"]
    learned = frames()["memberships"]["grade"].value_counts(normalize=True).sort_index()
    drawn = grades.value_counts(normalize=True).reindex(learned.index, fill_value=0.0)
    # 480 values of 8 kinds: five standard errors of a share of 1/8 are .075.
    assert (drawn - learned).abs().max() <= 0.075


def test_a_start_is_not_after_its_end(model: DatabaseModel) -> None:
    managers = sample(model, scale=40, seed=2)["managers"]
    assert (managers["since"] <= managers["until"]).all()
    assert managers["since"].nunique() > MANAGERS


def test_no_value_of_the_few_rows_is_drawn_from() -> None:
    later = FIRST + np.random.default_rng(1).integers(2_900, DAYS, MANAGERS)
    given = [frames(), frames()]
    given[1]["managers"] = given[1]["managers"].assign(since=later, until=later + 10)
    drawn = [sample(learned(g), seed=3)["managers"]["since"].tolist() for g in given]
    assert drawn[0] == drawn[1]
