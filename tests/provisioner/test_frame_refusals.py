"""A frame that no table can hold is refused by name, and none of its values is told."""

import datetime as dt
import math
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from connectors.errors import RefusedStatement
from provisioner import learn_frames
from provisioner.errors import WrongFrame


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([1, "a", "b"], "1 of type int and 2 of type str"),
        ([{1, 2}], "objects of type set"),
        ([complex(1, 2)], "complex"),
        (pd.period_range("2020", "2022", freq="Y"), "no counterpart"),
        (pd.interval_range(0, 3), "no counterpart"),
        (pd.Series([1, 2], dtype=pd.SparseDtype("int64")), "no counterpart"),
        (pd.to_datetime([1, 2_000], unit="ns"), "1 values do not fit timestamp"),
        (
            pd.Series([pd.Timestamp(1, unit="ns")], dtype=object),
            "1 values are finer than a microsecond",
        ),
        (
            [dt.datetime.fromisoformat("0001-01-03"), dt.datetime.max.replace(tzinfo=dt.UTC)],
            "1 times have a zone",
        ),
        ([dt.time(1, tzinfo=dt.UTC)], "1 times of day have a zone"),
        (np.array([2**62], "datetime64[s]"), "do not fit timestamp"),
        (np.array([2**63 - 1], "datetime64[us]"), "1 values lie outside the years"),
        (["secret\0", "b"], "1 values hold the character NUL"),
        (pd.Series(["secret\ud800"], dtype=object), "lone surrogates"),
        ([Decimal("Infinity")], "1 decimals are infinite"),
        ([Decimal("1e100")], "more than 76 digits"),
        (pd.Series([2**60, 0.5], dtype=object), "1 whole numbers beside floats"),
        ([{1: "secret"}], "1 values hold what JSON cannot"),
        ([{"a": math.nan}], "1 values hold what JSON cannot"),
    ],
)
def test_a_column_without_counterpart_is_named_and_no_value_of_it(values: Any, said: str) -> None:
    made = values if isinstance(values, pd.Series) else pd.Series(values)
    with pytest.raises(WrongFrame, match=said) as refused:
        learn_frames({"t": pd.DataFrame({"guilty": made})})
    assert str(refused.value).startswith("t.guilty (")
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("given_frame", "said"),
    [
        ([1], "t is of type list; expected a DataFrame"),
        (pd.DataFrame(), "t has no columns"),
        (pd.DataFrame({7: [1]}), "7 is the name of a column of t"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "t has two columns a"),
        (pd.DataFrame({"a": [1]}, index=pd.Index([5], name="a")), "t has two columns a"),
        (pd.DataFrame({"x" * 64: [1]}), "expected 1 to 63 bytes"),
        (pd.DataFrame({"": [1]}), "expected 1 to 63 bytes"),
    ],
)
def test_a_frame_that_is_no_table_is_refused(given_frame: Any, said: str) -> None:
    with pytest.raises(WrongFrame, match=said):
        learn_frames({"t": given_frame})


def test_a_name_that_only_the_server_refuses_is_refused_by_name() -> None:
    with pytest.raises(RefusedStatement, match='"ctid" conflicts with a system column'):
        learn_frames({"t": pd.DataFrame({"ctid": [1]})})
