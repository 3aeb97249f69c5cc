"""Tells by name and by value which text columns identify people, and how."""

import re
import unicodedata
from collections.abc import Callable, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.datatypes import Kind
from connectors.schema import Column, TableName
from generators.columns import Sample

_MOST_VALUES = 1_000
_ENOUGH = 0.8
_CONTRADICTED = 0.5
_NAMES_A_PERSON = frozenset({"first_name", "last_name", "full_name", "email", "passport"})


def _listed(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_PERSONS = _listed(
    """
    person people customer client user employee staff passenger contact patient student pupil
    member teacher professor instructor doctor physician nurse guest visitor subscriber applicant
    candidate driver owner tenant resident citizen inhabitant borrower lender holder cardholder
    beneficiary payer payee player athlete coach voter participant respondent worker buyer seller
    recipient sender consignee insured policyholder manager author actor attendee donor volunteer
    spouse parent child guardian sibling kunde kunden mitarbeiter benutzer patienten personen
    personne cliente empleado usuario utilisateur persona dipendente dipendenti utente utenti
    salarie employe paciente alumno medewerker
    """
)
_PEOPLE = frozenset(_PERSONS)
_FILLERS = frozenset(_listed("list info detail data record master history profile account tbl"))
"""Words after which a table still holds what the words before them say."""

_THINGS = frozenset(
    _listed(
        """
        school company product team airline airport city country state region category department
        organization organisation repository repo park station hospital bank store shop brand file
        project league club currency language college university institution venue place
        """
    )
)
"""What has a full name without being a person."""

_ABOUT = frozenset(
    _listed(
        """
        type status verified count flag template subject body format provider preference label
        kind category valid confirmed length policy version model brand expiry expires issuer
        country size domain description desc title url
        """
    )
)
"""Last words that make a column one about the thing named before, not the thing itself."""

_COMPOUNDS = {
    phrase.replace("-", ""): phrase.split("-")
    for phrase in _listed(
        """
        first-name last-name full-name middle-name given-name family-name fore-name nick-name
        user-name login-name display-name maiden-name contact-name company-name customer-name
        client-name employee-name patient-name person-name phone-number mobile-phone cell-phone
        home-phone work-phone mobile-number phone-no email-address mail-address street-address
        home-address street-name zip-code post-code postal-code credit-card card-number card-no
        cc-number password-hash api-key access-key auth-token access-token refresh-token
        social-security-number passport-number passport-no tax-id national-id license-number
        file-name host-name screen-name
        """
    )
}

_PATTERNS: Mapping[str, str] = {
    "secret": r"""\b( password | passwd | pwd | passphrase | passcode | passwort | kennwort
        | contrasena | mot-de-passe | secret | (api|access|private)-key | token | salt
        | security-answer )\b""",
    "email": r"\b( e-mail | email | mail | courriel | correo )(-(address|addr|adresse|id))?(-\d)?$",
    "card": r"""\b( (credit|debit)-card | (card|cc)-(number|num|no|nr) | kreditkarten?(nummer)? )
        (-(number|num|no|nr))?$""",
    "iban": r"\biban\b",
    "passport": r"""\b( passport | passeport | pasaporte | reisepass(nummer)? | ausweis(nummer)?
        | ssn | social-(security|insurance) | national-(id|identity|insurance) | nino | bsn | dni
        | curp | cpf | pesel | personnummer | codice-fiscale | steuer-?(nummer|id) | medicare
        | tax-(id|number|no|payer-id) | driv(er|ers|er-s|ing)-?licen[cs]e
        | licen[cs]e-(number|no|plate) | identity-(card|number|document) )\b | ^( nin|sin|nif )$""",
    "phone": r"""\b( phone | telephone | telefon | telefono | telefone | tel | mobile | handy | fax
        | gsm | whatsapp | msisdn | telefonnummer | handynummer | cell-(phone|number|no) )
        (-(number|num|no|nr))?(-\d)?$""",
    "login": r"""\b( user-?name | login(-(name|id))? | nick(-?name)? | screen-name | handle
        | benutzername | nom-d?-?utilisateur )$""",
    "first_name": r"""\b( (first|given|fore|middle|christian|preferred)-names?
        | names?-(first|given|middle) | forename | vorname | rufname | prenom | fornavn | fornamn
        | voornaam | imie | nombre-de-pila | primer-nombre | fname | mname )\b""",
    "last_name": r"""\b( (last|family|sur|maiden|birth)-names? | names?-(last|family|maiden)
        | surname | nachname | familienname | geburtsname | apellidos? | cognome | achternaam
        | efternavn | efternamn | sobrenome | nom-(de-)?famille | nazwisko | lname )\b""",
    "company": r"""\b( company | organi[sz]ation | firm | firma | entreprise | empresa | employer
        | supplier | vendor )(-name)?$""",
    "postal_code": r"""\b( zip | zip-code | postal-code | post-code | postcode | plz
        | postleitzahl | code-postal | codigo-postal | cep )(-4)?$""",
    "full_name": rf"""\b( full-name | name-full | complete-name | real-name | nombre-completo
        | nom-complet | ({"|".join(_PERSONS)})-name )$""",
    "street": r"""\b( street | address | addr | adresse | strasse | calle | rue | direccion
        | indirizzo | endereco | adres | anschrift )(-(name|line))?(-\d)?$""",
}
_RULES = {kind: re.compile(pattern, re.VERBOSE) for kind, pattern in _PATTERNS.items()}
"""What a column's words, joined by hyphens, say; the first that matches wins."""

_NO_STREET = re.compile(
    r"\b(ip|ipv|mac|web|url|memory|wallet|contract|host|server|network|net|remote|bitcoin|eth)\b"
)
_OF_A_PERSON = {
    "name": "full_name",
    "display-name": "full_name",
    "naam": "full_name",
    "nom": "last_name",
    "nombre": "first_name",
    "nome": "first_name",
}
"""What columns with a bare name mean in a table of people."""

_VALUES: Mapping[str, str] = {
    "email": r"^[\w.!#$%&'*+/=?^`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$",
    "iban": r"^[A-Z]{2}[0-9]{2}( ?[A-Z0-9]{1,4}){3,8}$",
    "card": r"^[2-6][0-9]{3}([ -]?[0-9]{2,6}){2,4}$",
    "passport": r"^[0-9]{3}-[0-9]{2}-[0-9]{4}$",
    "phone": r"^(\+[0-9][0-9 ().-]{7,20}|\(?[0-9]{3}\)?[ .-][0-9]{3}[ .-][0-9]{4})$",
}
_AT_LEAST: Mapping[str, str] = {"email": "@", "phone": r"[0-9].*[0-9].*[0-9].*[0-9].*[0-9]"}
"""What most values of a column must hold for its name to be believed."""


def semantic(table: TableName, column: Column, sample: Sample) -> str | None:
    """The personal kind that a text column holds, named as its generator is; None for others.

    Up to 1,000 values are asked first, for an oddly named column of e-mails is one of e-mails;
    then the words of the column's name, and those of the table's where a name alone says little.
    """
    if column.datatype.kind is not Kind.TEXT:
        return None
    values = _some(sample.values)
    by_value = _by_value(values)
    if by_value is not None:
        return by_value
    by_name = _by_name(words(table.name), words(column.name))
    return None if by_name is None or _contradicted(by_name, values) else by_name


def identifies(kind: str | None) -> bool:
    """Whether a column of this personal kind makes its table one of people.

    Phones, addresses, logins, cards and secrets are personal too, but stand in tables of shops,
    payments and sessions as well; they do not say whose rows these are.
    """
    return kind in _NAMES_A_PERSON


def words(name: str) -> tuple[str, ...]:
    """The words of an identifier in lower case without accents, whatever joins them."""
    plain = unicodedata.normalize("NFKD", name.replace("ß", "ss"))
    ascii_name = plain.encode("ascii", "ignore").decode()
    parts = re.findall(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+", ascii_name)
    return tuple(word for part in parts for word in _COMPOUNDS.get(part.lower(), [part.lower()]))


def _by_value(values: pa.Array) -> str | None:
    if len(values) == 0:
        return None
    for kind, pattern in _VALUES.items():
        matching = values.filter(pc.match_substring_regex(values, pattern))
        genuine = sum(map(_PROOFS.get(kind, bool), matching.to_pylist()))
        if genuine >= _ENOUGH * len(values):
            return kind
    return None


def _by_name(table: tuple[str, ...], column: tuple[str, ...]) -> str | None:
    phrase = "-".join(column)
    if not column or column[-1] in _ABOUT:
        return None
    if _is_about_people(table) and phrase in _OF_A_PERSON:
        return _OF_A_PERSON[phrase]
    if phrase == "ship-name" and _subject(table) in {"order", "shipment"}:
        return "company"
    found = next((kind for kind, rule in _RULES.items() if rule.search(phrase)), None)
    if found == "street" and _NO_STREET.search(phrase):
        return None
    names_a_thing = (
        found == "full_name" and not _is_about_people(table) and _subject(table) in _THINGS
    )
    return None if names_a_thing else found


def _is_about_people(table: tuple[str, ...]) -> bool:
    return _subject(table) in _PEOPLE or (len(table) > 0 and table[-1] in _PEOPLE)


def _subject(table: tuple[str, ...]) -> str:
    """What one row of a table is: its last word that says something, in the singular."""
    telling = [w for w in map(_singular, table) if w not in _FILLERS]
    return telling[-1] if telling else ""


def _singular(word: str) -> str:
    if word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def _contradicted(kind: str, values: pa.Array) -> bool:
    if kind not in _AT_LEAST or len(values) == 0:
        return False
    holding = pc.sum(pc.match_substring_regex(values, _AT_LEAST[kind])).as_py()
    return bool(holding < _CONTRADICTED * len(values))


def _some(values: pa.Array) -> pa.Array:
    """Up to 1,000 values that are not blank, spread evenly over the sample."""
    at = np.linspace(0, max(0, len(values) - 1), min(len(values), _MOST_VALUES)).astype(np.int64)
    trimmed = pc.utf8_trim_whitespace(values.take(pa.array(at)))
    return trimmed.filter(pc.not_equal(trimmed, ""))


def _passes_luhn(value: str) -> bool:
    """ISO/IEC 7812-1, annex B: the check digit of card numbers."""
    digits = [int(c) for c in reversed(value) if c.isdigit()]
    total = sum(digits[::2]) + sum(sum(divmod(2 * d, 10)) for d in digits[1::2])
    return 13 <= len(digits) <= 19 and total % 10 == 0


def _passes_mod_97(value: str) -> bool:
    """ISO 13616-1 and ISO 7064: the check digits of an IBAN."""
    compact = value.replace(" ", "")
    turned = compact[4:] + compact[:4]
    return int("".join(str(int(c, 36)) for c in turned)) % 97 == 1


_PROOFS: Mapping[str, Callable[[str], bool]] = {"card": _passes_luhn, "iban": _passes_mod_97}
