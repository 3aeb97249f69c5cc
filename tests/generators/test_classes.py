"""Every column ends in a class, and what a person says of one wins."""

import json

import numpy as np
import pyarrow as pa
import pytest

from connectors.datatypes import DataType, Kind
from connectors.schema import Column, Schema, Table, TableName, Unique
from generators.classes import class_states, restored_classes, said, table_classes
from generators.columns import Sample, column_generators
from generators.columns.json import Json
from generators.encoding import fit_column
from generators.privacy.kinds import Class, Classified
from generators.privacy.support import Support

ROWS = 200
NAME = TableName("public", "things")
COLUMNS = {
    "code": (DataType(Kind.TEXT, "text"), [f"c{n}x{n}" for n in range(ROWS)], Class.KEY),
    "email": (
        DataType(Kind.TEXT, "text"),
        [f"a{n}@corp.test" for n in range(ROWS)],
        Class.PERSONAL,
    ),
    "colour": (DataType(Kind.TEXT, "text"), ["red", "blue"] * 100, Class.PLAIN),
    "gender": (DataType(Kind.TEXT, "text"), ["f", "m"] * 100, Class.QUASI),
    "odd": (DataType(Kind.TEXT, "text"), [f"{n * 7919:x} zz" for n in range(ROWS)], Class.UNKNOWN),
    "size": (DataType(Kind.INTEGER, "integer", bits=32), list(range(ROWS)), Class.QUASI),
    "raw": (DataType(Kind.BYTES, "bytea"), [b"x"] * ROWS, Class.UNKNOWN),
    "more": (DataType(Kind.JSON, "jsonb"), ['{"mail": "x@corp.test"}'] * ROWS, Class.PERSONAL),
    "flags": (DataType(Kind.JSON, "jsonb"), ['{"on": "yes"}'] * ROWS, Class.PLAIN),
}
TYPES = {"size": pa.int32(), "raw": pa.binary()}
TABLE = Table(
    NAME,
    tuple(Column(name, datatype) for name, (datatype, *_) in COLUMNS.items()),
    (Unique("things_pk", ("code",), primary=True),),
)
DATA = pa.table(
    {name: pa.array(held[1], TYPES.get(name, pa.string())) for name, held in COLUMNS.items()}
)
UNITS = np.arange(ROWS, dtype=np.int64)


def test_every_column_ends_in_a_class() -> None:
    found = table_classes(TABLE, DATA, UNITS, Support(), {})
    assert {name: c.group for name, c in found.items()} == {
        name: group for name, (*_, group) in COLUMNS.items()
    }


def test_a_text_without_values_is_unknown() -> None:
    found = table_classes(TABLE, DATA.slice(0, 0), UNITS[:0], Support(), {})
    assert found["colour"].group is Class.UNKNOWN
    assert found["email"] == Classified(Class.PERSONAL, "email")


def test_what_a_person_says_wins_and_decides_what_is_invented() -> None:
    plain = table_classes(TABLE, DATA, UNITS, Support(), {"email": said("plain")})
    assert plain["email"] == Classified(Class.PLAIN)
    values, column = DATA["colour"].combine_chunks(), TABLE.column("colour")
    open_, hidden = (
        fit_column(NAME, column, values, UNITS, Support(), said(group)).generator.kind
        for group in ("plain", "personal")
    )
    assert (open_, hidden) == ("category", "text")


def test_classes_survive_the_file() -> None:
    classes = {NAME: table_classes(TABLE, DATA, UNITS, Support(), {})}
    values = {
        path: json.loads(json.dumps(v.value)) for path, v in class_states(Schema((TABLE,)), classes)
    }
    assert restored_classes(Schema((TABLE,)), values) == classes


@pytest.mark.parametrize("leaf", ["email", "wrote"])
def test_a_personal_leaf_of_a_document_is_told_by_its_key_or_its_values(leaf: str) -> None:
    value = "anna" if leaf == "email" else "anna@corp.test"
    texts = [json.dumps({leaf: value, "colour": "red"})] * ROWS
    column = Column("about", DataType(Kind.JSON, "jsonb"))
    fitted = Json.fit(column, Sample(pa.array(texts), UNITS), Support())
    told = str([part.value for part in fitted.released().values()])
    assert value not in told
    assert "red" in told


def test_a_personal_text_too_narrow_for_its_kind_gets_neutral_words() -> None:
    column = Column("token", DataType(Kind.TEXT, "character varying(4)", length=4))
    values = pa.array(["ab12"] * ROWS)
    assert fit_column(NAME, column, values, UNITS, Support()).generator.kind == "text"
    assert "text" in column_generators()
