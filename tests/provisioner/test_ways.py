"""A person tells whose data rows are, where the keys of a table lead to those who handle them."""

from collections.abc import Callable
from pathlib import Path

import pytest
from keeping import filled, learned
from querying import query

from connectors.engines import open_source
from connectors.schema import TableName
from provisioner.apply import to_learning
from provisioner.config import read_config
from provisioner.errors import WrongConfig, WrongRequest
from provisioner.events import Event, Stated
from provisioner.learn import learn
from provisioner.learning import Learning

DATABASE = """
create table clerk (id int primary key, first_name text, last_name text, email text);
create table customer (id int primary key, first_name text, last_name text, email text);
create table delivery (
    id int primary key,
    clerk_id int not null references clerk,
    customer_id int references customer,
    state text not null);
create table complaint (id int primary key, clerk_id int references clerk);
insert into clerk select n, 'Ann' || n, 'Bell' || n, n || '@example.com'
    from generate_series(1, 5) as n;
insert into customer select n, 'Cy' || n, 'Day' || n, n || '@example.org'
    from generate_series(1, 400) as n;
insert into delivery select n, 1 + n % 5, case when n % 3 > 0 then 1 + n % 400 end,
    case when n % 10 < 7 then 'arrived' else 'on its way' end
    from generate_series(1, 1200) as n;
"""


@pytest.fixture(scope="module")
def source(filled_database: Callable[[str], str]) -> str:
    return filled_database(DATABASE)


def asked(source: str, text: str) -> Learning:
    with open_source(source) as opened:
        return to_learning(read_config(text, "provisioner.yaml", {}), opened, Learning())


def test_what_few_people_handle_is_learned_where_it_is_nobody_s(
    source: str, database: str, tmp_path: Path
) -> None:
    learning = asked(source, "tables: {delivery: {unit: nobody}}")
    filled(learned(source, learning, tmp_path), database, tmp_path)
    shares = dict(query(database, "select state, count(*) / 1200.0 from delivery group by 1"))
    assert shares.keys() == {"arrived", "on its way"}
    # Three deviations of the share that 1,200 rows have by chance.
    assert abs(float(shares["arrived"]) - 0.7) <= 3 * (0.7 * 0.3 / 1200) ** 0.5


def test_it_is_withheld_and_the_way_out_is_told_where_nobody_says_so(
    source: str, database: str, tmp_path: Path
) -> None:
    told: list[Event] = []
    with open_source(source) as opened:
        model = learn(opened, Learning(), told.append)
    said = [event.text for event in told if isinstance(event, Stated)]
    [why] = (text for text in said if "`unit: nobody`" in text)
    assert why.startswith("public.delivery: ")  # and nothing of tables without rows
    filled(model, database, tmp_path)
    assert not query(database, "select from delivery where state = 'arrived'")


def test_the_column_of_a_key_says_whose_rows_are(source: str, tmp_path: Path) -> None:
    learning = asked(source, "tables: {delivery: {unit: customer_id}}")
    model = learned(source, learning, tmp_path)
    assert model.tables[TableName("public", "delivery")].unit == TableName("public", "customer")


def test_a_column_of_no_key_is_told_with_its_place(source: str) -> None:
    with pytest.raises(
        WrongConfig, match=r"line 1, .*state; expected nobody, clerk_id, customer_id"
    ):
        asked(source, "tables: {delivery: {unit: state}}")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("tables: {clerk: {unit: nobody}}", "privacy units; leave `unit` out"),
        ("units: [customer]\ntables: {delivery: {unit: clerk_id}}", "leads to a privacy unit"),
    ],
)
def test_a_way_that_leads_to_no_unit_is_refused(
    source: str, tmp_path: Path, text: str, why: str
) -> None:
    with pytest.raises(WrongRequest, match=why):
        learned(source, asked(source, text), tmp_path)
