"""Credentials of the final set but for tokens: what freelancers, shops and families mail to each other."""

from __future__ import annotations

import base64
import random
import string
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from benchmarks.leaks.checksums import seed_checks
from benchmarks.leaks.final.tokens import ACCESS_TOKENS, API_KEYS, JWTS, cut
from benchmarks.leaks.planted import File, Maker, Secret

__all__ = ["CREDENTIALS", "place", "pronounceable"]

_AN = string.ascii_letters + string.digits
_BASE32 = string.ascii_uppercase + "234567"
_PETS = ("Bella", "Minka", "Rocky", "Oskar", "Luna", "Simba")
# other words of BIP39's English list, with their places in it
_LIST = (
    "accuse:13 again:37 announce:74 arm:93 barrel:150 box:212 candy:266 cave:294 connect:377 dance:442 diagram:487 dry:541 enhance:596 "
    "expect:642 female:679 focus:721 fringe:744 future:756 gospel:806 hand:838 hen:857 humble:887 lawsuit:1009 leisure:1021 lizard:1046 "
    "mandate:1080 monitor:1144 number:1211 olympic:1234 pact:1269 party:1284 peasant:1297 public:1384 purpose:1395 remember:1453 require:1464 "
    "rib:1479 rocket:1499 salad:1522 seed:1559 shuffle:1595 special:1671 stool:1715 toilet:1822 uncover:1893 unveil:1907 vehicle:1935 wait:1971"
)
_SEED = [(word, int(number)) for word, number in (pair.split(":") for pair in _LIST.split())]


def pronounceable(rng: random.Random, pairs: int) -> str:
    """Consonants and vowels in turn."""
    return "".join(rng.choice("bdfgklmnprstvz") + rng.choice("aeiou") for _ in range(pairs))


def place(rng: random.Random) -> str:
    """A site of a small business."""
    return f"{rng.choice(('shop', 'blog', 'cloud', 'nas', 'club'))}.{pronounceable(rng, 3)}.example"


def _login(rng: random.Random) -> str:
    return rng.choice((pronounceable(rng, 3), f"{pronounceable(rng, 2)}_{rng.randrange(70, 99)}", "admin"))


def _word(rng: random.Random) -> str:
    made: Callable[[], str] = rng.choice((
        lambda: f"{rng.choice(_PETS)}{rng.randrange(1960, 2024)}",
        lambda: f"{pronounceable(rng, 3).title()}.{pronounceable(rng, 2)}{rng.randrange(10)}",
        lambda: f"{pronounceable(rng, 2)}{rng.choice('%&/=+~^')}{pronounceable(rng, 2).upper()}{rng.randrange(100)}",
        lambda: f"{cut(rng, _AN, 5)}-{cut(rng, _AN, 5)}-{cut(rng, _AN, 5)}",
        lambda: f"{pronounceable(rng, 4)}{rng.randrange(1000, 9999)}",
        lambda: f"Gr{rng.choice('öüä')}n{rng.choice(('Wald', 'See', 'Tal'))}{rng.randrange(10, 99)}!",
    ))  # fmt: skip
    return made()


def _password(rng: random.Random) -> Secret:
    return Secret("password", "generic", _word(rng), "password", "passwd", user=_login(rng), host=place(rng))


def _gate(rng: random.Random) -> Secret:
    return Secret("password", "generic", f"{rng.randrange(10**4):04d}#"[: rng.choice((4, 5))], "pin", "gate_code")


def _call(rng: random.Random) -> Secret:
    return Secret("password", "generic", cut(rng, string.digits, 6), "meeting", "call_code", kinds=("one_time_code",))


def _basic(rng: random.Random) -> Secret:
    name, word = _login(rng), cut(rng, _AN, 18)
    coded = base64.b64encode(f"{name}:{word}".encode()).decode()
    whole = rng.choice((f"Authorization: Basic {coded}", f"http://{name}:{word}@{place(rng)}:8080/feed"))
    return Secret(
        "password",
        "generic",
        word,
        "basic",
        "feed",
        whole=whole,
        also=(coded, f"{name}:{word}", whole),
        kinds=("connection_string",),
    )


def _code(rng: random.Random) -> Secret:
    digits = partial(cut, rng, string.digits)
    value = rng.choice((digits(6), f"{digits(3)}-{digits(3)}", digits(5), f"{cut(rng, string.ascii_uppercase, 2)}{digits(4)}"))
    return Secret("one_time_code", "generic", value, "code", "otp")


