"""A subset holds some rows of one table, all that they own, and all that any of it needs."""

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from querying import query

from connectors.engines import open_source, open_target
from connectors.schema import TableName
from generators.ciphers import Cipher
from generators.model import DatabaseModel
from provisioner.carrying import Carrying, Subset
from provisioner.cli import main
from provisioner.errors import WrongRequest
from provisioner.learn import learn
from provisioner.learning import Learning
from provisioner.load import load
from provisioner.plan import plan
from provisioner.request import Request
from provisioner.verify import verify

CIPHER = Cipher(b"a key of thirty-two bytes for tests")
FIRM = """
create table region (id int primary key, title text not null);
create table shop (
    id int primary key, region_id int not null references region, title text not null
);
create table clerk (
    id int primary key, email text not null, boss_id int references clerk,
    shop_id int not null references shop
);
create table client (
    id int primary key, email text not null unique, level text not null,
    friend_id int references client, favourite_id uuid
);
create table bill (
    client_id int not null references client, number int not null, clerk_id int references clerk,
    primary key (client_id, number)
);
create table line (
    id uuid primary key default gen_random_uuid(), client_id int not null, number int not null,
    foreign key (client_id, number) references bill
);
alter table client add foreign key (favourite_id) references line deferrable initially deferred;
create table setting (name text primary key, value text);
insert into region select n, 'region ' || n from generate_series(1, 9) n;
insert into shop select n, 1 + n % 9, 'shop ' || n from generate_series(1, 30) n;
insert into clerk
select n, 'clerk' || n || '@firm.invalid', nullif(n / 2, 0), 1 + n % 30
from generate_series(1, 200) n;
insert into client
select n, 'client' || n || '@mail.invalid', (array['gold', 'iron', 'iron', 'iron'])[1 + n % 4],
    case when n % 7 = 0 then n / 7 end
from generate_series(1, 400) n;
insert into bill select c.id, n, case when n > 1 then 1 + (c.id * 7 + n) % 200 end
from client c, generate_series(1, c.id % 4) n;
insert into line (client_id, number) select client_id, b.number from bill b, generate_series(1, 2);
update client c set favourite_id = (
    select id from line l where l.client_id = 1 + (c.id * 13) % 400 order by id limit 1
) where id % 5 = 0;
insert into setting select 'setting ' || n, n from generate_series(1, 20) n;
"""
TABLES = tuple(
    TableName("public", n) for n in ("region", "shop", "clerk", "client", "bill", "line", "setting")
)
CLIENT = TableName("public", "client")


@pytest.fixture(scope="module")
def firm(lasting_database: Callable[[], str]) -> str:
    url = lasting_database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(FIRM.encode())
    return url


def learned(url: str, subset: Subset, **said: dict[str, str]) -> DatabaseModel:
    masked = {name: said.get(name.name, {}) for name in TABLES}
    asked = Carrying(masked=masked, cipher=CIPHER, subset=subset)
    with open_source(url) as source:
        return learn(source, Learning(k=2, invariants=False, carrying=asked))


def counts(model: DatabaseModel) -> dict[str, int]:
    return {name.name: one.count for name, one in model.carried.items()}


def needed(url: str, chosen: str) -> dict[str, int]:
    """How many rows of each table a subset holds, reckoned by the server alone."""
    order = f"""
        with recursive chosen as (select id from client where {chosen}),
        owned as (select client_id, number, clerk_id from bill where client_id in (table chosen)),
        items as (select id, client_id, number from line
            where (client_id, number) in (select client_id, number from owned)),
        people(id) as (
            table chosen
            union
            select unnest(array[c.friend_id, l.client_id]) from people p
            join client c on c.id = p.id left join line l on l.id = c.favourite_id
        ),
        favourites as (select favourite_id as id from client
            where id in (table people) and favourite_id is not null),
        all_lines as (select id from items union table favourites),
        bills as (select client_id, number, clerk_id from owned union
            select b.client_id, b.number, b.clerk_id from bill b join line l
                on (l.client_id, l.number) = (b.client_id, b.number)
            where l.id in (table favourites)),
        clerks(id) as (select clerk_id from bills where clerk_id is not null union
            select k.boss_id from clerks c join clerk k on k.id = c.id where k.boss_id is not null),
        shops as (select distinct shop_id from clerk where id in (table clerks))
        select (select count(id) from people), (select count(*) from bills),
            (select count(*) from all_lines), (select count(*) from clerks),
            (select count(*) from shops),
            (select count(distinct region_id) from shop where id in (table shops)),
            (select count(*) from setting)
    """  # noqa: S608 - the tests' own words
    [found] = query(url, order)
    names = ("client", "bill", "line", "clerk", "shop", "region", "setting")
    return dict(zip(names, found, strict=True))


