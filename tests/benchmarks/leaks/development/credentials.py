"""Credentials of the set for tuning but for tokens: what a company's IT desk hands out."""

from __future__ import annotations

import base64
import random
import struct
from collections.abc import Mapping, Sequence
from functools import partial

from benchmarks.leaks.checksums import seed_checks
from benchmarks.leaks.development.tokens import ACCESS_TOKENS, API_KEYS, JWTS, drawn
from benchmarks.leaks.forms import ALPHABETS, filled, uuid
from benchmarks.leaks.planted import File, Maker, Secret

__all__ = ["CREDENTIALS", "host", "user"]

_SYMBOLS = "!#$%&*+-=?@_"
_WORDS = ("harbour", "pencil", "orbit", "lantern", "meadow", "copper", "winter", "saddle", "marble", "ticket", "velvet", "anchor")
# some words of BIP39's English list with their places in it
_SEED = dict(
    pair.split(":") for pair in ["abstract:7", "actor:21", "allow:53", "arch:88", "attract:118", "blood:191", "brush:233", "canyon:270", "concert:373", "crouch:417", "delay:463", "dolphin:518", "either:568", "episode:607", "faculty:653", "festival:681", "frequent:741", "frog:745", "goose:804", "grape:814", "height:853", "hour:882", "law:1007", "legend:1020", "lesson:1027", "lobster:1049", "minor:1129", "neglect:1184", "ocean:1223", "original:1253", "paper:1279", "payment:1293", "prepare:1359", "puppy:1392", "raccoon:1410", "remove:1455", "resource:1468", "rifle:1485", "rose:1504", "scheme:1541", "service:1569", "solve:1655", "stamp:1699", "tank:1773", "treat:1854"]
)  # fmt: skip


def user(rng: random.Random) -> str:
    """A user name of a company."""
    return f"{rng.choice('abcdefgh')}.{rng.choice(('keller', 'novak', 'lindqvist', 'moreau', 'okafor', 'ferrari'))}{rng.randrange(100)}"


def host(rng: random.Random) -> str:
    """A server of a company."""
    return f"{rng.choice(('vpn', 'portal', 'mail', 'files', 'erp'))}{rng.randrange(1, 9)}.corp-{rng.choice(_WORDS)}.example"


def _password_value(rng: random.Random) -> str:
    kind = rng.randrange(6)
    if kind == 0:
        return f"{rng.choice(('Spring', 'Summer', 'Autumn', 'Winter'))}{rng.randrange(2019, 2026)}{rng.choice(('!', '#', ''))}"
    if kind == 1:
        return "-".join(rng.sample(_WORDS, 4))
    if kind == 2:
        return f"{rng.choice(_WORDS).title()}{rng.randrange(10, 9999)}{rng.choice(_SYMBOLS)}"
    alphabet = ALPHABETS["an"] + (_SYMBOLS if kind > 3 else "")
    body = drawn(rng, alphabet, rng.randint(8, 16))
    return f"{rng.choice('abcdefghij')}{body}{rng.randrange(10)}"


def _password(rng: random.Random) -> Secret:
    return Secret("password", "generic", _password_value(rng), "password", "PASSWORD", user=user(rng), host=host(rng))


def _pin(rng: random.Random) -> Secret:
    return Secret("password", "generic", f"{rng.randrange(2100, 9999)}", "pin", "DOOR_CODE")


def _meeting(rng: random.Random) -> Secret:
    return Secret("password", "generic", drawn(rng, ALPHABETS["an"], 6), "meeting", "MEETING_PASSCODE", kinds=("one_time_code",))


def _basic(rng: random.Random) -> Secret:
    name, word, at = user(rng), drawn(rng, ALPHABETS["an"], 14), host(rng)
    whole = rng.choice((f"curl -u {name}:{word} https://{at}/api/health", f"https://{name}:{word}@{at}/status"))
    return Secret(
        "password",
        "generic",
        word,
        "basic",
        "HEALTH_CHECK",
        whole=whole,
        also=(f"{name}:{word}", whole),
        kinds=("connection_string",),
    )


