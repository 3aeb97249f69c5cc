"""What every personal kind keeps to: invented values, in reserved spaces, one identity per row."""

import re
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pytest

from connectors.datatypes import DataType, Kind
from connectors.schema import Column, TableName
from generators.columns import Codes, ColumnGenerator, Draw, Sample, Traits, column_generators
from generators.columns.card import luhn_digits
from generators.invented import cut_before
from generators.privacy.support import Support

SAMPLES: Mapping[str, list[str]] = {
    "first_name": ["MARY ANN", "JOHN-PAUL"],
    "last_name": ["de smith", "o'jones"],
    "full_name": ["Smith, Mary", "Jones, John"],
    "email": ["mary.smith@corp.org", "john@corp.org"],
    "phone": ["+44 20 7946 0958", "212-736-5000", "(212) 736-5000", "7365000"],
    "street": ["Hauptstraße 12", "Ringweg 4a"],
    "card": ["4111 1111 1111 1111", "5500000000000004", "3782-822463-10005"],
    "iban": ["DE89370400440532013000", "GB29 NWBK 6016 1331 9268 19"],
    "passport": ["C01X00T47", "219-09-9999", "AB 123456", "1234567890"],
    "login": ["msmith", "jjones"],
    "secret": ["hunter2", "8cb2237d0679ca88db6464eac60da96345513964", "1234567812345678"],
    "postal_code": ["10115", "SW1A 1AA", "1234 ab"],
    "company": ["Acme Ltd", "Bolt Inc"],
    "network_address": ["10.1.2.3", "fe80::1:2", "a4:5e:60:c1:02:03"],
    "url": ["https://social.invalid/users/anna", "https://social.invalid/users/paul"],
    "identifier": ["CUST-10045921-77", "0000000121032683"],
}
KINDS = sorted(SAMPLES)
NAMES: Mapping[str, str] = {"card": "card_number", "secret": "password", "login": "username"}
WIDTHS: Mapping[str, int] = {"card": 19, "iban": 27, "phone": 16, "passport": 11}


def column(kind: str, length: int | None = None) -> Column:
    return Column(NAMES.get(kind, kind), DataType(Kind.TEXT, "text", length=length))


def sample(kind: str) -> Sample:
    values = pa.array(SAMPLES[kind] * 20, pa.string())
    return Sample(values, np.arange(len(values)))


def draw(rows: int, start: int = 0) -> Draw:
    rng = np.random.default_rng(3)
    identities = np.random.default_rng(start).integers(0, 2**64, rows, np.uint64)
    return Draw(rng, np.arange(start, start + rows), identities)


def fitted(kind: str, length: int | None = None, empty: bool = False) -> ColumnGenerator:
    found = Sample(pa.array([], pa.string()), np.arange(0)) if empty else sample(kind)
    return column_generators()[kind].fit(column(kind, length), found, Support())


def drawn(generator: ColumnGenerator, rows: int = 400, start: int = 0) -> tuple[Codes, pa.Array]:
    codes = (np.arange(rows) % generator.size).astype(np.int32)
    return codes, generator.decode(codes, draw(rows, start))


def test_the_samples_here_cover_every_personal_kind() -> None:
    assert sorted(k for k, g in column_generators().items() if g.personal) == KINDS


