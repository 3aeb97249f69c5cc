"""Values worth trying in the columns of a table, beyond what its checks speak of."""

from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa

from connectors.datatypes import arrow_type
from provisioner.job import Job
from provisioner.lookups import Lookup

_WORTH_TRYING = 1000


def proposals_of(job: Job) -> Mapping[str, pa.Array]:
    """Values worth trying, by column: what rules speak of, and keys that are to be computed.

    What a column computes is often near its value: half of it, or its text in small letters. So
    the keys of the parent that the result must lead to are tried in columns of their type.
    """
    keeper = job.setting.keeper(job.table.name)
    found = dict(keeper.proposals)
    for lookup in keeper.lookups:
        for column, keys in _keys(job, lookup):
            known = found.get(column, keys.slice(0, 0))
            found[column] = pa.concat_arrays([known, keys])
    return found


def _keys(job: Job, lookup: Lookup) -> Iterator[tuple[str, pa.Array]]:
    parent = lookup.key.parent
    rows = job.setting.plan.layout(parent).total
    indexes = np.arange(min(rows, _WORTH_TRYING)) * max(1, rows // _WORTH_TRYING)
    keys = job.setting.keys(parent, lookup.key.parent_columns, indexes)
    for expression, values in zip(lookup.expressions, keys, strict=True):
        for column in expression.columns:
            if arrow_type(job.table.column(column).datatype) == values.type:
                yield column, values
