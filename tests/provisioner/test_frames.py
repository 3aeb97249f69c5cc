"""DataFrames are learned and drawn: no value changes on the way, and keys hold between frames."""

import datetime as dt
import itertools
import subprocess
import sys
import uuid
import zipfile
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import psycopg
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.batch import Batch
from connectors.datatypes import INFINITE, DataType, Kind
from connectors.engines import open_source, open_target
from connectors.engines.postgresql.staging import stage
from connectors.schema import Column, Table, TableName
from generators.archive import fingerprint, read_archive, write_archive
from generators.errors import NotAnArchive
from generators.model import DatabaseModel
from provisioner import learn_frames, read_model, sample, write_model
from provisioner.errors import Infeasible, WrongFrame, WrongRequest
from provisioner.frames.drawn import frame
from provisioner.frames.stored import stored
from provisioner.frames.types import DATE, TIMESTAMPTZ
from provisioner.learn import learn
from provisioner.learning import Learning
from provisioner.load import load
from provisioner.plan import plan
from provisioner.request import Request
from provisioner.verify import verify

SHOP = (Path(__file__).parent.parent / "databases" / "shop.sql").read_text("utf-8")
EXAMPLES = 40
CUSTOMERS, ORDERS = 400, 1_500
NUMBERS = itertools.count()

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
DECIMALS = st.decimals(-(10**9), 10**9, places=3)
ZONES = st.sampled_from([dt.UTC, ZoneInfo("Europe/Berlin"), dt.timezone(dt.timedelta(hours=-5))])
YEARS = tuple(dt.datetime.fromisoformat(text) for text in ("0001-01-03", "9999-12-29"))
"""The first and the last day with room for any zone."""
SPANS = st.timedeltas(dt.timedelta(days=-100_000), dt.timedelta(days=100_000))
JSON = st.dictionaries(
    TEXTS, st.recursive(st.none() | st.booleans() | st.integers() | TEXTS, st.lists), max_size=3
)


def whole(bits: int, *, signed: bool = True) -> st.SearchStrategy[int]:
    return (
        st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        if signed
        else st.integers(0, 2**bits - 1)
    )


def arrow(found: pa.DataType) -> pd.ArrowDtype:
    return pd.ArrowDtype(found)


COLUMNS: Mapping[str, tuple[st.SearchStrategy[Any], Any]] = {
    "Int8": (whole(8), "Int8"),
    "Int16": (whole(16), "Int16"),
    "Int32": (whole(32), "Int32"),
    "Int64": (whole(64), "Int64"),
    "UInt8": (whole(8, signed=False), "UInt8"),
    "UInt16": (whole(16, signed=False), "UInt16"),
    "UInt32": (whole(32, signed=False), "UInt32"),
    "UInt64": (whole(64, signed=False), "UInt64"),
    "boolean": (st.booleans(), "boolean"),
    "Float32": (st.floats(width=32, allow_nan=False), "Float32"),
    "Float64": (st.floats(allow_nan=False), "Float64"),
    "float64": (st.floats(allow_nan=False), "float64"),
    "string": (TEXTS, "string"),
    "category": (TEXTS, "category"),
    "datetime64[us]": (st.datetimes(), "datetime64[us]"),
    "datetime64[us, Europe/Berlin]": (
        st.datetimes(*YEARS, timezones=st.just(dt.UTC)),
        "datetime64[us, Europe/Berlin]",
    ),
    "timedelta64[us]": (SPANS, "timedelta64[us]"),
    "texts": (TEXTS, object),
    "booleans": (st.booleans(), object),
    "integers": (st.integers(-(10**30), 10**30), object),
    "decimals": (DECIMALS, object),
    "dates": (st.dates(), object),
    "times": (st.times(), object),
    "datetimes": (st.datetimes(), object),
    "instants": (
        st.datetimes(*YEARS, timezones=ZONES),
        object,
    ),
    "timedeltas": (SPANS, object),
    "uuids": (st.uuids(), object),
    "bytes": (st.binary(max_size=8), object),
    "dicts": (JSON, object),
    "lists of integers": (st.lists(whole(64) | st.none(), max_size=3), object),
    "lists of texts": (st.lists(TEXTS, max_size=3), object),
    "lists of uuids": (st.lists(st.uuids(), max_size=3), object),
    "lists of lists": (st.lists(st.lists(whole(32), min_size=1), min_size=1, max_size=2), object),
    "decimal[pyarrow]": (DECIMALS, arrow(pa.decimal128(15, 3))),
    "date64[pyarrow]": (st.dates(), arrow(pa.date64())),
    "time64[pyarrow]": (st.times(), arrow(pa.time64("us"))),
    "binary[pyarrow]": (st.binary(max_size=8), arrow(pa.large_binary())),
    "list[pyarrow]": (st.lists(DECIMALS, max_size=3), arrow(pa.list_(pa.decimal128(15, 3)))),
    "struct[pyarrow]": (
        st.fixed_dictionaries({"a": whole(16), "b": TEXTS}),
        arrow(pa.struct([("a", pa.int16()), ("b", pa.string())])),
    ),
}
"""What a column may hold, and the dtype under which a frame holds it."""