def _code(rng: random.Random) -> Secret:
    value = filled(rng, rng.choice(("{d:6}", "{d:6}", "{d:8}", "{d:3} {d:3}", "{d:4}")), drawn)
    return Secret("one_time_code", "generic", value, "code", "OTP", host=host(rng))


def _link(kind: str, topic: str, path: str, rng: random.Random) -> Secret:
    token = drawn(rng, ALPHABETS["u"], rng.choice((20, 32, 43)))
    whole = f"https://{host(rng)}{path.replace('#', token, 1)}"
    return Secret(kind, "generic", token, topic, topic.upper(), whole=whole, also=(whole,))


def _pem(name: str, size: int, rng: random.Random) -> Secret:
    data = b"\x30\x82" + struct.pack(">H", size - 4) + b"\x02\x01\x00\x30" + rng.randbytes(size - 8)
    body = base64.b64encode(data).decode()
    lines = "\n".join(body[at : at + 64] for at in range(0, len(body), 64))
    whole = f"-----BEGIN {name}PRIVATE KEY-----\n{lines}\n-----END {name}PRIVATE KEY-----"
    return Secret("private_key", "generic", whole, "private_key", "TLS_KEY")


def _connection(form: str, rng: random.Random) -> Secret:
    name, word, at = user(rng).replace(".", "_"), drawn(rng, ALPHABETS["an"] + "!*", 14) + "x", host(rng)
    whole = form.format(user=name, word=word, host=at)
    return Secret(
        "connection_string", "generic", word, "connection", "DATABASE_URL", whole=whole, also=(whole,), kinds=("password",)
    )


def _webhook(form: str, service: str, rng: random.Random) -> Secret:
    value = filled(rng, form.replace("{uuid}", uuid(rng)), drawn)
    return Secret("webhook_url", service, value, "webhook", "WEBHOOK_URL", also=(value.rpartition("/")[2], value.split("://")[1]))


def _s3(rng: random.Random) -> Secret:
    signature = drawn(rng, ALPHABETS["hex"], 64)
    scope = f"AKIA{drawn(rng, ALPHABETS['b32'], 16)}%2F20250912%2Feu-central-1%2Fs3%2Faws4_request"
    query = f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={scope}&X-Amz-Date=20250912T081500Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
    whole = f"https://reports-{rng.randrange(99)}.s3.eu-central-1.amazonaws.com/q3.zip?{query}&X-Amz-Signature={signature}"
    return Secret("signed_url", "aws", whole, "signed", "EXPORT_URL", whole=whole, also=(signature,))


def _sas(rng: random.Random) -> Secret:
    signature = drawn(rng, ALPHABETS["an"], 43)
    whole = f"https://acct{rng.randrange(99)}.blob.core.windows.net/out/q3.csv?sv=2024-11-04&st=2025-09-10T06%3A00Z&se=2025-12-31T00%3A00Z&sr=b&sp=r&sig={signature}%3D"
    return Secret(
        "signed_url", "azure", whole, "signed", "EXPORT_URL", whole=whole, also=(signature, f"{signature}=", f"{signature}%3D")
    )


def _session(rng: random.Random) -> Secret:
    token = drawn(rng, ALPHABETS["low"], 26)
    name = rng.choice(("PHPSESSID", "sessionid", "JSESSIONID"))
    return Secret("session_id", "generic", token, "session", "COOKIE", whole=f"Cookie: lang=en; {name}={token}; theme=dark")


def _seed(rng: random.Random) -> Secret:
    value = drawn(rng, ALPHABETS["b32"], 32)
    if rng.random() < 0.5:
        whole = f"otpauth://totp/{host(rng)}:{user(rng)}?secret={value}&issuer=Corp"
        return Secret("otp_seed", "generic", value, "seed", "TOTP", whole=whole, also=(whole,))
    grouped = " ".join(value[at : at + 4] for at in range(0, 32, 4))
    return Secret("otp_seed", "generic", rng.choice((value, grouped)), "seed", "TOTP_SECRET")


