"""What the words of a column's name, and of its table's, say of the people it tells about."""

import re
import unicodedata
from collections.abc import Mapping
from functools import cache

from connectors.schema import TableName


def _listed(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_UNITS = _listed(
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
"""Words for people whose data a database keeps, each of them a privacy unit."""

_OTHERS = _listed(
    """
    artist composer singer musician performer racer rider competitor contestant supervisor editor
    reviewer writer journalist speaker lecturer trainer referee umpire judge lawyer attorney agent
    witness signatory suspect victim prisoner soldier pilot captain director producer actress
    lehrer schueler spieler mitglied mitglieder nutzer kontakt ansprechpartner bewirtschafter
    eigentuemer besitzer inhaber autor autoren arzt kuenstler pacht paechter verfasser bearbeiter
    auteur proprietaire joueur membre medecin eleve enseignant propietario autore
    autora contacto contatto profesor profesora medico medica jugador miembro socio trabajador
    proprietario giocatore studente cliente clienti insegnante funcionario aluno jogador
    klant klanten werknemer gebruiker eigenaar leerling klient uzytkownik pracownik osoba pacjent
    anvandare anstalld kund bruger medarbejder henkilo asiakas kullanici musteri calisan
    """
)
"""More words for people, who need not be those whose data it is."""

_PERSONS = frozenset(_UNITS) | frozenset(_OTHERS)
_NOT_ALONE = frozenset(
    _listed(
        "parent child driver holder agent people staff client contacts pilot captain pacht "
        "leader operator winner representative contractor president finder heir son"
    )
)
"""Words that alone name a column of something else about as often as one of names."""

_FILLERS = frozenset(
    _listed(
        "list info detail data record master history profile account tbl alia credit name view v"
    )
)
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

_PLACES = frozenset(_listed("park station hospital school airport venue place building stadium"))
"""What has an address that tells of nobody."""

_ABOUT = frozenset(
    _listed(
        """
        type status verified count flag template subject body format provider preference label
        kind category valid confirmed length policy version model brand expiry expires issuer
        country size domain description desc title style scope promotion
        """
    )
)
"""Last words that make a column one about the thing named before, not the thing itself."""

_VOCABULARY = frozenset(
    _listed(
        """
        first last full middle given family fore nick user users login display maiden contact
        contacts company customer client employee patient person phone mobile cell home work
        telephone number no email mail address addresses street line zip post postal code credit
        debit card cc password hash salt api access auth authorization token refresh key secret
        social security passport tax national id identity license licence drivers file host screen
        name names date birth account bank bill billing ship shipping sur author owner type style
        comment comments note notes message url photo picture image path info additional special
        instructions legal sort pub code vendor store individual sales with v e job department
        departments history list info data demographics position created changed updated
        modified by home office
        """
    )
) | frozenset(w for w in _PERSONS if len(w) > 3)
_SHORTEST_RUN = 7

_COMPOUNDS: Mapping[str, tuple[str, ...]] = {
    phrase.replace("-", ""): tuple(phrase.split("-"))
    for phrase in _listed(
        """
        fore-name sur-name nick-name zip-code post-code user-name login-id e-mail file-name
        host-name phone-no
        """
    )
    if phrase not in {"sur-name", "e-mail"}
}
_WHOLE = frozenset(_listed("surname email forename telephone username1 hostname1 postname"))

_WHICH = r"(-(\d|home|work|private|privat|office|business|primary|secondary|main|alt|mobile))*$"
"""Which of several contacts of somebody it is."""

_PATTERNS: Mapping[str, str] = {
    "secret": r"""\b( password | passwd | pwd | passphrase | passcode | passwort | kennwort
        | contrasena | mot-de-passe | secret | (api|access|private|signing|encryption)-key | token
        | salt | security-answer | authori[sz]ation-code | code-challenge | verifier
        | session-(id|key|token) | credentials? | otp | cvv | cvc | pin-(code|number)
        | wachtwoord | senha | haslo | losenord )\b
        | ^(pin|pass|pw|pw-hash)$""",
    "email": r"\b( e-mail | email | mail | courriel | correo )(-(address|addr|adresse|id))?"
    rf"{_WHICH}",
    "network_address": r"""\b( (ip|ipv-?4|ipv-?6|mac|hardware)-(addr|address|adresse)
        | remote-addr )\b
        | ^(ip|ipv-?[46]|mac)$ | -ip$""",
    "card": r"""\b( (credit|debit)-card | (card|cc)-(number|num|no|nr) | kreditkarten?(nummer)?
        | carte-(bancaire|bleue) | (numero-(de-)?)?tarjeta )(-(number|num|no|nr))?$""",
    "iban": r"\b iban \b | \b bban \b | ^kontonummer$",
    "passport": r"""\b( passport | passeport | pasaporte | reisepass(nummer)? | ausweis(nummer)?
        | ssn | social-(security|insurance) | national-(id|identity|insurance) | nino | bsn | dni
        | curp | cpf | pesel | personnummer | codice-fiscale | steuer-?(nummer|id) | medicare
        | tax-(id|number|no|payer-id) | driv(er|ers|er-s|ing)-?licen[cs]e | cnpj | nhs-(no|number)
        | licen[cs]e-(number|no|plate) | identity-(card|number|document) | aadhaar | ahv(-?nr)?
        | sozialversicherungs?-?nummer | fodselsnummer | henkilotunnus | amka | fiscal-code
        | kennzeichen | number-plate )\b | ^( nin|sin|nif|nie|cni )$""",
    "identifier": r"""\b( ipi | isni | orcid | mrn | imei | imsi | iccid
        | (account|customer|patient|member|insurance|employee|badge|policy|medical-record
        | personnel|student|matriculation)-(number|num|no|nr) | matrikelnummer | kundennummer
        | personalnummer | konto-?(nummer|nr) | device-(id|identifier|serial)
        | advertising-id )$""",
    "phone": r"""\b( phone | telephone | telefon | telefono | telefone | tel | mobile | handy | fax
        | gsm | whatsapp | msisdn | telefonnummer | handynummer | cell-(phone|number|no)
        | telephon | telefoon | natel | portable | movil | celular )(-(number|num|no|nr))?"""
    rf"{_WHICH}",
    "login": r"""\b( user-?name | login(-(name|id))? | nick(-?name)? | screen-name | handle
        | benutzername | nom-d?-?utilisateur | gebruikersnaam )$
        | \b( skype | telegram | slack | discord | twitter | instagram | facebook )
        (-(id|name|handle))?$
        | \b( changed | created | updated | modified | edited | inserted | deleted | entered
        | approved | posted | written | signed | reviewed | assigned | reported | submitted
        | requested | uploaded | registered | added | removed | closed | opened | resolved
        | recorded | collected | observed | determined | identified | sold | sent | received
        | recommended | referred | invited )-by$ | ^( user | member )$""",
    "first_name": r"""\b( (first|given|fore|middle|christian|preferred)-names?
        | names?-(first|given|middle) | forename | vorname | rufname | prenom | fornavn | fornamn
        | voornaam | imie | nombre-de-pila | primer-nombre | fname | mname | nombres
        | etunimi )\b""",
    "last_name": r"""\b( (last|family|sur|maiden|birth)-names? | names?-(last|family|maiden)
        | surname | nachname | familienname | geburtsname | apellidos? | cognome | achternaam
        | efternavn | efternamn | etternavn | sobrenome | nom-(de-)?famille | nazwisko | lname
        | sukunimi | prijmeni | soyad )\b""",
    "company": r"""\b( company | organi[sz]ation | firm | firma | entreprise | empresa | employer
        | supplier | vendor )(-name)?$""",
    "postal_code": r"""\b( zip | zip-code | postal-code | post-code | postcode | plz
        | postleitzahl | code-postal | codigo-postal | cep )(-4)?$""",
    "full_name": rf"""\b( full-name | name-full | complete-name | real-name | nombre-completo
        | nom-complet | legal-name | pen-name | name-of-(holder|owner|person)
        | byline | attn | care-of | initials
        | ({"|".join(sorted(_PERSONS))})-name )$""",
    "street": r"""\b( street | address(es)? | addr | adresse | strasse | calle | rue | direccion
        | indirizzo | endereco | adres | anschrift | wohnort-?adresse )(-(name|line|number))?"""
    rf"{_WHICH} | \b( house-(number|no|nr) | hausnummer | hausnr )$",
}
_RULES = {kind: re.compile(pattern, re.VERBOSE) for kind, pattern in _PATTERNS.items()}
"""What a column's words, joined by hyphens, say; the first that matches wins."""

_IN_SCRIPTS = {
    "email": re.compile("почт|メール|邮箱|郵箱|이메일|البريد"),
    "phone": re.compile("(?i)телефон|τηλέφωνο|電話|电话|手机|전화|هاتف|טלפון"),
    "street": re.compile("(?i)адрес(?!ат)|διεύθυνση|住所|地址|주소|عنوان|כתובת"),
    "last_name": re.compile("(?i)фамили|прізвище|επώνυμο|苗字|لقب"),
    "full_name": re.compile("(?i)^имя|фио|ім.я|ονοματεπώνυμο|氏名|姓名|이름|الاسم"),
    "passport": re.compile("(?i)паспорт|снилс|身份证|護照|护照|جواز"),
    "secret": re.compile("(?i)пароль|κωδικός|密码|密碼|パスワード|비밀번호|كلمة المرور"),
}
"""Words of languages that are written in other letters."""

_NO_STREET = re.compile(
    r"\b(ip|ipv|mac|web|url|memory|wallet|contract|host|server|network|net|remote|bitcoin|eth)\b"
)
_OF_A_PERSON = {
    "name": "full_name",
    "display-name": "full_name",
    "sort-name": "full_name",
    "alias": "full_name",
    "first": "first_name",
    "middle": "first_name",
    "given": "first_name",
    "last": "last_name",
    "family": "last_name",
    "naam": "full_name",
    "nom": "last_name",
    "nombre": "first_name",
    "nome": "first_name",
}
"""What columns with a bare name mean in a table of people."""
_ONLY_OF_A_PERSON = {
    "phone": re.compile(r"^(extension|ext|durchwahl)$"),
    "secret": re.compile(r"^(hash|digest|ha-?1|key)$"),
    "url": re.compile(
        r"\b(photo|picture|avatar|image|portrait|website|web-site|homepage|home-page|profile|blog"
        r"|linkedin|facebook|twitter)(-(path|url|link|uri|file))?$|^(url|link)$"
    ),
}
"""What means a person's own in a table of people alone."""
_IN_TABLES = {
    **dict.fromkeys((("auth", "id"), ("login", "id")), "login"),
    **dict.fromkeys(((t, "name") for t in ("address", "adresse", "anschrift")), "full_name"),
    **dict.fromkeys(((t, "ship-name") for t in ("order", "shipment")), "company"),
}
"""What columns mean in tables of something else."""
_LONG_TEXT = re.compile(
    r"\b(comments?|notes?|remarks?|message|body|bio|biography|resume|cv|lebenslauf|bemerkung(en)?"
    r"|kommentar(e)?|observaciones|commentaire|instructions|diagnos[ei]s|anamnes[ei]|complaint"
    r"|feedback|review|skills|contact-info|about-me)$"
)
_PICTURES = re.compile(r"\b(photo|picture|portrait|avatar|fingerprint|signature|iris|voice|face)\b")
_LABELS = re.compile(
    r"\b(gender|sex|geschlecht|sexo|sexe|city|town|ort|stadt|ville|ciudad|state|province|county"
    r"|region|country|land|pays|nationality|citizenship|religion|ethnic(ity)?|race|marital"
    r"|education|degree|job|occupation|profession|beruf|title|salutation|anrede|role|language)\b"
)


def named_kind(table: TableName, column: str) -> str | None:
    """The personal kind that a text column's name tells, in its table; None where it tells none."""
    foreign = next((kind for kind, rule in _IN_SCRIPTS.items() if rule.search(column)), None)
    return foreign or _by_name(words(table.name), words(column), _PERSONS)


def unit_kind(table: TableName, column: str) -> str | None:
    """As `named_kind`, but only of people whose data a database keeps, and not of others named."""
    found = words(column)
    other = found[-1:] == ("name",) and found[-2:-1] and found[-2] in _OTHERS
    return None if other else _by_name(words(table.name), found, frozenset(_UNITS))


def ends_in_name(column: str) -> bool:
    """Whether a column's name is `name`, or ends in it."""
    return words(column)[-1:] == ("name",)


def names_people_alone(column: str) -> bool:
    """Whether a column's name ends in a word for people, which values should bear out."""
    return _names_alone(words(column))


def tells_at_length(column: str) -> bool:
    """Whether a column's name is one of remarks, messages and the like."""
    return _LONG_TEXT.search("-".join(words(column))) is not None


def shows_a_person(table: TableName, column: str) -> bool:
    """Whether a column of bytes is a person's picture, signature or the like."""
    known = _is_about(words(table.name), _PERSONS)
    return known and _PICTURES.search("-".join(words(column))) is not None


def describes_a_person(column: str) -> bool:
    """Whether a column's name is that of an attribute of people: gender, city, job."""
    return _LABELS.search("-".join(words(column))) is not None


@cache
def words(name: str) -> tuple[str, ...]:
    """The words of an identifier in lower case without accents, whatever joins them."""
    plain = unicodedata.normalize("NFKD", name.replace("ß", "ss"))
    ascii_name = plain.encode("ascii", "ignore").decode()
    parts = re.findall(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+", ascii_name)
    return tuple(word for part in parts for word in _split(part.lower()))


def _split(run: str) -> tuple[str, ...]:
    """The words that letters without a break consist of, where all of them are known ones."""
    if run in _COMPOUNDS:
        return _COMPOUNDS[run]
    known = run in _VOCABULARY or run in _WHOLE or len(run) < _SHORTEST_RUN
    return (run,) if known else _longest_first(run) or (run,)


def _longest_first(run: str) -> tuple[str, ...]:
    for end in range(len(run), 0, -1):
        if run[:end] in _VOCABULARY:
            rest = () if end == len(run) else _longest_first(run[end:])
            if rest or end == len(run):
                return (run[:end], *rest)
    return ()


def _by_name(
    table: tuple[str, ...], column: tuple[str, ...], persons: frozenset[str]
) -> str | None:
    phrase = "-".join(column)
    if not column or column[-1] in _ABOUT:
        return None
    own = _own(phrase) if _is_about(table, persons) else _IN_TABLES.get((_subject(table), phrase))
    if own is not None:
        return own
    if persons >= frozenset(_OTHERS) and _names_alone(column):
        return "full_name"
    found = next((kind for kind, rule in _RULES.items() if rule.search(phrase)), None)
    return None if found is None or _is_a_things(found, phrase, table, persons) else found


def _own(phrase: str) -> str | None:
    """What a phrase means in a table of people alone."""
    if phrase in _OF_A_PERSON:
        return _OF_A_PERSON[phrase]
    return next((kind for kind, rule in _ONLY_OF_A_PERSON.items() if rule.search(phrase)), None)


def _is_a_things(kind: str, phrase: str, table: tuple[str, ...], persons: frozenset[str]) -> bool:
    """Whether a kind is that of a thing or a place: a team's full name, a machine's address."""
    subject = _subject(table)
    if kind == "street":
        return _NO_STREET.search(phrase) is not None or subject in _PLACES
    return kind == "full_name" and not _is_about(table, persons) and subject in _THINGS


def _names_alone(column: tuple[str, ...]) -> bool:
    return len(column) > 0 and _singular(column[-1]) in _PERSONS - _NOT_ALONE


def _is_about(table: tuple[str, ...], persons: frozenset[str]) -> bool:
    return _subject(table) in persons or (len(table) > 0 and table[-1] in persons)


def _subject(table: tuple[str, ...]) -> str:
    """What one row of a table is: its last word that says something, in the singular."""
    telling = [w for w in map(_singular, table) if w not in _FILLERS]
    return telling[-1] if telling else ""


def _singular(word: str) -> str:
    if word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-1] if word.endswith("s") and not word.endswith(("ss", "us", "is")) else word
