"""The structure of a league's history, real against synthetic: who plays where for how long.

`python -m benchmarks.structure URL_REAL URL_SYNTHETIC` prints, for the tables "Batting" and
"Teams" of Lahman's database, each figure of both databases and how far they lie apart: as an
absolute difference for shares, relatively for means, and as 1 - the overlap of the histograms
for distributions (total variation).
"""

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

import psycopg

# A player's season counts once however many stints it has; its team is that of its first stint.
_FOLLOWED = """
WITH seasons AS (
    SELECT DISTINCT ON ("playerID", "yearID") "playerID" AS player, "yearID" AS year,
        "teamID" AS team FROM "Batting" ORDER BY "playerID", "yearID", stint),
followed AS (
    SELECT *, lag(team) OVER (PARTITION BY player ORDER BY year) AS before,
        lag(year) OVER (PARTITION BY player ORDER BY year) AS year_before FROM seasons)
SELECT avg(({})::int) FROM followed WHERE before IS NOT NULL
"""
_SHARES = {
    "same_team_next_season": _FOLLOWED.format("team = before"),
    "next_season_is_next_year": _FOLLOWED.format("year = year_before + 1"),
    "seasons_with_several_stints": """
        SELECT avg((n > 1)::int) FROM (SELECT count(*) AS n FROM "Batting"
            GROUP BY "playerID", "yearID") AS s""",
    "seasons_with_several_teams": """
        SELECT avg((n > 1)::int) FROM (SELECT count(DISTINCT "teamID") AS n FROM "Batting"
            GROUP BY "playerID", "yearID") AS s""",
    "team_years_without_players": """
        SELECT avg((NOT EXISTS (SELECT FROM "Batting" b WHERE b."yearID" = t."yearID"
            AND b."lgID" = t."lgID" AND b."teamID" = t."teamID"))::int) FROM "Teams" t""",
}
_PER_PLAYER = 'SELECT count(DISTINCT {}) AS n FROM "Batting" GROUP BY "playerID"'
_DISTRIBUTIONS = {
    "career_length": _PER_PLAYER.format('"yearID"'),
    "teams_per_player": _PER_PLAYER.format('"teamID"'),
    "players_per_team_year": """
        SELECT count(DISTINCT "playerID") AS n FROM "Batting"
        GROUP BY "yearID", "lgID", "teamID\"""",
}


def main(arguments: Sequence[str]) -> None:
    """Prints one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.structure", description=__doc__)
    parser.add_argument("real")
    parser.add_argument("synthetic")
    options = parser.parse_args(arguments)
    print(json.dumps(compared(options.real, options.synthetic), indent=1))


def compared(real: str, synthetic: str) -> dict[str, Any]:
    """Each figure of both databases and the distance between them."""
    one, two = (_figures(url) for url in (real, synthetic))
    found: dict[str, Any] = {}
    for name in _SHARES:
        found[name] = _pair(one[name], two[name], abs(one[name] - two[name]))
    for name in _DISTRIBUTIONS:
        real_mean, other = _mean(one[name]), _mean(two[name])
        apart = abs(other / real_mean - 1) if real_mean else 0.0
        found[f"{name}_mean"] = _pair(real_mean, other, apart)
        found[f"{name}_distribution"] = {"apart": round(_variation(one[name], two[name]), 4)}
    return found


def _figures(url: str) -> dict[str, Any]:
    with psycopg.connect(url) as connection:
        found: dict[str, Any] = {}
        for name, query in _SHARES.items():
            row = connection.execute(query.encode()).fetchone()
            found[name] = float(row[0] or 0) if row else 0.0
        for name, query in _DISTRIBUTIONS.items():
            counted = f"SELECT n, count(*) FROM ({query}) AS d GROUP BY n"  # noqa: S608 - constants
            found[name] = dict(connection.execute(counted.encode()).fetchall())
    return found


def _pair(real: float, synthetic: float, apart: float) -> dict[str, float]:
    return {
        "real": round(real, 4),
        "synthetic": round(synthetic, 4),
        "apart": round(apart, 4),
    }


def _mean(histogram: dict[int, int]) -> float:
    rows = sum(histogram.values())
    return sum(value * n for value, n in histogram.items()) / rows if rows else 0.0


def _variation(one: dict[int, int], two: dict[int, int]) -> float:
    """Half the sum of the absolute differences of the shares of each value."""
    rows = [max(1, sum(side.values())) for side in (one, two)]
    values = one.keys() | two.keys()
    return sum(abs(one.get(v, 0) / rows[0] - two.get(v, 0) / rows[1]) for v in values) / 2


if __name__ == "__main__":
    main(sys.argv[1:])
