"""Passwords, codes, accounts and machines as these writers choose them."""

from __future__ import annotations

import random
import string

__all__ = ["backup_codes", "code", "host", "login", "password", "picked", "pin"]

_FAVOURITES = (
    "Rosinante", "Tannenzapfen", "Schlagbohrer", "Gurkensalat", "Bellinzona", "Chaussette", "Girasole", "Kormoran", "Lighthouse", "Marmelade", "Pistacchio",
    "Saxofon", "Tortuga", "Wombat", "Zeppelin", "Papillon", "Krokodil", "Blaubeere", "Bratkartoffel", "Espresso", "Polarlicht", "Sandkasten",
)  # fmt: skip
_PLAIN = ("barn", "copper", "drizzle", "ferry", "gravel", "hazel", "kettle", "lantern", "mosaic", "nettle", "otter", "pebble", "quarry", "rudder", "saddle", "thimble", "walnut")  # fmt: skip
_SIGNS = "!#$%&*+-=?@_"


def picked(rng: random.Random, alphabet: str, length: int) -> str:
    """So many characters of the alphabet."""
    return "".join(rng.choices(alphabet, k=length))


def _random(rng: random.Random) -> str:
    length = rng.randrange(9, 18)
    text = [rng.choice(string.ascii_uppercase), rng.choice(string.digits), rng.choice(_SIGNS)]
    text += rng.choices(string.ascii_letters + string.digits + _SIGNS, k=length - 4)
    rng.shuffle(text)
    return "".join([rng.choice(string.ascii_letters), *text])


def _spoken(rng: random.Random) -> str:
    word = rng.choice(_FAVOURITES)
    return rng.choice((
        f"{word}{rng.randrange(10, 100)}", f"{word}{rng.randrange(1950, 2027)}!", f"{word.lower()}{rng.randrange(1000)}", f"{word}#{rng.randrange(10)}",
        f"{word.replace('o', '0').replace('e', '3')}{rng.choice(_SIGNS)}{rng.randrange(10)}", f"{word}&{rng.choice(_FAVOURITES)}", f"!!{word}{rng.randrange(100)}",
        f"{rng.choice(('Herbst', 'Automne', 'Invierno', 'Spring', 'Zima', 'Lato'))}{rng.choice(('2024', '2025', '24', '25'))}{rng.choice(('', '!', '?', '*'))}",
    ))  # fmt: skip


def _phrase(rng: random.Random) -> str:
    joint = rng.choice("-._")
    words = rng.sample(_PLAIN, 3)
    return joint.join([*words, str(rng.randrange(100))] if rng.random() < 0.6 else [word.title() for word in words])


def _syllables(rng: random.Random) -> str:
    def part() -> str:
        return "".join(rng.choice("bdfghkmnprstvz") + rng.choice("aeiouy") for _ in range(3))

    return f"{part()}-{part().title()}-{part()[:5]}{rng.randrange(10)}"


def password(rng: random.Random) -> str:
    """A password without blanks: half of them from people's heads."""
    return rng.choice((_random, _spoken, _spoken, _phrase, _syllables))(rng)


def pin(rng: random.Random) -> str:
    """A number of four to six digits that is no year; some end in a key sign."""
    number = rng.choice((rng.randrange(2110, 9990), rng.randrange(10_100, 99_000), rng.randrange(210_000, 998_000)))
    return rng.choice((str(number), str(number), str(number), f"{number}#", f"0{number}"))


def code(rng: random.Random) -> str:
    """A one-time code in one of the forms that services use."""
    digits = picked(rng, string.digits, 6)
    return rng.choice((
        digits, digits, digits, digits, f"{digits[:3]} {digits[3:]}", f"{digits[:3]}-{digits[3:]}", str(rng.randrange(2100, 9990)), picked(rng, string.digits, 8), f"G-{digits}",
        "7" + picked(rng, "ABCDEFGHJKLMNPQRSTUVWXYZ23456789", 5), picked(rng, string.digits, 5), picked(rng, "BCDFGHJKLMNPQRSTVWXZ", 3) + "-" + digits[:3],
    ))  # fmt: skip


def backup_codes(rng: random.Random) -> tuple[str, ...]:
    """Six to ten codes of one form."""
    low = string.ascii_lowercase + string.digits
    form = rng.choice(
        ((4, 4, string.digits), (5, 5, low), (4, 4, low), (8, 0, string.digits), (6, 6, "0123456789abcdef"), (10, 0, low))
    )
    left, right, alphabet = form

    def one() -> str:
        return picked(rng, alphabet, left) + (f"-{picked(rng, alphabet, right)}" if right else "")

    return tuple(one() for _ in range(rng.randrange(6, 11)))


_ACCOUNTS = ("kasse1", "rezeption", "office", "vorstand", "m.lindqvist", "t_okonkwo", "treasurer", "lager2", "hr-team", "dispatch", "admin", "scanner", "praktikant", "yardmaster")  # fmt: skip
_HOSTS = (
    "praxis-ulmenhof.example", "gamesloft.example", "schule-bergtal.example", "rechtsanwaelte-voss.example", "trucking-halden.example", "tickets.fixwerk.example", "banca-lumina.example",
    "uebersetzt.example", "mieterportal.example", "club-albatros.example", "personio-like.example", "wiki.halden.example", "192.0.2.118", "cloudkiosk.example",
)  # fmt: skip


def login(rng: random.Random) -> str:
    """An account: a word, a name or an address."""
    name = rng.choice(_ACCOUNTS)
    return rng.choice((name, name, f"{name}@{rng.choice(_HOSTS[:12])}", f"HALDEN\\{name}"))


def host(rng: random.Random) -> str:
    """Where one signs in."""
    return rng.choice(_HOSTS)
