"""A category that follows from another one of its row repeats what that one does, not siblings."""

import numpy as np
import numpy.typing as npt

from generators.relations.histories import positions
from generators.relations.leading import led
from generators.relations.repeating import repeats_of
from generators.tables import Feature

OWNERS, EACH, TEAMS = 300, 6, 20
Codes = npt.NDArray[np.int32]
LATER = positions(np.repeat(np.arange(OWNERS), EACH)) > 0


def careers(rng: np.random.Generator) -> Codes:
    """The team of each row; every other row is of the team before."""
    teams = rng.integers(0, TEAMS, (OWNERS, EACH))
    for turn in range(1, EACH):
        stays = rng.random(OWNERS) < 0.5
        teams[stays, turn] = teams[stays, turn - 1]
    return teams.reshape(-1).astype(np.int32)


def found(names: dict[str, Codes], *, ordered: bool = False) -> set[str]:
    features = [Feature(n, int(codes.max()) + 1, ordered=ordered) for n, codes in names.items()]
    codes = np.stack(list(names.values()), axis=1)
    position = positions(np.repeat(np.arange(OWNERS), EACH))
    repeats = np.stack([repeats_of(c.astype(np.int64), position) for c in codes.T], axis=1)
    return set(led(features, codes, repeats, LATER))


def test_the_league_of_a_team_follows_it_though_a_few_rows_have_another() -> None:
    rng = np.random.default_rng(0)
    teams = careers(rng)
    leagues = np.where(rng.random(len(teams)) < 0.01, 1 - teams % 2, teams % 2).astype(np.int32)
    assert found({"team": teams, "league": leagues}) == {"league"}


def test_of_two_that_follow_from_each_other_one_stays() -> None:
    teams = careers(np.random.default_rng(1))
    assert len(found({"team": teams, "name": TEAMS - 1 - teams})) == 1


def test_what_tells_only_half_of_another_leads_nothing() -> None:
    rng = np.random.default_rng(2)
    teams = careers(rng)
    posts = np.where(rng.random(len(teams)) < 0.5, teams % 2, careers(rng) % 2).astype(np.int32)
    assert not found({"team": teams, "post": posts})


def test_numbers_lead_nothing() -> None:
    teams = careers(np.random.default_rng(3))
    assert not found({"team": teams, "league": teams % 2}, ordered=True)


def test_what_has_values_that_its_codes_do_not_tell_goes_on_to_repeat_siblings() -> None:
    rng = np.random.default_rng(4)
    teams = careers(rng)
    kinds = np.stack([teams, teams % 2], axis=1)
    position = positions(np.repeat(np.arange(OWNERS), EACH))
    values = np.arange(len(teams))  # each row has a value of its own, many under one code
    repeats = np.stack([repeats_of(v, position) for v in (teams.astype(np.int64), values)], axis=1)
    features = [Feature("team", TEAMS, ordered=False), Feature("kind", 2, ordered=False)]
    assert not led(features, kinds, repeats, LATER)
