"""A configuration means what it says, and every mistake in one is told with its place."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.engines import open_source
from connectors.schema import TableName
from provisioner.apply import to_learning, to_request
from provisioner.cli import main
from provisioner.config import EACH_EMPTY, Config, read_config
from provisioner.errors import WrongConfig, WrongRequest
from provisioner.learning import Learning
from provisioner.request import Request
from provisioner.sections import ONE, HavingSection, Key, Mode, Place, ScenarioSection, TableSection

WHOLE = """
source: ${PROD_URL}          # optional, as --source
target: postgresql://${HOST}/staging
k: 5
units: [customers]
scale: 2
budget: 1h30m
rows: {orders: 1000, "*": 200}
acknowledge: [012345678901]
tables:
  orders:
    mode: empty
    triggers: fire
    keys:
      - columns: [customer_id]
        references: customers (id)
        dangling: 0.02
      - columns: [subject_id]
        type: subject_type
        references: {order: orders (id), customer: {table: customers, columns: [id]}}
  log: {mode: skip}
  lines: {rows: 500}
  countries: {mode: keep}
"""
KNOWN = tuple(TableName("shop", n) for n in ("orders", "customers", "lines", "countries"))


def read(text: str, **environment: str) -> Config:
    return read_config(text, "provisioner.yaml", environment)


def told(text: str, **environment: str) -> str:
    with pytest.raises(WrongConfig) as raised:
        read(text, **environment)
    return str(raised.value)


def test_every_part_of_a_file_is_read() -> None:
    config = read(WHOLE)
    assert (config.k, config.scale, config.units) == (5, 2.0, ("customers",))
    assert config.rows == {"orders": 1000, EACH_EMPTY: 200}
    assert config.acknowledge == ("012345678901",)
    assert config.budget == config.options({})["budget"] == timedelta(minutes=90)
    orders = config.tables["orders"]
    assert (orders.mode, orders.triggers) == (Mode.EMPTY, "fire")
    one, many = orders.keys
    assert one.references == {ONE: Place(table="customers", columns=("id",))}
    assert one.dangling == 0.02
    assert many.type == "subject_type"
    assert {value: place.table for value, place in many.references.items()} == {
        "order": "orders",
        "customer": "customers",
    }


def test_every_share_may_be_in_percent() -> None:
    scenario = "{table: orders, where: total > 9, share: 10%}"
    keys = "[{columns: [customer_id], references: customers (id), dangling: 2 %}]"
    found = read(f"scenarios: [{scenario}]\ntables: {{orders: {{keys: {keys}}}}}")
    assert found.scenarios[0].share == 0.1
    assert found.tables["orders"].keys[0].dangling == 0.02


def test_a_file_that_says_nothing_leaves_everything_open() -> None:
    assert read("") == read("# nothing") == Config()
    assert read("").options({}) == {}


MISTAKES = [
    ("k: many", "line 1, k: found 'many', expected a whole number"),
    ("k: 0", "line 1, k: found '0', expected greater than or equal to 1"),
    ("\nscal: 2", "line 2, scal: this key is not known; did you mean scale?"),
    ("tables: {orders: {rowz: 1}}", "line 1, table orders, rowz: this key is not known; did you"),
    (
        "tables:\n  orders:\n    mode: masc",
        "line 3, table orders, mode: found 'masc', expected",
    ),
    ("tables: {o: {masks: {a: text}}}", "masks are for mode mask alone"),
    (
        "tables: {orders: {mode: emty}}",
        "expected 'synthesize', 'empty', 'skip', 'keep', 'copy' or 'mask'",
    ),
    ("tables: {o: {triggers: never}}", "line 1, table o, triggers: found 'never', expected 'fire'"),
    ("budget: 5", "line 1, budget: found '5', expected a duration of at most 30"),
    ("budget: P99D", "line 1, budget: found 'P99D', expected a duration of at most"),
    ("units: customers", "line 1, units: found 'customers', expected a list"),
    ("units:\n  - a\n  - [b]", "line 3, units.2: expected a text"),
    ("rows: {orders: -1}", "line 1, rows.orders: found '-1', expected greater"),
    ("acknowledge: [abc]", "line 1, acknowledge.1: found 'abc', expected twelve hexadecimal"),
    ("tables: {o: {keys: [{columns: [a]}]}}", "table o, keys.1: the key references is missing"),
    ("tables: {o: {keys: [{columns: [a], references: p}]}}", "such as customers (id)"),
    ("tables: {o: {keys: [{columns: [a], references: 'p (x, y)'}]}}", "differ in number"),
    ("tables: {o: {keys: [{columns: [a], references: {x: p (y)}}]}}", "add `type`"),
    ("tables: {o: {keys: [{columns: [a], references: p (y), type: t}]}}", "each value of `type`"),
    ("tables: {o: {keys: [{columns: [a], references: {tabel: p, columns: [y]}}]}}", "mean table?"),
    ("tables: {o: {keys: [{columns: [a], references: p (y), dangling: 2}]}}", "or equal to 1"),
    ("scale: .inf", "line 1, scale: found '.inf', expected"),
    ("k: 1\nk: 2", "k: the key stands here twice; keep one"),
    ("k: [", "line 1: this is no YAML"),
    ("units: [${NAME}]", "needs quotes"),
    ("k: 1\n---\nk: 2", "this is no YAML"),
    ("a: &a [*a]", "this is no YAML"),
    ("? [a]\n: b", "line 1: a list or mapping stands where a key should"),
    ("- k", "line 1: expected keys with values"),
]


@pytest.mark.parametrize(("text", "words"), MISTAKES)
def test_a_mistake_is_told_with_its_place(text: str, words: str) -> None:
    assert told(text).startswith("provisioner.yaml")
    assert words in told(text)


def test_all_mistakes_are_told_at_once() -> None:
    text = told("k: many\nscale: -1\n")
    assert "line 1, k:" in text
    assert "line 2, scale:" in text


def test_references_to_the_environment_are_resolved() -> None:
    units = "k: ${K}\nunits: ['shop.${NAME}']"
    assert read(units, K="7", NAME="people").units == ("shop.people",)
    assert read("k: ${K}", K="7").k == 7
    assert read("units: ['$${NAME}']").units == ("${NAME}",)


def test_a_variable_that_is_not_set_is_named() -> None:
    assert told("k: 1\nunits: [a, '${NAME}']") == (
        "provisioner.yaml, line 2, units.2: the environment variable NAME is not set; set it"
    )


def test_a_url_is_resolved_when_it_is_needed_since_each_side_knows_its_own() -> None:
    config = read(WHOLE)
    assert config.url("target", {"HOST": "h"}) == "postgresql://h/staging"
    with pytest.raises(WrongConfig, match=r"line 2, source: .* PROD_URL is not set"):
        config.url("source", {"HOST": "h"})


def test_no_error_and_no_text_shows_a_secret() -> None:
    secret = "hunter2"  # noqa: S105 - it belongs to no role; it must not show up anywhere
    assert secret not in told("k: ${K}", K=secret)
    assert secret not in told(f"k: postgresql://me:{secret}@host/db")
    assert secret not in repr(read(f"source: postgresql://me:{secret}@host/db"))


def test_a_request_takes_what_the_file_says_of_tables() -> None:
    request = to_request(read(WHOLE), KNOWN, Request(2.0, seed=4))
    orders, _, lines, countries = KNOWN
    assert request == Request(
        2.0,
        4,
        rows={orders: 1000, lines: 500},
        cold=200,
        empty=frozenset({orders}),
        keep=frozenset({countries}),
        fire=frozenset({orders}),
        acknowledged=frozenset({"012345678901"}),
    )


def test_rows_of_the_command_line_win_over_the_file() -> None:
    request = to_request(read(WHOLE), KNOWN, Request(), ("orders=7", "9"))
    assert request.rows == {KNOWN[0]: 7, KNOWN[2]: 500}
    assert request.cold == 9


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rows:\n  orderz: 3", r"line 2, rows.orderz: found no table orderz; did you mean"),
        ("tables:\n  ordrs: {mode: empty}", r"line 2, table ordrs: .* did you mean shop.orders"),
        ("rows: {orders: 3}\ntables:\n  shop.orders: {rows: 4}", r"line 3, .* twice"),
        ("tables: {orders: {mode: skip}}", r"line 1, table orders, mode: .* learn again"),
    ],
)
def test_a_table_that_does_not_fit_the_model_is_told_with_its_place(text: str, words: str) -> None:
    with pytest.raises(WrongConfig, match=words):
        to_request(read(text), KNOWN, Request())


def test_a_wrong_option_is_no_mistake_of_the_file() -> None:
    with pytest.raises(WrongRequest, match="found no table nobody"):
        to_request(Config(), KNOWN, Request(), ("nobody=1",))


names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
shares = st.none() | st.floats(0, 1, allow_subnormal=False)
counts = st.integers(0, 10**12)


@st.composite
def keys(draw: st.DrawFn) -> Key:
    columns = tuple(draw(st.lists(names, min_size=1, max_size=3)))
    parents = st.lists(names, min_size=len(columns), max_size=len(columns)).map(tuple)
    places = st.builds(Place, table=names, columns=parents)
    by_type = draw(st.none() | names)
    types = names.filter(lambda name: name not in {"table", "columns"})
    found = (
        {ONE: draw(places)}
        if by_type is None
        else draw(st.dictionaries(types, places, min_size=1, max_size=3))
    )
    return Key(columns=columns, references=found, type=by_type, dangling=draw(shares))


sections = st.builds(
    TableSection,
    mode=st.sampled_from(Mode),
    rows=st.none() | counts,
    triggers=st.none() | st.just("fire"),
    keys=st.lists(keys(), max_size=2).map(tuple),
)


@st.composite
def scenarios(draw: st.DrawFn) -> ScenarioSection:
    amount = draw(st.sampled_from(["share", "count"]))
    numbers = counts if amount == "count" else st.floats(0, 1, allow_subnormal=False)
    having = st.builds(HavingSection, table=names, where=names, at_least=st.integers(1, 9))
    about = st.fixed_dictionaries({"where": names}) | st.fixed_dictionaries({"having": having})
    said = {"table": draw(names), "name": draw(names), **draw(about), amount: draw(numbers)}
    return ScenarioSection.model_validate(said)


configs = st.builds(
    Config,
    source=st.none() | names,
    target=st.none() | names,
    k=st.none() | st.integers(1, 10**6),
    units=st.lists(names, max_size=3).map(tuple),
    scale=st.none() | st.floats(1e-6, 1e6),
    budget=st.none() | st.timedeltas(timedelta(0), timedelta(days=30)),
    rows=st.dictionaries(names, counts, max_size=3),
    acknowledge=st.lists(st.from_regex(r"[0-9a-f]{12}", fullmatch=True), max_size=3).map(tuple),
    tables=st.dictionaries(names, sections, max_size=3),
    scenarios=st.lists(scenarios(), max_size=2).map(tuple),
)


@given(configs)
def test_a_configuration_survives_a_round_trip_through_yaml(config: Config) -> None:
    assert read(config.as_yaml()) == config


SHOP = """
CREATE TABLE customers (id serial PRIMARY KEY, first_name text NOT NULL, city text);
CREATE TABLE orders (id serial PRIMARY KEY, customer_id int NOT NULL, total int NOT NULL);
CREATE TABLE archive (id serial PRIMARY KEY, body text NOT NULL);
INSERT INTO customers (first_name, city)
    SELECT 'Ann', (ARRAY['Rome', 'Oslo', 'Bern'])[1 + n % 3] FROM generate_series(1, 300) n;
