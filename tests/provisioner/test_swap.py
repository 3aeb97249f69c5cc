"""A database is built beside another one, and takes its place only once it is verified."""

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psycopg
import pytest
from psycopg import sql
from querying import query

from connectors.engines import beside, exchange, open_source
from connectors.errors import BusyTarget, MissingDatabase, MissingPrivilege, NotEmptyTarget
from generators.archive import write_archive
from provisioner.cli import main
from provisioner.errors import SameDatabase
from provisioner.learn import learn
from provisioner.learning import Learning
from provisioner.migrated import aside

SHOP = (Path(__file__).parent.parent / "databases" / "trees.sql").read_text("utf-8")


def sibling(url: str, ending: str) -> str:
    return urlsplit(url)._replace(path=urlsplit(url).path + ending).geturl()


@pytest.fixture
def old(new_database: Callable[[], str], server_url: str) -> Iterator[str]:
    """A database with one table, whose siblings are dropped after the test."""
    url = new_database()
    query(url, "create table old (n integer)")
    yield url
    with psycopg.connect(server_url, autocommit=True) as connection:
        for ending in ("_next", "_before"):
            name = sql.Identifier(urlsplit(url).path[1:] + ending)
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))


@pytest.fixture(scope="module")
def source(lasting_database: Callable[[], str]) -> str:
    url = lasting_database()
    query(url, SHOP)
    return url


@pytest.fixture(scope="module")
def archive(source: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "some.model"
    with open_source(source) as opened:
        write_archive(learn(opened, Learning(invariants=False)), path)
    return path


def test_the_new_database_takes_the_place_of_the_old_one_which_stays(
    archive: Path, old: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["provision", str(archive), "--target", old, "--swap"]) == 0
    assert "the new database is in place" in capsys.readouterr().err
    assert query(old, "select to_regclass('public.old')") == [(None,)]
    assert query(old, "select finished_at is not null from provisioner.plan") == [(True,)]
    assert query(sibling(old, "_before"), "select count(*) from public.old") == [(0,)]
    assert main(["provision", str(archive), "--target", old, "--swap"]) == 3
    assert "_before" in capsys.readouterr().err


def test_a_database_in_use_is_not_replaced_until_it_is_free(old: str) -> None:
    query(beside(old), "create table new (n integer)")
    with psycopg.connect(old), pytest.raises(BusyTarget, match="1 sessions are connected"):
        exchange(old)
    assert query(old, "select count(*) from old") == [(0,)]
    assert unquote(beside(old)) == unquote(sibling(old, "_next"))
    exchange(old)
    assert query(old, "select count(*) from new") == [(0,)]
    with pytest.raises(NotEmptyTarget, match="_before"):
        beside(old)


def test_a_role_that_may_not_replace_a_database_is_told_so_before_anything_is_made(
    old: str,
) -> None:
    role = f"{urlsplit(old).path[1:]}_role"
    query(old, f"create role {role} login password 'x'")
    try:
        parts = urlsplit(old)
        place = parts.netloc.rpartition("@")[2]
        with pytest.raises(MissingPrivilege, match="CREATEDB"):
            beside(parts._replace(netloc=f"{role}:x@{place}").geturl())
        with pytest.raises(MissingDatabase, match="to replace"):
            beside(sibling(old, "_none"))
        names = query(old, "select count(*) from pg_database where datname like '%_next'")
        assert names == [(0,)]
    finally:
        query(old, f"drop role {role}")


def test_the_source_is_never_replaced(source: str) -> None:
    with open_source(source) as opened:
        model = learn(opened, Learning(invariants=False))
    with pytest.raises(SameDatabase):
        aside(model, source)


@pytest.mark.parametrize("option", ["--no-verify", "--truncate", "--abort"])
def test_what_would_skip_the_check_cannot_be_asked_for_beside_it(
    archive: Path, old: str, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["provision", str(archive), "--target", old, "--swap", option]) == 2
    assert "--swap makes a new database" in capsys.readouterr().err
