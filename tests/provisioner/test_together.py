"""Times that a rule nobody declared holds against each other move together, or not at all."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from keeping import learned
from querying import query

from connectors.engines import open_source, open_target
from generators.archive import fingerprint, write_archive
from provisioner.learning import Learning
from provisioner.load import load
from provisioner.plan import plan
from provisioner.request import Request

SHOP = """
CREATE TABLE purchase (
    id int PRIMARY KEY, placed date NOT NULL CHECK (extract(year FROM placed) IN (2023, 2024)),
    shipped date, state text NOT NULL, CHECK ((state = 'new') = (shipped IS NULL))
);
INSERT INTO purchase SELECT n, d,
    CASE WHEN n % 3 > 0 THEN d + 1 + abs(hashtext('s' || n)) % 9 END,
    CASE WHEN n % 3 > 0 THEN 'sent' ELSE 'new' END
FROM generate_series(1, 2000) AS n,
    LATERAL (SELECT date '2023-02-01' + abs(hashtext('p' || n)) % 500) AS x (d);
CREATE TABLE payment (
    id int PRIMARY KEY, purchase int NOT NULL REFERENCES purchase, paid date NOT NULL,
    checked date NOT NULL
);
INSERT INTO payment SELECT id, id, placed + abs(hashtext('y' || id)) % 4,
    date '2023-01-01' + abs(hashtext('c' || id)) % 600
FROM purchase WHERE id % 2 = 0;
"""


@pytest.mark.parametrize("as_of", [date(2021, 6, 3), date(2027, 6, 3)])
def test_times_stay_with_those_that_a_rule_ties_them_to(
    lasting_database: Callable[[], str], database: str, tmp_path: Path, as_of: date
) -> None:
    url = lasting_database()
    query(url, SHOP)
    model = learned(url, Learning(as_of=date(2024, 9, 1)), tmp_path)
    write_archive(model, tmp_path / "shop.model")
    planned = plan(model, fingerprint(tmp_path / "shop.model"), Request(as_of=as_of))
    with open_target(database) as target:
        load(model, planned, target)
    resting = {f.place: f.text for f in planned.findings if f.kind == "unshifted"}
    assert {"public.purchase.placed", "public.purchase.shipped", "public.payment.paid"} == {
        *resting
    }
    assert "nobody declared" in resting["public.payment.paid"]
    tied = [f for f in model.invariants if f.rule.kind in ("order", "lag")]
    assert tied
    with open_source(database) as filled:
        tallies = {f.words: filled.tally(f.kind.claim(f.rule, model.schema)) for f in tied}
    assert not [words for words, tally in tallies.items() if tally.broken]