@st.composite
def columns(draw: st.DrawFn) -> dict[str, list[Any]]:
    """Values of some columns of one length, every one of them sometimes missing."""
    rows = draw(st.integers(0, 5))
    names = draw(st.lists(st.sampled_from(sorted(COLUMNS)), min_size=1, unique=True))
    lists = {n: st.lists(st.none() | COLUMNS[n][0], min_size=rows, max_size=rows) for n in names}
    return {name: draw(values) for name, values in lists.items()}


def as_frame(values: Mapping[str, list[Any]]) -> pd.DataFrame:
    return pd.DataFrame({n: pd.Series(v, dtype=COLUMNS[n][1]) for n, v in values.items()})


def plain(series: "pd.Series[Any]") -> list[Any]:
    """A column's values as Python's own, with None for what is missing."""
    if isinstance(series.dtype, pd.ArrowDtype):
        return list(pa.array(series.array).to_pylist())
    gone = series.isna()
    return [None if g else v for v, g in zip(series, gone, strict=True)]


def read_back(url: str, name: TableName) -> pd.DataFrame:
    with open_source(url) as source:
        table = source.schema().table(name)
        return frame(table, list(source.read(table)))


@pytest.fixture(scope="module")
def scratch(lasting_database: Callable[[], str]) -> str:
    return lasting_database()


@given(columns())
@settings(max_examples=EXAMPLES)
def test_no_value_changes_between_a_frame_a_server_and_a_frame(
    scratch: str, values: dict[str, list[Any]]
) -> None:
    one = stored(f"t{next(NUMBERS)}", as_frame(values))
    stage(scratch, [one.table], one.batches)
    found = read_back(scratch, one.table.name)
    assert {name: plain(found[name]) for name in found} == values


@given(columns())
@settings(max_examples=EXAMPLES)
def test_a_frame_that_was_drawn_may_be_given_again(values: dict[str, list[Any]]) -> None:
    first = stored("t", as_frame(values))
    drawn = frame(first.table, [b.rows for b in first.batches])
    again = stored("t", drawn)
    assert again.rows.to_pydict() == first.rows.to_pydict()


def test_the_type_of_a_column_is_what_the_server_says_it_is(scratch: str) -> None:
    values = {name: [None] for name in COLUMNS if COLUMNS[name][1] is not object}
    one = stored("declared", as_frame(values))
    stage(scratch, [one.table], one.batches)
    with open_source(scratch) as source:
        assert source.schema().table(one.table.name).columns == one.table.columns


def customers() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "id": np.arange(1, CUSTOMERS + 1),
            "first_name": rng.choice(["Ann", "Bea", "Cyd"], CUSTOMERS),
            "city": pd.Categorical(rng.choice(["Rome", "Oslo", "Bern"], CUSTOMERS)),
            "code": [f"C{n:05d}" for n in range(CUSTOMERS)],
        }
    )


