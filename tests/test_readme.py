"""Whatever the README shows is run here, and the configurations that pages of `docs` show."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from provisioner.airline.build import build_airline
from provisioner.config import read_config

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
PAGES = [page.read_text("utf-8") for page in sorted((ROOT / "docs").rglob("*.md"))]
YAML = [
    text for page in (README, *PAGES) for text in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
]
LINES = [line for block in BLOCKS for line in block.splitlines()]


def test_the_commands_of_the_readme_run_in_their_order(
    new_database: Callable[[], str], tmp_path: Path
) -> None:
    source, target = new_database(), new_database()
    build_airline(source, passengers=300, flights=1_000)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "SOURCE": source, "TARGET": target, "PATH": path}
    commands = [line for line in LINES if line.startswith("provisioner ")]
    assert [c.split()[1] for c in commands] == [
        *("learn", "provision", "describe", "show", "plan", "plan", "verify")
    ]
    for command in commands:
        done = subprocess.run(
            ["bash", "-c", command], cwd=tmp_path, env=environment, capture_output=True, check=False
        )
        assert done.returncode == 0, (command, done.stderr.decode()[-2000:])


CONFIGURED = """
create table customers (
    id serial primary key, first_name text not null, city text not null,
    password text not null default 'x'
);
create table orders (id serial primary key, customer_id integer not null, total integer not null);
create table events (id serial primary key, kind text not null);
create table notes (id serial primary key, subject_type text not null, subject_id integer not null);
create table sessions (id serial primary key, at timestamp not null);
create table queue (id serial primary key, at timestamp not null);
create table plans (id serial primary key, title text not null);
create function seen() returns trigger language plpgsql as $$
begin
    insert into sessions (at) values (now());
    return new;
end $$;
create trigger seen after insert on orders for each row execute function seen();
insert into customers (first_name, city)
select 'Ann', (array['Rome', 'Oslo'])[1 + n % 2] from generate_series(1, 400) n;
insert into orders (customer_id, total) select 1 + n % 410, n % 50 from generate_series(1, 1000) n;
insert into events (kind) select (array['in', 'out'])[1 + n % 2] from generate_series(1, 500) n;
insert into notes (subject_type, subject_id)
select (array['order', 'customer', 'page'])[1 + n % 3], 1 + n % 400 from generate_series(1, 900) n;
"""


def test_the_configuration_of_its_page_does_what_it_says(
    new_database: Callable[[], str], tmp_path: Path
) -> None:
    text = _yaml("hand_made:")
    source, target = new_database(), new_database()
    with psycopg.connect(source) as connection:
        connection.execute(CONFIGURED)
    [testers] = (t for page in PAGES for t in re.findall(r"```csv\n(.*?)```", page, re.DOTALL))
    (tmp_path / "provisioner.yaml").write_text(text)
    (tmp_path / "testers.csv").write_text(testers)
    urls = {"SOURCE": source, "TARGET": target, "TESTER_PASSWORD": "correct horse"}
    environment = {**os.environ, **urls}
    command = str(Path(sys.executable).parent / "provisioner")
    for arguments in (["learn", "-o", "m"], ["plan", "m"], ["provision", "m"], ["verify", "m"]):
        done = subprocess.run(
            [command, *arguments], cwd=tmp_path, env=environment, capture_output=True, check=False
        )
        assert done.returncode == 0, (arguments, done.stderr.decode()[-2000:])
    with psycopg.connect(target) as connection:
        [found] = connection.execute(
            "select (select count(*) from customers), (select count(*) from events),"
            " (select count(*) from plans), (select count(*) from sessions),"
            " (select first_name || left(password, 14) from customers where id = 1),"
            " (select count(*) from notes where subject_type = 'order'"
            "  and subject_id not in (select id from orders)), to_regclass('queue') is null"
        )
    assert found == (200, 300, 20, 500, "Tesspbkdf2_sha256$", 0, True)


STAGED = """
create table customers (id serial primary key, first_name text not null, city text not null);
create table payments (
    id serial primary key, customer_id int not null references customers, status text not null,
    country text not null, amount int not null);
create table invoices (
    id serial primary key, customer_id int not null references customers, due date not null,
    paid date, kind text not null);
