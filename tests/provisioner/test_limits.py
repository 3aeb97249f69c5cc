"""What a load may take of a target that others use as well."""

from dataclasses import replace

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.batch import Batch
from connectors.engines import Mark
from connectors.errors import FullDisk
from connectors.schema import TableName
from connectors.server import ServerFacts
from generators.layout import KeyLayout
from provisioner.disk import check_room
from provisioner.finishing import sessions_of
from provisioner.pacing import Pace
from provisioner.plan import Plan, TreePlan
from provisioner.workers.crews import Workers, headcount

TABLE = TableName("public", "rows")
PLAN = Plan("model", 0, 1.0, (TreePlan((TABLE,), (KeyLayout((500_000,) * 8),)),), (), 10**12)
FACTS = ServerFacts("16.1", 16, "loader", 0, (), True, False, {}, 0, None)


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """The time."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Lets time pass."""
        assert seconds > 0
        self.now += seconds


@given(
    st.lists(st.integers(0, 5_000), max_size=8),
    st.floats(0.5, 20_000),
)
def test_paced_rows_are_the_same_rows_and_never_come_faster_than_their_rate(
    sizes: list[int], rate: float
) -> None:
    clock = Clock()
    ends = [sum(sizes[: n + 1]) for n in range(len(sizes))]
    batches = [
        Batch(TABLE, pa.record_batch({"n": pa.array(range(end - size, end), pa.int64())}))
        for size, end in zip(sizes, ends, strict=True)
    ]
    seen: list[int] = []
    for batch in Pace(rate, clock, clock.sleep).paced(batches):
        assert len(seen) <= clock.now * rate + 1e-6 * (1 + len(seen))
        seen += batch.rows.column("n").to_pylist()
    assert seen == list(range(sum(sizes)))


def test_without_a_rate_batches_go_through_whole() -> None:
    batches = [Batch(TABLE, pa.record_batch({"n": pa.array([1, 2, 3])}))]
    assert list(Pace(None).paced(batches)) == batches


def test_workers_and_builders_stay_within_the_connections_allowed() -> None:
    marks = [Mark(0, shard) for shard in range(8)]
    for most in range(2, 9):
        workers = Workers("url", 6, connections=most)
        assert headcount(workers, PLAN, marks) + 1 <= most
        assert 1 <= sessions_of(PLAN, workers) <= min(6, most)
    assert headcount(Workers("url", 6), PLAN, marks) == 6
    assert sessions_of(PLAN, Workers("url")) == 2
    assert sessions_of(replace(PLAN, trees=()), Workers("url")) == 1


def test_rows_that_cannot_fit_are_refused_and_those_that_hardly_fit_are_told_of() -> None:
    with pytest.raises(FullDisk, match=r"1,000\.0 GB of rows are planned.* 900\.0 GB free"):
        check_room(PLAN, replace(FACTS, free=9 * 10**11))
    assert "may not do" in (check_room(PLAN, replace(FACTS, free=15 * 10**11)) or "")
    assert check_room(PLAN, replace(FACTS, free=10**13)) is None
    assert "does not say" in (check_room(PLAN, FACTS) or "")
    assert check_room(replace(PLAN, bytes=1000), FACTS) is None
