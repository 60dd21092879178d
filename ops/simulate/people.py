"""Invented clients: a personal identity code of the test series, a learner number, the city's own number, a name of no real person."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

__all__ = ["Person", "clients", "wrong_checksum"]

_CHECKS = "0123456789ABCDEFHJKLMNPRSTUVWXY"
_FIRST_TEST_NUMBER = 900
_GIVEN = (
    *"Abdi Aino Amira Anahit Bahar Chidi Dalia Davit Eleni Elvan Farid Fatuma Goran Hodan Ilir Iryna Jamal".split(),  # noqa: SIM905 - short
    *"Kanya Leyla Lien Marisol Mehdi Mirza Nadifa Oksana Paavo Rania Rashid Rohit Samira Sardar Selam".split(),  # noqa: SIM905 - short
    *"Sunita Taras Thida Yonas Zahra Zoran".split(),  # noqa: SIM905 - short
)
_STEMS = tuple("Abdull Aram Boyk Demir Girm Haddad Ivank Jovan Karim Kowal Mehr Nguy Okaf Petrenk Rahim Silv Tesfay Thap".split())  # noqa: SIM905 - short
_ENDINGS = ("ila", "io", "inen", "maa", "ranta", "salo")


@dataclass(frozen=True, slots=True)
class Person:
    """A test person. `number` is how people are told apart wherever somebody reads: never by name or identifier."""

    number: int
    hetu: str = field(repr=False)
    learner_number: str = field(repr=False)
    customer_number: str = field(repr=False)
    """The city's own (asiakasnumero)."""
    given_name: str = field(repr=False)
    family_name: str = field(repr=False)

    @property
    def label(self) -> str:
        """For display."""
        return f"client {self.number}"


def clients(count: int, seed: int = 2021) -> tuple[Person, ...]:
    """`count` different persons, numbered from 1. More of the same seed begin with the same ones."""
    dice = Random(f"{seed}/people")  # noqa: S311 - repeatable on purpose
    hetus: set[str] = set()
    learners: set[str] = set()
    people = []
    for number in range(1, count + 1):
        hetu = _fresh(hetus, lambda: _hetu(dice))
        learner = _fresh(learners, lambda: f"1.2.246.562.24.{dice.randrange(10**10, 10**11)}")
        family = dice.choice(_STEMS) + dice.choice(_ENDINGS)
        people.append(Person(number, hetu, learner, f"OUKA-{100_000 + 7 * number}", dice.choice(_GIVEN), family))
    return tuple(people)


def wrong_checksum(hetu: str) -> str:
    """The code with another check character."""
    return hetu[:-1] + _CHECKS[(_CHECKS.index(hetu[-1]) + 1) % len(_CHECKS)]


def _hetu(dice: Random) -> str:
    """An adult's code; some with the separators that were added in 2023."""
    year = dice.randrange(1958, 2004)
    month = dice.randrange(1, 13)
    day = dice.randrange(1, monthrange(year, month)[1] + 1)
    number = dice.randrange(_FIRST_TEST_NUMBER, 1000)
    digits = f"{day:02}{month:02}{year % 100:02}{number}"
    separator = dice.choice("-----YX") if year < 2000 else dice.choice("AAAAAFE")  # noqa: PLR2004 - the century
    return f"{digits[:6]}{separator}{number}{_CHECKS[int(digits) % len(_CHECKS)]}"


def _fresh(taken: set[str], draw: Callable[[], str]) -> str:
    value = draw()
    while value in taken:
        value = draw()
    taken.add(value)
    return value