def _recovery(rng: random.Random) -> Secret:
    codes = [f"{drawn(rng, ALPHABETS['low'], 5)}-{drawn(rng, ALPHABETS['low'], 5)}" for _ in range(rng.choice((6, 8, 10)))]
    return Secret("recovery_code", "generic", "\n".join(codes), "recovery", "RECOVERY_CODES", also=tuple(codes))


def _wallet(rng: random.Random) -> Secret:
    while True:
        words = rng.sample(sorted(_SEED), 12)
        if seed_checks([int(_SEED[word]) for word in words]):
            return Secret("crypto_wallet", "generic", " ".join(words), "wallet", "WALLET_SEED")


def _wifi(rng: random.Random) -> Secret:
    word = f"{rng.choice(_WORDS).title()}{rng.randrange(100, 9999)}{rng.choice('!#')}"
    if rng.random() < 0.4:
        whole = f"WIFI:T:WPA;S:Office-Guest;P:{word};;"
        return Secret("wifi", "generic", word, "wifi_code", "WIFI", whole=whole, also=(whole,))
    return Secret("wifi", "generic", word, "wifi", "WIFI_KEY")


def _hash(rng: random.Random) -> Secret:
    form = rng.choice(("$2b$12${an:53}", "$6${an:16}${an:86}", "$1${an:8}${an:22}"))
    return Secret("other", "generic", filled(rng, form, drawn), "hash", "PASSWORD_HASH", kinds=("password",))


def _licence(rng: random.Random) -> Secret:
    return Secret("other", "generic", filled(rng, "{up:5}-{up:5}-{up:5}-{up:5}-{up:5}", drawn), "licence", "LICENCE_KEY")


def _bundle(name: str, media: str, lead: bytes, rng: random.Random) -> Secret:
    data = lead + rng.randbytes(1_800)
    return Secret(
        "certificate_bundle", "generic", name, "bundle", "KEYSTORE", file=File(media, name, data), kinds=("other", "private_key")
    )


CREDENTIALS: Mapping[str, Sequence[Maker]] = {
    "api_key": API_KEYS,
    "access_token": ACCESS_TOKENS,
    "jwt": JWTS,
    "private_key": (partial(_pem, "RSA ", 1190), partial(_pem, "", 1216), partial(_pem, "EC ", 121)),
    "password": (*(_password,) * 6, _pin, _meeting, _basic),
    "connection_string": (
        partial(_connection, "postgresql://{user}:{word}@{host}:5432/reports"),
        partial(_connection, "Server={host};Database=erp;User Id={user};Password={word};Encrypt=true"),
        partial(_connection, "jdbc:mysql://{host}:3306/erp?user={user}&password={word}"),
    ),
    "signed_url": (_s3, _sas),
    "webhook_url": (
        partial(_webhook, "https://hooks.slack.com/services/T{up:10}/B{up:10}/{an:24}", "slack"),
        partial(_webhook, "https://corp.webhook.office.com/webhookb2/{uuid}@{uuid}/IncomingWebhook/{hex:32}/{uuid}", "microsoft"),
    ),
    "reset_link": (
        partial(_link, "reset_link", "reset", "/users/password/edit?reset_password_token=#"),
        partial(_link, "reset_link", "reset", "/account/reset-password/#"),
    ),
    "magic_link": (
        partial(_link, "magic_link", "magic", "/auth/magic?login_token=#"),
        partial(_link, "magic_link", "invite", "/invite/accept?token=#"),
    ),
    "one_time_code": (_code,),
    "recovery_code": (_recovery,),
    "session_id": (_session,),
    "otp_seed": (_seed,),
    "certificate_bundle": (
        partial(_bundle, "signing.p12", "application/x-pkcs12", bytes.fromhex("30820708020103308206ce06092a864886f70d010701")),
        partial(_bundle, "signing.jks", "application/octet-stream", bytes.fromhex("feedfeed0000000200000001")),
    ),
    "wifi": (_wifi,),
    "crypto_wallet": (_wallet,),
    "other": (_hash, _licence),
}  # fmt: skip
