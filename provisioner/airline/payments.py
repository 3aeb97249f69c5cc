"""How bookings were paid: cards, transfers, instalments and refunds."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from provisioner.airline.bookings import CANCELLED, REFUNDED, Booked, money
from provisioner.airline.published import instants

Ints = npt.NDArray[np.int64]

_METHODS = ("credit_card", "debit_card", "bank_transfer", "voucher")
_TRANSFER, _VOUCHER = 2, 3
_MONTH = 30 * 86_400
_CARDS = 2  # per passenger
# First six digits; none is of the ranges that payment services publish for tests.
_ISSUERS = np.array(
    [453_275, 448_590, 491_637, 476_173, 522_894, 531_468, 546_203, 517_805, 374_622]
)
_ISSUER_SHARES = (0.2, 0.14, 0.12, 0.1, 0.14, 0.1, 0.08, 0.06, 0.06)
_AMEX = 370_000, 380_000  # its numbers have 15 digits


def payments_table(rng: np.random.Generator, booked: Booked, passengers: int) -> pa.Table:
    """Rows of `payments`, by the time they were paid; a booking's add up to its total."""
    booking, nth, amount = _parts(rng, booked)
    method = _methods(rng, booked.owner[booking], passengers)
    requested = booked.booked[booking] + nth * _MONTH
    paid = requested + _delays(rng, method)
    order = np.argsort(paid, kind="stable")
    table = {
        "booking_id": booking + 1,
        "method": pa.array(_METHODS).take(pa.array(method)),
        "card_number": _cards_used(rng, booked.owner[booking], method, passengers),
        "amount": money(amount),
        "refunded": money(_refunds(rng, booked.status[booking], amount)),
        "requested_at": instants(requested),
        "paid_at": instants(paid),
    }
    rows = pa.table(table).take(order)
    return rows.add_column(0, "payment_id", pa.array(np.arange(1, len(rows) + 1)))


def card_numbers(rng: np.random.Generator, number: int) -> pa.Array:
    """Numbers with a valid check digit, by the formula of Luhn (ISO/IEC 7812-1, annex B)."""
    issuer = rng.choice(_ISSUERS, number, p=_ISSUER_SHARES)
    short = (issuer >= _AMEX[0]) & (issuer < _AMEX[1])
    width = np.where(short, 8, 9)
    account = (rng.random(number) * 10.0**width).astype(np.int64)
    body = issuer * 10**width + account
    return pa.array(body * 10 + _check_digits(body)).cast(pa.string())


def _check_digits(body: Ints) -> Ints:
    """The digit that makes the weighted digit sum a multiple of ten."""
    places = body[:, None] // 10 ** np.arange(15) % 10
    doubled = places[:, ::2] * 2
    total = (doubled - 9 * (doubled > 9)).sum(1) + places[:, 1::2].sum(1)
    return np.asarray(-total % 10)


def _parts(rng: np.random.Generator, booked: Booked) -> tuple[Ints, Ints, Ints]:
    """Booking, ordinal and cents of each payment; dear bookings are sometimes paid in two parts."""
    due = np.flatnonzero(booked.total > 0)
    split = (booked.total[due] > 60_000) & (rng.random(len(due)) < 0.3)
    booking = np.repeat(due, 1 + split)
    nth = (np.diff(booking, prepend=-1) == 0).astype(np.int64)
    halved = np.repeat(split, 1 + split)
    half = booked.total[booking] // 2
    rest = booked.total[booking] - half
    return booking, nth, np.where(halved, np.where(nth == 0, rest, half), booked.total[booking])


def _methods(rng: np.random.Generator, owner: Ints, passengers: int) -> Ints:
    """Each passenger has a usual method, and keeps to it most of the time."""
    shares = (0.6, 0.24, 0.11, 0.05)
    usual = rng.choice(len(_METHODS), passengers, p=shares)
    other = rng.choice(len(_METHODS), len(owner), p=shares)
    return np.asarray(np.where(rng.random(len(owner)) < 0.8, usual[owner], other))


def _delays(rng: np.random.Generator, method: Ints) -> Ints:
    """Seconds from request to payment: a transfer takes days, all else a moment."""
    scale = np.where(method == _TRANSFER, 1.6 * 86_400, np.where(method == _VOUCHER, 4.0, 40.0))
    return np.asarray(rng.gamma(1.5, scale).astype(np.int64))


def _cards_used(rng: np.random.Generator, owner: Ints, method: Ints, passengers: int) -> pa.Array:
    """The card of each payment by card: one of the passenger's two, by method."""
    cards = card_numbers(rng, _CARDS * passengers)
    used = cards.take(pa.array(owner * _CARDS + (method == 1)))
    return pc.if_else(pa.array(method < _TRANSFER), used, None)


def _refunds(rng: np.random.Generator, status: Ints, amount: Ints) -> Ints:
    """All when the airline cancelled; half, all or nothing when the passenger did."""
    choice = rng.choice([0.0, 0.5, 1.0], len(amount), p=(0.35, 0.4, 0.25))
    share = np.where(status == REFUNDED, 1.0, np.where(status == CANCELLED, choice, 0.0))
    return np.asarray((amount * share).astype(np.int64))
