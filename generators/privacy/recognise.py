"""What texts are, by themselves: e-mails, phones, cards, identifiers of states, people's names."""

import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from importlib import import_module, resources
from json import loads
from typing import Any

import numpy as np
import phonenumbers
import pyarrow as pa
import pyarrow.compute as pc
from stdnum import iban, luhn

from generators.privacy.tokens import holds_secret, is_token

_ENOUGH = 0.8
_NEARLY_ALL = 0.95
_FEWEST = 20
"""Distinct values below which chance may well let all of them pass one check digit."""
_FEWEST_NAMES = 8
_NAMED = 0.6
_MOST_CHECKED = 200
_REGIONS = ("US", "GB", "DE", "FR", "IT", "ES", "NL", "CH", "BR", "IN", "AU", "JP")
_NATIONAL = """
    be.nn bg.egn br.cpf ca.sin ch.ssn cn.ric cz.rc de.idnr dk.cpr ee.ik es.dni es.nie fi.hetu
    fr.nir gb.nhs gr.amka hr.oib ie.pps is_.kennitala it.codicefiscale lt.asmens mx.curp nl.bsn
    no.fodselsnummer pl.pesel pt.cc ro.cnp se.personnummer si.emso tr.tckimlik za.idnr in_.aadhaar
    kr.rrn
"""
"""Numbers that states give to people, and that a check digit proves."""

_FORMS: Mapping[str, str] = {
    "email": r"^[\w.!#$%&'*+/=?^`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$",
    "iban": r"^[A-Z]{2}[0-9]{2}( ?[A-Z0-9]{1,4}){3,8}$",
    "card": r"^[2-6][0-9]{3}([ -]?[0-9]{2,6}){2,4}$",
    "passport": r"^[0-9]{3}-[0-9]{2}-[0-9]{4}$",
    "network_address": r"^([0-9]{1,3}(\.[0-9]{1,3}){3}(/[0-9]{1,2})?"
    r"|[0-9A-Fa-f]{0,4}(:[0-9A-Fa-f]{0,4}){2,7}(/[0-9]{1,3})?"
    r"|[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5})$",
    "secret": r"^\S{20,}$",
    "phone": r"^(\+[0-9][0-9 ().-]{7,20}|\(?[0-9]{3}\)?[ .-][0-9]{3}[ .-][0-9]{4})$",
    "geo": r"^\(?-?[0-9]{1,2}\.[0-9]{3,} ?[,;] ?-?[0-9]{1,3}\.[0-9]{3,}\)?$"
    r"|^(SRID=[0-9]+;)?POINT ?\(",
    "street": r"(?i)"
    r"^[0-9]{1,5}[a-z]?,? .*\b(street|st|avenue|ave|road|rd|lane|ln|drive|dr|court|ct|"
    r"boulevard|blvd|way|parkway|pkwy|place|terrace|circle|rue|chemin)\b\.?.{0,20}$"
    r"|^(rue|via|calle|rua|avenida|viale|piazza|plaza) .*[0-9]{1,5}.{0,10}$"
    r"|^\S.*(stra(ss|ß)e|str\.|gasse|weg|platz|laan|straat|gatan|vej) [0-9]{1,4} ?[a-z]?$",
}
_WITH_AN_ID = (
    r"^[a-z]+://[^/]+/.*(user|profile|people|person|member|account|@|token=|session=|id="
    r"|[0-9a-f]{16})"
)
_INSIDE = re.compile(
    r"(?<![\w.+-])[\w.+-]+@[A-Za-z0-9-]+\.[A-Za-z]{2,}|\+[1-9][0-9][0-9 ().-]{7,16}[0-9]"
    r"|\(?\b[0-9]{3}\)?[ .-][0-9]{3}[ .-][0-9]{4}\b|\b[0-9]{3}-[0-9]{2}-[0-9]{4}\b"
    r"|\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){3,7}\b|\b[3-6][0-9]{3}(?:[ -]?[0-9]{4}){3}\b"
)
_NATIONAL_PHONE = re.compile(r"^\(?0?[0-9]{2,5}\)?[ /-][0-9][0-9 /-]{4,12}$")
_LOOKS_LIKE_A_DATE = re.compile(r"^[0-9]{1,4}[-/. ][0-9]{1,2}[-/. ][0-9]{1,4}$")
_NAME = re.compile("^[^\\W\\d_][\\w.'\u2019-]*(,? [^\\W\\d_][\\w.'\u2019-]*){0,3}$")


def recognised(values: pa.Array) -> str | None:
    """The personal kind that at least four in five of some texts are; None for no kind.

    Check digits are those of ISO/IEC 7812-1 (cards), ISO 13616-1 (IBAN) and of 31 states' numbers
    for people, as python-stdnum has them; phones are those that libphonenumber calls possible.
    """
    if len(values) == 0:
        return None
    for kind, form in _FORMS.items():
        matching = values.filter(pc.match_substring_regex(values, form))
        if len(matching) < _ENOUGH * len(values):
            continue
        genuine = sum(map(_PROOFS.get(kind, bool), matching.to_pylist()))
        if genuine >= _ENOUGH * len(values):
            return kind
    if _share(values, _WITH_AN_ID) >= _ENOUGH:
        return "url"
    some = values[:_MOST_CHECKED].to_pylist()
    return "passport" if _is_national(some) else "phone" if _is_phone(some) else None


