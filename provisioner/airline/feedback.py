"""What some passengers wrote after a flight; a late arrival makes them write, and less kindly."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from provisioner.airline.bookings import FLOWN, Booked, Seats
from provisioner.airline.published import instants

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_DAY = 86_400
_SHARE = 0.06  # of the seats, on time
_OPENINGS = (
    ("Never again.", "Very disappointed.", "A bad start to our holiday.", "I expected better."),
    ("It was all right.", "Nothing special.", "An average flight.", "Fine for the price."),
    ("Great flight!", "Lovely crew.", "All went well.", "We would fly with you again."),
)
_REASONS = (
    ("Nobody told us why we waited.", "We missed our connection.", "My suitcase came a day later."),
    ("Boarding took a while.", "The seat was a bit narrow.", "The meal was cold."),
    ("Boarding was quick.", "The cabin was clean and quiet.", "We even arrived early."),
)


def feedback_table(
    rng: np.random.Generator, booked: Booked, seats: Seats, flights: pa.Table, people: pa.Table
) -> pa.Table:
    """Rows of `feedback` by time; `people` holds the last names and phones that some sign with."""
    delay = pc.fill_null(flights["arrival_delay"], 180).to_numpy()[seats.flight]
    flown = booked.status[seats.booking] == FLOWN
    chance = _SHARE * (1 + 3 * (delay / 90).clip(0, 1)) * flown
    seat = np.flatnonzero(rng.random(len(chance)) < chance)
    seat, submitted = _in_time_order(rng, seat, seats, flights)
    rating = _ratings(rng, delay[seat], seats.cabin[seat])
    owner = booked.owner[seats.booking[seat]]
    return pa.table(
        {
            "feedback_id": np.arange(1, len(seat) + 1),
            "booking_id": seats.booking[seat] + 1,
            "flight_id": seats.flight[seat] + 1,
            "rating": rating,
            "remark": _remarks(rng, rating, people.take(owner)),
            "submitted_at": instants(submitted),
        }
    )


def answered(rng: np.random.Generator, feedback: pa.Table, staff: int) -> pa.Table:
    """The same rows with the answers that staff gave; complaints are answered most."""
    complaint = feedback["rating"].to_numpy() <= 2
    silent = rng.random(len(feedback)) > np.where(complaint, 0.8, 0.15)
    # The last of the staff table are its agents; a few of them answer most.
    agent = staff - (staff * 0.5 * rng.random(len(feedback)) ** 2).astype(np.int64)
    wait = rng.gamma(1.5, 1.2 * _DAY, len(feedback)).astype(np.int64)
    submitted = feedback["submitted_at"].cast(pa.int64()).to_numpy()
    named = feedback.append_column("answered_by", pa.array(agent, mask=silent))
    return named.append_column("answered_at", instants(submitted + wait, silent))


def _in_time_order(
    rng: np.random.Generator, seat: Ints, seats: Seats, flights: pa.Table
) -> tuple[Ints, Ints]:
    """Positions of seats and when feedback on each came, both by that time."""
    arrives = flights["scheduled_arrival"].cast(pa.int64()).to_numpy()[seats.flight[seat]]
    submitted = arrives + rng.gamma(1.2, 2.5 * _DAY, len(seat)).astype(np.int64) + 4 * 3600
    order = np.argsort(submitted, kind="stable")
    return seat[order], submitted[order]


def _ratings(rng: np.random.Generator, delay: Ints, cabin: Ints) -> Ints:
    """One to five stars."""
    mood = 4.2 + 0.25 * cabin - delay.clip(-20, 240) / 60 + 0.8 * rng.standard_normal(len(delay))
    return np.asarray(np.rint(mood).clip(1, 5).astype(np.int64))


def _remarks(rng: np.random.Generator, rating: Ints, people: pa.Table) -> pa.Array:
    """Text by rating, or null; one in twenty-five carries a name and a phone number."""
    tone = np.digitize(rating, [3, 4])
    opening = _sentences(rng, _OPENINGS, tone)
    reason = pc.if_else(pa.array(rng.random(len(tone)) < 0.6), _sentences(rng, _REASONS, tone), "")
    signed = pc.binary_join_element_wise(
        "Please call me:", people["last_name"], pc.fill_null(people["phone"], "by mail"), " "
    )
    signature = pc.if_else(pa.array(rng.random(len(tone)) < 0.04), signed, "")
    text = pc.binary_join_element_wise(opening, reason, signature, " ")
    tidy = pc.replace_substring(pc.utf8_trim_whitespace(text), "  ", " ")
    return pc.if_else(pa.array(rng.random(len(tone)) < 0.65), tidy, None)


def _sentences(
    rng: np.random.Generator, choices: tuple[tuple[str, ...], ...], tone: Ints
) -> pa.Array:
    """One sentence for each tone; every tone has as many."""
    each = len(choices[0])
    picked = tone * each + rng.integers(0, each, len(tone))
    return pa.array([text for group in choices for text in group]).take(pa.array(picked))
