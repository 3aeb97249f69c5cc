"""Personal columns are found by name and by value, and others are left alone."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest

from connectors.datatypes import DataType, Kind
from connectors.schema import Column, TableName
from generators.columns import Sample, column_generators
from generators.privacy.classify import identifies, semantic
from generators.privacy.recognise import holds_personal
from generators.privacy.wording import words


def named(table: str, column: str, values: Sequence[str] = ()) -> str | None:
    found = Sample(pa.array(values, pa.string()), np.arange(len(values)))
    return semantic(TableName("public", table), Column(column, DataType(Kind.TEXT, "text")), found)


NAMES = """
    first_name: x.first_name People.nameFirst Customer.FirstName t.firstname t.FIRST_NAME t.vorname
        t.Prénom personas.nombre People.nameGiven t.middle_name t.forename patients.nome t.fname
    last_name: x.last_name People.nameLast Employee.LastName t.surname t.nachname t.apellidos
        clients.nom t.lname t.maiden_name t.Nom_de_famille t.cognome
    full_name: customers.contact_name person.name Users.Name employee_list.name
        passengers.name Artist.Name
        Track.Composer film.actors t.autor pubauthor.sort_name address.name
        t.full_name orders.customer_name t.patientName contacts.display_name app_user.full_name
    email: t.email t.Email t.e_mail t.emailAddress user.contact_email t.mail t.EMAIL2 t.correo
    phone: staff.extension t.phone t.Phone t.fax t.home_phone t.mobile t.tel t.telefon
        t.phone_number t.cell_phone
    street: t.address t.address2 t.BillingAddress t.street t.strasse t.address_line_1 t.ship_address
    card: t.card_number t.credit_card t.CreditCardNumber t.cc_number
    iban: t.iban t.customer_iban
    passport: t.passport_no t.ssn t.national_id t.tax_id t.nationalidnumber t.drivers_license
        t.steuernummer
    login: t.username t.user_name t.login t.nickname audit.user_name t.changed_by auth.id
    secret: t.authorization_code employee.passwordsalt t.password t.passwordHash t.api_key
        t.access_token t.pwd t.client_secret
    postal_code: t.postal_code t.zip t.ZipCode t.plz t.BillingPostalCode
    network_address: t.ip_address t.mac_address t.client_ip
    url: users.homepage employees.photo_path
    identifier: t.account_number t.isni t.customer_no
    company: customers.company_name Customer.Company orders.ship_name t.employer
"""
CASES = [
    (kind.strip(), *column.split(".", 1))
    for block in NAMES.replace("\n        ", " ").strip().splitlines()
    for kind, columns in [block.split(":")]
    for column in columns.split()
]
PLAIN = """
    airlines.name airline.airline_name product.product_name products.name category.name t.filename
    department.dept_name meta.table_name Schools.name_full Parks.park.name Teams.name Genre.Name
    language.name repository.full_name user_roles.name customer_type.name t.hostname
    t.email_verified t.email_status t.phone_type t.card_type t.token_type t.address_type
    t.wallet_address t.passport_country t.email_template
    t.title t.title_of_courtesy t.contact_title t.city t.country t.state t.birthCity t.region
    t.status t.description t.notes t.code t.tailnum t.carrier t.gender t.manufacturer t.model
    t.playerID t.teamID Album.Title t.extension t.currency t.telemetry
    t.gift_card_type t.mobile_os t.companion t.streetcar t.zipped t.hotel
