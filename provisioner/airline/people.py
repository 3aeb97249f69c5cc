"""Invented people: names, e-mails, phones, passports and addresses that fit their country."""

import re
import unicodedata
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from mimesis import Address, Person
from mimesis.enums import Gender
from mimesis.locales import Locale

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

COUNTRIES = ("US", "GB", "ES", "FR", "DE", "IT")
COUNTRY_SHARES = (0.74, 0.08, 0.05, 0.05, 0.05, 0.03)

_LOCALES = (Locale.EN, Locale.EN_GB, Locale.ES, Locale.FR, Locale.DE, Locale.IT)
_NAMES_SEED = 60_811
_DOMAIN_SHARES = {
    "harbourpost-mail.net": 0.33,
    "quillmail.net": 0.22,
    "northbeam-mail.com": 0.15,
    "postkontor-mail.net": 0.1,
    "larkbox.net": 0.08,
    "courrier-mail.net": 0.05,
    "tidewater-office.com": 0.04,
    "brightloom-works.com": 0.03,
}
# Area codes around New York; mobile prefixes elsewhere, beside those that are kept for fiction.
_DIALS = (
    ("+1 212 ", "+1 646 ", "+1 917 ", "+1 718 ", "+1 201 ", "+1 973 ", "+1 516 ", "+1 914 "),
    ("+44 7411 ", "+44 7538 ", "+44 7803 "),
    ("+34 612 ", "+34 655 "),
    ("+33 6 12 ", "+33 6 74 ", "+33 7 81 "),
    ("+49 152 ", "+49 160 ", "+49 176 "),
    ("+39 333 ", "+39 347 "),
)
_LETTERS = "ABCDEFGHJKLMNPRSTUVWYZ"  # without X, so that no passport starts with XX
_RARITY = 1.7  # the first name of a pool is this power more common than a flat draw


@dataclass(frozen=True, slots=True)
class Pool:
    """The texts of all countries in one array; those of country c stand from starts[c] on."""

    texts: pa.Array
    starts: Ints

    @staticmethod
    def of(groups: list[list[str]]) -> "Pool":
        """A pool of the distinct texts of each country."""
        distinct = [list(dict.fromkeys(group)) for group in groups]
        starts = np.cumsum([0, *map(len, distinct)])
        return Pool(pa.array([text for group in distinct for text in group]), starts)

    def draw(self, rng: np.random.Generator, countries: Ints, rarity: float = _RARITY) -> Ints:
        """Positions in `texts`, one for each country; early texts of a country come more often."""
        sizes = np.diff(self.starts)[countries]
        skewed = rng.random(len(countries)) ** rarity
        return np.asarray(self.starts[countries] + (sizes * skewed).astype(np.int64))


@dataclass(frozen=True, slots=True)
class People:
    """Names of some people, and the same in lower-case ASCII for their logins."""

    first: pa.Array
    last: pa.Array
    plain_first: pa.Array
    plain_last: pa.Array


def people(rng: np.random.Generator, countries: Ints, women: Bools) -> People:
    """Names that fit country (a position in COUNTRIES) and gender."""
    female, male, family = _name_pools()
    first = np.where(women, female.draw(rng, countries), male.draw(rng, countries))
    given = pa.array(np.where(women, 0, len(female.texts)) + first)
    last = pa.array(family.draw(rng, countries))
    names = pa.concat_arrays([female.texts, male.texts])
    return People(
        names.take(given),
        family.texts.take(last),
        _plain(names).take(given),
        _plain(family.texts).take(last),
    )


def emails(rng: np.random.Generator, who: People, born: Ints) -> pa.Array:
    """Distinct private addresses, made of name and year of birth; `born` in years."""
    initial = pc.utf8_slice_codeunits(who.plain_first, 0, 1)
    year = pc.utf8_slice_codeunits(pa.array(born).cast(pa.string()), 2, 4)
    forms = (
        pc.binary_join_element_wise(who.plain_first, who.plain_last, "."),
        pc.binary_join_element_wise(initial, who.plain_last, ""),
        pc.binary_join_element_wise(who.plain_first, who.plain_last, year, ""),
        pc.binary_join_element_wise(who.plain_last, initial, "_"),
    )
    form = rng.choice(len(forms), len(born), p=(0.45, 0.2, 0.2, 0.15))
    domain = rng.choice(len(_DOMAIN_SHARES), len(born), p=list(_DOMAIN_SHARES.values()))
    domains = pa.array(list(_DOMAIN_SHARES)).take(domain)
    return distinct_emails(pc.choose(pa.array(form), *forms), domains)


