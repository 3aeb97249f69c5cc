"""The command line starts at once, tells mistakes in one line, and answers by its exit code."""

import json
import os
import secrets
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from connectors.server import ServerFacts, Setting
from generators.tables import table_generators
from provisioner import finishing
from provisioner.advice import advised
from provisioner.cli import main
from provisioner.commands import names
from provisioner.commands.learn import learn

HEAVY = ("torch", "pandas", "pyarrow", "sqlalchemy", "numpy", "rich", "pydantic", "psycopg")
SHOP = """
CREATE TABLE customers (id serial PRIMARY KEY, first_name text NOT NULL, email text, city text);
CREATE TABLE orders (id serial PRIMARY KEY, customer_id int NOT NULL REFERENCES customers,
                     status text NOT NULL, total numeric(8, 2) NOT NULL);
INSERT INTO customers (first_name, email, city)
    SELECT 'Ann', 'ann' || n || '@shop.net', (ARRAY['Rome', 'Oslo', 'Bern'])[1 + n % 3]
    FROM generate_series(1, 300) n;
INSERT INTO orders (customer_id, status, total)
    SELECT 1 + n % 300, (ARRAY['open', 'paid'])[1 + n % 2], n % 90 FROM generate_series(1, 900) n;
ANALYZE;
"""
PASSWORD = "hunter2-secret"  # noqa: S105 - it belongs to no role; it must not show up anywhere

Told = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def shop(lasting_database: Callable[[], str]) -> str:
    """One small shop for all tests that only read it."""
    url = lasting_database()
    with psycopg.connect(url) as connection:
        connection.execute(SHOP)
    return url


