"""Rows that go back to what an older sibling had have what belongs to it as well."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import psycopg

from connectors.engines import open_source, open_target
from generators.archive import fingerprint, write_archive
from provisioner.learn import learn
from provisioner.learning import Learning
from provisioner.load import load
from provisioner.plan import plan
from provisioner.request import Request

PLAYERS, SEASONS, TEAMS = 400, 8, 18
TABLES = """
CREATE TABLE player (id int PRIMARY KEY, born date NOT NULL);
CREATE TABLE season (
    id int PRIMARY KEY, player int NOT NULL REFERENCES player, year int NOT NULL,
    team text NOT NULL, league text NOT NULL
);
"""
OF_THE_TEAM = """
SELECT avg((league = 'league ' || split_part(team, ' ', 2)::int % 6)::int) FROM season
"""


def careers() -> list[tuple[int, int, int, str, str]]:
    """Half of the seasons are with the team before, and many with one from earlier.

    One of a hundred is in another league than the team's others, so that no rule stands.
    """
    rng, found = np.random.default_rng(0), []
    for player in range(PLAYERS):
        teams = [int(rng.integers(TEAMS))]
        for _ in range(SEASONS - 1):
            draw = rng.random()
            fresh = rng.integers(TEAMS) if draw > 0.8 else rng.choice(teams)
            teams.append(teams[-1] if draw < 0.5 else int(fresh))
        first = int(rng.integers(1950, 2000))
        for turn, team in enumerate(teams):
            league = team % 6 if rng.random() > 0.01 else int(rng.integers(6))
            key = player * SEASONS + turn
            found.append((key, player, first + turn, f"team {team}", f"league {league}"))
    return found


def test_a_row_that_goes_back_to_a_team_is_in_the_league_of_the_team(
    lasting_database: Callable[[], str], tmp_path: Path
) -> None:
    source, target = lasting_database(), lasting_database()
    with psycopg.connect(source) as connection, connection.cursor() as cursor:
        connection.execute(TABLES)
        born = [(n, f"{1930 + n % 50}-01-01") for n in range(PLAYERS)]
        cursor.executemany("INSERT INTO player VALUES (%s, %s)", born)
        cursor.executemany("INSERT INTO season VALUES (%s, %s, %s, %s, %s)", careers())
    with open_source(source) as opened:
        model = learn(opened, Learning())
    write_archive(model, tmp_path / "seasons.model")
    with open_target(target) as opened_target:
        planned = plan(model, fingerprint(tmp_path / "seasons.model"), Request())
        load(model, planned, opened_target)
    with psycopg.connect(target) as connection:
        row = connection.execute(OF_THE_TEAM.encode()).fetchone()
    assert row is not None
    assert float(row[0]) >= 0.97
