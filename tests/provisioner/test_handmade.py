"""Rows made by hand join the drawn ones: with their keys, their children and what they refer to."""

import hashlib
from base64 import b64decode
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

import pytest
from querying import query

from connectors.engines import open_target
from connectors.schema import TableName
from generators.archive import fingerprint, read_archive
from generators.model import DatabaseModel
from provisioner.cli import main
from provisioner.config import read_config
from provisioner.errors import Infeasible, WrongConfig
from provisioner.events import Advanced, Event
from provisioner.given import Given, planned_rows
from provisioner.handmade import hand_made
from provisioner.learning import Learning
from provisioner.load import load
from provisioner.plan import Plan, plan
from provisioner.report import Report
from provisioner.request import Request
from provisioner.verify import verify

SCHEMA = (Path(__file__).parent.parent / "databases" / "hand_made.sql").read_text("utf-8")
AS_OF = date(2024, 6, 3)
ORDER = "00000000-0000-4000-8000-00000000beef"
CONFIG = """
tables:
  users:
    hand_made: users.csv
    passwords: {password_hash: pbkdf2_sha256}
  country:
    hand_made:
      - {code: DE, name: Germany}
  profile:
    hand_made:
      - {user_id: 77, bio: a tester}
  orders:
    hand_made:
      - {id: ORDER, user_id: 77, placed: 2024-05-01 12:00:00, shipped: null, total: "9.90"}
      - {user_id: 77, total: "19.90"}
      - {user_id: 500, total: "29.90"}
      - {total: "39.90"}
  lines:
    hand_made:
      - {order_id: ORDER, line: 1000, amount: 5}
  seats:
    hand_made:
      - {hall: 3, place: 7, label: the best}
  notices:
    hand_made:
      - {id: 1, body: welcome}
""".replace("ORDER", ORDER)
USERS = """id,email,password_hash,role,born,manager,country
77,tester@ours.example,${PASSWORD},admin,1990-02-28,,DE
5000,second@ours.example,other,clerk,,77,\\N
3,third@elsewhere.com,other,,,,
"""
PASSWORD = "correct horse"  # noqa: S105 - a tester's, in no database but the test's


@pytest.fixture(scope="module")
def archive(filled_database: Callable[[str], str], learned_archive: Callable[..., Path]) -> Path:
    return learned_archive(filled_database(SCHEMA), Learning(as_of=AS_OF))


def made(
    model: DatabaseModel, folder: Path, config: str = CONFIG, users: str = USERS, seed: int = 4
) -> Mapping[TableName, Given]:
    (folder / "users.csv").write_text(users)
    environment = {"PASSWORD": PASSWORD}
    read = read_config(config, str(folder / "provisioner.yaml"), environment)
    return hand_made(read, model.schema, seed, environment)


def planned(
    archive: Path, given: Mapping[TableName, Given], scale: float = 1.0, as_of: date | None = None
) -> Plan:
    found = read_archive(archive)
    summaries = tuple(planned_rows(one, found.tables[name]) for name, one in sorted(given.items()))
    request = Request(scale, seed=4, as_of=as_of)
    return plan(found, fingerprint(archive), request, (), summaries)


def provisioned(
    archive: Path, given: Mapping[TableName, Given], url: str, scale: float = 1.0
) -> str:
    with open_target(url) as target:
        load(read_archive(archive), planned(archive, given, scale), target, given=given)
    return url


def verified(model: DatabaseModel, url: str) -> Report:
    with open_target(url) as target:
        return verify(model, target)


