"""Texts of columns that nobody has seen, from the vocabulary that their names call for."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import pyarrow as pa

from connectors.datatypes import Kind
from connectors.schema import Column
from generators.columns import Codes, ColumnGenerator, Draw, Sample, State, Traits
from generators.privacy.support import Support
from generators.privacy.wording import words
from generators.single import Single

_VOCABULARIES = (
    (r"gender|sex", "F M X"),
    (r"(country|nationality)(-(code|iso|iso-?2|alpha-?2))?", "DE FR GB US IT ES NL PL SE JP BR IN"),
    (r"country(-(code|iso|iso-?3|alpha-?3))?", "DEU FRA GBR USA ITA ESP NLD POL SWE JPN BRA IND"),
    (r"currency(-(code|iso))?|ccy", "EUR USD GBP JPY CHF SEK PLN CAD AUD BRL INR"),
    (r"(time-?zone|tz|tz-name)", "UTC Europe/Berlin Europe/London America/New_York Asia/Tokyo"),
    (r"locale", "en_US en_GB de_DE fr_FR es_ES it_IT nl_NL pt_BR ja_JP"),
    (r"(language|lang)(-(code|iso))?", "en de fr es it nl pt ja"),
    (r"status|state", "new active pending done closed"),
    (r"(priority|severity)", "low medium high"),
    (r"(mime|content|media)-type", "text/plain text/html application/json image/png"),
    (r"(color|colour)", "black white red green blue yellow grey"),
    (
        r"(url|uri|link|href|website|homepage|web-site)",
        "https://www.example.com/ https://www.example.org/home https://www.example.net/news",
    ),
)
"""What a name ends in, and the texts that belong there; the first that fit the column count."""
_RULES = tuple((re.compile(rf"(^|-)({told})$"), tuple(w.split())) for told, w in _VOCABULARIES)


@dataclass(frozen=True, slots=True)
class Vocabulary(Single):
    """One code; any of the texts, each as likely as any other."""

    texts: pa.Array

    kind: ClassVar[str] = "vocabulary"
    personal: ClassVar[bool] = False
    reserved: ClassVar[str | None] = None
    distinct: ClassVar[bool] = False

    @classmethod
    def claims(cls, traits: Traits) -> float:
        """Better than neutral words where no value was seen and the name is known."""
        unseen = not len(traits.sample.values) and not traits.column.datatype.labels
        return 0.5 if unseen and _texts(traits.column) else 0.0

    @classmethod
    def fit(cls, column: Column, sample: Sample, support: Support) -> Self:  # noqa: ARG003 - the name says all
        """Learns nothing: the texts are ours."""
        return cls(pa.array(_texts(column) or ("",), pa.string()))

    def decode(self, codes: Codes, draw: Draw) -> pa.Array:
        """One of the texts for every row."""
        return self.texts.take(pa.array(draw.rng.integers(len(self.texts), size=len(codes))))

    def released(self) -> State:
        """The texts, so that a later vocabulary does not change what an archive draws."""
        return {"texts": Support().declared(self.texts)}

    @classmethod
    def restore(cls, column: Column, state: Mapping[str, Any]) -> Self:  # noqa: ARG003 - the texts are kept
        """The generator with these texts."""
        return cls(state["texts"])


def _texts(column: Column) -> tuple[str, ...]:
    """The texts that a column's name calls for, if all of them fit; none otherwise."""
    if column.datatype.kind is not Kind.TEXT:
        return ()
    phrase, most = "-".join(words(column.name)), column.datatype.length
    for rule, known in _RULES:
        sizes = {len(text) for text in known}
        fits = sizes == {most} if column.datatype.padded else most is None or max(sizes) <= most
        if fits and rule.search(phrase):
            return known
    return ()


generator: type[ColumnGenerator] = Vocabulary
