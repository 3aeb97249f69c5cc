"""What hand-made rows give, put in its place among the drawn values of a shard."""

import numpy as np
import pyarrow as pa

from generators.columns import Codes
from generators.distinct import patched
from provisioner.job import Job, Values, features
from provisioner.keeping import Keeper, Verdict


def pinned(job: Job, values: Values) -> Values:
    """The values, those that hand-made rows give in their place."""
    if not len(job.made):
        return values
    given, found = job.setting.placing.given[job.table.name], dict(values)
    for name in given.values.keys() & values.keys():
        told = given.given[name][job.made]
        fresh = given.values[name].take(pa.array(job.made[told]))
        found[name] = patched(values[name], job.seats[told], fresh)
    return found


def pinned_codes(job: Job, codes: Codes, values: Values) -> Codes:
    """The codes, those of hand-made rows for the values that they give."""
    if not len(job.made):
        return codes
    given, found = job.setting.placing.given[job.table.name], codes.copy()
    names = [f.name for f in features(job.model)]
    for fitted in (f for f in job.model.columns if f.column.name in given.values):
        seats = job.seats[given.given[fitted.column.name][job.made]]
        known = values[fitted.column.name].take(pa.array(seats))
        found[seats, names.index(fitted.column.name)] = fitted.encode(known)
    return found


def pardoned(job: Job, rules: Keeper, verdict: Verdict) -> Verdict:
    """The verdict, without checks that speak of given values alone: those were judged before.

    Where times move, they are judged here as they will not be written.
    """
    if not len(job.made):
        return verdict
    given, found = job.setting.placing.given[job.table.name], verdict.copy()
    for place, expression in enumerate(rules.expressions):
        told = np.isin(job.made, given.whole(expression.columns))
        found[job.seats[told], place] = False
    return found