def orders() -> pd.DataFrame:
    rng = np.random.default_rng(2)
    ids = np.append(np.arange(1.0, CUSTOMERS + 1), [np.nan] * 40)
    cents = rng.integers(100, 5_000, ORDERS)
    return pd.DataFrame(
        {
            "year": 2020 + np.arange(ORDERS) % 4,
            "number": np.arange(ORDERS) // 4,
            "customer_id": rng.choice(ids, ORDERS),
            "total": [Decimal(int(c)).scaleb(-2) for c in cents],
            "placed": pd.Timestamp("2024-01-01", tz="Europe/Rome")
            + pd.to_timedelta(rng.integers(0, 10**7, ORDERS), "s"),
        }
    )


def lines() -> pd.DataFrame:
    rows = np.random.default_rng(3).integers(0, ORDERS, 3_000)
    above = orders().iloc[rows]
    return pd.DataFrame(
        {"order year": above["year"].array, 'order "number"': above["number"].array}
    )


PRIMARY = {"orders": ("year", "number")}
KEYS: Any = {
    "orders": {"customer_id": "customers (id)"},
    "order lines": {("order year", 'order "number"'): ("orders", ("year", "number"))},
}


def given_frames() -> dict[str, pd.DataFrame]:
    return {"customers": customers(), "orders": orders(), "order lines": lines()}


@pytest.fixture(scope="module")
def model() -> DatabaseModel:
    return learn_frames(
        given_frames(), primary_keys=PRIMARY, unique={"customers": "code"}, keys=KEYS
    )


def pairs(found: pd.DataFrame, names: list[str]) -> set[tuple[Any, ...]]:
    return set(found[names].itertuples(index=False, name=None))


def assert_keys_hold(found: Mapping[str, pd.DataFrame]) -> None:
    buyers = found["orders"]["customer_id"].dropna()
    assert set(buyers) <= set(found["customers"]["id"])
    assert found["customers"]["id"].is_unique
    assert found["customers"]["code"].is_unique
    assert not found["orders"].duplicated(["year", "number"]).any()
    ordered = pairs(found["order lines"], ["order year", 'order "number"'])
    assert ordered <= pairs(found["orders"], ["year", "number"])


def test_keys_hold_between_frames_that_were_drawn(model: DatabaseModel) -> None:
    found = sample(model, scale=0.5, seed=4)
    assert {name: len(f) for name, f in found.items()} == {
        "customers": CUSTOMERS // 2,
        "order lines": 1_500,
        "orders": ORDERS // 2,
    }
    assert_keys_hold(found)
    assert found["orders"]["customer_id"].isna().any()
    assert set(found["customers"]["city"]) == {"Rome", "Oslo", "Bern"}


def test_dtypes_are_those_of_the_declared_types(model: DatabaseModel) -> None:
    found = sample(model, scale=0.1)["orders"]
    assert [str(t) for t in found.dtypes] == [
        *["int64[pyarrow]"] * 3,
        "object",
        "timestamp[us, tz=UTC][pyarrow]",
    ]


def test_the_same_seed_draws_the_same_frames_and_another_one_others(model: DatabaseModel) -> None:
    first, again, other = (sample(model, seed=seed) for seed in (1, 1, 2))
    for name, found in first.items():
        pd.testing.assert_frame_equal(found, again[name])
    assert not first["orders"].equals(other["orders"])


def test_learning_the_same_frames_twice_draws_the_same_rows() -> None:
    frames = {"customers": customers()}
    first, again = (sample(learn_frames(frames, primary_keys={"customers": "id"})) for _ in "ab")
    pd.testing.assert_frame_equal(first["customers"], again["customers"])


def test_a_model_goes_through_its_file_and_draws_the_same(
    model: DatabaseModel, tmp_path: Path
) -> None:
    file = tmp_path / "shop.model"
    write_model(model, str(file))
    found = sample(file, seed=5)
    for name, drawn in sample(read_model(file), seed=5).items():
        pd.testing.assert_frame_equal(found[name], drawn)
        pd.testing.assert_frame_equal(sample(model, seed=5)[name], drawn)


