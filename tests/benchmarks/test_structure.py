"""The structure of a league is told by consecutive seasons, careers, teams and rosters."""

from collections.abc import Callable

import psycopg
import pytest

from benchmarks.structure import compared

SCHEMA = """
CREATE TABLE "Teams" ("yearID" integer, "lgID" text, "teamID" text);
CREATE TABLE "Batting" ("playerID" text, "yearID" integer, stint integer, "lgID" text,
    "teamID" text);
INSERT INTO "Teams" SELECT y, 'L', t FROM generate_series(2001, 2003) y, unnest('{A,B}'::text[]) t;
INSERT INTO "Batting" VALUES ('one', 2001, 1, 'L', 'A'), ('one', 2002, 1, 'L', 'A'),
    ('one', 2002, 2, 'L', 'B'), ('one', 2003, 1, 'L', 'B'), ('two', 2001, 1, 'L', 'A'),
    ('two', 2003, 1, 'L', 'A');
"""


def test_a_leagues_structure_is_compared_figure_by_figure(
    new_database: Callable[[], str],
) -> None:
    real, other = new_database(), new_database()
    for url in (real, other):
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(SCHEMA)
    with psycopg.connect(other, autocommit=True) as connection:
        connection.execute("""UPDATE "Batting" SET "teamID" = 'B' WHERE "yearID" = 2003""")

    found = compared(real, other)
    assert found["same_team_next_season"] == pytest.approx(
        {"real": 2 / 3, "synthetic": 1 / 3, "apart": 1 / 3}, abs=1e-4
    )
    assert found["next_season_is_next_year"]["real"] == pytest.approx(2 / 3, abs=1e-4)
    assert found["seasons_with_several_teams"] == {"real": 0.2, "synthetic": 0.2, "apart": 0.0}
    assert found["team_years_without_players"]["real"] == pytest.approx(1 / 6, abs=1e-4)
    assert found["career_length_distribution"] == {"apart": 0.0}
    assert found["teams_per_player_mean"] == {"real": 1.5, "synthetic": 2.0, "apart": 0.3333}
