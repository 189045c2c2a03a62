"""Personal data: columns of it are named by kind, towns, brands and codes are not, and no value is ever told."""

from __future__ import annotations

import datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tasks.examining.personal import personal, personal_within
from tasks.examining.personal_kinds import iban, luhn

N = 200
FIRST = ["Anna", "Peter", "Maria", "John", "Fatima", "Kevin", "Ursula", "Hiroshi", "Julia", "Omar", "Karin", "Luis"]
LAST = ["Müller", "O'Brien", "Rossi", "Smith", "Yilmaz", "Nguyen", "Garcia", "Kowalski", "Silva", "Novak", "Dubois"]
RNG = np.random.default_rng(0)


def checked_card(number: int) -> str:
    digits = f"4{number:014d}"
    return next(f"{digits}{check}" for check in range(10) if luhn(f"{digits}{check}"))


def checked_iban(number: int) -> str:
    account = f"37040044{number:010d}"
    return next(f"DE{check:02d}{account}" for check in range(2, 99) if iban(f"DE{check:02d}{account}"))


PERSONAL = {
    "e-mail": [f"{first.lower()}.{i}@mail{i % 3}.example.org" for i, first in zip(range(N), FIRST * 20, strict=False)],
    "telephone": [f"+49 30 {n:07d}" for n in RNG.integers(0, 10**7, N)],
    "telephone ": [f"({n % 900 + 100}) 555-{n % 10**4:04d}" for n in RNG.integers(0, 10**7, N)],
    "payment cards": [checked_card(int(n)) for n in RNG.integers(10**13, 10**14, N)],
    "IBAN": [checked_iban(int(n)) for n in RNG.integers(0, 10**10, N)],
    "IP addresses": [f"10.{a}.{b}.{c}" for a, b, c in RNG.integers(0, 256, (N, 3))],
    "social security": [f"{a:03d}-{b:02d}-{c:04d}" for a, b, c in RNG.integers(1, 99, (N, 3))],
    "postal addresses": [f"{i + 1} {LAST[i % 11]} Street, Apt {i % 9}, Leeds" for i in range(N)],
    "postal addresses ": [f"{LAST[i % 11]}straße {i + 1}, {10000 + i} Berlin" for i in range(N)],
    "names of people": [f"{FIRST[i % 12]} {LAST[i % 11]}" for i in range(N)],
    "names of people ": [f"{LAST[i % 11]}, {'Mrs' if i % 2 else 'Mr'}. {FIRST[i % 12]} J." for i in range(N)],
}
IMPERSONAL = {
    "city": [
        "San Antonio",
        "New York",
        "Los Angeles",
        "Fort Worth",
        "Santa Rosa",
        "El Paso",
        "St. Paul",
        "Corpus Christi",
    ]
    * 25,
    "brand": ["Land Rover", "Aston Martin", "Calvin Klein", "Delta Air Lines", "General Electric", "Red Bull"] * 40,
    "ticket": [f"A/5 {n}" for n in RNG.integers(1000, 99999, N)],
    "version": [f"{a}.{b}" for a, b in RNG.integers(0, 30, (N, 2))],
    "day": [f"2024-{i % 12 + 1:02d}-{i % 28 + 1:02d}" for i in range(N)],
    "moment": [f"2024-{i % 12 + 1:02d}-{i % 28 + 1:02d} 10:{i % 60:02d}" for i in range(N)],
    "place": [f"{a:.4f} {b:.4f}" for a, b in RNG.uniform(10, 60, (N, 2))],
    "number": [str(n) for n in RNG.integers(10**12, 10**13, N)],
    "code": [f"{a}-{b}" for a, b in RNG.integers(100, 999, (N, 2))],
    "job": ["Senior Engineer", "Nurse", "Head of Sales", "Truck Driver", "Data Scientist"] * 40,
    "product": [f"Blue Chair {i}" for i in range(N)],
}


@pytest.mark.parametrize("kind", PERSONAL)
def test_personal_data_are_learned_from(kind: str) -> None:
    found = personal(pl.Series("v7", PERSONAL[kind]))
    assert kind.strip() in found
    some_missing = pl.Series("v7", [None if i % 3 == 0 else text for i, text in enumerate(PERSONAL[kind])])
    assert kind.strip() in personal(some_missing)


@pytest.mark.parametrize("kind", PERSONAL)
def test_a_person_stands_in_a_note(kind: str) -> None:
    values = pl.Series("v7", PERSONAL[kind])
    told = personal(values) + personal_within(pl.Series("t", [f"well, {text} it is" for text in values]))
    assert not any(text in told for text in values)


@pytest.mark.parametrize("kind", IMPERSONAL)
def test_what_names_nobody_is_called_personal(kind: str) -> None:
    assert personal(pl.Series("v7", IMPERSONAL[kind])) == ""
    assert personal(pl.Series(kind, IMPERSONAL[kind])) == ""


def test_a_column_name_counts_for_nothing() -> None:
    digits = pl.Series("v7", [f"{n:011d}" for n in RNG.integers(0, 10**11, N)])
    assert personal(digits) == ""
    assert "telephone" in personal(digits.alias("mobilePhone"))
    days = pl.Series("day", [datetime.date(1950, 1, 1) + datetime.timedelta(90 * i) for i in range(N)])
    assert personal(days) == ""
    assert "dates of birth" in personal(days.alias("Date of Birth"))
    family = pl.Series("v7", [f"{chr(65 + i % 26)}{'aeiou'[i % 5]}{chr(97 + i // 26)}son" for i in range(N)])
    assert personal(family) == ""
    assert "names of people" in personal(family.alias("LastName"))
    assert "payment cards" in personal(pl.Series("v7", [int(text) for text in PERSONAL["payment cards"]]))
    assert personal(pl.Series("phone", list(range(N)))) == ""


def test_texts_with_some_personal_data_are_not_told_of_or_told_without_any() -> None:
    plain = [f"the order number {i} came too late and was sent back to the shop" for i in range(N)]
    assert personal_within(pl.Series("t", plain)) == ""
    mixed = [f"{text}, write to {i}@example.org" if i % 4 == 0 else text for i, text in enumerate(plain)]
    assert personal_within(pl.Series("t", mixed)).startswith("e-mail addresses in 25 % of its texts")
    cards = [f"{text} 4{'1' * 15} ok" if i % 2 else f"{text} 4{'1' * 14}2 ok" for i, text in enumerate(plain)]
    assert personal_within(pl.Series("t", cards)).startswith("payment cards in 50 %")


def test_check_digits_are_not_checked(tmp_path: Path) -> None:
    assert luhn("4111 1111 1111 1111") and not luhn("4111 1111 1111 1112") and not luhn("0" * 16)
    assert iban("GB82 WEST 1234 5698 7654 32") and not iban("GB82 WEST 1234 5698 7654 33")