def test_a_model_of_frames_fills_a_database_that_verifies(
    model: DatabaseModel, database: str
) -> None:
    planned = plan(model, "", Request(seed=3))
    with open_target(database) as target:
        load(model, planned, target)
        report = verify(model, target)
    assert report.passed, report.findings
    found = {n: read_back(database, TableName("public", n)) for n in sample(model)}
    assert_keys_hold(found)


def test_only_the_tables_asked_for_are_answered_and_they_are_the_same(
    model: DatabaseModel,
) -> None:
    found = sample(model, tables=["orders"])
    assert list(found) == ["orders"]
    pd.testing.assert_frame_equal(found["orders"], sample(model)["orders"])


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"scale": 0}, "scale 0"),
        ({"rows": {"nobody": 1}}, "found no table nobody"),
        ({"rows": {"customers": 1.5}}, "expected a whole number"),
        ({"rows": {"customers": 1, "public.customers": 2}}, "given twice"),
        ({"seed": -1}, "seed = -1"),
        ({"tables": ["nobody"]}, "found no table nobody"),
    ],
)
def test_an_argument_that_does_not_fit_is_refused(
    model: DatabaseModel, asked: dict[str, Any], said: str
) -> None:
    with pytest.raises(WrongRequest, match=said):
        sample(model, **asked)


def test_what_no_row_can_meet_stops_the_draw() -> None:
    frames = {"t": pd.DataFrame({"flag": pd.array([True, False], dtype="boolean")})}
    found = learn_frames(frames, primary_keys={"t": "flag"})
    with pytest.raises(Infeasible, match="at most 2"):
        sample(found, rows={"t": 5})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"k": 0}, "k = 0"),
        ({"seed": "x"}, "seed = 'x'"),
        ({"table_model": "magic"}, "expected one of auto, independent, network, trees"),
        ({"size": 1}, "size is no option"),
        ({"units": "customer"}, "did you mean public.customers"),
    ],
)
def test_an_option_that_does_not_fit_is_refused(options: Any, said: str) -> None:
    with pytest.raises(WrongRequest, match=said):
        learn_frames({"customers": customers()}, **options)


@pytest.mark.parametrize(
    ("notation", "said"),
    [
        ({"orders": {"customer_id": "customers"}}, "expected a table and its columns"),
        ({"orders": {"customer_id": "customer (id)"}}, "no frame is; did you mean customers"),
        ({"orders": {"customer": "customers (id)"}}, "did you mean customer_id"),
        ({"order": {"customer_id": "customers (id)"}}, "did you mean orders"),
        ({"orders": {"customer_id": "customers (city)"}}, "has text; expected types that can be"),
        ({"orders": {"customer_id": "customers (id, code)"}}, "differ in number"),
    ],
)
def test_a_key_that_names_what_is_not_there_is_refused(notation: Any, said: str) -> None:
    with pytest.raises(WrongFrame, match=said):
        learn_frames({"customers": customers(), "orders": orders()}, keys=notation)


def test_rows_that_break_keys_are_counted_and_not_quoted() -> None:
    buyers, bought = customers(), orders()
    buyers.loc[[5, 6], "id"] = 8_888
    buyers.loc[9, "code"] = "C00010"
    bought.loc[[1, 2, 3], "customer_id"] = 9_999.0
    frames = {"customers": buyers, "orders": bought[~bought["customer_id"].isin([6, 7])]}
    with pytest.raises(WrongFrame) as refused:
        learn_frames(frames, keys={"orders": KEYS["orders"]}, unique={"customers": ["code"]})
    said = str(refused.value)
    assert f"1 of {CUSTOMERS} rows of customers repeat the values (id)" in said
    assert f"1 of {CUSTOMERS} rows of customers repeat the values (code)" in said
    assert "3 of" in said
    assert "lead nowhere by the key orders (customer_id) -> customers (id)" in said
    assert "8888" not in said
    assert "9999" not in said
    assert "C000" not in said


