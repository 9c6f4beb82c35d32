"""Passwords, codes and PINs as people and programs make them up."""

from __future__ import annotations

import random
import string
from collections.abc import Callable

from benchmarks.leaks.practice.checks import digits
from benchmarks.leaks.practice.tokens import drawn

__all__ = ["backup_codes", "code", "host", "login", "password", "pin"]

_WEAK = (
    "Sommer", "hund", "qwertz", "Qwerty", "welkom", "Herbst", "letmein", "admin", "Changeme", "dragon", "Soleil", "azerty", "Bienvenue", "Benvenuto",
    "Juventus", "Madrid", "Zima", "kotek", "Praha", "fotbal", "iloveyou", "Passw0rd", "Start", "Test", "Winter", "monkey", "sunshine", "Willkommen", "Geheim",
    "Kaffee", "Schalke", "barcelona", "marseille", "Hola", "Temp", "Welcome", "Autumn", "Spring", "football", "superman", "Liverpool", "Chester", "Rosebud",
)  # fmt: skip
_THINGS = (
    "otter", "harbour", "copper", "thunder", "velvet", "pickle", "lantern", "walnut", "marble", "pepper", "rocket", "tundra", "cactus", "bishop", "falcon", "ginger",
    "puddle", "teapot", "violin", "saddle", "hazel", "trumpet", "bramble", "shovel",
)  # fmt: skip
_UMLAUTS = (
    "Käsekuchen",
    "Straßenbahn",
    "Größenwahn",
    "Ñandú",
    "Façade",
    "Żółw",
    "Smörgås",
    "Žluťák",
    "Çiçek",
    "Crème-Brûlée",
    "Ørsted",
    "Bäckerei",
)
_SYLLABLES = ("ba", "co", "du", "fi", "ga", "ho", "ju", "ka", "lo", "mi", "nu", "pe", "ri", "so", "ta", "vu", "wa", "ze")
_SIGNS = "!#$%&*+-=?@_.:"


def _weak(rng: random.Random) -> str:
    word = rng.choice(_WEAK)
    return word + rng.choice(("2024", "2025", "24", "123", "1234", "!23", "1!", "99", "#1", "2025!", ".2024", "@123", "77"))


def _plain_word(rng: random.Random) -> str:
    return rng.choice(_WEAK).lower() if rng.random() < 0.5 else rng.choice(_THINGS)


def _syllables(rng: random.Random) -> str:
    word = "".join(rng.choices(_SYLLABLES, k=rng.randint(3, 4)))
    return f"{word.capitalize()}{rng.randrange(10, 100)}{rng.choice(('', '', '!', '?', '$'))}"


def _two_words(rng: random.Random) -> str:
    left, right = rng.sample(_THINGS, 2)
    return rng.choice(("{0}-{1}-{2}", "{0}{1}{2}", "{0}_{1}", "{0}.{1}.{2}", "{0}+{1}={2}")).format(
        left.capitalize(), right, rng.randrange(2, 99)
    )


def _spaced(rng: random.Random) -> str:
    return '"' + " ".join(rng.sample(_THINGS, rng.randint(2, 5))) + '"'


def _umlauts(rng: random.Random) -> str:
    return rng.choice(_UMLAUTS) + rng.choice(("", "!", "12", "_7", "2025"))


def _strong(rng: random.Random) -> str:
    length = rng.randint(8, 20)
    text = rng.choices(string.ascii_letters + string.digits + _SIGNS, k=length)
    return rng.choice(string.ascii_letters) + "".join(text[2:]) + rng.choice(string.digits)


def _letters(rng: random.Random) -> str:
    return drawn(rng, string.ascii_letters + string.digits, rng.randint(8, 14))


def _grouped(rng: random.Random) -> str:
    return "-".join("".join(rng.choices(string.ascii_lowercase + string.digits, k=6)) for _ in range(3))


def _leet(rng: random.Random) -> str:
    return rng.choice(_THINGS).replace("e", "3").replace("o", "0").replace("a", "@").capitalize() + str(rng.randrange(10, 9999))


def _numbers(rng: random.Random) -> str:
    return digits(rng, rng.choice((6, 8, 10)))


_SORTS: tuple[Callable[[random.Random], str], ...] = (
    _weak, _weak, _weak, _plain_word, _syllables, _syllables, _two_words, _two_words, _spaced, _umlauts, _strong, _strong, _strong, _letters, _letters, _grouped, _leet, _numbers,
)  # fmt: skip


def password(rng: random.Random) -> str:
    """A password; one of several words bears its quotes."""
    return rng.choice(_SORTS)(rng)


def code(rng: random.Random) -> str:
    """A one-time code as banks, shops and services spell it."""
    plain = "".join(rng.choices(string.digits, k=6))
    return rng.choice((
        plain, plain, plain, f"{plain[:3]} {plain[3:]}", f"{plain[:3]}-{plain[3:]}", f"G-{plain}", plain[:4], plain[:5], f"{plain}{rng.randrange(10, 100)}",
        f"{plain}7", "".join(rng.choices("ABCDEFGHJKMNPQRSTUVWXYZ23456789", k=rng.randint(5, 7))) + "4",
        "".join(rng.choices(string.ascii_uppercase, k=4)) + "-" + plain[:4], " ".join(plain),
        "".join(rng.choices("BCDFGHJKLMNPQRSTVWXZ", k=3)) + "-" + "".join(rng.choices("BCDFGHJKLMNPQRSTVWXZ", k=3)),
    ))  # fmt: skip


def pin(rng: random.Random) -> str:
    """A PIN or door code."""
    return rng.choice(("", "", "", "#", "*")) + digits(rng, rng.choice((4, 4, 4, 5, 6))) + rng.choice(("", "", "#"))


def backup_codes(rng: random.Random) -> tuple[str, ...]:
    """Recovery codes of one shape."""
    shape = rng.choice(("dddd dddd", "xxxxx-xxxxx", "dddddddd", "xxxx-xxxx-xxxx", "UUUUUUUU", "dddddd", "xxxxxxxxxx"))
    signs = {"d": string.digits, "x": string.digits + string.ascii_lowercase, "U": string.ascii_uppercase + string.digits}
    return tuple(
        "".join(rng.choice(signs[char]) if char in signs else char for char in shape) for _ in range(rng.choice((5, 6, 8, 10)))
    )


def login(rng: random.Random) -> str:
    """An account's name."""
    return rng.choice(
        (
            "jana.h",
            "adm-west",
            "svc_backup",
            "root",
            "p.marchetti",
            "kasia",
            "deploy",
            "frontdesk",
            "mw1987",
            "info@kiefer-spedition.example",
            "ward4",
            "guest07",
            "U204417",
        )
    )


def host(rng: random.Random) -> str:
    """A machine or site."""
    return rng.choice((
        "intranet.stadt-ahlfeld.example", "vpn.hollis-law.example", "192.0.2.77", "ftp.transcargo.example", "moodle.uni-nord.example", "portal.klinik-am-park.example",
        "db3.prod.transcargo.example", "https://erp.kiefer-spedition.example/login", "nas.local.example", "cp.webhotel.example:2083",
    ))  # fmt: skip