@pytest.fixture(scope="module")
def model(shop: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop's model, learned by the command."""
    path = tmp_path_factory.mktemp("models") / "shop.model"
    assert main(["learn", "--source", shop, "-o", str(path), "--unit", "customers"]) == 0
    return path


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Told:
    """Runs a command in this process; answers exit code, stdout and stderr."""

    def run(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([str(a) for a in arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return run


def is_one_line(text: str) -> bool:
    return text.startswith("error: ") and text.count("\n") == 1


@pytest.mark.parametrize("arguments", [[], *([name] for name in names())])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    script = (
        "import sys; from provisioner.cli import main; code = main(sys.argv[1:]);"
        f"loaded = [m for m in {HEAVY} if m in sys.modules];"
        "sys.exit(str(loaded) if loaded else code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments, "--help"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage: provisioner")


def test_a_load_waits_for_no_library_that_it_does_not_use() -> None:
    code = (
        "import sys, provisioner.load, connectors.engines.postgresql.engine;"
        "print(*{'ray', 'adbc_driver_manager.dbapi', 'torch'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, [], "")


def test_every_table_generator_can_be_chosen() -> None:
    option = next(p for p in learn.params if p.name == "table_model")
    assert set(option.type.choices) == set(table_generators())  # type: ignore[attr-defined] # Choice


def test_a_shop_is_learned_planned_provisioned_and_verified(
    told: Told, model: Path, database: str
) -> None:
    code, out, _ = told("plan", model, "--scale", 2, "--output", "json")
    assert (code, json.loads(out)["rows"]) == (0, 2400)
    code, out, err = told("provision", model, "--target", database, "--scale", 2)
    assert code == 0
    assert out.endswith("verified\n")
    assert "load: public.orders 1,800 rows" in err
    code, out, _ = told("verify", model, "--target", database, "--output", "json")
    found = json.loads(out)
    assert (code, found["passed"]) == (0, True)
    assert {t["table"]: t["rows"] for t in found["tables"]} == {
        "public.customers": 600,
        "public.orders": 1800,
    }


def test_exact_rows_of_a_root_carry_what_it_owns(told: Told, model: Path) -> None:
    _, out, _ = told("plan", model, "--rows", "customers=30", "--output", "json")
    tables = {name: n for tree in json.loads(out)["trees"] for name, n in tree["tables"].items()}
    assert tables == {"public.customers": 30, "public.orders": 90}


def test_a_broken_target_exits_with_1_and_names_the_finding(
    told: Told, model: Path, database: str
) -> None:
    code, out, _ = told("provision", model, "--target", database, "--output", "json")
    assert (code, json.loads(out)["report"]["passed"]) == (0, True)
    with psycopg.connect(database) as connection:
        connection.execute("DELETE FROM public.orders WHERE id IN (SELECT min(id) FROM orders)")
    code, out, _ = told("verify", model, "--target", database)
    assert code == 1
    assert "row-count" in out
    assert "899 rows found, 900 planned" in out


def test_rows_that_cannot_be_made_stop_before_the_target_is_touched(
    told: Told, new_database: Callable[[], str], tmp_path: Path
) -> None:
    source, target, path = new_database(), new_database(), tmp_path / "narrow.model"
    with psycopg.connect(source) as connection:
        connection.execute(
            "CREATE TABLE rooms (id smallint PRIMARY KEY, floor int);"
            "INSERT INTO rooms SELECT n, n % 3 FROM generate_series(1, 500) n"
        )
    assert told("learn", "--source", source, "-o", path)[0] == 0
    assert told("plan", path, "--scale", 1000)[0] == 1
    code, out, _ = told("provision", path, "--target", target, "--scale", 1000)
    assert code == 1
    assert "unmeetable" in out
    with psycopg.connect(target) as connection:
        assert connection.execute("SELECT to_regnamespace('provisioner')").fetchone() == (None,)


def test_what_a_file_holds_is_listed_for_a_reviewer(told: Told, model: Path) -> None:
    code, out, _ = told("show", model)
    assert code == 0
    assert "Not promised:" in out
    found = json.loads(told("show", model, "--output", "json")[1])
    tables = {t["name"]: t for t in found["tables"]}
    assert found["k"] == 11
    assert tables["public.orders"]["owner"] == tables["public.orders"]["unit"] == "public.customers"
    columns = {c["name"]: c for c in tables["public.customers"]["columns"]}
    assert columns["id"]["generator"] == "key: serial"
    assert columns["email"]["personal"] is True
    assert columns["city"]["withheld"] == 0


def test_a_source_is_described_with_its_people(told: Told, shop: str) -> None:
    assert told("describe", "--source", shop)[0] == 0
    found = json.loads(told("describe", "--source", shop, "--distinct", "--output", "json")[1])
    customers, orders = found["tables"]
    assert (customers["name"], customers["rows"], orders["depth"]) == ("public.customers", 300, 1)
    columns = {c["name"]: c for c in customers["columns"]}
    assert columns["email"]["personal"] == "email"
    assert columns["city"]["distinct"] == 3


def test_doctor_looks_at_machine_and_databases(told: Told, shop: str, database: str) -> None:
    code, out, _ = told("doctor", "--source", shop, "--target", database, "--output", "json")
    found = json.loads(out)
    assert (code, found["passed"]) == (0, True)
    assert {"python", "pg_dump", "max_wal_size"} <= {f["name"] for f in found["facts"]}


def test_doctor_finds_what_would_stop_a_load(told: Told, shop: str) -> None:
    absent = urlsplit(shop)._replace(path="/no_such_database").geturl()
    code, out, _ = told("doctor", "--source", absent, "--target", shop)
    assert code == 1
    assert "it holds 2 tables" in out
    assert "no_such_database" in out


def test_doctor_says_which_settings_to_change(told: Told, database: str) -> None:
    with psycopg.connect(database, autocommit=True) as owner:
        (name,) = owner.execute("SELECT current_database()").fetchone() or ("",)
        for change in ("statement_timeout", "default_transaction_read_only"):
            order = sql.SQL("ALTER DATABASE {} SET {} = {}")
            value = "5min" if change == "statement_timeout" else "on"
            owner.execute(order.format(*map(sql.Identifier, (name, change)), value))
    code, out, _ = told("doctor", "--target", database, "--output", "json")
    found = {f["place"]: f for f in json.loads(out)["findings"]}
    assert (code, found["target default_transaction_read_only"]["severity"]) == (1, "error")
    assert found["target statement_timeout"]["text"].startswith("5min found; ")


@pytest.mark.parametrize(
    ("name", "text", "number", "order"),
    [
        ("max_wal_size", "1GB", 1 << 30, "ALTER SYSTEM SET max_wal_size = '4GB'"),
        ("shared_buffers", "128MB", 128 << 20, "then a restart"),
        ("checkpoint_timeout", "5min", 300, "then SELECT pg_reload_conf()"),
        ("synchronous_commit", "on", None, "SET synchronous_commit = off"),
        ("synchronous_standby_names", "b", None, "SET synchronous_commit = local"),
        ("autovacuum", "on", 1, "ALTER SYSTEM SET autovacuum = 'off'"),
        ("archive_mode", "on", None, "archived"),
    ],
)
def test_each_setting_that_slows_a_load_is_told_with_what_to_write(
    name: str, text: str, number: float | None, order: str
) -> None:
    context = "postmaster" if name == "shared_buffers" else "sighup"
    settings = {name: Setting(text, number, context)}
    facts = ServerFacts("18.1", 18, "loader", 0, (), True, False, settings, 0, None)
    [finding] = advised(facts)
    assert finding.place == f"target {name}"
    assert finding.text.startswith(f"{text} found; ")
    assert order in finding.text


def test_a_server_that_is_set_up_for_loads_needs_no_advice() -> None:
    good = {
        "max_wal_size": Setting("8GB", 8 << 30, "sighup"),
        "shared_buffers": Setting("1GB", 1 << 30, "postmaster"),
        "synchronous_commit": Setting("off", None, "user"),
        "max_locks_per_transaction": Setting("64", 64, "postmaster"),
        "max_connections": Setting("100", 100, "postmaster"),
    }
    assert not list(advised(ServerFacts("18.1", 18, "x", 90, (), True, False, good, 0, None)))


def test_doctor_finds_privileges_that_are_missing(
    told: Told, database: str, server_url: str
) -> None:
    role = f"test_role_{secrets.token_hex(4)}"
    name = sql.Identifier(role)
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute("CREATE TABLE hidden (id int)")
        owner.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'of-no-use'").format(name))
    parts = urlsplit(database)
    login = parts._replace(netloc=f"{role}:of-no-use@{parts.netloc.rpartition('@')[2]}").geturl()
    try:
        code, out, _ = told("doctor", "--source", login, "--target", login, "--output", "json")
    finally:
        with psycopg.connect(server_url, autocommit=True) as owner:
            owner.execute(sql.SQL("DROP ROLE {}").format(name))
    kinds = {f["kind"] for f in json.loads(out)["findings"]}
    assert code == 1
    assert {"unreadable", "missing-privilege", "not-empty", "not-owner"} <= kinds


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("postgresql://ann@127.0.0.1:1/shop", "no PostgreSQL server answers"),
        ("postgresql://ann@no-such-host.invalid/shop", "no PostgreSQL server answers"),
        ("oracle://ann@localhost/shop", "expected one of: postgresql://"),
        ("postgresql://ann@localhost:port/shop", "cannot be read"),
        (f"password={PASSWORD} dbname=shop", "expected one of: postgresql://"),
        ("", "expected one of: postgresql://"),
    ],
)
def test_a_source_that_cannot_be_opened_is_told_in_one_line(
    told: Told, tmp_path: Path, url: str, part: str
) -> None:
    code, out, err = told("learn", "--source", url, "-o", tmp_path / "m")
    assert (code, out) == (3, "")
    assert is_one_line(err)
    assert part in err
    assert "hunter2" not in err
    assert not list(tmp_path.iterdir())


def test_a_missing_database_is_named(told: Told, shop: str, tmp_path: Path) -> None:
    absent = urlsplit(shop)._replace(path="/no_such_database").geturl()
    code, _, err = told("learn", "--source", absent, "-o", tmp_path / "m")
    assert code == 3
    assert is_one_line(err)
    assert "'no_such_database'" in err


@pytest.mark.parametrize("command", ["describe", "learn", "provision", "verify", "doctor"])
def test_a_refused_password_is_not_printed(
    told: Told, shop: str, model: Path, tmp_path: Path, command: str
) -> None:
    parts = urlsplit(shop)
    place = parts.netloc.rpartition("@")[2]
    url = parts._replace(netloc=f"nobody_{os.getpid()}:{PASSWORD}@{place}").geturl()
    arguments: dict[str, list[object]] = {
        "describe": ["--source", url],
        "learn": ["--source", url, "-o", tmp_path / "m"],
        "provision": [model, "--target", url],
        "verify": [model, "--target", url],
        "doctor": ["--source", url],
    }
    code, out, err = told(command, *arguments[command])
    assert code == (1 if command == "doctor" else 3)
    assert "refused" in out + err
    assert PASSWORD not in out + err


def test_the_environment_may_name_the_source(
    told: Told, shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROVISIONER_SOURCE", shop)
    assert told("describe", "--output", "json")[0] == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["plan", "--no-such-option"],
        ["no-such-command"],
        ["plan"],
        ["describe"],
        ["plan", "FILE", "--scale", "0"],
        ["plan", "FILE", "--scale", "-1"],
        ["plan", "FILE", "--seed", "-1"],
        ["plan", "FILE", "--output", "xml"],
        ["learn", "--source", "postgresql://localhost/x", "-o", "no-such-folder/m"],
        ["learn", "--source", "postgresql://localhost/x", "-o", "."],
        ["learn", "--source", "postgresql://localhost/x"],
        ["learn", "--source", "postgresql://localhost/x", "-o", "m", "--k", "0"],
    ],
)
def test_wrong_usage_exits_with_2(
    told: Told, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = told(*arguments)
    assert (code, out) == (2, "")
    assert "Error: " in err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("rows", "part"),
    [
        ("custmers=5", "did you mean public.customers?"),
        ("zzz=5", "expected one of public.customers, public.orders"),
        ("orders=5", "follow those of public.customers"),
        ("customers", "expected TABLE=N"),
        ("customers=-1", "expected TABLE=N"),
        ("customers=many", "expected TABLE=N"),
    ],
)
def test_rows_of_a_wrong_table_or_number_are_explained(
    told: Told, model: Path, rows: str, part: str
) -> None:
    code, _, err = told("plan", model, "--rows", rows)
    assert code == 2
    assert is_one_line(err)
    assert part in err


def test_an_unknown_unit_is_an_error_with_a_suggestion(
    told: Told, shop: str, tmp_path: Path
) -> None:
    code, _, err = told(
        "learn", "--source", shop, "-o", tmp_path / "m", "--unit", "public.customer"
    )
    assert code == 2
    assert "did you mean public.customers?" in err
    assert not list(tmp_path.iterdir())


def _missing(_model: Path, path: Path) -> None:
    path.unlink(missing_ok=True)


def _truncated(model: Path, path: Path) -> None:
    path.write_bytes(model.read_bytes()[:-2000])


def _foreign(_model: Path, path: Path) -> None:
    path.write_text("no archive at all")


def _another_zip(_model: Path, path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("hello.txt", "hello")


def _newer(model: Path, path: Path) -> None:
    with zipfile.ZipFile(model) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "manifest.json":
                data = json.dumps({**json.loads(data), "format": 99}).encode()
            new.writestr(name, data)


@pytest.mark.parametrize("spoil", [_missing, _truncated, _foreign, _another_zip, _newer])
@pytest.mark.parametrize("command", ["show", "plan", "provision", "verify"])
def test_a_file_that_is_no_readable_model_is_told_in_one_line(
    told: Told, model: Path, tmp_path: Path, spoil: Callable[[Path, Path], None], command: str
) -> None:
    path = tmp_path / "spoiled.model"
    spoil(model, path)
    # No server listens there: the file is looked at before anybody connects.
    side = (
        ["--target", "postgresql://ann@127.0.0.1:1/x"] if command in {"provision", "verify"} else []
    )
    code, out, err = told(command, path, *side)
    assert (code, out) == (3, "")
    assert is_one_line(err)
    assert "spoiled.model" in err


def test_the_source_is_refused_as_target(told: Told, model: Path, shop: str) -> None:
    code, _, err = told("provision", model, "--target", shop)
    assert code == 3
    assert "the database that the model was learned from" in err


def test_a_target_with_tables_is_refused_and_left_alone(
    told: Told, model: Path, database: str
) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("CREATE TABLE mine (id int)")
    code, _, err = told("provision", model, "--target", database)
    assert code == 3
    assert "public.mine" in err
    assert told("verify", model, "--target", database)[0] == 3


def test_a_failed_disk_is_told_by_its_reason(
    told: Told, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "shop.model")

    monkeypatch.setattr("generators.archive.read_archive", full)
    assert told("show", model) == (3, "", "error: No space left on device: shop.model\n")


def test_a_bug_is_named_by_its_place_without_its_text(
    told: Told, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyError(PASSWORD)

    monkeypatch.setattr("generators.archive.read_archive", broken)
    code, out, err = told("show", model)
    assert (code, out) == (3, "")
    assert is_one_line(err)
    assert "a bug: KeyError in test_cli.py" in err
    assert "PROVISIONER_DEBUG=1" in err
    assert PASSWORD not in err
    monkeypatch.setenv("PROVISIONER_DEBUG", "1")
    assert "Traceback" in told("show", model)[2]


@pytest.mark.parametrize(
    ("arguments", "kind", "code"),
    [
        (["plan", "absent.model"], "NotAnArchive", 3),
        (["plan", "{model}", "--rows", "customers"], "WrongRequest", 2),
        (["plan", "{model}", "--scale", "none"], "BadParameter", 2),
        (["show"], "MissingParameter", 2),
    ],
)
def test_beside_a_line_for_people_an_error_is_a_document_for_machines(
    told: Told, model: Path, arguments: list[str], kind: str, code: int
) -> None:
    given = [argument.format(model=model) for argument in arguments]
    found, out, err = told(*given, "--output", "json")
    document = json.loads(out)["error"]
    assert (found, document["code"], document["kind"]) == (code, code, kind)
    assert document["text"].removeprefix("error: ") in " ".join(err.split())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_between_shards_keeps_them_and_the_same_command_resumes(
    told: Told, model: Path, database: str, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    before = signal.getsignal(signal.SIGTERM)

    def interrupted(*_: object) -> None:
        signal.raise_signal(number)

    with monkeypatch.context() as patch:
        patch.setattr(finishing, "remaining_steps", interrupted)
        code, out, err = told("provision", model, "--target", database)
    assert (code, out) == (130, "")
    assert err.endswith("shards already committed stay; run the same command to resume\n")
    assert told("verify", model, "--target", database)[0] == 3
    code, out, err = told("provision", model, "--target", database)
    assert code == 0
    assert "resuming" in err
    assert told("provision", model, "--target", database, "--seed", 5)[0] == 3
    assert signal.getsignal(signal.SIGTERM) == before


def test_an_interrupt_before_anything_is_written_says_so(
    told: Told, shop: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("provisioner.learn.models", interrupted)
    code, _, err = told("learn", "--source", shop, "-o", tmp_path / "m")
    assert code == 130
    assert "stopped; nothing was written\n" in err
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_no_model_is_not_replaced(told: Told, shop: str, tmp_path: Path) -> None:
    mine = tmp_path / "notes.txt"
    mine.write_text("mine")
    code, _, err = told("learn", "--source", shop, "-o", mine)
    assert (code, mine.read_text()) == (2, "mine")
    assert "holds no model" in err