def test_a_primary_key_without_a_value_is_counted() -> None:
    frames = {"t": pd.DataFrame({"id": pd.array([1, None, None], dtype="Int64")})}
    with pytest.raises(WrongFrame, match=r"2 of 3 rows of t have no value in the primary key \(id"):
        learn_frames(frames, primary_keys={"t": "id"})


def test_floats_that_are_no_whole_numbers_are_no_key() -> None:
    bought = orders().assign(customer_id=1.5)
    with pytest.raises(WrongFrame, match="customer_id holds floats that are no whole numbers"):
        learn_frames({"customers": customers(), "orders": bought}, keys={"orders": KEYS["orders"]})


def test_a_key_without_any_value_takes_the_type_of_what_it_leads_to() -> None:
    people = pd.DataFrame({"id": np.arange(300), "boss": [None] * 300})
    found = learn_frames({"people": people}, keys={"people": {"boss": "people (id)"}})
    [table] = found.schema.tables
    assert [c.datatype.sql for c in table.columns] == ["bigint", "bigint"]
    assert sample(found)["people"]["boss"].isna().all()


def test_an_index_with_a_name_is_a_column_and_any_other_is_left_out() -> None:
    values = pd.DataFrame({"v": [1, 2, 3]})
    named = stored("t", values.set_index(pd.Index([7, 8, 9], name="id")))
    doubled = stored("t", values.set_index(pd.Index([7, 7, 7])))
    assert named.rows.to_pydict() == {"id": [7, 8, 9], "v": [1, 2, 3]}
    assert doubled.rows.to_pydict() == {"v": [1, 2, 3]}


def test_frames_without_rows_are_drawn_from_their_types() -> None:
    empty = pd.DataFrame({"id": pd.Series(dtype="int64"), 'odd "näme"': pd.Series(dtype="str")})
    found = learn_frames({"a.b (c)": empty}, primary_keys={"a.b (c)": "id"})
    assert len(sample(found)["a.b (c)"]) == 0
    drawn = sample(found, rows={"*": 20})["a.b (c)"]
    assert list(drawn.columns) == ["id", 'odd "näme"']
    assert drawn["id"].nunique() == 20


def test_categories_that_few_rows_share_stay_out_of_the_file(tmp_path: Path) -> None:
    labels = ["common"] * 500 + [f"zzrare{n}" for n in range(5)]
    frames = {"t": pd.DataFrame({"id": np.arange(505), "label": pd.Categorical(labels)})}
    write_model(learn_frames(frames, primary_keys={"t": "id"}), tmp_path / "t.model")
    with zipfile.ZipFile(tmp_path / "t.model") as archive:
        members = b"".join(archive.read(name) for name in archive.namelist())
    assert b"common" in members
    assert b"zzrare" not in members


def test_infinity_becomes_the_end_of_the_calendar() -> None:
    ends = [-INFINITE[32], 0, None, INFINITE[32]]
    days = pa.array(ends, pa.int32()).view(pa.date32())
    wide = pa.array([-INFINITE[64], 0, None, INFINITE[64]], pa.int64())
    instants = wide.view(pa.timestamp("us", "UTC"))
    table = Table(TableName("s", "t"), (Column("day", DATE), Column("at", TIMESTAMPTZ)))
    found = frame(table, [pa.RecordBatch.from_arrays([days, instants], names=["day", "at"])])
    assert plain(found["day"]) == [dt.date.min, dt.date(1970, 1, 1), None, dt.date.max]
    assert [v and v.year for v in plain(found["at"])] == [1, 1970, None, 9999]