insert into customers (first_name, city)
select 'Ann', (array['Rome', 'Oslo'])[1 + n % 2] from generate_series(1, 600) n;
insert into payments (customer_id, status, country, amount)
select 1 + n % 600, (array['done', 'done', 'done', 'fraud', 'chargeback'])[1 + n * 7 % 5],
    (array['NZ', 'AU', 'FR'])[1 + n * 11 % 3], 10 + n * 13 % 90 from generate_series(1, 3000) n;
insert into invoices (customer_id, due, paid, kind)
select 1 + n % 600, date '2024-01-01' + n * 17 % 366,
    case when n % 4 > 0 then date '2024-01-05' + n * 17 % 366 end,
    (array['sale', 'sale', 'sale', 'refund', 'fee'])[1 + n * 3 % 5]
from generate_series(1, 3000) n;
"""


def _yaml(words: str) -> str:
    """The only configuration that says something."""
    [text] = [text for text in YAML if words in text]
    return str(text)


PERSONS = """
create table countries (code char(2) primary key, name text not null);
create table customers (
    id serial primary key, first_name text not null, email text not null unique,
    birth_date date not null, segment text not null, country char(2) not null references countries
);
create table orders (
    id serial primary key, customer_id int not null references customers, total int not null
);
insert into countries values ('NZ', 'New Zealand'), ('FR', 'France');
insert into customers (first_name, email, birth_date, segment, country)
select 'Ann', 'ann' || n || '@mail.invalid', date '1980-01-01' + n, 'segment ' || n,
    (array['NZ', 'FR'])[1 + n % 2]
