"""Nothing that names a passenger of the source is found in its model or in what that makes."""

import re
import zipfile
from collections.abc import Callable, Iterator
from math import sqrt
from pathlib import Path

import numpy as np
import psycopg
import pytest
from psycopg import sql
from querying import query

from connectors.engines import open_target
from generators.archive import fingerprint, read_archive
from generators.columns.card import luhn_digits
from generators.identities import first_name, last_name
from generators.model import DatabaseModel
from generators.privacy.support import unit_counts
from generators.randomness import identities
from provisioner.airline.build import build_airline
from provisioner.load import load
from provisioner.plan import plan
from provisioner.report import Severity
from provisioner.request import Request
from provisioner.verify import verify

PASSENGERS, FLIGHTS = 2000, 5000
SECRETS = ("email", "phone", "passport", "card_number", "iban")


@pytest.fixture(scope="module")
def source(lasting_database: Callable[[], str]) -> str:
    url = lasting_database()
    build_airline(url, PASSENGERS, FLIGHTS)
    return url


@pytest.fixture(scope="module")
def archive(source: str, learned_archive: Callable[..., Path]) -> Path:
    return learned_archive(source)


@pytest.fixture(scope="module")
def staging(archive: Path, model: DatabaseModel, lasting_database: Callable[[], str]) -> str:
    url = lasting_database()
    with open_target(url) as target:
        load(model, plan(model, fingerprint(archive), Request(seed=11)), target)
    return url


def text_columns(url: str) -> list[tuple[str, str]]:
    """Table and column of everything that can hold a text."""
    return query(
        url,
        """select c.table_name, c.column_name from information_schema.columns c
        join information_schema.tables t using (table_schema, table_name)
        where c.table_schema = 'airline' and t.table_type = 'BASE TABLE'
        and c.data_type in ('text', 'character varying', 'character', 'json', 'jsonb', 'ARRAY')""",
    )


def texts(url: str, table: str, column: str) -> set[str]:
    order = sql.SQL("select distinct {}::text from airline.{} where {} is not null").format(
        sql.Identifier(column), sql.Identifier(table), sql.Identifier(column)
    )
    return {value for (value,) in query(url, order)}


def secret_columns(url: str) -> list[tuple[str, str]]:
    return [(t, c) for t, c in text_columns(url) if any(s in c for s in SECRETS)]


def secrets(url: str) -> set[str]:
    """Every contact, document and card number."""
    return {v for t, c in secret_columns(url) for v in texts(url, t, c)}


def words(url: str) -> Iterator[str]:
    for table, column in text_columns(url):
        for value in texts(url, table, column):
            yield value
            yield from re.split(r"[\s\"',;{}\[\]()]+", value)


def test_the_source_holds_secrets_of_every_kind(source: str) -> None:
    found = {c for _, c in secret_columns(source)}
    assert all(any(s in c for c in found) for s in ("email", "phone", "passport", "card_number"))
    assert len(secrets(source)) > 3 * PASSENGERS


def test_the_search_for_secrets_finds_those_that_are_there(source: str) -> None:
    assert secrets(source) <= set(words(source))


def test_no_secret_of_the_source_is_in_any_text_of_the_target(source: str, staging: str) -> None:
    found = secrets(source) & set(words(staging))
    assert not found


def test_no_secret_of_the_source_is_in_the_bytes_of_the_model(source: str, archive: Path) -> None:
    with zipfile.ZipFile(archive) as opened:
        content = archive.read_bytes() + b"".join(opened.read(n) for n in opened.namelist())
    tokens = set(re.split(rb"[^A-Za-z0-9@.+ \-]+", content))
    wanted = {s.encode() for s in secrets(source)}
    assert not wanted & tokens
    assert not [s for s in wanted if b"@" in s and s in content]


def test_no_name_of_the_source_is_in_the_bytes_of_the_model(source: str, archive: Path) -> None:
    with zipfile.ZipFile(archive) as opened:
        content = b"".join(opened.read(n) for n in opened.namelist())
    names = {" ".join(parts) for parts in full_names(source)}
    assert not [name for name in names if name.encode() in content]


def full_names(url: str) -> list[tuple[str, str]]:
    return query(url, "select first_name, last_name from airline.passengers")


