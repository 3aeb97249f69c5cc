"""Numbers of children are told beside the rows, or the time, of another child table."""

from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from connectors.datatypes import DataType, Kind
from connectors.schema import Column, TableName
from generators.privacy.support import Support
from generators.relations.lifetimes import Kin, Measure, Pace, measures

POSTS, PAY = TableName("public", "post"), TableName("public", "pay")
DAY = 86_400_000_000
DATE = DataType(Kind.DATE, "date")


def yearly(latest: date) -> Pace:
    days = (latest - date(1970, 1, 1)).days
    support = Support()
    return Pace(support.declared(np.array([365.0 * DAY])), support.declared(np.array([days * DAY])))


def test_a_span_holds_a_child_at_its_begin_and_one_after_each_step() -> None:
    measure = Measure(POSTS, "begins", "ends", yearly(date(2010, 1, 1)))
    values = {
        "begins": pa.array([date(2000, 1, 1), date(2001, 6, 1), date(2003, 1, 1)]),
        "ends": pa.array([date(2001, 6, 1), date(2003, 6, 1), date(2003, 6, 1)]),
    }
    assert measure.of(values, np.array([0, 0, 2]), 4).tolist() == [4, 0, 1, 0]


def test_what_has_not_ended_lasts_until_the_latest_child() -> None:
    measure = Measure(POSTS, "begins", "ends", yearly(date(2010, 1, 1)))
    values = {
        "begins": pa.array([date(2000, 1, 1)] * 2),
        "ends": pa.array([None, date(9999, 1, 1)], pa.date32()),
    }
    assert measure.of(values, np.array([0, 1]), 2).tolist() == [11, 11]


def test_rows_are_counted_where_no_pace_is_known() -> None:
    assert Measure(POSTS).of({}, np.array([0, 0, 2]), 4).tolist() == [2, 0, 1, 0]


@pytest.mark.parametrize(("each", "ways"), [(1, [""]), (8, ["", "begins"])])
def test_spans_are_looked_at_where_owners_have_several_children(each: int, ways: list[str]) -> None:
    owners = 60
    began = [date(2000 + n % 7, 1 + n % 12, 1) for n in range(owners)]
    posts = pa.table({"begins": pa.array(began)})
    paid = [
        (n, began[n].replace(year=began[n].year + t)) for n in range(owners) for t in range(each)
    ]
    pay = pa.table({"on": pa.array([day for _, day in paid])})
    of = np.array([n for n, _ in paid])
    column = Column("begins", DATE, nullable=False)
    other = Kin(POSTS, posts, np.arange(owners), np.arange(owners), (column,))
    children = Kin(PAY, pay, of, of, (Column("on", DATE, nullable=False),))
    found = list(measures(children, [other], Support(k=11)))
    assert [m.begin for m in found] == ways
    for measure in found[1:]:
        assert measure.pace is not None
        assert measure.pace.step.value[0] == pytest.approx(365.25 * DAY, rel=0.01)
