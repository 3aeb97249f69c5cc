"""Every mask is a function of key and value, and keeps what it says it keeps."""

import json
import re
import unicodedata
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.datatypes import DataType, Kind, arrow_type
from connectors.schema import Column
from generators.ciphers import Cipher
from generators.masking import masked_column
from generators.masks import Masking, masks
from generators.masks.card import luhn
from generators.scrambling import scrambled

KEY, OTHER = (
    Cipher(b"a key of thirty-two bytes for tests"),
    Cipher(b"another key of as many bytes, or so"),
)
TEXT, WIDE = (
    DataType(Kind.TEXT, "text"),
    DataType(Kind.DECIMAL, "numeric(20,4)", precision=20, scale=4),
)
EMAILS = st.from_regex(r"[a-z]{1,8}[.]?[a-z]{0,8}@[a-z]{1,8}\.(com|de)", fullmatch=True)
WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
NAMES = st.from_regex(r"[A-Z][a-z]{1,9}( [A-Z][a-z]{1,9})?", fullmatch=True)
PHONES = st.from_regex(r"(\+49 )?[0-9]{2,4}[ -][0-9]{4,8}", fullmatch=True)


def cards(payload: str) -> str:
    return payload + luhn(payload)


CARDS = st.from_regex(r"[2-6][0-9]{14}", fullmatch=True).map(cards)
IBANS = st.from_regex(r"(DE[0-9]{20}|NL[0-9]{2}[A-Z]{4}[0-9]{10})", fullmatch=True)
DAYS = st.integers(-50_000, 50_000)
VALUES: dict[str, tuple[DataType, st.SearchStrategy[Any]]] = {
    "text": (TEXT, WORDS),
    "rare": (TEXT, WORDS),
    "email": (TEXT, EMAILS),
    "first_name": (TEXT, NAMES),
    "last_name": (TEXT, NAMES),
    "full_name": (TEXT, NAMES),
    "company": (TEXT, NAMES),
    "street": (TEXT, st.from_regex(r"[A-Z][a-z]{2,9} [1-9][0-9]?", fullmatch=True)),
    "phone": (TEXT, PHONES),
    "card": (TEXT, CARDS),
    "iban": (TEXT, IBANS),
    "number": (DataType(Kind.INTEGER, "bigint", bits=64), st.integers(-(2**63) + 1, 2**63 - 1)),
    "uuid": (DataType(Kind.UUID, "uuid"), st.uuids().map(lambda u: u.bytes)),
    "json": (DataType(Kind.JSON, "jsonb"), st.dictionaries(WORDS, WORDS | DAYS).map(json.dumps)),
    "bytes": (DataType(Kind.BYTES, "bytea"), st.binary(max_size=20)),
    "nothing": (TEXT, WORDS),
    "shift": (DataType(Kind.DATE, "date"), DAYS),
}


def masked(kind: str, values: list[Any], cipher: Cipher = KEY) -> list[Any]:
    datatype, _ = VALUES[kind]
    column = Column("c", datatype)
    if datatype.kind is Kind.DATE:
        array = pa.array(values, pa.int32()).cast(pa.date32())
    else:
        array = pa.array(values, arrow_type(datatype))
    units = np.zeros(len(values), np.int64)
    found = masked_column(array, kind, Masking(column, cipher, units, pa.nulls(0, pa.string())))
    assert found.type == array.type
    return list(found.to_pylist())


def test_every_mask_is_tried() -> None:
    assert VALUES.keys() == masks().keys()


@pytest.mark.parametrize("kind", sorted(VALUES))
@settings(max_examples=25)
@given(data=st.data())
def test_equal_values_have_equal_pseudonyms_and_null_stays(kind: str, data: st.DataObject) -> None:
    values = data.draw(st.lists(st.none() | VALUES[kind][1], min_size=1, max_size=8))
    found = masked(kind, [*values, *values])
    assert found[: len(values)] == found[len(values) :] == masked(kind, values)
    assert all(f is None for f, v in zip(found, values, strict=False) if v is None)