def test_invented_names_meet_real_ones_no_more_often_than_chance(source: str, staging: str) -> None:
    """Counts hits in the target against hits of names that nobody learned anything for."""
    real = set(full_names(source))
    made = full_names(staging)
    strangers = identities(99, "nobody", np.arange(50 * PASSENGERS))
    chance = list(
        zip(first_name(strangers).to_pylist(), last_name(strangers).to_pylist(), strict=True)
    )
    share = sum(name in real for name in chance) / len(chance)
    hits = sum(name in real for name in made)
    assert hits <= share * len(made) + 4 * sqrt(share * len(made)) + 3


def test_invented_contacts_lie_in_reserved_spaces(model: DatabaseModel, staging: str) -> None:
    kinds = set()
    for table in model.schema.tables:
        for fitted in model.tables[table.name].columns:
            pattern = fitted.generator.reserved
            if pattern is not None:
                kinds.add(fitted.generator.kind)
                values = texts(staging, table.name.name, fitted.column.name)
                assert values
                assert not [v for v in values if not re.search(pattern, v)]
    assert {"email", "phone", "card", "passport"} <= kinds


def test_every_secret_column_is_invented(model: DatabaseModel, source: str) -> None:
    kinds = {
        (table.name, fitted.column.name): fitted.generator.personal
        for table in model.tables.values()
        for fitted in table.columns
    }
    by_name = {(t.name, c): personal for (t, c), personal in kinds.items()}
    for place in secret_columns(source):
        if place in by_name:
            assert by_name[place], place


def test_real_contacts_lie_outside_the_reserved_spaces(source: str, model: DatabaseModel) -> None:
    """Else the tests above could not fail."""
    passengers = next(t for n, t in model.tables.items() if n.name == "passengers")
    [email] = [f for f in passengers.columns if f.generator.kind == "email"]
    assert email.generator.reserved is not None
    values = texts(source, "passengers", email.column.name)
    assert not [v for v in values if re.search(email.generator.reserved, v)]


def test_invented_card_numbers_have_valid_check_digits(staging: str, model: DatabaseModel) -> None:
    [(table, column)] = [
        (n.name, f.column.name)
        for n, t in model.tables.items()
        for f in t.columns
        if f.generator.kind == "card"
    ]
    numbers = [re.sub(r"\D", "", v) for v in texts(staging, table, column)]
    digits = np.array([[ord(c) for c in n] for n in numbers if len(n) == 16], np.uint8)
    assert len(digits) > 100
    assert (luhn_digits(digits[:, :-1])[:, 0] == digits[:, -1]).all()


def test_no_long_text_of_the_source_is_repeated(source: str, staging: str) -> None:
    long = {
        (t, c)
        for t, c in text_columns(source)
        if t == "feedback" and any(len(v) > 60 for v in texts(source, t, c))
    }
    assert long
    for table, column in long:
        real = {v for v in texts(source, table, column) if len(v) > 60}
        assert not real & texts(staging, table, column)


def test_the_target_passes_and_planted_contacts_fail_it(
    source: str, staging: str, model: DatabaseModel
) -> None:
    with open_target(staging) as target:
        found = verify(model, target)
        assert found.passed, [f for f in found.findings if f.severity == "error"]
    [(stolen,)] = query(source, "select min(email) from airline.passengers")
    [(replaced,)] = query(staging, "select max(email) from airline.passengers")
    replace_address(staging, replaced, stolen)
    with open_target(staging) as target:
        report = verify(model, target)
    replace_address(staging, stolen, replaced)
    assert [f.kind for f in report.findings if f.severity is Severity.ERROR] == ["leak"]


def replace_address(url: str, old: str, new: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        order = "update airline.passengers set email = %s where email = %s"
        assert connection.execute(order, (new, old)).rowcount == 1


def test_every_category_that_is_released_is_shared_by_k_units(source: str, archive: Path) -> None:
    """Reads the archive's texts back, and counts who holds them in the source."""
    model = read_archive(archive)
    passengers = next(t for n, t in model.tables.items() if n.name == "passengers")
    checked = 0
    for fitted in passengers.columns:
        if fitted.generator.kind != "category":
            continue
        order = sql.SQL("select {}::text from airline.passengers").format(
            sql.Identifier(fitted.column.name)
        )
        held = [v for (v,) in query(source, order)]
        state = fitted.generator.released()
        for released in state.values():
            for value in getattr(released.value, "to_pylist", list)():
                rows = np.array([h == value for h in held], np.int64)
                people = unit_counts(rows, np.arange(len(rows)), 2)[1]
                assert people >= model.k, fitted.column.name
                checked += 1
    assert checked > 3
