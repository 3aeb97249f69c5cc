"""Draws the rows of all owners turn by turn: every first row, every second one, and so on."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from generators.columns import Codes
from generators.forest import EFFORT
from generators.relations.casts import Cast, Told, Turns, put, put_turns
from generators.relations.histories import (
    AGAIN,
    CURRENT,
    EARLIER,
    LAST,
    NEW,
    History,
    Repeats,
)
from generators.relations.refusals import becoming, refused, refuses
from generators.relations.repeating import has_earlier, held_before, last_followers, repeated
from generators.relations.timing import Way, earlier, scattered_ticks, with_present
from generators.sorting import ordered
from generators.tables import Feature, TableGenerator

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_ENDLESS = 2**61
_REDRAWS = 4


def take_turns(cast: Cast, rng: np.random.Generator) -> Turns:
    """Draws all rows of some owners.

    An owner whose rows would go on beyond the latest time begins earlier by as much, and its rows
    are drawn again; where it cannot, the time that is left is all that they have. Where rows are
    scattered, all their times are drawn at once.
    """
    clock = cast.history.clock
    if clock is not None and clock.scattered and cast.time is not None:
        return _turns(cast, Way(scattered_ticks(cast, clock, rng), 0, every=True), rng)
    if clock is None or clock.walk is not None or cast.time is None or not len(cast.owners):
        return _turns(cast, Way(None, 0), rng)
    found = _turns(cast, Way(None, _ENDLESS), rng)
    times, moved, squeezed = earlier(cast, clock, found.ticks)
    for rows, every in ((moved, False), (squeezed, True)):
        if len(rows):
            again = _turns(cast.of(rows), Way(times[rows], clock.bounds[1], every), rng)
            put_turns(found, again, rows, np.arange(len(rows)))
    return found


def take_turns_as(
    cast: Cast, ticks: Ints, evidence: Mapping[str, Codes], rng: np.random.Generator
) -> Turns:
    """Draws all rows of some owners at given times, given what they are in some of `drawn`."""
    return _turns(cast, Way(ticks, _ENDLESS, every=True), rng, evidence)


def _turns(
    cast: Cast,
    way: Way,
    rng: np.random.Generator,
    evidence: Mapping[str, Codes] = MappingProxyType({}),
) -> Turns:
    """All rows of some owners, turn by turn."""
    history, rows = cast.history, len(cast.owners)
    found = Turns(
        Told(rows, cast.base.shape[1] + len(history.past) + len(history.present), []),
        np.zeros((rows, len(history.features)), np.int32),
        np.full((rows, len(history.features)), -1),
        np.full((rows, len(history.features)), -1),
        np.zeros(rows, np.int64),
        np.full(rows, -1),
    )
    sums = np.zeros((rows, len(history.averaged)), np.int32)
    order = ordered(cast.before)
    ends = np.cumsum(np.bincount(cast.before))
    for number, end in enumerate(ends if rows else ()):
        turn = order[ends[number - 1] if number else 0 : end]
        known = _recalled(cast, turn, (found.codes, sums, number), found.told.width)
        behind = cast.base.shape[1] + len(history.past)
        past = known[:, cast.base.shape[1] : behind]
        known[:, behind:] = with_present(cast, found, turn, (past, way), rng)
        given = {name: codes[turn] for name, codes in evidence.items()}
        _draw_rows(cast, found, (turn, known), rng, given)
        found.told.parts.append((turn, known))
    return found


def _recalled(cast: Cast, turn: Ints, before: tuple[Codes, Codes, int], width: int) -> Codes:
    """What a turn's rows are drawn given, but for their present: context and older siblings.

    `before` are all codes, the running sums of the averaged ones, set here, and the turn's number.
    """
    codes, sums, number = before
    history, known = cast.history, np.empty((len(turn), width), np.int32)
    if number and EFFORT.is_repaid:
        from generators.recalling import recalled  # noqa: PLC0415 - few need to wait for it

        recalled(known, cast.base, turn, before, history.means)
        return known
    known[:, : cast.base.shape[1]] = cast.base.take(turn, axis=0)
    known[:, cast.base.shape[1] :] = 0
    if number:
        previous, mean = codes.take(turn - 1, axis=0), sums.take(turn - 1, axis=0)
        mean += previous[:, history.averaged]
        put(sums, turn, mean)
        past = history.past_codes(previous, mean, np.full(len(turn), number))
        known[:, cast.base.shape[1] : cast.base.shape[1] + past.shape[1]] = past
    return known


def drawn_again(cast: Cast, found: Turns, rows: Ints, rng: np.random.Generator) -> Turns:
    """The same rows with some of them replaced, each drawn given what it was drawn given before."""
    again = _copied(found, rows)
    _draw_rows(cast, again, (rows, found.told.codes[rows]), rng)
    return again


def drawn_given(
    cast: Cast, found: Turns, rows: Ints, evidence: Mapping[str, Codes], rng: np.random.Generator
) -> tuple[Turns, Floats]:
    """As `drawn_again` with evidence, and the weight of each row; see `TableGenerator`."""
    again = _copied(found, rows)
    codes = _draw_rows(cast, again, (rows, found.told.codes[rows]), rng, evidence)
    return again, _log_weight(cast, again, rows, codes, evidence)


def _log_weight(
    cast: Cast, found: Turns, rows: Ints, codes: Codes, evidence: Mapping[str, Codes]
) -> Floats:
    """The weight of rows drawn with evidence, their choices and their rest together."""
    history, known = cast.history, found.told.codes[rows]
    if history.chooser is None and history.manner is None:
        return cast.generator.log_weight(known, codes, evidence)
    choices, rest = (_of(evidence, history, p) for p in (history.choices, history.rest))
    given, chosen = history.with_choices(known, codes, found.codes[rows]), codes[:, history.choices]
    ways = history.manner_codes(chosen)
    chooser = history.chooser or cast.generator
    weight = chooser.log_weight(np.concatenate([known, ways], axis=1), chosen, choices)
    if history.manner is not None:
        weight += history.manner.log_weight(known, ways, [*_manners(history, choices)])
    if history.chooser is None:
        return weight
    return weight + cast.generator.log_weight(given, codes[:, history.rest], rest)


def _copied(found: Turns, rows: Ints) -> Turns:
    """A copy in which some rows, about to be drawn anew, repeat nothing."""
    again = replace(
        found,
        codes=found.codes.copy(),
        sources=found.sources.copy(),
        current=found.current.copy(),
    )
    again.sources[rows] = again.current[rows] = -1
    return again


def _draw_rows(
    cast: Cast,
    found: Turns,
    asked: tuple[Ints, Codes],
    rng: np.random.Generator,
    evidence: Mapping[str, Codes] = MappingProxyType({}),
) -> Codes:
    """Draws codes of rows with their context, in place; answers the generator's."""
    (rows, known), history = asked, cast.history
    codes = _chosen(cast, known, evidence, rng)
    if cast.repeating:
        _draw_repeats(cast, found, asked, (codes, evidence), rng)
    else:
        every = np.arange(len(history.drawn))
        _draw_in_use(cast, found, (rows, known), (codes, every, evidence), rng)
        _set_codes(cast, found, rows, codes)
    if history.chooser is not None:
        given_codes = history.with_choices(known, codes, found.codes[rows])
        rest = _of(evidence, history, history.rest)
        codes[:, history.rest] = cast.generator.sample(given_codes, rest, rng)
        _draw_in_use(cast, found, (rows, given_codes), (codes, history.rest, rest), rng)
        for column in history.rest:
            found.codes[rows, cast.places[column]] = codes[:, column]
    return codes