def _opened(kind: str, topic: str, form: str, rng: random.Random) -> Secret:
    token = base64.urlsafe_b64encode(rng.randbytes(rng.choice((18, 24, 33)))).decode().rstrip("=")
    whole = f"https://{place(rng)}/{form.format(token=token)}"
    return Secret(kind, "generic", token, topic, f"{topic}_url", whole=whole, also=(whole,))


def _openssh(rng: random.Random) -> Secret:
    data = b"openssh-key-v1\0\0\0\0\4none\0\0\0\4none\0\0\0\0\0\0\0\1\0\0\0\x33\0\0\0\x0bssh-ed25519\0\0\0 " + rng.randbytes(300)
    body = base64.b64encode(data).decode()
    lines = "\n".join(body[at : at + 70] for at in range(0, len(body), 70))
    return Secret(
        "private_key",
        "generic",
        f"-----BEGIN OPENSSH PRIVATE KEY-----\n{lines}\n-----END OPENSSH PRIVATE KEY-----",
        "private_key",
        "id_ed25519",
    )


def _pkcs8(rng: random.Random) -> Secret:
    data = bytes.fromhex("308204bd020100300d06092a864886f70d0101010500048204a7") + rng.randbytes(1191)
    body = base64.b64encode(data).decode()
    lines = "\n".join(body[at : at + 64] for at in range(0, len(body), 64))
    return Secret(
        "private_key", "generic", f"-----BEGIN PRIVATE KEY-----\n{lines}\n-----END PRIVATE KEY-----", "private_key", "server_key"
    )


def _database(form: str, rng: random.Random) -> Secret:
    word = f"{pronounceable(rng, 3)}{rng.choice('$*+')}{cut(rng, _AN, 8)}"
    whole = form.format(login=_login(rng), word=word, place=place(rng))
    return Secret("connection_string", "generic", word, "connection", "database", whole=whole, also=(whole,), kinds=("password",))


def _discord(rng: random.Random) -> Secret:
    value = f"https://discord.com/api/webhooks/{rng.randrange(10**17, 10**18)}/{cut(rng, _AN + '-_', 68)}"
    return Secret("webhook_url", "discord", value, "webhook", "bot_hook", also=(value.rpartition("/")[2],))


def _zapier(rng: random.Random) -> Secret:
    value = f"https://hooks.zapier.com/hooks/catch/{rng.randrange(10**6, 10**8)}/{cut(rng, string.ascii_lowercase + string.digits, 7)}/"
    return Secret("webhook_url", "zapier", value, "webhook", "zap", also=(value.rstrip("/").rpartition("/")[2],))


def _google_signed(rng: random.Random) -> Secret:
    signature = rng.randbytes(256).hex()
    query = "X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Credential=bot%40club.iam.gserviceaccount.com%2F20250914%2Fauto%2Fstorage%2Fgoog4_request&X-Goog-Date=20250914T070000Z&X-Goog-Expires=604800&X-Goog-SignedHeaders=host"
    whole = f"https://storage.googleapis.com/club-{rng.randrange(99)}/photos.zip?{query}&X-Goog-Signature={signature}"
    return Secret("signed_url", "google", whole, "signed", "photos", whole=whole, also=(signature,))


def _cloudfront(rng: random.Random) -> Secret:
    signature = cut(rng, _AN + "-~", 340) + "__"
    whole = f"https://d{cut(rng, 'abcdefghij0123456789', 13)}.cloudfront.net/album.zip?Expires=1766000000&Signature={signature}&Key-Pair-Id=K{cut(rng, string.ascii_uppercase + string.digits, 13)}"
    return Secret("signed_url", "aws", whole, "signed", "album", whole=whole, also=(signature,))


def _session(rng: random.Random) -> Secret:
    token = rng.randbytes(16).hex().upper()
    whole = rng.choice(
        (f"https://{place(rng)}/cart;jsessionid={token}?step=2", f"Set-Cookie: session_id={token}; Path=/; HttpOnly")
    )
    return Secret("session_id", "generic", token, "session", "browser_cookie", whole=whole, also=(whole,))


