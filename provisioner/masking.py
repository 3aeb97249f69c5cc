"""Reads the rows of masked tables, and makes pseudonyms of what they hold."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import Kind
from connectors.engines import Source
from connectors.limits import UNLIMITED
from connectors.profile import Split
from connectors.schema import Column, Schema, Table, TableName
from generators.carried import Carried
from generators.ciphers import Cipher
from generators.distinct import groups
from generators.facts import Training
from generators.masking import elements, masked_column
from generators.masks import Masking, masks
from generators.privacy.support import Support
from provisioner.carrying import Carrying, Paths, check_held
from provisioner.errors import WrongRequest
from provisioner.keeping import callable_functions, keeper
from provisioner.subset import subset_rows

KEY = "PROVISIONER_MASK_KEY"
"""The variable of the environment that holds the key."""

_SHORTEST, _FEWEST = 32, 8


def cipher_of(environment: Mapping[str, str]) -> Cipher:
    """The key of the environment.

    Raises:
        WrongRequest: there is none, or one that may be guessed.
    """
    text = environment.get(KEY, "")
    if len(text) < _SHORTEST or len(set(text)) < _FEWEST:
        found = f"{KEY} has {len(text)} characters" if text else f"{KEY} is not set"
        raise WrongRequest(
            f"{found}; masks need a secret of at least {_SHORTEST} characters there, such as "
            "`openssl rand -hex 32` gives, and the same one in every run that shall agree"
        )
    return Cipher(text.encode())


@dataclass(frozen=True, slots=True)
class _Job:
    """One table to mask, with its training rows and the rule of release."""

    schema: Schema
    table: Table
    training: Training
    support: Support
    cipher: Cipher


def masked_tables(
    source: Source,
    schema: Schema,
    carrying: Carrying,
    paths: Paths,
    training: Mapping[TableName, Training],
    support: Support,
) -> Iterator[tuple[TableName, Carried]]:
    """The rows of each masked table, masked.

    Args:
        source: where they are read, in the snapshot that all else is read in.
        schema: the tables.
        carrying: which of them are masked, with the mask of each column that has one.
        paths: each table's way to its privacy unit.
        training: the rows that are learned from.
        support: the rule by which values may stay.

    Raises:
        WrongRequest: there is no key, a mask makes rows equal, or the subset cannot be read or
            holds no row.
    """
    if carrying.cipher is None:
        raise WrongRequest(f"masks need a key; set {KEY}")
    split = Split(paths, salt=0, holdout=0.0)
    rows = subset_rows(source, schema, carrying, split, training)
    for name, kinds in sorted(carrying.masked.items()):
        table, found = schema.table(name), rows[name]
        check_held(table, found.rows)
        job = _Job(schema, table, training[name], support, carrying.cipher)
        yield name, Carried(support.carried(_masked(job, found, kinds)), kinds)


def _masked(job: _Job, found: Training, kinds: Mapping[str, str]) -> pa.Table:
    """The rows in an order that tells nothing of the one in which they are stored."""
    masked = {}
    for column in job.table.written:
        values = found.rows[column.name].combine_chunks()
        if column.name in kinds:
            masking = Masking(column, job.cipher, found.units, _spared(job, column, kinds))
            values = masked_column(values, kinds[column.name], masking)
        masked[column.name] = values
    rows = pa.table(masked, schema=found.rows.schema)
    _check_unique(job.table, found.rows, rows, kinds)
    words = [job.cipher.word("order", str(n)) for n in range(len(rows))]
    return rows.take(pa.array(np.argsort(np.array(words, np.uint64))))


def _spared(job: _Job, column: Column, kinds: Mapping[str, str]) -> pa.Array:
    """The values that enough units share, and those that a check declares."""
    if kinds[column.name] not in {"rare", "json"}:
        return pa.nulls(0, pa.string())
    values, units = job.training.rows[column.name].combine_chunks(), job.training.units
    if column.datatype.kind is Kind.ARRAY:
        values, lengths = elements(values)
        units = np.repeat(units, lengths)
    there = np.asarray(values.is_valid().to_numpy(zero_copy_only=False))
    shared = job.support.shares(values.filter(pa.array(there)), units[there]).value.values
    rules = keeper(job.table, callable_functions(job.schema))
    declared = rules.limits.get(column.name, UNLIMITED).values or ()
    texts = pa.array([v for v in declared if isinstance(v, str)], pa.string())
    return pa.concat_arrays([shared.cast(pa.string()), texts])


def _check_unique(
    table: Table, before: pa.Table, after: pa.Table, kinds: Mapping[str, str]
) -> None:
    """Makes sure that rows which a unique key tells apart still are."""
    for unique in table.uniques:
        masked = [c for c in unique.columns if c in kinds]
        if not masked or not unique.whole or not set(unique.columns) <= set(after.column_names):
            continue
        if _different(after, unique.columns) < _different(before, unique.columns):
            loose = [f"{c}: {kinds[c]}" for c in masked if not masks()[kinds[c]].one_to_one]
            raise WrongRequest(
                f"{table.name}: the key {unique.name} would be the same in several masked rows "
                f"({', '.join(loose)}); use a mask that keeps values apart, such as text"
            )


def _different(rows: pa.Table, columns: tuple[str, ...]) -> int:
    """How many combinations of values there are, those with a null left out."""
    found = groups([rows[c].combine_chunks() for c in columns])
    return int(pc.count_distinct(pa.array(found[found >= 0])).as_py())