from generate_series(1, 400) n;
insert into orders (customer_id, total)
select 1 + n * n % 400, n % 90 from generate_series(1, 900) n;
"""


def test_rows_are_masked_as_their_page_says(
    new_database: Callable[[], str], tmp_path: Path
) -> None:
    source, target = new_database(), new_database()
    with psycopg.connect(source) as connection:
        connection.execute(PERSONS)
    (tmp_path / "provisioner.yaml").write_text(_yaml("birth_date: shift"))
    key = {"PROVISIONER_MASK_KEY": "0123456789abcdef" * 4}
    environment = {**os.environ, **key, "PROVISIONER_SOURCE": source, "PROVISIONER_TARGET": target}
    command = str(Path(sys.executable).parent / "provisioner")
    for arguments in (["learn", "-o", "m"], ["show", "m"], ["provision", "m"], ["verify", "m"]):
        done = subprocess.run(
            [command, *arguments], cwd=tmp_path, env=environment, capture_output=True, check=False
        )
        assert done.returncode == 0, (arguments, done.stderr.decode()[-2000:])
    rows = "select segment, country, name, sum(total), count(*) from customers c join countries"
    rows += (
        " on code = country left join orders o on o.customer_id = c.id group by 1, 2, 3 order by 1"
    )
    people = "select first_name, email, birth_date from customers"
    with psycopg.connect(source) as before, psycopg.connect(target) as after:
        assert before.execute(rows).fetchall() == after.execute(rows).fetchall()
        assert not set(before.execute(people)) & set(after.execute(people))


def test_a_subset_of_rows_is_masked_as_their_page_says(
    new_database: Callable[[], str], tmp_path: Path
) -> None:
    source, target = new_database(), new_database()
    with psycopg.connect(source) as connection:
        connection.execute(PERSONS)
    (tmp_path / "provisioner.yaml").write_text(_yaml("share: 5%"))
    key = {"PROVISIONER_MASK_KEY": "0123456789abcdef" * 4}
    environment = {**os.environ, **key, "PROVISIONER_SOURCE": source, "PROVISIONER_TARGET": target}
    command = str(Path(sys.executable).parent / "provisioner")
    for arguments in (["learn", "-o", "m"], ["provision", "m"]):
        done = subprocess.run(
            [command, *arguments], cwd=tmp_path, env=environment, capture_output=True, check=False
        )
        assert done.returncode == 0, (arguments, done.stderr.decode()[-2000:])
    with psycopg.connect(target) as connection:
        [found] = connection.execute(
            "select (select count(*) from customers), (select count(*) from countries)"
        )
    assert found == (20, 2)


def test_the_scenarios_of_their_page_are_enacted(
    new_database: Callable[[], str], tmp_path: Path
) -> None:
    text = _yaml("scenarios:")
    source, target = new_database(), new_database()
    with psycopg.connect(source) as connection:
        connection.execute(STAGED)
    (tmp_path / "provisioner.yaml").write_text(text)
    environment = {**os.environ, "PROVISIONER_SOURCE": source, "PROVISIONER_TARGET": target}
    command = str(Path(sys.executable).parent / "provisioner")
    for arguments in (["learn", "-o", "m"], ["plan", "m"], ["provision", "m"], ["verify", "m"]):
        done = subprocess.run(
            [command, *arguments], cwd=tmp_path, env=environment, capture_output=True, check=False
        )
        assert done.returncode == 0, (arguments, done.stderr.decode()[-2000:])
    assert "fraud abroad" in done.stdout.decode()
    with psycopg.connect(target) as connection:
        [found] = connection.execute(
            "select count(*) filter (where status = 'fraud' and country <> 'NZ'),"
            " (select count(*) from invoices where due < date '2024-06-01' and paid is null),"
            " (select count(*) from (select from payments where status = 'chargeback'"
            "  group by customer_id having count(*) >= 2) as c),"
            " (select count(*) from invoices where kind = 'refund') from payments"
        )
    assert found[:3] == (60, 500, 60)
    # Three times the fifth that are refunds, as far as so many rows tell of a share.
    assert abs(found[3] - 3 * 600) <= 3 * 5 * (3000 * 0.2 * 0.8 * 2) ** 0.5


def test_the_rules_of_their_page_are_dropped_relaxed_and_added(
    new_database: Callable[[], str], tmp_path: Path
) -> None:
    text = _yaml("relax:")
    source, target = new_database(), new_database()
    with psycopg.connect(source) as connection:
        connection.execute((ROOT / "tests" / "databases" / "rules.sql").read_bytes())
    (tmp_path / "provisioner.yaml").write_text(text)
    environment = {**os.environ, "PROVISIONER_SOURCE": source, "PROVISIONER_TARGET": target}
    command = str(Path(sys.executable).parent / "provisioner")
    told = ""
    for arguments in (["learn", "-o", "m"], ["show", "m"], ["provision", "m"], ["verify", "m"]):
        done = subprocess.run(
            [command, *arguments], cwd=tmp_path, env=environment, capture_output=True, check=False
        )
        assert done.returncode == 0, (arguments, done.stderr.decode()[-2000:])
        told += done.stdout.decode() + done.stderr.decode()
    assert "no such rule was found" not in told
    with psycopg.connect(target) as connection:
        [found] = connection.execute(
            "select count(*) filter (where quantity * price >= 700),"
            " count(*) filter (where amount <> quantity * price), (select count(*) from orders as o"
            "  where subtotal <> (select sum(amount) from lines where order_id = o.id)) from lines"
        )
    assert (found[0], found[2]) == (0, 0)
    assert found[1] > 1000


@pytest.mark.parametrize("line", [line for line in LINES if line.startswith("make ")])
def test_what_the_readme_makes_is_a_target_of_the_makefile(line: str) -> None:
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert line.split()[1] in targets


def test_every_benchmark_that_the_readme_names_is_there() -> None:
    named = re.findall(r"python -m benchmarks\.(\w+)", README)
    assert named
    assert all((ROOT / "benchmarks" / f"{name}.py").is_file() for name in named)


def test_every_command_is_in_the_readmes_table() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "provisioner"), "--help"],
        capture_output=True,
        check=True,
    )
    offered = re.findall(r"^  (\w+)  +\S", done.stdout.decode().split("Commands:")[1], re.MULTILINE)
    assert offered
    assert all(f"| `{name}` |" in README for name in offered)


def test_the_limits_of_attacks_in_the_readme_are_the_ones_that_count_without_them() -> None:
    [text] = (block for block in YAML if "attacks:" in block)
    assert read_config(text, "provisioner.yaml", {}) == read_config("", "provisioner.yaml", {})