@pytest.fixture(scope="module")
def staging(
    archive: Path,
    model: DatabaseModel,
    lasting_database: Callable[[], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> str:
    given = made(model, tmp_path_factory.mktemp("config"))
    return provisioned(archive, given, lasting_database())


def test_the_rows_are_there_with_what_was_given_and_the_rest_is_drawn(staging: str) -> None:
    rows = query(
        staging,
        "select id, email, role, born, manager, country from users"
        " where email ~ 'ours.example|elsewhere' order by id desc",
    )
    [second, first, third] = rows
    assert first[:4] == (77, "tester@ours.example", "admin", date(1990, 2, 28))
    assert first[5] == "DE"
    assert (second[0], second[2], second[4], second[5]) == (5000, "clerk", 77, None)
    assert third[0] == 3
    assert all(row[3] is not None and row[2] is not None for row in rows)


def test_the_load_is_valid_and_leaks_nothing(model: DatabaseModel, staging: str) -> None:
    report = verified(model, staging)
    assert report.passed, report.findings
    counts = query(staging, "select count(*), count(distinct id), min(id) from users")
    assert counts == [(900, 900, 1)]
    # Key 77 was that of a drawn row, which holds another one now: keys are those without the file.
    assert query(staging, "select count(*) from users where id > 900") == [(1,)]


def test_drawn_rows_belong_to_hand_made_ones_as_to_any(staging: str) -> None:
    lines = query(
        staging,
        f"select line, amount from lines where order_id = '{ORDER}'"  # noqa: S608 - a constant
        " order by line desc",
    )
    assert lines[0] == (1000, 5)
    found = query(
        staging,
        "select count(*), count(*) filter (where total in (9.9, 19.9)) from orders"
        " where user_id = 77",
    )
    assert found[0][1] == 2
    assert found[0][0] >= 2
    assert query(staging, "select user_id, bio from profile where user_id = 77") == [
        (77, "a tester")
    ]
    assert query(staging, "select count(*) from orders where user_id = 500 and total = 29.9") == [
        (1,)
    ]
    assert query(staging, "select count(*) from orders where total = 39.9") == [(1,)]


def test_a_composite_key_and_an_empty_table_take_them_too(staging: str) -> None:
    assert query(staging, "select label from seats where (hall, place) = (3, 7)") == [("the best",)]
    assert query(staging, "select id, body from notices") == [(1, "welcome")]


def test_a_given_value_that_a_drawn_row_would_have_is_taken_from_it(
    archive: Path, model: DatabaseModel, new_database: Callable[[], str], tmp_path: Path
) -> None:
    plain = provisioned(archive, {}, new_database())
    [(order, email)] = query(
        plain, "select o.id, email from orders o join users u on u.id = user_id order by 1 limit 1"
    )
    taken = f"""tables:
  users: {{hand_made: [{{email: {email}, role: admin}}]}}
  orders: {{hand_made: [{{id: {order}, total: 1.25}}]}}"""
    url = provisioned(archive, made(model, tmp_path, taken), new_database())
    assert verified(model, url).passed
    assert query(url, "select email from users where role = 'admin'") == [(email,)]
    assert query(url, "select id from orders where total = 1.25") == [(order,)]
    emails = "select array_agg(email order by email) from users"
    assert query(url, emails) == query(plain, emails)


def test_a_password_is_hashed_as_its_framework_checks_it(staging: str) -> None:
    [(stored,)] = query(staging, "select password_hash from users where id = 77")
    scheme, rounds, salt, held = stored.split("$")
    expected = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), salt.encode(), int(rounds))
    assert scheme == "pbkdf2_sha256"
    assert b64decode(held) == expected
    salts = query(
        staging, "select split_part(password_hash, '$', 3) from users where id in (3, 77)"
    )
    assert len(set(salts)) == 2


def test_no_error_and_no_text_shows_a_password(model: DatabaseModel, tmp_path: Path) -> None:
    wrong = "tables: {users: {hand_made: [{id: '${PASSWORD}', born: '${PASSWORD}'}]}}"
    with pytest.raises(WrongConfig) as raised:
        made(model, tmp_path, wrong)
    assert PASSWORD not in str(raised.value)
    assert PASSWORD not in repr(read_config(wrong, "f", {"PASSWORD": PASSWORD}))
    plain = "tables: {users: {hand_made: users.csv}}"
    with pytest.raises(WrongConfig) as raised:
        made(model, tmp_path, plain, "id,role\n1,${PASSWORD}\n${PASSWORD},clerk\n")
    assert PASSWORD not in str(raised.value)


def test_no_value_is_in_the_ledger(staging: str) -> None:
    with open_target(staging) as target:
        told = repr(target.ledger())
    assert "users" in told
    for secret in (PASSWORD, "tester@ours.example", "pbkdf2"):
        assert secret not in told


