"""Rows of copied tables travel as they are, and drawn rows refer to them as real ones do."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import psycopg
import pyarrow as pa
import pytest
from querying import query

from connectors.engines import open_source, open_target
from connectors.schema import TableName
from generators.archive import fingerprint, read_archive, write_archive
from generators.errors import BrokenArchive
from generators.model import DatabaseModel
from provisioner.carrying import Carrying
from provisioner.cli import main
from provisioner.contents import contents
from provisioner.errors import NotPublic, WrongRequest
from provisioner.learn import learn
from provisioner.learning import Learning
from provisioner.load import load
from provisioner.plan import Plan, plan
from provisioner.request import Request
from provisioner.verify import verify

SHOP = (Path(__file__).parents[1] / "databases" / "shop.sql").read_text("utf-8")
COUNTRY, LABEL = TableName("shop", "country"), TableName("shop", "label")
CUSTOMER, ORDERS = TableName("shop", "customer"), TableName("shop", "orders")
COPIED = frozenset({COUNTRY, LABEL, TableName("shop", "product")})
POPULAR = "select country, count(*)::float / sum(count(*)) over () from shop.customer group by 1"


@pytest.fixture(scope="module")
def shop(lasting_database: Callable[[], str]) -> str:
    url = lasting_database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(SHOP.encode())
    return url


@pytest.fixture(scope="module")
def model(shop: str) -> DatabaseModel:
    with open_source(shop) as source:
        return learn(source, Learning(invariants=False, carrying=Carrying(COPIED)))


@pytest.fixture(scope="module")
def planned(model: DatabaseModel) -> Plan:
    return plan(model, "copied", Request(scale=3.0))


@pytest.fixture(scope="module")
def filled(model: DatabaseModel, planned: Plan, lasting_database: Callable[[], str]) -> str:
    url = lasting_database()
    with open_target(url) as target:
        load(model, planned, target)
        report = verify(model, target)
    assert report.passed, report.findings
    return url


@pytest.mark.parametrize(
    "order",
    [
        "select * from shop.country order by 1",
        "select * from shop.label order by 1",
        "select * from shop.product order by 1",
    ],
)
def test_copied_rows_are_there_as_they_were_at_any_scale(
    shop: str, filled: str, order: str
) -> None:
    assert query(filled, order) == query(shop, order)


def test_all_else_is_scaled(shop: str, filled: str) -> None:
    order = "select count(*) from shop.customer union all select count(*) from shop.product_label"
    there, made = query(shop, order), query(filled, order)
    assert [m for (m,) in made] == [3 * n for (n,) in there]


def test_copied_rows_are_as_popular_as_in_the_source(shop: str, filled: str) -> None:
    learned, drawn = dict(query(shop, POPULAR)), dict(query(filled, POPULAR))
    distance = sum(abs(learned[c] - drawn.get(c, 0)) for c in learned) / 2
    # 600 learned and 1,800 drawn customers over 12 countries: the mean total variation distance
    # of two such samples of one distribution is below 0.5 * sqrt(12 * (1/600 + 1/1800)).
    assert distance < 2 * 0.5 * (12 * (1 / 600 + 1 / 1800)) ** 0.5


def test_which_rarely_referenced_row_is_popular_does_not_show(
    new_database: Callable[[], str],
) -> None:
    """Two sources that differ in which of two rare rows is referenced give the same rows."""
    files = []
    for favourite in ("98", "99"):
        url = new_database()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                """
                create table kind (id int primary key, word text not null);
                create table person (id int primary key, email text not null, kind_id int
                    not null references kind);
                insert into kind select n, 'kind ' || n from generate_series(1, 100) n;
                insert into person select n, 'p' || n || '@mail.invalid',
                    case when n <= 5 then 97 else 1 + n % 20 end
                from generate_series(1, 600) n;
                """.replace("97", favourite).encode()
            )
        kind = TableName("public", "kind")
        with open_source(url) as source:
            found = learn(source, Learning(carrying=Carrying(frozenset({kind}))))
        files.append(found.carried[kind].rows.value)
    assert files[0].equals(files[1])


RATES = """
    create table currency (code int primary key);
    create table rate (id int primary key, day date not null, currency int not null
        references currency, unique (day, currency));
    create table person (id int primary key);
    create table bought (id int primary key, person int not null references person,
        rate int not null references rate, day date not null, region text not null);
    insert into currency select n from generate_series(0, 5) n;
    insert into rate select 6 * d + c, date '2020-01-01' + d, c
        from generate_series(0, 199) d, generate_series(0, 5) c;
    insert into person select n from generate_series(1, 400) n;
    insert into bought select n, 1 + n % 400, 6 * d + c, date '2020-01-01' + d,
        'region ' || c
        from (select n, abs(hashtext('day ' || n)) % 200 as d,
                     abs(hashtext('from ' || n)) % 6 as c
              from generate_series(1, 1200) n) each;