def _draw_in_use(
    cast: Cast,
    found: Turns,
    asked: tuple[Ints, Codes],
    drawn: tuple[Codes, Ints, Mapping[str, Codes]],
    rng: np.random.Generator,
) -> None:
    """Draws anew, in place, what the generator drew of rows with a value out of its era.

    `drawn` are the codes, which of their columns the generator draws, and the evidence on these.
    """
    (rows, known), (codes, columns, evidence) = asked, drawn
    if not refuses(cast.history):
        return
    plain = (
        np.full((len(rows), len(cast.history.features)), NEW, np.int8),
        np.full((len(rows), len(cast.history.features)), -1),
    )
    for _ in range(_REDRAWS):
        told = becoming(cast, found, rows, (codes[:, columns], columns), plain)
        wrong = np.flatnonzero(refused(cast, found, rows, told))
        if not len(wrong):
            break
        given = {name: own[wrong] for name, own in evidence.items()}
        codes[np.ix_(wrong, columns)] = cast.generator.sample(known[wrong], given, rng)


def _set_codes(cast: Cast, found: Turns, rows: Ints, codes: Codes) -> None:
    """Puts what was drawn into its place, in place; codes of repeats count as the highest one."""
    if EFFORT.is_repaid:
        from generators.recalling import settled  # noqa: PLC0415 - few need to wait for it

        settled(found.codes, rows, codes, cast.places, cast.highest)
        return
    own = found.codes.take(rows, axis=0)
    own[:, cast.places] = np.minimum(codes, cast.highest)
    put(found.codes, rows, own)


