"""Texts that tell rows apart, though no key says so, differ in all shards."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from keeping import filled, learned, of
from querying import query

from generators.hashing import folded
from generators.orientation import oriented
from provisioner import plan as plans
from provisioner.learning import Learning

MEMBERS = """
CREATE TABLE member (id int PRIMARY KEY, code text, joined date NOT NULL);
INSERT INTO member SELECT n, CASE WHEN n % 40 > 0 THEN
        chr(97 + n % 26) || chr(97 + abs(hashtext('a' || n)) % 26)
        || lpad((n * 7919 % 1000)::text, 3, '0')
    END, date '2020-01-01' + abs(hashtext('j' || n)) % 1000
FROM generate_series(1, 6000) AS n;
"""


def test_texts_of_several_shards_differ(
    lasting_database: Callable[[], str],
    database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = lasting_database()
    query(url, MEMBERS)
    model = learned(url, Learning(), tmp_path)
    assert "unique (code)" in of(model, "member")
    monkeypatch.setattr(plans, "_SHARD_ROWS", 700)
    report = filled(model, database, tmp_path, scale=2.0)
    assert not {f.words for f, _ in oriented(model).unkept} & {"unique (code)"}
    [(repeated, filled_in)] = query(
        database, "SELECT count(code) - count(DISTINCT code), count(code) FROM member"
    )
    assert repeated == 0
    assert 0.95 < filled_in / 12_000 < 0.99
    assert not [r.rule for r in report.invariants if r.broken > r.allowed]


def test_numbers_of_texts_are_theirs_alone_and_spread_evenly() -> None:
    texts = pa.array([f"member {n}" for n in range(7000)])
    numbers = folded(texts)
    assert np.array_equal(folded(texts.slice(5, 100)), numbers[5:105])
    assert np.array_equal(folded(texts.take(pa.array([3, 3, 9]))), numbers[[3, 3, 9]])
    assert len(np.unique(numbers)) == len(texts)
    shares = np.bincount((numbers % np.uint64(7)).astype(np.int64), minlength=7)
    # Four standard deviations of a binomial share.
    assert np.abs(shares - 1000).max() < 4 * np.sqrt(7000 / 7 * 6 / 7)
    assert len(folded(pa.array(["", None, "a"]))) == 3
    assert len(folded(pa.array([None, None], pa.string()))) == 2