INSERT INTO orders (customer_id, total) SELECT 1 + n % 300, n % 90 FROM generate_series(1, 900) n;
"""


@pytest.fixture(scope="module")
def shop(lasting_database: Callable[[], str]) -> str:
    url = lasting_database()
    with psycopg.connect(url) as connection:
        connection.execute(SHOP)
    return url


def test_commands_take_the_file_of_their_folder_and_options_win_over_it(
    shop: str,
    database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "provisioner.yaml").write_text(
        "source: ${SHOP_URL}\ntarget: ${STAGING_URL}\nk: 5\nscale: 0.5\nunits: [customers]\n"
        'rows: {"*": 20}\n'
        "tables: {orders: {keys: [{columns: [customer_id], references: customers (id)}]}}\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHOP_URL", shop)
    assert main(["learn", "-o", "a.model", "--output", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["k"] == 5
    assert main(["plan", "a.model", "--output", "json"]) == 0
    assert rows_planned(capsys) == {"customers": 150, "orders": 450, "archive": 20}
    assert main(["plan", "a.model", "--scale", "1", "--rows", "7", "--output", "json"]) == 0
    assert rows_planned(capsys) == {"customers": 300, "orders": 900, "archive": 7}
    assert main(["provision", "a.model"]) == 3
    assert "line 2, target: the environment variable STAGING_URL" in capsys.readouterr().err
    monkeypatch.setenv("STAGING_URL", database)
    assert main(["provision", "a.model"]) == 0
    assert main(["verify", "a.model"]) == 0


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("tables:\n  ordrs: {rows: 4}", "line 2, table ordrs"),
        ("rows:\n  ordrs: 4", "line 2, rows.ordrs"),
        ("scenarios:\n- {table: ordrs, where: total > 5, share: 0.5}", "line 2, .*table"),
    ],
)
def test_a_table_that_the_source_lacks_is_told_before_it_is_learned(
    shop: str, text: str, place: str
) -> None:
    with (
        open_source(shop) as source,
        pytest.raises(WrongConfig, match=f"{place}: found no table ordrs"),
    ):
        to_learning(read(text), source, Learning())


def rows_planned(capsys: pytest.CaptureFixture[str]) -> dict[str, int]:
    document = json.loads(capsys.readouterr().out)
    return {
        name.removeprefix("public."): rows
        for tree in document["trees"]
        for name, rows in tree["tables"].items()
    }


def test_a_named_file_that_is_not_there_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "a.model", "--config", "nothing.yaml"]) == 3
    assert "found no file nothing.yaml" in capsys.readouterr().err


def test_a_configuration_that_is_no_text_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "c.yaml").write_bytes(b"\xff\xfe\x00k")
    assert main(["plan", "a.model", "--config", str(tmp_path / "c.yaml")]) == 3
    assert "is no text in UTF-8" in capsys.readouterr().err