"""


@pytest.mark.parametrize(("kind", "table", "column"), CASES)
def test_a_name_tells_the_kind(kind: str, table: str, column: str) -> None:
    assert named(table, column) == kind


@pytest.mark.parametrize("place", PLAIN.split())
def test_a_name_that_only_resembles_one_tells_nothing(place: str) -> None:
    table, column = place.split(".", 1)
    assert named(table, column) is None


NAMED = [f"{first} {last}" for first in ("Peter", "Laura") for last in ("Meyer", "Silva", "Jones")]
BY_VALUE = [
    ("email", [f"a.b{n}@corp.example.org" for n in range(50)]),
    ("phone", [f"+44 20 7946 {n:04d}" for n in range(50)]),
    ("phone", [f"(212) 736-{n:04d}" for n in range(50)]),
    ("passport", [f"219-09-{n:04d}" for n in range(50)]),
    ("card", ["4111 1111 1111 1111", "5500000000000004", "378282246310005"]),
    ("network_address", [f"10.0.7.{n}" for n in range(60)]),
    ("secret", [f"sk_live_{n:024x}" for n in range(9)]),
    ("secret", [f"$2b$12$abcdefghijklmnopqrstuv{n:031d}" for n in range(9)]),
    ("phone", [f"030 901820{n:02d}" for n in range(40)]),
    ("street", [f"{n} Long Meadow Road" for n in range(1, 40)]),
    ("street", [f"Lange Straße {n}" for n in range(1, 40)]),
    ("full_name", ["Anna Berg", "Paul Weber", "Maria Rossi", "John Smith", *NAMED]),
    ("free_text", [f"please ring anna{n}@corp.example.org about her order" for n in range(30)]),
    ("iban", ["DE89370400440532013000", "GB29 NWBK 6016 1331 9268 19"]),
]


@pytest.mark.parametrize(("kind", "values"), BY_VALUE)
def test_values_tell_the_kind_of_an_oddly_named_column(kind: str, values: list[str]) -> None:
    assert named("t", "column_7", values) == kind


NOTHING_PERSONAL = [
    [f"{n:016d}" for n in range(4_000_000_000_000_000, 4_000_000_000_000_500)],
    [f"2021-03-{n:02d}" for n in range(1, 29)],
    [f"AB{n:020d}" for n in range(50)],
    [f"{n}.{n}.{n}" for n in range(100, 200)],
    ["Boston Americans", "Chicago Cubs", "Detroit Tigers", "New York Giants", "Texas Rangers"] * 9,
    [f"Riverside Park {n}" for n in range(60)],
    [f"Blue Cotton Shirt, size {n}" for n in range(60)],
    ["", " "],
]


@pytest.mark.parametrize("values", NOTHING_PERSONAL)
def test_values_that_only_resemble_some_tell_nothing(values: list[str]) -> None:
    assert named("t", "column_7", values) is None


def test_values_win_over_the_name() -> None:
    assert named("users", "login", [f"u{n}@corp.org" for n in range(20)]) == "email"


def test_a_column_named_email_without_any_address_is_none() -> None:
    assert named("t", "email", ["yes", "no"] * 20) is None
    assert named("t", "phone", ["iOS", "Android"] * 20) is None


def test_only_text_is_personal() -> None:
    bytes_column = Column("email", DataType(Kind.BYTES, "bytea"))
    nothing = Sample(pa.array([], pa.binary()), np.arange(0))
    assert semantic(TableName("public", "users"), bytes_column, nothing) is None


def test_every_kind_found_has_a_generator_of_its_name() -> None:
    kinds = {kind for kind, *_ in CASES}
    assert kinds == {k for k, g in column_generators().items() if g.personal}


def test_names_and_numbers_of_people_identify_and_their_belongings_do_not() -> None:
    yes = {"first_name", "last_name", "full_name", "email", "passport"}
    assert {kind for kind, *_ in CASES if identifies(kind)} == yes
    assert not identifies(None)


def test_an_identifier_splits_into_its_words_however_it_is_written() -> None:
    expected = ("first", "name")
    spellings = ("FirstName", "first_name", "FIRST_NAME", "first-name", "firstname", "first.name")
    assert {words(name) for name in spellings} == {expected}
    assert words("ZIPCode") == ("zip", "code")
    assert words("nameFirst2") == ("name", "first", "2")
    assert words("Straße") == ("strasse",)


@pytest.mark.parametrize("piece", ["a", "a1b2", "a.b-", "a@", "aB3/+"])
def test_long_texts_without_spaces_are_searched_once(piece: str) -> None:
    assert not holds_personal(piece * 50_000)


@pytest.mark.parametrize("text", ["by <joe.doe@x.org>", "to:a+b@x.org", "see https://u:pw@x.org/"])
def test_addresses_inside_a_text_are_found(text: str) -> None:
    assert holds_personal(text)
