"""Attacks find copies and overfitted rows, and leave alone what chance explains."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pyarrow as pa
import pytest

from connectors.profile import UnitPath
from connectors.schema import ForeignKey, TableName
from generators.privacy.attacked import (
    NOT_ATTACKED,
    Attacked,
    AttackedUnits,
    Figure,
    Limits,
    Verdict,
    attacked_states,
    restored_attacked,
)
from generators.privacy.attacks.battery import Attempt, Sides, attack, judged
from generators.privacy.attacks.chance import (
    LOTS,
    Outcome,
    advantage,
    area,
    best_outcome,
    by_chance,
    found_at_one_percent,
    labellings,
    outcome,
)
from generators.privacy.attacks.populations import Population, by_keys, by_units
from generators.privacy.support import Released

PEOPLE, VISITS = TableName("public", "people"), TableName("public", "visits")
SIZE = 400


def people(rng: np.random.Generator, size: int = SIZE) -> Population:
    """People with visits: ages, incomes and towns hang together, so do the visits of one person."""
    age = rng.integers(18, 90, size)
    income = np.round(age * 800 + rng.normal(0, 9000, size), 0)
    town = rng.choice(["north", "south", "east", "west"], size, p=[0.4, 0.3, 0.2, 0.1])
    owner = np.repeat(np.arange(size), rng.poisson(2, size))
    cost = np.round(age[owner] + rng.gamma(2, 30, len(owner)), 2)
    return Population(
        size,
        {
            PEOPLE: pa.table({"age": age, "income": income, "town": town}),
            VISITS: pa.table({"cost": cost, "paid": rng.random(len(owner)) < 0.8}),
        },
        {PEOPLE: np.arange(size), VISITS: owner},
    )


def sides(drawn: Callable[[Population, np.random.Generator], Population]) -> Sides:
    rng = np.random.default_rng(5)
    learned, held_out = people(rng), people(rng)
    return Sides(PEOPLE, learned, held_out, drawn(learned, rng))


def fresh(_: Population, rng: np.random.Generator) -> Population:
    return people(rng)


def handed_back(learned: Population, _: np.random.Generator) -> Population:
    return learned


def blurred(learned: Population, rng: np.random.Generator) -> Population:
    """Learned people a little changed, as an overfitted model draws them."""
    own = learned.tables[PEOPLE]
    noise = rng.normal(0, 300, len(own))
    moved = pa.array(own["income"].to_numpy() + noise)
    return Population(
        learned.size,
        {**learned.tables, PEOPLE: own.set_column(1, "income", moved)},
        learned.entities,
    )


@cache
def attacked_units(drawn: Callable[[Population, np.random.Generator], Population]) -> AttackedUnits:
    return alone(attack(sides(drawn), Limits(), np.random.default_rng(1)))


def alone(attempt: Attempt) -> AttackedUnits:
    """What is said of the units of a model that has no others."""
    [found] = judged([attempt])
    return found


def value(found: AttackedUnits, name: str) -> float:
    return max(f.value for f in found.figures if f.attack == name)


def test_another_sample_of_the_same_people_passes() -> None:
    found = attacked_units(fresh)
    assert found.verdict is Verdict.PASSED, [f for f in found.figures if not f.passed]
    assert {f.attack for f in found.figures} == {
        *("membership", "membership, 1 % false positives", "membership of outliers"),
        *("dcr_share", "copies", "singling out", "linkability", "attribute inference"),
    }


def test_the_training_set_handed_back_fails_with_an_auc_of_nearly_one() -> None:
    found = attacked_units(handed_back)
    assert found.verdict is Verdict.FAILED
    assert value(found, "membership") >= 0.95
    assert value(found, "membership, 1 % false positives") >= 0.95
    assert value(found, "dcr_share") > 0.9
    assert value(found, "copies") > 0.5
    failed = {f.attack for f in found.figures if not f.passed}
    assert {"membership", "dcr_share", "copies", "attribute inference"} <= failed


def test_many_equal_rows_are_nearer_to_nobody() -> None:
    """Where a row has dozens of equals, those that a search finds first must not count."""

    def coarse(rng: np.random.Generator) -> Population:
        rows = pa.table(
            {"town": rng.choice(["n", "s", "e"], SIZE), "age": rng.integers(3, size=SIZE)}
        )
        return Population(SIZE, {PEOPLE: rows}, {PEOPLE: np.arange(SIZE)})

    rng = np.random.default_rng(6)
    found = alone(attack(Sides(PEOPLE, coarse(rng), coarse(rng), coarse(rng)), Limits(), rng))
    assert value(found, "dcr_share") == pytest.approx(0.5, abs=0.02)


def test_learned_people_a_little_changed_fail() -> None:
    found = attacked_units(blurred)
    assert found.verdict is Verdict.FAILED
    assert value(found, "membership") >= 0.9


def test_too_few_units_held_out_tell_nothing() -> None:
    whole = sides(handed_back)
    few = Sides(PEOPLE, whole.learned, whole.held_out.of(np.arange(199)), whole.drawn)
    found = alone(attack(few, Limits(), np.random.default_rng(1)))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert not found.figures
    enough = Sides(PEOPLE, whole.learned, whole.held_out.of(np.arange(200)), whole.drawn)
    assert alone(attack(enough, Limits(), np.random.default_rng(1))).verdict is Verdict.FAILED


def test_limits_decide() -> None:
    loose = Limits(auc=1, tpr=1, dcr_share=(0, 1), advantage=1)
    found = alone(attack(sides(handed_back), loose, np.random.default_rng(1)))
    assert found.verdict is Verdict.PASSED


def test_the_same_seed_gives_the_same_figures() -> None:
    again = alone(attack(sides(blurred), Limits(), np.random.default_rng(1)))
    assert again == attacked_units(blurred)


def test_an_area_counts_pairs_and_ties_half() -> None:
    scores, members = np.array([3.0, 1.0, 2.0, 1.0]), np.array([[True, True, False, False]])
    assert area(scores)(members) == pytest.approx([(2 + 0.5) / 4])


def test_one_percent_of_the_others_may_score_higher_than_members() -> None:
    scores = np.concatenate([np.full(50, 2.0), np.full(50, 0.5), [3.0], np.full(99, 1.0)])
    members = np.repeat([True, False], 100)[None]
    assert found_at_one_percent(scores)(members) == pytest.approx([0.5])
    scores[101] = 3.0
    assert found_at_one_percent(scores)(members) == pytest.approx([0.0])


def many(rng: np.random.Generator, members: int = 50) -> list[Outcome]:
    """What a dozen attacks achieve that depend on each other, of labels that say nothing."""
    labels = labellings(np.repeat([True, False], members), rng)
    common = rng.normal(size=(3, 2 * members))
    scores = [common[at % 3] * (at % 4) + rng.normal(size=2 * members) for at in range(10)]
    rare = (rng.random(2 * members) < 0.02).astype(float)
    found = [outcome(area(one), labels) for one in scores]
    return [
        *found,
        outcome(found_at_one_percent(scores[1]), labels),
        outcome(advantage(rare), labels),
        outcome(advantage(np.zeros(2 * members)), labels),
    ]


def is_outside(found: Outcome, chance: tuple[float, float]) -> bool:
    return not chance[0] <= found.value <= chance[1]


def test_of_many_attacks_any_succeeds_by_chance_in_one_model_of_a_hundred() -> None:
    """Of 200 models 2 on average: more than 7 in one of 1,000 such tests (binomial).

    Held against chance one by one, at the same level, the same attacks succeed far more often.
    """
    models = [many(np.random.default_rng(seed)) for seed in range(200)]
    together = [any(map(is_outside, one, by_chance(one))) for one in models]
    apart = [any(is_outside(f, by_chance([f])[0]) for f in one) for one in models]
    assert sum(together) <= 7
    assert sum(apart) > 7


def test_attacks_on_several_tables_of_units_are_judged_together() -> None:
    """What is usual of a table is not so beside many others, whose attacks may succeed, too."""
    rng = np.random.default_rng(4)
    one, others = many(rng), [found for _ in range(10) for found in many(rng)]
    pairs = zip(by_chance(one), by_chance([*one, *others]), strict=False)
    assert all(b[0] <= a[0] and a[1] <= b[1] for a, b in pairs)


def test_an_attack_that_succeeds_is_found_among_any_number_that_do_not() -> None:
    """The area of a perfect score is 1, a dozen deviations from chance: no lot comes near."""
    rng = np.random.default_rng(3)
    members = np.repeat([True, False], 100)
    labels = labellings(members, rng)
    told = outcome(area(members + rng.normal(0, 0.01, 200)), labels)
    noise = [outcome(area(rng.normal(size=200)), labels) for _ in range(300)]
    ends = by_chance([told, *noise])
    assert is_outside(told, ends[0])
    assert not any(map(is_outside, noise, ends[1:]))


def test_what_is_the_same_in_all_lots_is_what_chance_gives() -> None:
    """No copy at all is no success, and takes nothing from what the others may."""
    rng = np.random.default_rng(7)
    found = many(rng)
    ends = by_chance([*found, Outcome(np.zeros(LOTS))])
    assert ends[-1] == (0.0, 0.0)
    assert ends[:-1] == by_chance(found)


def test_the_best_of_many_views_is_held_against_the_best_by_lot() -> None:
    rng = np.random.default_rng(4)
    views = rng.normal(size=(30, 200))
    labels = labellings(np.repeat([True, False], 100), rng)
    best, one = best_outcome(area, views, labels), outcome(area(views[0]), labels)
    assert best.value == max(area(v)(labels[:1])[0] for v in views)
    [best_end, one_end] = (by_chance([found])[0][1] for found in (best, one))
    assert best_end > one_end
    assert best.value <= best_end


def test_an_advantage_is_the_difference_of_both_means() -> None:
    success, members = np.array([1.0, 1.0, 0.0, 1.0]), np.array([[True, True, False, False]])
    assert advantage(success)(members) == pytest.approx([0.5])


def test_read_rows_belong_to_the_entities_of_their_ids() -> None:
    tables = {PEOPLE: pa.table({"a": [1, 2]}), VISITS: pa.table({"b": [10, 20, 30]})}
    units = {PEOPLE: np.array([70, 50]), VISITS: np.array([50, 99, 70])}
    found = by_units(PEOPLE, tables, units)
    assert found.size == 2
    assert found.entities[PEOPLE].tolist() == [1, 0]
    assert found.tables[VISITS]["b"].to_pylist() == [10, 30]
    assert found.entities[VISITS].tolist() == [0, 1]


def test_drawn_rows_belong_to_the_entity_that_their_keys_lead_to() -> None:
    key = ForeignKey("visits_fk", VISITS, ("person",), PEOPLE, ("id",))
    paths = {PEOPLE: UnitPath(PEOPLE), VISITS: UnitPath(PEOPLE, (key,))}
    drawn = {
        PEOPLE: pa.table({"id": [7, 8, 9]}),
        VISITS: pa.table({"person": [9, None, 7, 9], "n": [1, 2, 3, 4]}),
    }
    found = by_keys(PEOPLE, paths, drawn)
    assert found.tables[VISITS]["n"].to_pylist() == [1, 3, 4]
    assert found.entities[VISITS].tolist() == [2, 0, 2]
    some = found.of(np.array([2]))
    assert some.tables[PEOPLE]["id"].to_pylist() == [9]
    assert some.tables[VISITS]["n"].to_pylist() == [1, 4]


def results(units: int) -> Attacked:
    figure = Figure(
        "membership", "public.people", "v", 0.51234, (0.0, 0.55), (0.4567, 0.5432), True
    )
    return Attacked((AttackedUnits("public.people", Verdict.PASSED, units, units, 9, (figure,)),))


def test_results_leave_rounded_and_through_support() -> None:
    [(path, released)] = attacked_states(results(300), 11)
    assert isinstance(released, Released)
    found = restored_attacked({path: released.value})
    assert found.figures[0].value == 0.51
    assert found.figures[0].chance == (0.46, 0.54)
    assert found.verdict is Verdict.PASSED


def test_results_over_fewer_than_k_units_leave_without_figures() -> None:
    [(path, released)] = attacked_states(results(300), 301)
    assert restored_attacked({path: released.value}).figures == ()


def test_a_file_without_results_was_not_attacked() -> None:
    assert restored_attacked({}) == NOT_ATTACKED
    assert list(attacked_states(NOT_ATTACKED, 11)) == []
    assert NOT_ATTACKED.verdict is Verdict.NOT_ATTACKED


def test_one_failure_fails_all_and_nothing_passes_where_all_is_inconclusive() -> None:
    def of(*verdicts: Verdict) -> Verdict:
        return Attacked(tuple(AttackedUnits("t", v, 0, 0, 0) for v in verdicts)).verdict

    assert of(Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE) is Verdict.FAILED
    assert of(Verdict.PASSED, Verdict.INCONCLUSIVE) is Verdict.PASSED
    assert of(Verdict.INCONCLUSIVE) is Verdict.INCONCLUSIVE