@pytest.mark.parametrize("kind", sorted(k for k, m in masks().items() if m.one_to_one))
@settings(max_examples=50)
@given(data=st.data())
def test_a_mask_that_keeps_values_apart_never_makes_two_equal(
    kind: str, data: st.DataObject
) -> None:
    values = data.draw(st.lists(VALUES[kind][1], unique=True, max_size=40))
    assert len(set(masked(kind, values))) == len(values)


@pytest.mark.parametrize("kind", ["email", "card", "iban"])
@settings(max_examples=25)
@given(data=st.data())
def test_contacts_of_many_stay_apart(kind: str, data: st.DataObject) -> None:
    values = data.draw(st.lists(VALUES[kind][1], unique=True, max_size=40))
    if kind == "iban":  # check digits that are wrong tell no accounts apart
        values = list({(v[:2], v[4:]): v for v in values}.values())
    assert len(set(masked(kind, values))) == len(values)


@pytest.mark.parametrize("digits", [1, 2, 3, 4])
def test_all_numbers_of_so_many_digits_are_permuted(digits: int) -> None:
    block = list(range(10 ** (digits - 1), 10**digits))
    assert sorted(masked("number", block)) == block
    assert sorted(masked("number", [-n for n in block])) == sorted(-n for n in block)


@given(st.integers(-(2**31) + 1, 2**31 - 1))
def test_a_number_fits_the_narrowest_type_that_held_it(value: int) -> None:
    [found] = masked("number", [value])
    for bits in (16, 32):
        most = 2 ** (bits - 1) - 1
        assert (abs(value) <= most) == (abs(found) <= most)
    column = Column("c", WIDE)
    wide = pa.array([Decimal(value)], arrow_type(WIDE))
    masking = Masking(column, KEY, np.zeros(1, np.int64), pa.nulls(0, pa.string()))
    assert masked_column(wide, "number", masking).to_pylist() == [Decimal(found)]


@given(WORDS)
def test_a_scrambled_text_has_the_form_of_the_text(value: str) -> None:
    [found] = masked("text", [value])
    assert len(found) == len(value)
    for new, old in zip(found, value, strict=True):
        assert unicodedata.category(new) == unicodedata.category(old)
        if not old.isalnum():
            assert new == old


@settings(max_examples=20)
@given(st.text("abcXYZ019 -", min_size=201, max_size=700), st.integers(0, 200))
def test_a_long_text_differs_from_where_another_one_begins(value: str, place: int) -> None:
    """What stands behind the first piece depends on all that stands before it."""
    changed = value[:place] + ("q" if value[place] != "q" else "r") + value[place + 1 :]
    one, other = scrambled(value, KEY), scrambled(changed, KEY)
    assert len(one) == len(value)
    assert one != other


@settings(max_examples=30)
@given(CARDS)
def test_a_masked_card_has_a_valid_check_digit_and_no_bank(value: str) -> None:
    [found] = masked("card", [value])
    assert len(found) == len(value)
    assert luhn(found[:-1]) == found[-1]
    assert found[0] not in "23456"
    [spaced] = masked("card", [f"{value[:4]} {value[4:8]} {value[8:12]} {value[12:]}"])
    assert spaced.replace(" ", "") == found


@settings(max_examples=30)
@given(IBANS)
def test_a_masked_account_has_valid_check_digits_in_no_country(value: str) -> None:
    [found] = masked("iban", [value])
    assert found.startswith("XX")
    turned = found[4:] + found[:4]
    assert int("".join(str(int(c, 36)) for c in turned)) % 97 == 1
    assert [c.isdigit() for c in found[4:]] == [c.isdigit() for c in value[4:]]


@pytest.mark.parametrize("kind", ["email", "phone"])
@settings(max_examples=30)
@given(data=st.data())
def test_contacts_lie_in_their_reserved_space(kind: str, data: st.DataObject) -> None:
    value = data.draw(VALUES[kind][1])
    pattern = masks()[kind].reserved
    assert pattern is not None
    assert re.search(pattern, masked(kind, [value])[0])


def test_names_agree_wherever_they_stand() -> None:
    [first], [last] = masked("first_name", ["Ada"]), masked("last_name", ["Byron"])
    assert masked("full_name", ["Ada Byron", "Byron, Ada", "ADA BYRON"]) == [
        f"{first} {last}",
        f"{last}, {first}",
        f"{first} {last}".upper(),
    ]
    [address] = masked("email", ["ada.byron@shop.com"])
    assert address.startswith(f"{first}.{last}.".lower())


