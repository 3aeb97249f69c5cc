"""What keys determine is as it is drawn with them, though the keys themselves are invented."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from keeping import learned, of
from querying import query

from connectors.schema import TableName
from provisioner.learning import Learning
from provisioner.plan import plan
from provisioner.request import Request
from provisioner.synthesize import Synthesizer

HOPS = """
CREATE TABLE port (code text PRIMARY KEY, height int NOT NULL);
INSERT INTO port SELECT 'O' || n, n % 70 FROM generate_series(0, 799) AS n;
CREATE TABLE hop (
    id int PRIMARY KEY, origin text NOT NULL REFERENCES port, goal text NOT NULL,
    kilometres int NOT NULL
);
INSERT INTO hop SELECT n, 'O' || o, 'G' || g, 100 * ((7 * g + 3 * o) % 10)
FROM generate_series(1, 20000) AS n,
    LATERAL (SELECT abs(hashtext('o' || n)) % 10 AS u) AS x,
    LATERAL (SELECT CASE WHEN u < 5 THEN 0 WHEN u < 8 THEN 1 ELSE 2 END AS o) AS y,
    LATERAL (SELECT abs(hashtext('g' || n)) % 20 AS g) AS z;
"""


def test_rows_of_an_invented_key_have_what_a_learned_one_as_popular_determines(
    lasting_database: Callable[[], str], tmp_path: Path
) -> None:
    url = lasting_database()
    query(url, HOPS)
    model = learned(url, Learning(units=(TableName("public", "hop"),)), tmp_path)
    assert "origin, goal -> kilometres" in of(model, "hop")
    planned = plan(model, "0" * 64, Request(scale=20.0))  # in several shards
    [tree] = [n for n, t in enumerate(planned.trees) if "hop" in {x.name for x in t.tables}]
    [batch] = Synthesizer(model, planned).shard(tree, 0)
    rows = batch.rows.to_pydict()
    ports = [port for port, _ in Counter(rows["origin"]).most_common()]
    assert len(ports) == 3
    known = zip(rows["origin"], rows["goal"], rows["kilometres"], strict=True)
    true = [k == 100 * ((7 * int(g[1:]) + 3 * ports.index(o)) % 10) for o, g, k in known]
    assert sum(true) > 0.9 * len(true)
