"""Categories, templates, texts, documents and arrays keep what many share, invent the rest."""

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from connectors.datatypes import DataType, Kind, arrow_type
from connectors.schema import Column, TableName
from generators.columns import MOST_CODES, ColumnGenerator, Draw, Sample, Traits, column_generators
from generators.privacy.support import Support

ROWS = 6000
K = 11
TEXT = DataType(Kind.TEXT, "text")
JSON = DataType(Kind.JSON, "jsonb")


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def fitted(kind: str, values: list[Any], datatype: DataType = TEXT) -> ColumnGenerator:
    found = Sample(pa.array(values, arrow_type(datatype)), np.arange(len(values)))
    return column_generators()[kind].fit(Column("c", datatype), found, Support(K))


def draw(rows: int) -> Draw:
    return Draw(np.random.default_rng(11), np.arange(rows), np.arange(rows).astype(np.uint64))


def redrawn(generator: ColumnGenerator, values: list[Any], datatype: DataType = TEXT) -> list[Any]:
    codes = generator.encode(pa.array(values, arrow_type(datatype)))
    found: list[Any] = generator.decode(codes, draw(len(codes))).to_pylist()
    return found


def claim(kind: str, values: list[str]) -> float:
    array = pa.array(values)
    shares = Support(K).shares(array, np.arange(len(array))).value
    sample = Sample(array, np.arange(len(array)))
    traits = Traits(
        TableName("p", "t"), Column("c", TEXT), sample, len(set(values)), 1 - shares.rest
    )
    return column_generators()[kind].claims(traits)


def test_supported_categories_come_back_as_they_were() -> None:
    values = [f"state {i % 90}" for i in range(ROWS)]
    assert redrawn(fitted("category", values), values) == values


def test_more_categories_than_codes_share_codes_and_keep_their_frequency() -> None:
    weights = 1 / np.arange(1, 401)
    places = rng().choice(400, ROWS * 5, p=weights / weights.sum())
    values = [f"city {p}" for p in places]
    generator = fitted("category", values)
    drawn = redrawn(generator, values)
    before, after = (
        np.bincount([int(v.split()[-1]) for v in some if v.startswith("city ")], minlength=400)
        for some in (values, drawn)
    )
    kept = before >= K
    assert generator.size <= MOST_CODES
    assert kept.sum() > MOST_CODES
    assert np.abs(before - after)[kept].max() <= 6 * np.sqrt(before[kept].max())
    assert after[~kept].sum() == 0


def test_a_withheld_enum_label_decodes_to_a_label_that_was_not_released() -> None:
    mood = DataType(Kind.ENUM, "mood", labels=("a", "b", "c", "d"))
    values = ["a"] * 100 + ["b"] * 100 + ["c"] * 6 + ["d"] * 6
    drawn = redrawn(fitted("category", values, mood), values, mood)
    assert drawn[:200] == values[:200]
    assert set(drawn[200:]) <= {"c", "d"}


def test_a_one_character_column_has_no_code_for_withheld_values_when_all_are_taken() -> None:
    letter = DataType(Kind.TEXT, "character(1)", length=1, padded=True)
    alphabet = [chr(c) for c in range(33, 127)]
    values = alphabet * 20 + ["é", "ü", "ö", "ä", "ß", "ñ"] * 2
    generator = fitted("category", values, letter)
    assert generator.size == len(alphabet)


@pytest.mark.parametrize("length", [3, 10, 200])
def test_invented_texts_fit_their_column(length: int) -> None:
    narrow = DataType(Kind.TEXT, "varchar", length=length)
    values = ["ab"] * 500 + [f"{i:0{length}d}"[:length] for i in range(400)]
    for kind in ("category", "text"):
        drawn = redrawn(fitted(kind, values, narrow), values, narrow)
        assert max(map(len, drawn)) <= length
        assert min(map(len, drawn)) > 0


def test_free_text_keeps_its_lengths_and_its_casing() -> None:
    lengths = rng().integers(20, 300, ROWS)
    values = ["LOREM IPSUM DOLOR "[: n % 18 + 1].ljust(n, "X") for n in lengths.tolist()]
    drawn = redrawn(fitted("text", values), values)
    assert all(text.isupper() for text in drawn)
    bound = float(np.sqrt(np.log(2e6) / (2 * ROWS)))
    grid = np.arange(0, 320, 10)
    before, after = (
        np.searchsorted(np.sort([len(t) for t in s]), grid) / ROWS for s in (values, drawn)
    )
    assert np.abs(before - after).max() <= bound + 1 / 40


