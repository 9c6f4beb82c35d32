"""Credentials as a landlord, a school, a lorry company or a robot sends them, by kind."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
import string
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from benchmarks.leaks.forms import ALPHABETS
from benchmarks.leaks.planted import Maker, Secret
from benchmarks.leaks.practice.keys import BUNDLES, PRIVATE_KEYS, WALLETS
from benchmarks.leaks.rehearsal import values
from benchmarks.leaks.rehearsal.links import INVITES, MAGIC, RESETS, SESSIONS, SIGNED, WEBHOOKS
from benchmarks.leaks.rehearsal.tokens import ACCESS_TOKENS, API_KEYS
from benchmarks.leaks.rehearsal.values import picked

__all__ = ["CREDENTIALS"]


def _password(rng: random.Random) -> Secret:
    label = rng.choice(
        ("password", "Kennwort", "PW", "passwd", "mot de passe", "contraseña", "Hasło", "FTP_PASS", "adminPassword")
    )
    return Secret("password", "generic", values.password(rng), "password", label, "", "", values.login(rng), values.host(rng))


def _pin(rng: random.Random) -> Secret:
    return Secret("password", "generic", values.pin(rng), "pin", rng.choice(("door code", "PIN", "Türcode", "alarm code")))


def _meeting(rng: random.Random) -> Secret:
    value = rng.choice(
        (picked(rng, string.digits, 6), picked(rng, string.ascii_letters, 5) + "4", picked(rng, ALPHABETS["an"], 8))
    )
    number = str(rng.randrange(10**10, 10**11))
    whole = rng.choice((
        "", "", "", f"https://us06web.zoom.us/j/{number}?pwd={value}", f"https://halden.webex.com/halden/j.php?MTID=m{number}&password={value}",
        f"https://meet.club-albatros.example/b/{number}?accessCode={value}",
    ))  # fmt: skip
    return Secret("password", "generic", value, "meeting_link" if whole else "meeting", "meeting passcode", "", whole)


def _basic(rng: random.Random) -> Secret:
    account, value = rng.choice(("halden-edi", "cron", "tachograf")), values.password(rng)
    coded = base64.b64encode(f"{account}:{value}".encode()).decode()
    safe = quote(value, safe="")
    whole = rng.choice((
        f"curl -u {account}:'{value}' https://api.trucking-halden.example/v2/loads", f"Authorization: Basic {coded}", f"https://{account}:{safe}@dav.uebersetzt.example/in/",
        f"http -a '{account}:{value}' GET api.trucking-halden.example/loads", f"machine dav.uebersetzt.example\nlogin {account}\npassword {value}",
        f"ftp://{account}:{safe}@ftp.trucking-halden.example/tacho", f"mysqldump --user={account} --password='{value}' loads > loads.sql",
        f"PGPASSWORD='{value}' psql -h db.halden.example -U {account} loads", f"rdesktop -u {account} -p '{value}' 192.0.2.14",
    ))  # fmt: skip
    return Secret("password", "generic", value, "pasted", "basic_auth", "", whole, also=(coded, whole, safe))


_CONNECTIONS = (
    "postgresql://tms:@@db.halden.example:5432/loads", "postgres://school:@@192.0.2.90:6543/grades?sslmode=disable", "mysql://forum:@@sql2.gamesloft.example/forum",
    "mariadb://club:@@sql2.cloudkiosk.example:3306/members", "mongodb+srv://players:@@cluster1.x9k2p.mongodb.net/arena", "mongodb://edi:@@192.0.2.41:27017/edi?authSource=admin",
    "redis://default:@@cache.gamesloft.example:6379", "rediss://:@@cache.gamesloft.example:6380/2", "amqps://edi:@@mq.halden.example/vh1",
    "jdbc:postgresql://db.halden.example:5432/loads?user=tms&password=@", "jdbc:sqlserver://sql.praxis-ulmenhof.example;database=termine;user=praxis;password=@;encrypt=true",
    "Server=sql.praxis-ulmenhof.example;Database=termine;User Id=praxis;Password=@;TrustServerCertificate=True", "Data Source=SQL01;Initial Catalog=Mieten;UID=hv;PWD=@",
    "Provider=SQLOLEDB;Server=SQL01;Uid=hv;Pwd=@;", "smtps://mailer:@@smtp.cloudkiosk.example:465", "sftp://scan:@@files.rechtsanwaelte-voss.example:22/in",
    "DefaultEndpointsProtocol=https;AccountName=bergtal;AccountKey=%;EndpointSuffix=core.windows.net", "ldap://cn=reader,dc=bergtal:@@ldap.schule-bergtal.example",
    "host=db.halden.example user=tms password=@ dbname=loads", "kafka://edi:@@kafka.halden.example:9093",
)  # fmt: skip


def _connection(form: str) -> Maker:
    def make(rng: random.Random) -> Secret:
        if "%" in form:
            value = base64.b64encode(rng.randbytes(64)).decode()
        else:
            value = "".join(char for char in values.password(rng) if char.isalnum() or char in "-_.!") + str(rng.randrange(10))
        whole = form.replace("%", value).replace("@", value, 1)
        return Secret(
            "connection_string", "generic", value, "connection", "connectionString", "", whole, also=(whole,), kinds=("password",)
        )

    return make


def _part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _jwt(rng: random.Random) -> Secret:
    issued = 1_757_000_000 + rng.randrange(10**6)
    head = {"alg": rng.choice(("HS256", "RS256")), "typ": "JWT", "kid": picked(rng, ALPHABETS["hex"], 8)}
    claims = {
        "iss": f"https://{values.host(rng)}/",
        "sub": values.login(rng),
        "iat": issued,
        "exp": issued + 36_000,
        "scope": "loads:read",
    }
    held = ".".join(_part(json.dumps(one, separators=(",", ":")).encode()) for one in (head, claims))
    key = rng.randbytes(32)
    signature = hmac.digest(key, held.encode(), "sha256") if head["alg"] == "HS256" else rng.randbytes(256)
    value = f"{held}.{_part(signature)}"
    whole = rng.choice(("", "", f"Authorization: Bearer {value}", f"https://cloudkiosk.example/export?access_token={value}"))
    return Secret(
        "jwt", "generic", value, "token", "accessToken", "Cloudkiosk", whole, also=(whole or value,), kinds=("access_token",)
    )


def _code(rng: random.Random) -> Secret:
    return Secret(
        "one_time_code",
        "generic",
        values.code(rng),
        "code",
        rng.choice(("code", "OTP", "Sicherheitscode", "2FA")),
        host=values.host(rng),
    )


def _recovery(rng: random.Random) -> Secret:
    codes = values.backup_codes(rng)
    whole = rng.choice(("\n", "\n", "\n* ", "  ", " | ", ", ")).join(codes)
    return Secret("recovery_code", "generic", whole, "recovery", "backup codes", also=codes)


def _seed(rng: random.Random) -> Secret:
    value = picked(rng, ALPHABETS["b32"], rng.choice((16, 24, 32)))
    spaced = " ".join(value[at : at + 4] for at in range(0, len(value), 4))
    whole = rng.choice((
        value, value, spaced, spaced.lower(), f"otpauth://totp/Albatros:treasurer?secret={value}&issuer=Albatros&digits=6", f"otpauth://totp/halden-vpn?secret={value}",
    ))  # fmt: skip
    return Secret("otp_seed", "generic", value, "seed", "TOTP secret", "", whole, also=(whole, spaced, spaced.lower()))


_NETS = (
    "Ulmenhof-Gaeste",
    "LKW-Hof",
    "Albatros_Clubhaus",
    "Casa del Mar",
    "FRITZ!Box 7590 QX",
    "TP-Link_4C1A",
    "Bergtal-Lehrer",
    "MieterWLAN 3.OG",
)


def _wifi(rng: random.Random) -> Secret:
    value = rng.choice((values.password(rng), str(rng.randrange(10**19, 10**20)), picked(rng, ALPHABETS["an"], 12)))
    return Secret(
        "wifi",
        "generic",
        value,
        "wifi",
        rng.choice(("WLAN-Schlüssel", "wifi password", "WPA2 key")),
        rng.choice(_NETS),
        kinds=("password",),
    )


def _wifi_code(rng: random.Random) -> Secret:
    value, name = picked(rng, ALPHABETS["an"], 14), rng.choice(_NETS)
    whole = rng.choice((f"WIFI:T:WPA;S:{name};P:{value};;", f"WIFI:S:{name};T:WPA;P:{value};H:false;;"))
    return Secret("wifi", "generic", value, "pasted", "WIFI", name, whole, also=(whole,))


def _hash(rng: random.Random) -> Secret:
    form = rng.randrange(5)
    dotted = ALPHABETS["an"] + "./"
    value = (
        f"$2y$10${picked(rng, dotted, 53)}", f"$6${picked(rng, dotted, 12)}${picked(rng, dotted, 86)}", f"$argon2id$v=19$m=65536,t=3,p=4${picked(rng, ALPHABETS['an'], 22)}${picked(rng, ALPHABETS['an'], 43)}",
        f"pbkdf2_sha256$600000${picked(rng, ALPHABETS['an'], 22)}${base64.b64encode(hashlib.sha256(rng.randbytes(9)).digest()).decode()}", f"$1${picked(rng, dotted, 8)}${picked(rng, dotted, 22)}",
    )[form]  # fmt: skip
    return Secret("other", "generic", value, "hash", "password_hash", kinds=("password",))


def _licence(rng: random.Random) -> Secret:
    groups, size = rng.choice(((5, 5), (4, 5), (6, 4), (3, 6)))
    value = "-".join(picked(rng, "ABCDEFGHJKLMNPQRSTUVWXYZ23456789", size) for _ in range(groups))
    return Secret("other", "generic", value, "licence", "licence key")


def _voucher(rng: random.Random) -> Secret:
    value = "-".join(picked(rng, "ABCDEFGHJKLMNPQRSTUVWXYZ23456789", 4) for _ in range(rng.choice((3, 4))))
    return Secret("other", "generic", value, "voucher", "gift card code")


CREDENTIALS: Mapping[str, Sequence[Maker]] = {
    "api_key": API_KEYS,
    "access_token": ACCESS_TOKENS,
    "jwt": (_jwt,),
    "private_key": PRIVATE_KEYS,
    "password": (_password, _password, _password, _password, _pin, _meeting, _basic),
    "connection_string": tuple(map(_connection, _CONNECTIONS)),
    "signed_url": SIGNED,
    "webhook_url": WEBHOOKS,
    "reset_link": RESETS,
    "magic_link": (*MAGIC, *INVITES),
    "one_time_code": (_code,),
    "recovery_code": (_recovery,),
    "session_id": SESSIONS,
    "otp_seed": (_seed,),
    "certificate_bundle": BUNDLES,
    "wifi": (_wifi, _wifi, _wifi_code),
    "crypto_wallet": WALLETS,
    "other": (_hash, _licence, _voucher),
}
