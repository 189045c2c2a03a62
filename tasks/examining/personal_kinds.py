"""What personal data look like: each kind with a pattern of a whole value, one within a text, and names of columns."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from tasks.examining.first_names import FIRST_NAMES

Proof = Callable[[str], bool]


def luhn(text: str) -> bool:
    """Whether the digits bear out their check digit (ISO/IEC 7812-1), as those of payment cards do."""
    digits = [int(sign) for sign in text if sign.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return 13 <= len(digits) <= 19 and len(set(digits)) > 1 and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def iban(text: str) -> bool:
    """Whether the account number bears out its check digits (ISO 13616)."""
    signs = re.sub(r"\s", "", text).upper()
    moved = signs[4:] + signs[:4]
    return moved.isalnum() and int("".join(str(int(sign, 36)) for sign in moved)) % 97 == 1


def phone(text: str) -> bool:
    """Whether there are as many digits as in a telephone number (ITU-T E.164), and it is no date."""
    n_digits = sum(sign.isdigit() for sign in text)
    return 8 <= n_digits <= 15 and not _DATE.fullmatch(text.strip())


def full_name(text: str) -> bool:
    """Whether it is a title, a first name and more: first names, or `Family, First`."""
    words = [word.strip(".'") for word in re.split(r"[\s,]+", text) if word.strip(".'")]
    if not 2 <= len(words) <= 10 or any(sign.isdigit() for sign in text) or _PLACES.fullmatch(words[0]):
        return False
    titled = any(_TITLES.fullmatch(word) for word in words[:-1])
    return titled or any(word.lower() in FIRST_NAMES for word in words)


def first_name(text: str) -> bool:
    """Whether it is a first name that is known, alone or with another."""
    return re.split(r"[\s-]+", text.strip().lower())[0] in FIRST_NAMES


@dataclass(frozen=True)
class Kind:
    """One kind. `whole` and `within` are patterns of polars for a value and for a part of a text.

    `least` is the share of values from which a column is of the kind, `hinted` that when its name matches `names`;
    with `needs_name` the values alone tell nothing, since digits may count anything. `proof` looks closer at a match.
    """

    title: str
    whole: str
    least: float
    hinted: float
    names: re.Pattern[str]
    proof: Proof | None = None
    within: str = ""
    needs_name: bool = False


def _names(words: str) -> re.Pattern[str]:
    return re.compile(rf"(?:^|[^a-z])(?:{words})(?:$|[^a-z])")


_DATE = re.compile(r"\d{1,4}([-./])\d{1,2}\1\d{1,4}(?:[T ].*)?")
_TITLES = re.compile(r"(?i)mr|mrs|miss|ms|mme|mlle|herr|frau|dr|prof|rev|sir|lady|master|don|dona|sra?")
_PLACES = re.compile(r"(?i)san|santa|santo|saint|sankt|st|sao|são|los|las|la|el|fort|port|new|mount|lake|the")
"""Words that towns begin with, and people do not."""
_STREET = (
    r"street|st|avenue|ave|road|rd|boulevard|blvd|lane|ln|drive|dr|court|ct|place|pl|square|sq|highway|hwy|terrace|way"
)
_ADDRESS = (
    rf"(?i)(?:.*\D)?\d+\w?,? +(?:[\p{{L}}\d.'-]+ +){{1,4}}(?:{_STREET})\b.{{0,80}}|"
    r"\p{L}[\p{L} .-]*(?:stra(?:ß|ss)e|str\.|weg|platz|allee|gasse|straat|laan) *\d+ ?[a-z]?\b.{0,80}|"
    r"(?:\d+ ?\w{0,3},? +)?(?:rue|via|calle|avenida|plaza|piazza|ulica|ul\.) +\p{L}.{2,80}"
)
_EMAIL = r"[\w.+%'-]+@[\w-]+(?:\.[\w-]+)*\.\p{L}{2,}"
_CARD = r"[2-6]\d{3}(?:[ -]?\d{4}){2}[ -]?\d{1,7}|3\d{3}[ -]?\d{6}[ -]?\d{5}"
_IBAN = r"[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?"
_OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_IP = rf"{_OCTET}(?:\.{_OCTET}){{3}}"
_PHONE = (
    r"(?:\+|00)\d[\d ()./-]{6,20}\d|\(0?\d{2,5}\)[ ./-]?\d[\d ./-]{4,14}|"
    r"0\d{1,5}[ ./-]\d[\d ./-]{3,14}|\d{3}[ .-]\d{3}[ .-]\d{4}"
)
_WORD = r"\p{Lu}[\p{L}'.\x{2019}-]*"

KINDS = (
    Kind("e-mail addresses", _EMAIL, 0.5, 0.2, _names("e?_?mail|email_address"), within=_EMAIL),
    Kind("payment cards", _CARD, 0.8, 0.5, _names("card|cc|pan|credit_?card|card_?number"), luhn, rf"\b(?:{_CARD})\b"),
    Kind("bank accounts (IBAN)", _IBAN, 0.5, 0.2, _names("iban|account"), iban, rf"\b{_IBAN}\b"),
    Kind("IP addresses", rf"{_IP}|(?:[0-9a-fA-F]{{0,4}}:){{3,7}}[0-9a-fA-F]{{1,4}}", 0.9, 0.5, _names("ip|ip_?addr")),
    Kind(
        "social security numbers",
        r"\d{3}-\d{2}-\d{4}",
        0.8,
        0.5,
        _names("ssn|social|insurance_?(?:no|number)"),
        within=r"\b[0-8]\d{2}-\d{2}-\d{4}\b",
    ),
    Kind(
        "telephone numbers",
        _PHONE,
        0.8,
        0.3,
        _names("phone|tel|telephone|mobile|cell|fax|telefon|handy|phone_?(?:no|number)"),
        phone,
        r"(?:\+|\b00)\d{2}[\d ()/-]{6,14}\d\b",
    ),
    Kind(
        "telephone numbers", r"\+?\d{7,15}", 0.8, 0.8, _names("phone|tel|telephone|mobile|fax|telefon"), needs_name=True
    ),
    Kind("postal addresses", _ADDRESS, 0.6, 0.3, _names("address|addr|street|adresse|strasse")),
    Kind(
        "names of people",
        rf"(?:{_WORD}[ ,]+)+{_WORD}(?: ?[(\"].*)?",
        0.4,
        0.15,
        _names("name|customer|patient|employee|author|passenger|owner|client|person|full_?name"),
        full_name,
    ),
    Kind(
        "names of people",
        rf"{_WORD}(?:[ -]{_WORD})?",
        0.3,
        0.3,
        _names("first_?name|forename|given_?name|vorname|prenom|firstname"),
        first_name,
        needs_name=True,
    ),
    Kind(
        "names of people",
        rf"{_WORD}(?:[ -]{_WORD})*",
        0.8,
        0.8,
        _names("last_?name|sur_?name|family_?name|nachname|maiden_?name"),
        needs_name=True,
    ),
)
"""In the order in which they are asked: a value that could be two is the first."""
BIRTH = re.compile(r"birth|geburt|naissance|nacimiento|(?:^|[^a-z])dob(?:$|[^a-z])")
"""Names of columns of dates of birth; no other date tells that it is one."""