def test_free_text_shares_no_word_with_its_source() -> None:
    values = [f"qwxzk{i} vjqxp{i}" for i in range(ROWS)]
    drawn = redrawn(fitted("text", values), values)
    assert not [text for text in drawn if "qwxzk" in text.lower() or "vjqxp" in text.lower()]


def test_order_codes_are_claimed_by_template_and_states_by_category() -> None:
    codes = [f"INV-{i:06d}" for i in range(ROWS)]
    states = [["new", "paid", "sent"][i % 3] for i in range(ROWS)]
    notes = [f"{'word ' * (i % 9 + 2)}{i}" for i in range(ROWS)]
    assert max(("template", "category", "text"), key=lambda k: claim(k, codes)) == "template"
    assert max(("template", "category", "text"), key=lambda k: claim(k, states)) == "category"
    assert claim("text", notes) > 0


def test_models_most_of_which_many_share_are_no_templates() -> None:
    rng = np.random.default_rng(0)
    models = [f"737-{n % 40:03d}" if n % 8 else f"{n:04d}-{n % 997:03d}" for n in range(ROWS)]
    assert claim("category", models) > claim("template", models)
    serials = [f"{n:03d}-{n % 997:03d}" if rng.random() < 0.5 else "000-000" for n in range(ROWS)]
    assert claim("template", serials) > claim("category", serials)


def test_a_template_keeps_constant_places_and_fills_the_others() -> None:
    values = [f"INV-{i * 7919 % 1000000:06d}" for i in range(ROWS)]
    drawn = pa.array(redrawn(fitted("template", values), values))
    assert pc.all(pc.match_substring_regex(drawn, "^INV-[0-9]{6}$")).as_py()
    assert len(drawn.unique()) > ROWS * 0.95


def test_shapes_keep_their_shares() -> None:
    values = [f"A{i % 10}-{i:05d}" if i % 4 else f"{i:07d}x" for i in range(ROWS)]
    drawn = redrawn(fitted("template", values), values)
    assert [text[-1] == "x" for text in drawn] == [text[-1] == "x" for text in values]


def test_documents_keep_their_shape_and_draw_supported_leaves() -> None:
    values = [
        json.dumps({"colour": ["red", "blue"][i % 2], "n": i, "tags": ["a"] * (i % 3), "ok": True})
        for i in range(500)
    ]
    documents = [json.loads(text) for text in redrawn(fitted("json", values, JSON), values, JSON)]
    assert {d["colour"] for d in documents} == {"red", "blue"}
    assert all(isinstance(d["n"], int) and 0 <= d["n"] < 500 for d in documents)
    assert [bool(d["tags"]) for d in documents] == [bool(i % 3) for i in range(500)]


def test_a_name_in_a_document_is_not_copied_however_many_share_it() -> None:
    values = [json.dumps({"first_name": "Wilhelmina"}) for _ in range(500)]
    assert "Wilhelmina" not in "".join(redrawn(fitted("json", values, JSON), values, JSON))


def test_documents_without_a_common_shape_get_their_common_keys() -> None:
    values = [json.dumps({"id": i, f"extra{i}": i}) for i in range(500)]
    documents = [json.loads(text) for text in redrawn(fitted("json", values, JSON), values, JSON)]
    assert {tuple(d) for d in documents} == {("id",)}


def test_whole_arrays_that_many_share_come_back_as_they_were() -> None:
    texts = DataType(Kind.ARRAY, "text[]", element=TEXT)
    values: list[Any] = [
        [["Trailers"], ["Trailers", "Scenes"], [], [None, "x"]][i % 4] for i in range(800)
    ]
    assert redrawn(fitted("array", values, texts), values, texts) == values


def test_arrays_that_differ_keep_their_lengths_and_draw_learned_elements() -> None:
    numbers = DataType(Kind.ARRAY, "integer[]", element=DataType(Kind.INTEGER, "integer", bits=32))
    values = [[*rng().integers(0, 50, 1 + i % 5).tolist(), i] for i in range(3000)]
    drawn = redrawn(fitted("array", values, numbers), values, numbers)
    assert [len(d) for d in drawn] == [len(v) for v in values]
    assert all(0 <= element < 3000 for array in drawn for element in array)


def test_uuids_are_of_version_4_and_differ() -> None:
    uuids = DataType(Kind.UUID, "uuid")
    drawn = redrawn(fitted("uuid", [], uuids), [bytes(16)] * 5000, uuids)
    assert {value[6] >> 4 for value in drawn} == {4}
    assert {value[8] >> 6 for value in drawn} == {2}
    assert len(set(drawn)) == 5000