def test_letter_case_does_not_tell_addresses_apart() -> None:
    assert len(set(masked("email", ["ada@shop.com", "Ada@Shop.com", " ada@shop.com"]))) == 1


@pytest.mark.parametrize("width", [14, 20, 28, 40])
def test_an_address_fits_a_narrow_column(width: int) -> None:
    column = Column("c", DataType(Kind.TEXT, f"varchar({width})", length=width))
    values = pa.array([f"person{n}@a.b" for n in range(50)])
    masking = Masking(column, KEY, np.empty(0, np.int64), pa.nulls(0, pa.string()))
    found = masked_column(values, "email", masking).to_pylist()
    assert max(map(len, found)) <= width
    assert len(set(found)) == 50


def test_a_uuid_stays_one_of_its_version() -> None:
    value = uuid.UUID("0190163d-8694-739b-aea5-966c26f8ad91")
    [found] = masked("uuid", [value.bytes])
    assert (uuid.UUID(bytes=found).version, uuid.UUID(bytes=found).variant) == (7, value.variant)
    assert found != value.bytes


def test_json_keeps_its_form_and_none_of_its_texts() -> None:
    value = (
        '{"name": "Ada", "at": ["ada@shop.com", 1.50, true, null], "x@y.de": 12345678901234567890}'
    )
    [found] = masked("json", [value])
    read = json.loads(found)
    assert read["at"][1:] == [1.5, True, None]
    assert "1.50" in found
    assert "12345678901234567890" in found
    assert "Ada" not in found
    assert "ada@shop.com" not in found
    assert "x@y.de" not in found


def test_dates_of_one_unit_move_together_by_whole_weeks() -> None:
    units = np.array([5, 5, 9, 9], np.int64)
    values = pa.array([100, 107, 100, None], pa.int32()).cast(pa.date32())
    column = Column("c", DataType(Kind.DATE, "date"))
    masking = Masking(column, KEY, units, pa.nulls(0, pa.string()))
    found = masked_column(values, "shift", masking).cast(pa.int32()).to_pylist()
    assert found[1] - found[0] == 7
    assert found[0] != 100
    assert (found[0] - 100) % 7 == 0
    assert abs(found[2] - 100) <= 26 * 7
    assert found[3] is None


def test_labels_that_many_share_stay_and_arrays_are_masked_by_element() -> None:
    text = DataType(Kind.TEXT, "text")
    column = Column("c", DataType(Kind.ARRAY, "text[]", element=text))
    values = pa.array([["vip", "Ada"], None, [], ["Ada", None]], pa.list_(pa.string()))
    masking = Masking(column, KEY, np.empty(0, np.int64), pa.array(["vip"]))
    found = masked_column(values, "rare", masking).to_pylist()
    hidden = scrambled("Ada", KEY)
    assert found == [["vip", hidden], None, [], [hidden, None]]


KEYED: list[tuple[str, Any]] = [
    ("text", "Ada Byron 1815"),
    ("email", "ada@shop.com"),
    ("card", "4111111111111111"),
    ("iban", "DE89370400440532013000"),
    ("number", 1234567890),
    ("uuid", bytes(range(16))),
    ("bytes", bytes(range(16))),
]


@pytest.mark.parametrize(("kind", "value"), KEYED)
def test_another_key_gives_other_pseudonyms(kind: str, value: object) -> None:
    assert masked(kind, [value]) != masked(kind, [value], OTHER)
    assert masked(kind, [value]) != [value]


def test_pseudonyms_stay_the_same_from_version_to_version() -> None:
    """Databases masked before must go on to agree with those masked later."""
    assert masked("text", ["Ada Byron 1815"]) == ["Ine Mznwe 1529"]
    assert masked("number", [12345]) == [14048]
    assert masked("card", ["4111111111111111"]) == ["7624041998196179"]


def test_a_key_shows_nowhere(capsys: pytest.CaptureFixture[str]) -> None:
    show: Callable[[object], None] = print
    show(Masking(Column("c", TEXT), KEY, np.empty(0, np.int64), pa.nulls(0)))
    assert "thirty-two" not in capsys.readouterr().out