@pytest.mark.parametrize("scale", [0.1, 30.0])
def test_any_number_of_shards_keeps_every_constraint(
    archive: Path, model: DatabaseModel, database: str, tmp_path: Path, scale: float
) -> None:
    config = CONFIG.replace("user_id: 500", "user_id: 26000" if scale > 1 else "user_id: 50")
    given = made(model, tmp_path, config)
    if scale > 1:
        assert planned(archive, given, scale).trees[-1].shards > 1
    provisioned(archive, given, database, scale)
    report = verified(model, database)
    assert report.passed, report.findings
    assert query(database, "select count(*) from orders where total in (9.9, 19.9, 29.9)") == [(3,)]


def test_a_stopped_load_is_resumed_to_the_same_rows(
    archive: Path, model: DatabaseModel, staging: str, database: str, tmp_path: Path
) -> None:
    def stop(event: Event) -> None:
        if isinstance(event, Advanced) and event.stage == "load" and event.place == "public.orders":
            raise KeyboardInterrupt

    given = made(model, tmp_path)
    with pytest.raises(KeyboardInterrupt), open_target(database) as target:
        load(model, planned(archive, given), target, stop, given)
    provisioned(archive, made(model, tmp_path), database)
    assert checksums(database) == checksums(staging)


def checksums(url: str) -> Mapping[str, str]:
    with open_target(url) as target:
        return {str(t.name): target.checksum(t).digest for t in target.schema().tables}


def test_rows_that_changed_are_no_longer_those_of_the_plan(
    archive: Path, model: DatabaseModel, database: str, tmp_path: Path
) -> None:
    given = made(model, tmp_path)
    others = made(model, tmp_path, users=USERS.replace("1990", "1991"))
    assert planned(archive, given).fingerprint != planned(archive, others).fingerprint
    with open_target(database) as target, pytest.raises(WrongConfig, match="plan again"):
        load(model, planned(archive, given), target, given=others)
    assert query(database, "select to_regclass('users') is null") == [(True,)]


def test_given_times_stay_when_all_others_move(
    archive: Path, model: DatabaseModel, database: str, tmp_path: Path
) -> None:
    given = made(model, tmp_path)
    moved = planned(archive, given, as_of=date(2025, 6, 3))
    with open_target(database) as target:
        load(model, moved, target, given=given)
    found = query(database, "select placed::text from orders where total = 9.9")
    assert found == [("2024-05-01 12:00:00",)]
    [(first,)] = query(database, "select min(placed) from orders where total <> 9.9")
    assert first.year >= 2023
    assert query(database, "select max(placed) > '2024-09-01' from orders") == [(True,)]


def test_given_times_are_judged_as_they_are_written(
    archive: Path, model: DatabaseModel, database: str, tmp_path: Path
) -> None:
    """A day that the check allows, and would not allow where it is drawn: ten years later."""
    config = "tables: {users: {hand_made: [{id: 5, born: 2019-12-31}]}}"
    given = made(model, tmp_path, config)
    early = planned(archive, given, as_of=date(2014, 6, 3))
    assert early.shift is not None
    assert "born" in early.shift.of(TableName("public", "users"))
    with open_target(database) as target:
        load(model, early, target, given=given)
    assert query(database, "select born::text from users where id = 5") == [("2019-12-31",)]


MISTAKES = [
    ("role", "wizard", "line 2: breaks users_role_check; expected"),
    ("born", "soon", "line 2, column born: expected a day such as 2026-01-31"),
    ("country", "XX", "line 2, column country: no row of public.country has this value in code"),
    ("manager", "123456", "line 2, column manager: no row of public.users has this value in id"),
    ("id", "5000", "line 3: repeats id of another row"),
    ("id", "many", "line 2, column id: expected a value of type integer"),
    ("id", r"\N", "line 2, column id: found null; this column must hold a value"),
    ("email", "third@elsewhere.com", "line 4: repeats email of another row"),
]


ALONE = """tables: {users: {hand_made: users.csv}, country: {hand_made: [{code: DE}]}}"""


@pytest.mark.parametrize(("column", "value", "words"), MISTAKES)
def test_a_mistake_is_told_with_line_and_column_before_anything_is_written(
    archive: Path, database: str, tmp_path: Path, column: str, value: str, words: str
) -> None:
    model = read_archive(archive)
    header, first, *rest = USERS.splitlines()
    cells = first.split(",")
    cells[header.split(",").index(column)] = value
    users = "\n".join([header, ",".join(cells), *rest])
    with pytest.raises(WrongConfig) as raised:
        provisioned(archive, made(model, tmp_path, ALONE, users), database)
    assert words in str(raised.value)
    assert "users.csv, line" in str(raised.value)
    assert query(database, "select to_regclass('users') is null") == [(True,)]


