"""Draws rows for each owner, or owners, until one is kept that looks learned enough."""

import numpy as np

from generators.columns import Codes
from generators.raking import margins, raked
from generators.relations.casts import Cast, Turns, put_turns
from generators.relations.drawings import drawings
from generators.relations.lives import lives, single
from generators.relations.referee import Choice, Referee, candidates, chosen, tilted
from generators.relations.turns import take_turns
from provisioner.job import Floats, Ints, Job, features

_FEWEST_OWNERS = 200
"""Histories from which on a shard is large enough to have the margins of the whole."""
_MANY_ROWS = 20_000
"""Rows from which on chance moves no margin by much, so that it need not be evened out."""


def refereed(job: Job, cast: Cast, referee: Referee, rng: np.random.Generator) -> Turns:
    """All rows of some owners, each owner's as one of several histories that were drawn."""
    starts = _starts(cast)
    if len(starts) >= _FEWEST_OWNERS and len(cast.owners) < _MANY_ROWS and not _is_kept(job):
        return _evened(job, cast, referee, starts, rng)
    found, every = take_turns(cast, rng), np.arange(len(cast.owners))
    history = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(every))))
    choice = Choice.among(len(starts), rng)
    choice.offered(np.arange(len(starts)), _odds(job, cast, referee, found))
    for _ in range(candidates(len(every)) - 1):
        owners, rows = np.flatnonzero(choice.undecided), every[choice.undecided[history]]
        if not len(owners):
            break
        part = cast.of(rows)
        again = take_turns(part, rng)
        kept = np.zeros(len(starts), np.bool_)
        kept[owners] = choice.offered(owners, _odds(job, part, referee, again))
        put_turns(found, again, rows, np.flatnonzero(kept[history[rows]]))
    return found


def sifted(job: Job, rng: np.random.Generator) -> Codes:
    """Codes of rows without an owner, each as one of several that were drawn, if any was to be."""
    given, referee = job.context.codes, job.model.referee
    if referee is None or not referee.trees or not len(given):
        return job.model.generator.sample(given, {}, rng)
    if _FEWEST_OWNERS <= len(given) < _MANY_ROWS:
        return _evenly_sifted(job, referee, rng)
    found, choice = job.model.generator.sample(given, {}, rng), Choice.among(len(given), rng)
    every = np.arange(len(given))
    choice.offered(every, _odds_of_rows(job, referee, given, found, tilts=True))
    for _ in range(candidates(len(given)) - 1):
        rows = np.flatnonzero(choice.undecided)
        if not len(rows):
            break
        again = job.model.generator.sample(given[rows], {}, rng)
        kept = choice.offered(rows, _odds_of_rows(job, referee, given[rows], again, tilts=True))
        found[rows[kept]] = again[kept]
    return found


def _evenly_sifted(job: Job, referee: Referee, rng: np.random.Generator) -> Codes:
    """As `sifted`, with the margins learned."""
    given, starts = job.context.codes, np.arange(len(job.context.codes))
    times = range(candidates(len(given)))
    drawn = [job.model.generator.sample(given, {}, rng) for _ in times]
    odds = np.stack([_odds_of_rows(job, referee, given, codes, tilts=False) for codes in drawn])
    tilts = raked(odds, drawn, starts, margins(features(job.model), job.model.histograms))
    odds += np.stack([tilted(tilts, codes, starts) for codes in drawn])
    return np.stack(drawn)[chosen(odds, rng), starts]


def _odds_of_rows(job: Job, referee: Referee, given: Codes, codes: Codes, *, tilts: bool) -> Floats:
    """The log odds of each row, tilted as when learning if asked."""
    known = job.context.features, features(job.model)
    plain = referee.odds(single(known, (given, codes)).binned)
    return plain + referee.tilted(codes, np.arange(len(codes))) if tilts else plain


def _evened(
    job: Job, cast: Cast, referee: Referee, starts: Ints, rng: np.random.Generator
) -> Turns:
    """As `refereed`, with the margins learned, whatever chance made of so few rows.

    Every owner draws all histories, whose odds are raked to the margins.
    """
    several = drawings(cast, candidates(len(cast.owners)), rng)
    odds = np.stack([_plain(job, cast, referee, turns) for turns in several])
    drawn = [turns.codes for turns in several]
    tilts = raked(odds, drawn, starts, margins(cast.history.features, job.model.histograms))
    odds += np.stack([tilted(tilts, codes, starts) for codes in drawn])
    found, which = several[0], chosen(odds, rng)
    which = np.repeat(which, np.diff(np.append(starts, len(cast.owners))))
    for number, turns in enumerate(several):
        put_turns(found, turns, np.arange(len(which)), np.flatnonzero(which == number))
    return found


def _odds(job: Job, cast: Cast, referee: Referee, turns: Turns) -> Floats:
    """The log odds of each history, tilted as when learning."""
    plain = _plain(job, cast, referee, turns)
    return plain if _is_kept(job) else plain + referee.tilted(turns.codes, _starts(cast))


def _plain(job: Job, cast: Cast, referee: Referee, turns: Turns) -> Floats:
    rows = turns.told.codes, turns.codes
    return referee.odds(lives(cast.history, job.context.features, rows, _starts(cast)).binned)


def _starts(cast: Cast) -> Ints:
    return np.flatnonzero(np.diff(cast.owners, prepend=-1))


def _is_kept(job: Job) -> bool:
    """Whether the owners are no drawn ones, so that their rows may well be other than learned."""
    return job.owner is not None and job.owner.parent in job.setting.plan.stands