def _seed(rng: random.Random) -> Secret:
    value = cut(rng, _BASE32, rng.choice((16, 32)))
    shown = rng.choice(
        (
            value,
            " ".join(value[at : at + 4].lower() for at in range(0, len(value), 4)),
            f"otpauth://totp/Club:{_login(rng)}?issuer=Club&secret={value}&digits=6",
        )
    )
    return Secret("otp_seed", "generic", value, "seed", "two_factor_seed", whole=shown if shown != value else "", also=(shown,))


def _recovery(rng: random.Random) -> Secret:
    count = rng.choice((5, 8))
    codes = [rng.choice((f"{cut(rng, string.digits, 4)} {cut(rng, string.digits, 4)}",)) for _ in range(count)]
    shown = "\n".join(f"{number}. {code}" for number, code in enumerate(codes, 1)) if rng.random() < 0.5 else "\n".join(codes)
    return Secret("recovery_code", "generic", shown, "recovery", "emergency_codes", also=tuple(codes))


def _wallet(rng: random.Random) -> Secret:
    count = rng.choice((12, 12, 18, 24))
    while True:
        picked = rng.sample(_SEED, count)
        if seed_checks([number for _, number in picked]):
            return Secret("crypto_wallet", "generic", " ".join(word for word, _ in picked), "wallet", "mnemonic")


def _wifi(rng: random.Random) -> Secret:
    word = rng.choice((cut(rng, string.digits, 16), f"{pronounceable(rng, 5)}{rng.randrange(10, 99)}"))
    if rng.random() < 0.4:
        whole = f"WIFI:S:Birch;T:WPA2;P:{word};H:false;;"
        return Secret("wifi", "generic", word, "wifi_code", "router", whole=whole, also=(whole,))
    return Secret("wifi", "generic", word, "wifi", "wifi_psk")


def _hash(rng: random.Random) -> Secret:
    value = rng.choice((f"$2y$10${cut(rng, _AN + './', 53)}", f"$5${cut(rng, _AN, 16)}${cut(rng, _AN + './', 43)}"))
    return Secret("other", "generic", value, "hash", "pw_hash", kinds=("password",))


def _serial(rng: random.Random) -> Secret:
    groups = [cut(rng, string.ascii_uppercase + string.digits, 4) for _ in range(5)]
    return Secret("other", "generic", "-".join(groups), "licence", "serial")


def _store(name: str, lead: str, rng: random.Random) -> Secret:
    file = File("application/octet-stream", name, bytes.fromhex(lead) + rng.randbytes(2_300))
    return Secret("certificate_bundle", "generic", name, "bundle", "store", file=file, kinds=("other", "private_key"))


CREDENTIALS: Mapping[str, Sequence[Maker]] = {
    "api_key": API_KEYS,
    "access_token": ACCESS_TOKENS,
    "jwt": JWTS,
    "private_key": (_openssh, _pkcs8),
    "password": (*(_password,) * 6, _gate, _call, _basic),
    "connection_string": (
        partial(_database, "mongodb+srv://{login}:{word}@{place}/shop?retryWrites=true"),
        partial(_database, "mysql://{login}:{word}@{place}/wp"),
        partial(_database, "Driver={{ODBC Driver 18}};Server={place};Uid={login};Pwd={word};"),
        partial(_database, "amqps://{login}:{word}@{place}:5671/orders"),
    ),
    "signed_url": (_google_signed, _cloudfront),
    "webhook_url": (_discord, _zapier),
    "reset_link": (
        partial(_opened, "reset_link", "reset", "forgot/new?key={token}"),
        partial(_opened, "reset_link", "reset", "__/auth/action?mode=resetPassword&oobCode={token}&lang=en"),
    ),
    "magic_link": (
        partial(_opened, "magic_link", "magic", "login/verify?token_hash={token}&type=email"),
        partial(_opened, "magic_link", "invite", "activate/{token}"),
    ),
    "one_time_code": (_code,),
    "recovery_code": (_recovery,),
    "session_id": (_session,),
    "otp_seed": (_seed,),
    "certificate_bundle": (
        partial(_store, "club.pfx", "3082083c020103308207f806092a864886f70d010701"),
        partial(_store, "family.kdbx", "03d9a29a67fb4bb501000400"),
        partial(_store, "app.jceks", "cececece0000000200000001"),
    ),
    "wifi": (_wifi,),
    "crypto_wallet": (_wallet,),
    "other": (_hash, _serial),
}  # fmt: skip