@pytest.mark.parametrize("empty", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_encoding_a_drawn_value_gives_the_code_it_was_drawn_from(kind: str, empty: bool) -> None:
    generator = fitted(kind, empty=empty)
    codes, values = drawn(generator)
    assert values.type == pa.string()
    assert values.null_count == 0
    np.testing.assert_array_equal(generator.encode(values), codes)


@pytest.mark.parametrize("kind", KINDS)
def test_a_restored_generator_draws_the_same_values(kind: str) -> None:
    generator = fitted(kind)
    state = {name: part.value for name, part in generator.released().items()}
    restored = type(generator).restore(column(kind), state)
    assert drawn(restored)[1].equals(drawn(generator)[1])
    assert {name: part.value for name, part in restored.released().items()} == state


@pytest.mark.parametrize("empty", [False, True])
@pytest.mark.parametrize("kind", [k for k in KINDS if column_generators()[k].reserved])
def test_drawn_values_lie_in_the_reserved_space_and_real_ones_do_not(
    kind: str, empty: bool
) -> None:
    generator = fitted(kind, empty=empty)
    reserved = re.compile(generator.reserved or "")
    assert all(reserved.search(v) for v in drawn(generator)[1].to_pylist())
    assert not any(reserved.search(v) for v in SAMPLES[kind])


@pytest.mark.parametrize("kind", [k for k in KINDS if column_generators()[k].distinct])
@pytest.mark.parametrize("narrow", [False, True])
def test_distinct_kinds_differ_wherever_rows_do(kind: str, narrow: bool) -> None:
    shortest = {
        "email": 14,
        "card": 15,
        "iban": 15,
        "login": 8,
        "passport": 9,
        "secret": 8,
        "url": 32,
    }
    generator = fitted(kind, shortest[kind] if narrow else None)
    values = pa.concat_arrays(
        [generator.decode(np.zeros(20_000, np.int32), draw(20_000, at)) for at in (0, 990_000)]
    )
    assert len(values.unique()) == 40_000


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("length", [15, 16, 20, 40])
def test_values_fit_the_width_of_their_column(kind: str, length: int) -> None:
    generator = fitted(kind, length)
    values = drawn(generator, start=10**6)[1].to_pylist()
    assert max(map(len, values)) <= length
    assert min(map(len, values)) > 0


@pytest.mark.parametrize("kind", KINDS)
def test_no_value_of_the_sample_comes_back(kind: str) -> None:
    released = fitted(kind).released()
    texts = " ".join(str(part.value) for part in released.values())
    assert not any(value in texts for value in SAMPLES[kind])
    assert not set(drawn(fitted(kind), 5_000)[1].to_pylist()) & set(SAMPLES[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_claims_its_own_column_and_no_other(kind: str) -> None:
    traits = Traits(TableName("public", "customers"), column(kind), sample(kind), 5, 0.0, kind)
    claims = {name: column_generators()[name].claims(traits) for name in KINDS}
    assert claims.pop(kind) >= 0.9
    assert set(claims.values()) == {0.0}


def test_a_postal_code_shared_by_many_people_is_left_to_plain_categories() -> None:
    traits = Traits(
        TableName("public", "address"),
        column("postal_code"),
        sample("postal_code"),
        3,
        1.0,
        "postal_code",
    )
    assert column_generators()["postal_code"].claims(traits) < 0.8


def test_name_email_and_login_of_one_row_agree() -> None:
    firsts, lasts, fulls, emails, logins = (
        fitted(kind, empty=True).decode(np.zeros(50, np.int32), draw(50)).to_pylist()
        for kind in ("first_name", "last_name", "full_name", "email", "login")
    )
    for row, (first, last) in enumerate(zip(firsts, lasts, strict=True)):
        assert fulls[row] == f"{first} {last}"
        assert emails[row].startswith(f"{first}.{last}{row}@".lower())
        assert logins[row] == f"{first[0]}{last}{row}".lower()


def test_a_middle_name_is_another_name_of_the_same_person() -> None:
    kind, empty = column_generators()["first_name"], Sample(pa.array([], pa.string()), np.arange(0))
    made = {
        name: kind.fit(Column(name, DataType(Kind.TEXT, "text")), empty, Support())
        .decode(np.zeros(200, np.int32), draw(200))
        .to_pylist()
        for name in ("first_name", "MiddleName")
    }
    same = sum(a == b for a, b in zip(made["first_name"], made["MiddleName"], strict=True))
    assert same < 10


def test_names_keep_the_letter_case_and_the_order_of_their_column() -> None:
    assert all(v.isupper() for v in drawn(fitted("first_name"))[1].to_pylist())
    assert all(v.islower() for v in drawn(fitted("last_name"))[1].to_pylist())
    assert all(", " in v for v in drawn(fitted("full_name"))[1].to_pylist())
    assert all(v[-1].isdigit() for v in drawn(fitted("street"))[1].to_pylist())


def test_shapes_held_by_too_few_units_are_not_learned() -> None:
    rare = Sample(pa.array(SAMPLES["phone"]), np.arange(4))
    generator = column_generators()["phone"].fit(column("phone"), rare, Support())
    assert len(generator.released()["shapes"].value) == 0
    assert generator.size == 1


@pytest.mark.parametrize("kind", ["phone", "card", "iban", "postal_code", "passport", "secret"])
def test_every_supported_style_is_kept(kind: str) -> None:
    lengths = {len(v) for v in SAMPLES[kind]} - {len("hunter2")}
    assert {len(v) for v in drawn(fitted(kind))[1].to_pylist()} >= lengths


def test_card_numbers_and_accounts_pass_their_public_checks() -> None:
    for value in drawn(fitted("card"))[1].to_pylist():
        digits = [int(c) for c in value if c.isdigit()]
        odd, even = digits[-1::-2], digits[-2::-2]
        assert (sum(odd) + sum(sum(divmod(2 * d, 10)) for d in even)) % 10 == 0
    for value in drawn(fitted("iban"))[1].to_pylist():
        turned = value.replace(" ", "")[4:] + value[:4]
        assert int("".join(str(int(c, 36)) for c in turned)) % 97 == 1


def test_the_check_digit_is_that_of_a_published_example() -> None:
    payload = np.frombuffer(b"7992739871", np.uint8)[None, :]
    assert luhn_digits(payload).tobytes() == b"3"


def test_a_name_gives_way_to_its_ending() -> None:
    cut = cut_before(pa.array(["abcdef", "ab"]), pa.array(["12", "345"]), 5)
    assert cut.to_pylist() == ["abc12", "ab345"]


def test_the_first_million_social_security_numbers_are_digits_and_the_next_still_differ() -> None:
    generator = fitted("passport")
    values = Sample(pa.array(["219-09-9999"] * 20), np.arange(20))
    generator = type(generator).fit(column("passport", 11), values, Support())
    made = generator.decode(np.zeros(2, np.int32), draw(2, 999_999)).to_pylist()
    assert re.fullmatch(r"000-\d\d-\d{4}", made[0])
    assert re.fullmatch(r"000-[A-Z][0-9A-Z]-[0-9A-Z]{4}", made[1])