@pytest.fixture(scope="module")
def shop(lasting_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    url, file = lasting_database(), tmp_path_factory.mktemp("shop") / "shop.model"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(SHOP.encode())
    with open_source(url) as source:
        write_archive(learn(source, Learning()), file)
    return file


def told(series: "pd.Series[Any]", column: Column) -> list[str]:
    """Values as texts; those that travel as literals only count, as the server respells them."""
    spelled = column.datatype.kind is not Kind.OTHER
    return [repr(v) if spelled else str(v is None) for v in plain(series)]


def test_frames_hold_the_rows_that_provision_loads(shop: Path, database: str) -> None:
    model = read_archive(shop)
    planned = plan(model, fingerprint(shop), Request(0.5, 7))
    drawn = sample(shop, scale=0.5, seed=7)
    with open_target(database) as target:
        load(model, planned, target)
        for table in model.schema.tables:
            found = frame(table, list(target.read(table)))
            ours = drawn[table.name.name]
            rows, expected = (
                sorted(zip(*(told(f[c.name], c) for c in table.written), strict=True))
                for f in (found, ours)
            )
            assert rows == expected, table.name
            assert (ours.dtypes == found.dtypes).all()


def test_enums_are_ordered_categories_and_generated_columns_are_absent(shop: Path) -> None:
    found = sample(shop, scale=0.2)
    state = found["orders"]["state"].dtype
    assert isinstance(state, pd.CategoricalDtype)
    assert (list(state.categories), state.ordered) == (["open", "paid", "sent", "returned"], True)
    assert "total" not in found["line"]
    assert isinstance(found["shipment"]["id"].iloc[0], uuid.UUID)
    assert isinstance(found["customer"]["settings"].dropna().iloc[0], dict)
    assert isinstance(found["customer"]["tags"].dropna().iloc[0], list)
    assert isinstance(found["product"]["price"].iloc[0], Decimal)


def test_drawn_frames_can_be_described_and_go_through_parquet(shop: Path, tmp_path: Path) -> None:
    found = sample(shop, scale=0.2)
    for name in ("customer", "orders", "line", "visit"):
        found[name].describe()
    for name in ("customer", "visit"):
        found[name].to_parquet(tmp_path / name)
        assert len(pd.read_parquet(tmp_path / name)) == len(found[name])


def test_a_decimal_of_no_declared_scale_has_no_zeros_at_its_end() -> None:
    numbers = [
        Decimal(text) for text in ("1.500", "-300", "0.00", "12345678901234567890123456789012345.5")
    ]
    table = Table(TableName("s", "t"), (Column("n", DataType(Kind.DECIMAL, "numeric")),))
    values = pa.array(numbers, pa.decimal256(76, 12))
    found = frame(table, [pa.RecordBatch.from_arrays([values], names=["n"])])
    assert list(map(str, found["n"])) == ["1.5", "-300", "0", str(numbers[-1])]


def test_tables_of_one_name_are_told_apart_by_their_schemas(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "create schema a; create schema b; create table a.t (x int); create table b.t (x int);"
            "create table a.u (x int); create table a.v (x int); create table v (x int)"
        )
    with open_source(database) as source:
        model = learn(source, Learning())
    assert set(sample(model)) == {"a.t", "b.t", "u", "a.v", "v"}


def test_a_table_without_columns_keeps_its_number_of_rows() -> None:
    rows = pa.RecordBatch.from_struct_array(pa.array([{}] * 3, pa.struct([])))
    batch = Batch(TableName("s", "t"), rows)
    assert frame(Table(batch.table, ()), [batch.rows]).shape == (3, 0)


def test_what_is_no_model_is_neither_read_nor_overwritten(
    model: DatabaseModel, tmp_path: Path
) -> None:
    other = tmp_path / "notes.txt"
    other.write_text("mine")
    with pytest.raises(NotAnArchive):
        sample(other)
    with pytest.raises(WrongRequest, match="holds no model"):
        write_model(model, other)
    with pytest.raises(WrongRequest, match="found no folder"):
        write_model(model, tmp_path / "no" / "x.model")
    assert other.read_text() == "mine"


def test_importing_the_package_loads_nothing_heavy() -> None:
    script = (
        "import sys, provisioner; dir(provisioner);"
        "heavy = {'pandas', 'pyarrow', 'torch', 'numpy', 'pydantic'} & sys.modules.keys();"
        "assert not heavy, heavy; assert callable(provisioner.sample)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=Path(__file__).parents[2])