"""


def test_rows_refer_to_the_copied_ones_of_their_day_and_of_what_goes_with_them(
    new_database: Callable[[], str],
) -> None:
    source, target = new_database(), new_database()
    with psycopg.connect(source, autocommit=True) as connection:
        connection.execute(RATES.encode())
    copied = frozenset(TableName("public", name) for name in ("currency", "rate"))
    with open_source(source) as opened:
        model = learn(opened, Learning(carrying=Carrying(copied)))
    with open_target(target) as opened:
        load(model, plan(model, "rates", Request()), opened)
    quarters = "select (day - date '2020-01-01') / 50 from bought"
    same = (
        "select avg((r.day = b.day)::int), avg(('region ' || r.currency = b.region)::int) "
        "from bought b join rate r on r.id = b.rate"
    )
    drawn = [*query(target, quarters)]
    shares = [drawn.count((n,)) / 1_200 for n in range(4)]
    assert max(abs(share - 1 / 4) for share in shares) < 0.05
    [(days, regions)] = query(target, same)
    assert days == 1
    assert regions >= 0.9


def test_a_copied_table_survives_its_file(model: DatabaseModel, tmp_path: Path) -> None:
    path = tmp_path / "shop.model"
    write_archive(model, path)
    again = read_archive(path)
    assert again.carried.keys() == COPIED
    assert all(again.carried[n].rows.value.equals(model.carried[n].rows.value) for n in COPIED)


def test_rows_of_another_shape_than_the_schema_are_told_as_damage(
    model: DatabaseModel, tmp_path: Path
) -> None:
    path, forged = tmp_path / "shop.model", tmp_path / "forged.model"
    write_archive(model, path)
    number = [t.name for t in model.schema.tables].index(COUNTRY)
    sink = pa.BufferOutputStream()
    wrong = pa.table({"code": pa.array([1, 2])})
    with pa.ipc.new_file(sink, wrong.schema) as file:
        file.write_table(wrong)
    _forge(path, forged, f"rows/{number}.arrow", sink.getvalue().to_pybytes())
    with pytest.raises(BrokenArchive):
        read_archive(forged)


def _forge(path: Path, forged: Path, name: str, data: bytes) -> None:
    """The same archive with another member, whose checksum fits."""
    import hashlib

    with zipfile.ZipFile(path) as old, zipfile.ZipFile(forged, "w") as new:
        members = {n: old.read(n) for n in old.namelist()} | {name: data}
        manifest = json.loads(members["manifest.json"])
        manifest["members"][name] = hashlib.sha256(data).hexdigest()
        members["manifest.json"] = json.dumps(manifest).encode()
        for member, content in members.items():
            new.writestr(member, content)


def test_a_table_of_people_is_not_copied(shop: str) -> None:
    asked = frozenset({CUSTOMER, COUNTRY})
    with open_source(shop) as source, pytest.raises(NotPublic, match="email") as refused:
        learn(source, Learning(invariants=False, carrying=Carrying(asked)))
    assert [f.place for f in refused.value.findings] == ["shop.customer"]


def test_a_table_that_belongs_to_people_is_not_copied(shop: str) -> None:
    asked = frozenset({CUSTOMER, COUNTRY, ORDERS})
    with open_source(shop) as source, pytest.raises(NotPublic) as refused:
        learn(source, Learning(invariants=False, carrying=Carrying(asked)))
    assert "shop.customer, a privacy unit" in refused.value.findings[1].text


def test_a_table_that_somebody_says_is_public_is_copied(shop: str) -> None:
    asked = frozenset({CUSTOMER, COUNTRY})
    with open_source(shop) as source:
        with pytest.raises(NotPublic) as refused:
            learn(source, Learning(invariants=False, carrying=Carrying(asked)))
        hashes = frozenset(f.hash for f in refused.value.findings)
        found = learn(source, Learning(invariants=False, carrying=Carrying(asked, hashes)))
    assert found.carried[CUSTOMER].count == 600


def test_copied_rows_refer_to_no_drawn_ones(shop: str) -> None:
    asked = Carrying(frozenset({TableName("shop", "product_label")}))
    with (
        open_source(shop) as source,
        pytest.raises(WrongRequest, match=r"leads to shop\.(label|product), whose rows are drawn"),
    ):
        learn(source, Learning(invariants=False, carrying=asked))


@pytest.mark.parametrize(
    "request_",
    [Request(rows={COUNTRY: 5}), Request(empty=frozenset({COUNTRY}))],
    ids=["rows", "empty"],
)
def test_nothing_changes_how_many_rows_travel(model: DatabaseModel, request_: Request) -> None:
    with pytest.raises(WrongRequest, match="whose rows travel in the file"):
        plan(model, "copied", request_)


def test_a_reviewer_is_told_which_rows_travel(model: DatabaseModel, planned: Plan) -> None:
    found = contents(model, "copied")
    assert {t.name: t.mode for t in found.tables}["shop.country"] == "copy"
    assert "The 12 rows of shop.country travel as they are, declared public." in found.carried
    assert ("copy", "shop.country") in {(f.kind, f.place) for f in planned.findings}


def test_the_command_line_copies_as_the_configuration_says(
    shop: str, new_database: Callable[[], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, file, target = tmp_path / "p.yaml", tmp_path / "shop.model", new_database()
    config.write_text("tables: {country: {mode: copy}}")
    options = ["--config", str(config)]
    assert main(["learn", "--source", shop, "-o", str(file), *options]) == 0
    assert main(["provision", str(file), "--target", target, *options]) == 0
    assert query(target, "select count(*) from shop.country where name like 'Country _'") == [(12,)]
    capsys.readouterr()
    assert main(["plan", str(file), "--output", "json", *options]) == 0
    assert json.loads(capsys.readouterr().out)["carried"] == {"shop.country": 12}
    config.write_text("tables: {label: {mode: copy}}")
    assert main(["plan", str(file), *options]) == 3
    assert "the model holds no rows of this table" in capsys.readouterr().err
    config.write_text("tables: {country: {mode: copy}, customer: {mode: copy}}")
    assert main(["learn", "--source", shop, "-o", str(file), *options]) == 1
    assert fingerprint(file)


def test_numbers_that_a_file_does_not_keep_are_not_copied(
    lasting_database: Callable[[], str],
) -> None:
    url = lasting_database()
    query(url, "create table rate (id int primary key, most numeric not null, least numeric)")
    query(url, "insert into rate select n, 'NaN', 'NaN' from generate_series(1, 30) as n")
    rate = TableName("public", "rate")
    with open_source(url) as source, pytest.raises(WrongRequest, match=r"public\.rate .* in most"):
        learn(source, Learning(carrying=Carrying(frozenset({rate}))))
    query(url, "alter table rate drop column most")
    with open_source(url) as source:
        found = learn(source, Learning(carrying=Carrying(frozenset({rate})))).carried[rate]
    assert found.rows.value["least"].null_count == found.count == 30