WRONG_FILES = [
    ("tables: {users: {hand_made: none.csv}}", USERS, "none.csv cannot be read"),
    ("tables: {users: {hand_made: users.csv}}", "id,id\n1,2\n", "line 1: expected the names"),
    ("tables: {users: {hand_made: users.csv}}", "id\n1,2\n", "line 2: 2 cells found; expected 1"),
    ("tables: {users: {hand_made: users.csv}}", "nick\nx\n", "public.users has no column nick"),
    ("tables: {users: {hand_made: users.csv}}", 'id\n"1\n', "this is no CSV"),
    ("tables: {users: {hand_made: users.csv}}", "id\n", "0 rows found; expected from 1"),
    ("tables: {users: {hand_made: users.csv}}", "email\n${NO}\n", "variable NO is not set"),
    ("tables: {users: {hand_made: [{id: [1]}]}}", USERS, "expected the name of a CSV file, or"),
    ("tables: {users: {hand_made: users.csv, mode: empty}}", USERS, "in mode empty takes no such"),
    ("tables:\n  users: {passwords: {a: bcrypt}}", USERS, "one of pbkdf2_sha256, scrypt, sha256"),
    ("tables: {orders: {hand_made: [{user_id: null}]}}", USERS, "orders, hand_made.1, column user"),
    (
        "tables: {users: {hand_made: users.csv, passwords: {id: sha256}}}",
        USERS,
        "passwords.id: no column of texts",
    ),
]


@pytest.mark.parametrize(("config", "users", "words"), WRONG_FILES)
def test_a_file_that_cannot_be_used_is_named(
    model: DatabaseModel, tmp_path: Path, config: str, users: str, words: str
) -> None:
    with pytest.raises(WrongConfig) as raised:
        made(model, tmp_path, config, users)
    assert words in str(raised.value)


def test_a_check_over_given_and_drawn_columns_is_kept_or_stops_the_run_before_it_begins(
    archive: Path, model: DatabaseModel, new_database: Callable[[], str], tmp_path: Path
) -> None:
    late = "tables: {orders: {hand_made: [{shipped: 2023-06-01 00:00:00, total: 1.5}]}}"
    url = provisioned(archive, made(model, tmp_path, late), new_database())
    assert query(url, "select placed <= shipped from orders where total = 1.5") == [(True,)]
    never = "tables: {orders: {hand_made: [{shipped: -infinity}]}}"
    empty = new_database()
    with pytest.raises(Infeasible, match="orders_check"):
        provisioned(archive, made(model, tmp_path, never), empty)
    assert query(empty, "select to_regclass('users') is null") == [(True,)]


def test_schemes_are_those_of_the_frameworks(model: DatabaseModel, tmp_path: Path) -> None:
    config = "tables: {{users: {{hand_made: users.csv, passwords: {{password_hash: {}}}}}}}"
    users = "password_hash\n${PASSWORD}\n"
    held = {}
    for scheme in ("scrypt", "sha256"):
        [given] = made(model, tmp_path, config.format(scheme), users).values()
        held[scheme] = given.values["password_hash"][0].as_py()
    assert held["sha256"] == hashlib.sha256(PASSWORD.encode()).hexdigest()
    method, salt, digest = held["scrypt"].split("$")
    _, n, r, p = method.split(":")
    expected = hashlib.scrypt(
        PASSWORD.encode(), salt=salt.encode(), n=int(n), r=int(r), p=int(p), maxmem=2**26
    )
    assert digest == expected.hex()


def test_the_command_line_reads_them_and_names_mistakes_in_the_plan(
    archive: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "provisioner.yaml").write_text(
        "tables: {users: {hand_made: [{id: 1, manager: 999999}]}}"
    )
    assert main(["plan", str(archive)]) == 3
    told = capfd.readouterr().err
    assert "provisioner.yaml, line 1, table users, hand_made.1, column manager: no row" in told