def holds_some(values: pa.Array) -> bool:
    """Whether one of some texts holds something personal, as `holds_personal` has it."""
    return any(holds_personal(text) for text in values.to_pylist())


def holds_personal(text: str) -> bool:
    """Whether a text holds an e-mail, phone, card, account, number of a state or secret."""
    found = _INSIDE.findall(text) if re.search(r"[A-Za-z]{2}", text) else ()
    return any(map(_is_genuine, found)) or holds_secret(text)


def are_names(values: pa.Array) -> bool:
    """Whether most texts are a given name and a family name, of one of 35 languages."""
    some = list(dict.fromkeys(values[:_MOST_CHECKED].to_pylist()))
    if len(some) < _FEWEST_NAMES:
        return False
    shaped = [text for text in some if _NAME.match(text) and " " in text]
    if len(shaped) < _NAMED * len(some):
        return False
    return sum(map(_is_a_name, shaped)) >= _NAMED * len(some)


def are_given_names(values: pa.Array) -> bool:
    """Whether most of some different texts begin with a known given name."""
    first, _ = _known_names()
    some = {text.casefold() for text in values[:_MOST_CHECKED].to_pylist()}
    given = sum(text.partition(" ")[0] in first for text in some)
    return len(some) > 1 and given >= _NAMED * len(some)


def names_somebody(values: pa.Array) -> bool:
    """Whether at least a fifth of some texts hold a known given or family name."""
    some = list(dict.fromkeys(values[:_MOST_CHECKED].to_pylist()))
    return sum(_holds_a_name(text) for text in some) >= 0.2 * len(some)


def _is_genuine(text: str) -> bool:
    digits = re.sub(r"[ -]", "", text)
    if "@" in text:
        return True
    if re.fullmatch(r"[A-Z]{2}[0-9]{2}[A-Z0-9]+", digits):
        return iban.is_valid(digits)
    if re.fullmatch(r"[3-6][0-9]{15}", digits):
        return _is_card(digits)
    return True


def _is_card(text: str) -> bool:
    digits = re.sub(r"[^0-9]", "", text)
    return 13 <= len(digits) <= 19 and luhn.is_valid(digits)


def _is_iban(text: str) -> bool:
    return bool(iban.is_valid(text))


def _is_network_address(text: str) -> bool:
    if re.fullmatch(r"[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}", text):
        return True
    try:
        return ipaddress.ip_interface(text) is not None
    except ValueError:
        return False


_PROOFS: Mapping[str, Callable[[str], bool]] = {
    "card": _is_card,
    "iban": _is_iban,
    "network_address": _is_network_address,
    "secret": is_token,
}


def _share(values: pa.Array, form: str) -> float:
    return float(pc.mean(pc.match_substring_regex(values, form).cast(pa.int8())).as_py())


def _is_national(texts: list[str]) -> bool:
    """Whether one state's check digits prove nearly all of enough different numbers."""
    distinct = list(dict.fromkeys(texts))
    if len(distinct) < _FEWEST or not all(map(_is_a_number, distinct[:_FEWEST])):
        return False
    return any(
        sum(map(proves, distinct)) >= _NEARLY_ALL * len(distinct) for proves in _national_numbers()
    )


def _is_a_number(text: str) -> bool:
    return len(text) <= 24 and sum(c.isdigit() for c in text) >= 6


@cache
def _national_numbers() -> tuple[Callable[[str], bool], ...]:
    return tuple(import_module(f"stdnum.{name}").is_valid for name in _NATIONAL.split())


def _is_phone(texts: list[str]) -> bool:
    """Whether most are numbers of one country as people write them, parted by blanks or dashes."""
    if sum(map(_is_parted, texts)) < _ENOUGH * len(texts):
        return False
    return any(
        np.mean([_is_valid(text, region) for text in texts]) >= _ENOUGH for region in _REGIONS
    )


def _is_parted(text: str) -> bool:
    return bool(_NATIONAL_PHONE.match(text)) and not _LOOKS_LIKE_A_DATE.match(text)


def _is_valid(text: str, region: str) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(text, region))
    except phonenumbers.NumberParseException:
        return False


def _is_a_name(text: str) -> bool:
    first, last = _known_names()
    words = [word for word in re.split(r"[ ,]+", text.casefold()) if word]
    turned = "," in text
    given, family = (words[1:], words[0]) if turned else (words[:1], words[-1])
    return any(word in first for word in given) or family in last


def _holds_a_name(text: str) -> bool:
    first, last = _known_names()
    return any(
        word in first or word in last for word in re.split(r"[^\w'\u2019-]+", text.casefold())
    )


@cache
def _known_names() -> tuple[frozenset[str], frozenset[str]]:
    """Given and family names of all languages that mimesis has, case-folded."""
    folder = resources.files("mimesis") / "datasets"
    files = (place / "person.json" for place in folder.iterdir() if place.is_dir())
    people = [loads(file.read_text("utf-8")) for file in files if file.is_file()]
    first, last = (
        frozenset(name.casefold() for p in people for name in _leaves(p.get(part, [])))
        for part in ("names", "surnames")
    )
    return first, last


def _leaves(tree: Any) -> Iterator[str]:
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, dict | list):
        below: Iterable[Any] = tree.values() if isinstance(tree, dict) else tree
        for part in below:
            yield from _leaves(part)