def distinct_emails(login: pa.Array, domain: pa.Array | str) -> pa.Array:
    """Joins login and domain; the second and later holders of an address get a number."""
    wanted = pc.binary_join_element_wise(login, domain, "@").dictionary_encode()
    codes = wanted.indices.to_numpy()
    order = np.argsort(codes, kind="stable")
    rank = np.empty(len(codes), np.int64)
    rank[order] = np.arange(len(codes)) - np.searchsorted(codes[order], codes[order])
    number = pc.binary_join_element_wise(".", pa.array(rank + 1).cast(pa.string()), "")
    suffix = pc.if_else(pa.array(rank > 0), number, "")
    return pc.binary_join_element_wise(pc.binary_join_element_wise(login, suffix, ""), domain, "@")


def phones(rng: np.random.Generator, countries: Ints) -> pa.Array:
    """Numbers of the country's form; none in a range that is kept for fiction."""
    prefixes = Pool.of([list(group) for group in _DIALS])
    prefix = prefixes.texts.take(pa.array(prefixes.draw(rng, countries)))
    # No North American exchange between 556 and 979 is kept for fiction; 555 is.
    block = pa.array(rng.integers(556, 980, len(countries))).cast(pa.string())
    line = digits(rng.integers(0, 10_000, len(countries)), 4)
    return pc.binary_join_element_wise(prefix, pc.binary_join_element_wise(block, line, " "), "")


def passports(rng: np.random.Generator, number: int) -> pa.Array:
    """Distinct numbers of two letters and seven digits."""
    letters = pa.array(list(_LETTERS))
    left, right = (letters.take(rng.integers(0, len(_LETTERS), number)) for _ in range(2))
    serial = digits(rng.choice(10_000_000, number, replace=False), 7)
    return pc.binary_join_element_wise(left, right, serial, "")


def addresses(rng: np.random.Generator, countries: Ints) -> dict[str, pa.Array]:
    """Street with house number, postcode and city; a postcode lies in one city."""
    before, after, postcodes, cities = _address_pools()
    street, place = pa.array(before.draw(rng, countries, 1.0)), postcodes.draw(rng, countries)
    house = pa.array(1 + (400 * rng.random(len(countries)) ** 2.5).astype(np.int64))
    parts = (before.texts.take(street), house.cast(pa.string()), after.take(street))
    return {
        "street": pc.binary_join_element_wise(*parts, ""),
        "postcode": postcodes.texts.take(pa.array(place)),
        "city": cities.take(pa.array(place)),
        "country": pa.array(COUNTRIES).take(pa.array(countries)),
    }


def digits(values: Ints, width: int) -> pa.Array:
    """Whole numbers as texts of a width, with leading zeros."""
    return pc.utf8_lpad(pa.array(values).cast(pa.string()), width, "0")


def _name_pools() -> tuple[Pool, Pool, Pool]:
    """First names of women, of men, and family names."""
    makers = [Person(locale, seed=_NAMES_SEED) for locale in _LOCALES]
    return (
        Pool.of([[p.first_name(gender=Gender.FEMALE) for _ in range(600)] for p in makers]),
        Pool.of([[p.first_name(gender=Gender.MALE) for _ in range(600)] for p in makers]),
        Pool.of([[p.last_name() for _ in range(1500)] for p in makers]),
    )


def _address_pools() -> tuple[Pool, pa.Array, Pool, pa.Array]:
    """Streets before and after the house number; postcodes, and the city of each."""
    makers = [Address(locale, seed=_NAMES_SEED) for locale in _LOCALES]
    house = re.compile(r"^\d+|\d+$")
    streets = Pool.of([[house.sub("#", m.address(), count=1) for _ in range(500)] for m in makers])
    halves = pc.split_pattern(streets.texts, "#", max_splits=1)
    before, after = pc.list_element(halves, 0), pc.list_element(halves, 1)
    postcodes = Pool.of([[m.postal_code() for _ in range(240)] for m in makers])
    sizes = np.diff(postcodes.starts)
    # A city has about three postcodes.
    cities = [
        city
        for maker, size in zip(makers, sizes, strict=True)
        for name in [maker.city() for _ in range(size // 3 + 1)]
        for city in (name, name, name)
    ]
    return Pool(before, streets.starts), after, postcodes, pa.array(_cut(cities, sizes))


def _cut(cities: list[str], sizes: Ints) -> list[str]:
    """Of each country's cities as many as it has postcodes."""
    made = np.concatenate([[0], np.cumsum(3 * (sizes // 3 + 1))])
    return [
        city
        for start, size in zip(made, sizes, strict=False)
        for city in cities[int(start) : int(start + size)]
    ]


def _plain(texts: pa.Array) -> pa.Array:
    """Texts in lower case, without accents, blanks and signs."""
    folded = [unicodedata.normalize("NFKD", t.replace("ß", "ss")) for t in texts.to_pylist()]
    letters = [re.sub(r"[^a-z]", "", t.casefold()) for t in folded]
    return pa.array([t or "guest" for t in letters])