def _draw_repeats(
    cast: Cast,
    found: Turns,
    asked: tuple[Ints, Codes],
    drawn: tuple[Codes, Mapping[str, Codes]],
    rng: np.random.Generator,
) -> None:
    """Sets codes, in place, with those of rows that repeat what others have; draws others anew."""
    (rows, known), (codes, evidence), history = asked, drawn, cast.history
    position, beat = cast.before[rows], _beat_rows(cast, found, rows)
    followers, earlier = _older(cast, found, rows, position)
    choices = np.arange(codes.shape[1]) if history.chooser is None else history.choices
    for _ in range(_REDRAWS):
        how = history.repeats(codes)
        bad = _impossible(how, position, beat, (followers, earlier)).any(axis=1)
        bad |= _seen_again(cast, found, rows, codes)
        told = becoming(cast, found, rows, (codes[:, choices], choices), (how, followers))
        wrong = np.flatnonzero(bad | refused(cast, found, rows, told))
        if not len(wrong):
            break
        given = {name: known_codes[wrong] for name, known_codes in evidence.items()}
        codes[wrong] = _chosen(cast, known[wrong], given, rng)
    how = history.repeats(codes)
    how[_impossible(how, position, beat, (followers, earlier))] = NEW
    _set_codes(cast, found, rows, codes)
    for place in cast.places[how[:, cast.places].any(axis=0)]:
        way = how[:, place], followers[:, place]
        own, turn = found.codes[:, place], (rows, position)
        repeating, taken = repeated(own, turn, way, found.places, rng)
        root = found.sources[taken, place]
        found.codes[rows[repeating], place] = found.codes[taken, place]
        found.sources[rows[repeating], place] = np.where(root < 0, taken, root)
        now = np.flatnonzero(how[:, place] == CURRENT)
        if len(now):
            theirs = _closed(cast, int(place), rows[now], beat[now])
            found.current[rows[now], place] = theirs
            found.codes[rows[now], place] = cast.shared[int(place)][theirs]


def _chosen(
    cast: Cast, known: Codes, evidence: Mapping[str, Codes], rng: np.random.Generator
) -> Codes:
    """Codes of all that is drawn; where there is a chooser, only its part is there."""
    history = cast.history
    if history.chooser is None:
        return _choices(history, cast.generator, (known, evidence), rng)
    codes = np.zeros((len(known), len(history.drawn)), np.int32)
    given = _of(evidence, history, history.choices)
    codes[:, history.choices] = _choices(history, history.chooser, (known, given), rng)
    return codes


