"""What a schema's statements give away is found, and never repeated."""

import psycopg
import pytest

from connectors.ddl import DdlItem, Section
from connectors.engines import open_source
from provisioner.complaints import FOUND, complaint
from provisioner.declared import check_declared, check_trusted, told
from provisioner.errors import Telling, Untrusted
from provisioner.learn import learn
from provisioner.learning import Learning

KEY = "sk_live_" + "4eC39HqLyjWDarjtT1zd" + "p7dc"


def item(statement: str, kind: str = "TABLE", name: str = "orders") -> DdlItem:
    return DdlItem(1, Section.PRE_DATA, kind, "public", name, statement)


PERSONAL = [
    "CREATE TABLE public.orders (mail text DEFAULT 'anna.berg@corp.com');",
    "COMMENT ON TABLE public.orders IS 'Ask Anna, +49 30 901820123, before a change';",
    "CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $$ select 'DE89370400440532013000' $$;",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $b$ -- ring paul@corp.com\nselect 1 $b$;",
    (
        "CREATE TYPE public.agent AS ENUM ('Anna Berg', 'Paul Weber', 'Maria Rossi', 'John Smith',"
        " 'Laura Silva', 'Peter Meyer', 'Laura Jones', 'Peter Jones');"
    ),
]
SECRET = [
    f"CREATE TABLE public.orders (key text DEFAULT '{KEY}');",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ select dblink('password=h7!kQz') $$;",
    "COMMENT ON TABLE public.orders IS 'see https://robot:hunter22@db.corp.com/';",
]
NOTHING = [
    "CREATE TABLE public.orders (id int DEFAULT nextval('public.orders_id_seq'::regclass));",
    "CREATE TABLE public.orders (mail text CHECK (mail ~ '^[a-z]+@[a-z]+\\.[a-z]{2,}$'));",
    "COMMENT ON TABLE public.orders IS 'mails end in anna@example.org or team.test';",
    (
        "CREATE TYPE public.mood AS ENUM ('sad', 'ok', 'happy', 'very happy', 'not so happy',"
        " 'rather sad', 'green', 'deep red');"
    ),
    (
        "CREATE VIEW public.v AS SELECT 'http://schemas.corp.com/sqlserver/2004/07/AdventureWorks/Resume'"
        "::text;"
    ),
    "CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $$ select md5(password) from t $$;",
]


@pytest.mark.parametrize("statement", PERSONAL)
def test_personal_data_in_a_statement_is_found(statement: str) -> None:
    assert [finding.kind for finding in told([item(statement)])] == ["declared-personal"]


@pytest.mark.parametrize("statement", SECRET)
def test_a_secret_in_a_statement_is_found(statement: str) -> None:
    assert [finding.kind for finding in told([item(statement)])] == ["declared-secret"]


@pytest.mark.parametrize("statement", NOTHING)
def test_statements_that_only_look_alike_pass(statement: str) -> None:
    assert not list(told([item(statement)]))


def test_a_finding_names_the_object_and_never_the_value() -> None:
    with pytest.raises(Telling) as caught:
        check_declared([item(SECRET[0])], ())
    assert "TABLE public.orders" in str(caught.value)
    assert KEY not in str(caught.value)
    assert complaint(caught.value).code == FOUND


def test_an_acknowledged_finding_stops_nothing() -> None:
    (finding,) = told([item(SECRET[0])])
    check_declared([item(SECRET[0])], {finding.hash})


def test_learning_stops_at_a_comment_that_tells_of_somebody(database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("CREATE TABLE orders (id int PRIMARY KEY)")
        connection.execute("COMMENT ON TABLE orders IS 'owned by anna.berg@corp.com'")
    with open_source(database) as source, pytest.raises(Telling, match="COMMENT") as caught:
        learn(source, Learning())
    assert "anna" not in str(caught.value)


@pytest.mark.parametrize("language", ["c", "plpython3u", "internal"])
def test_untrusted_languages_need_trust(language: str) -> None:
    statement = f"CREATE FUNCTION f() RETURNS int LANGUAGE {language} AS $$ LANGUAGE sql $$;"
    with pytest.raises(Untrusted, match=language):
        check_trusted([item(statement, "FUNCTION", "f()")])


def test_code_in_trusted_languages_needs_none() -> None:
    statement = "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$ -- LANGUAGE c\n$$;"
    check_trusted([item(statement, "FUNCTION", "f()"), item("CREATE TABLE t ();")])