@pytest.mark.parametrize("chosen", ["id = 35", "level = 'gold' and id < 60", "id % 5 = 0", "true"])
def test_a_subset_is_closed_over_foreign_keys_and_holds_nothing_else(
    firm: str, chosen: str
) -> None:
    assert counts(learned(firm, Subset(CLIENT, where=chosen))) == needed(firm, chosen)


def test_a_share_is_of_so_many_rows_and_a_larger_one_holds_it(firm: str) -> None:
    keep = {"id": "keep", "friend_id": "keep"}
    small, large = (
        learned(firm, Subset(CLIENT, share=share), client=keep).carried[CLIENT].rows.value
        for share in (0.05, 0.10)
    )
    assert set(small["id"].to_pylist()) <= set(large["id"].to_pylist())
    # 20 of 400 clients, and those that they refer to as friends or by favourite lines.
    assert 20 <= len(small) < len(large) < 120


def test_a_subset_is_loaded_without_orphans(firm: str, new_database: Callable[[], str]) -> None:
    model, url = learned(firm, Subset(CLIENT, share=0.1)), new_database()
    with open_target(url) as target:
        load(model, plan(model, "subset", Request()), target)
        report = verify(model, target)
    assert report.passed, report.findings
    assert {t.table: t.rows for t in report.tables} == {
        f"public.{name}": rows for name, rows in counts(model).items()
    }
    order = "select count(*) from line join bill using (client_id, number) join client c on"
    order += " c.id = client_id where c.email ~ '@example'"
    assert query(url, order) == [(counts(model)["line"],)]


@pytest.mark.parametrize(
    ("where", "text"),
    [
        ("id <", "expected a condition"),
        ("id + 1", "a condition is true or false"),
        ("exists (select 1 from clerk)", "expected a condition"),
        ("id < 0", "none of its 400 rows is chosen"),
        ("nobody = 1", "expected a condition"),
    ],
)
def test_a_subset_that_cannot_be_read_or_is_empty_is_refused(
    firm: str, where: str, text: str
) -> None:
    with pytest.raises(WrongRequest, match=text):
        learned(firm, Subset(CLIENT, where=where))


def test_the_configuration_masks_and_subsets_in_one_run(
    firm: str,
    new_database: Callable[[], str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PROVISIONER_MASK_KEY", "0123456789abcdef" * 2)
    config, file, target = tmp_path / "p.yaml", tmp_path / "m", new_database()
    tables = ", ".join(f"{name.name}: {{mode: mask}}" for name in TABLES)
    config.write_text(f"tables: {{{tables}}}\nsubset: {{table: client, where: id = 35}}")
    asked = ["learn", "--source", firm, "-o", str(file), "--k", "2", "--config", str(config)]
    assert main(asked) == 0
    assert main(["provision", str(file), "--target", target, "--config", str(config)]) == 0
    assert query(target, "select count(*) from bill") == [(needed(firm, "id = 35")["bill"],)]
    capsys.readouterr()
    config.write_text("subset: {table: client, share: 5%}")
    assert main(asked) == 3
    assert "expected a table of mode mask" in capsys.readouterr().err
    config.write_text("subset: {table: client, share: 5%, where: id = 1}")
    assert main(asked) == 3
    assert "expected one of share and where" in capsys.readouterr().err