def _choices(
    history: History,
    chooser: TableGenerator,
    asked: tuple[Codes, Mapping[str, Codes]],
    rng: np.random.Generator,
) -> Codes:
    """Codes of the choices; those of numbers repeat others just as was drawn before."""
    known, given = asked
    if history.manner is None:
        return chooser.sample(known, given, rng)
    ways = history.manner.sample(known, _manners(history, given), rng)
    known = np.concatenate([known, ways], axis=1)
    codes = chooser.sample(known, given, rng)
    for _ in range(_REDRAWS):
        wrong = np.flatnonzero((history.manner_codes(codes) != ways).any(axis=1))
        if not len(wrong):
            break
        evidence = {name: own[wrong] for name, own in given.items()}
        codes[wrong] = chooser.sample(known[wrong], evidence, rng)
    return codes


def _manners(history: History, evidence: Mapping[str, Codes]) -> Mapping[str, Codes]:
    """What evidence on choices says of how they repeat others."""
    sizes = {f.name: f.size for f in history.features}
    return {
        manner.name: np.maximum(evidence[name] - sizes[name] + 1, 0)
        for name, manner in history.manners.items()
        if name in evidence
    }


def _of(evidence: Mapping[str, Codes], history: History, places: Ints) -> Mapping[str, Codes]:
    """The evidence on some of the drawn features."""
    names = {history.drawn[place].name for place in places}
    return {name: codes for name, codes in evidence.items() if name in names}


def _seen_again(cast: Cast, found: Turns, rows: Ints, codes: Codes) -> Bools:
    """Rows with a new category that an older sibling has: as a repeat it has a code of its own."""
    history = cast.history
    kept = [p for p in history.places if _is_told(history, history.features[p])]
    if not kept:
        return np.zeros(len(rows), np.bool_)
    fresh, new = history.spread(codes)[:, kept], history.repeats(codes)[:, kept] == NEW
    held = held_before(found.codes[:, kept], rows, fresh, cast.owners)
    return np.asarray((held & new).any(axis=1))


def _is_told(history: History, feature: Feature) -> bool:
    """Whether equal codes of a feature are mostly equal values; not so for references."""
    return feature.name in history.repeated and not (feature.ordered or feature.name[:2] == "->")


def _beat_rows(cast: Cast, found: Turns, rows: Ints) -> Ints:
    """The beat's row in force at each row's time; -1 where there is none."""
    if cast.beat is None:
        return np.full(len(rows), -1)
    return np.append(cast.beat.rows, -1)[found.places[rows]]


def _closed(cast: Cast, place: int, rows: Ints, beat: Ints) -> Ints:
    """The beat's rows that rows are like in a feature, given those in force."""
    if cast.beat is None or cast.history.features[place].name not in cast.history.closing:
        return beat
    last = cast.beat.rows[cast.beat.last(cast.owners[rows])]
    return np.where(cast.after[rows] == 0, last, beat)


def _older(cast: Cast, found: Turns, rows: Ints, position: Ints) -> tuple[Ints, Bools]:
    """Per feature the last follower of a sibling like the one before, and whether others are left.

    -1 where nothing followed.
    """
    names, repeated_names = [f.name for f in cast.history.features], cast.history.repeated
    followers = np.full((len(rows), len(names)), -1)
    earlier = np.zeros(followers.shape, np.bool_)
    for place in (p for p, name in enumerate(names) if name in repeated_names):
        codes, sources = found.codes[:, place], found.sources[:, place]
        followers[:, place] = last_followers(codes, sources, rows, position)
        earlier[:, place] = has_earlier(codes, rows, position, followers[:, place])
    return followers, earlier


def _impossible(how: Repeats, position: Ints, beat: Ints, older: tuple[Ints, Bools]) -> Bools:
    """Where a row repeats an older sibling or a row of the beat that is not there."""
    followers, earlier = older
    alone = (position == 0)[:, None] & (how == LAST)
    alone |= ((followers < 0) & (how == AGAIN)) | (~earlier & (how == EARLIER))
    return np.asarray(alone | ((beat < 0)[:, None] & (how == CURRENT)))
