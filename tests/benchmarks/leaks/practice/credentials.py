"""Credentials as offices, shops, hosting providers and programs send them, by kind."""

from __future__ import annotations

import base64
import random
import string
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from benchmarks.leaks.forms import ALPHABETS, uuid
from benchmarks.leaks.planted import Maker, Secret
from benchmarks.leaks.practice import passwords
from benchmarks.leaks.practice.checks import digits
from benchmarks.leaks.practice.keys import BUNDLES, JWTS, PRIVATE_KEYS, WALLETS
from benchmarks.leaks.practice.links import INVITES, MAGIC, RESETS, SIGNED, WEBHOOKS
from benchmarks.leaks.practice.tokens import ACCESS_TOKENS, API_KEYS, drawn, token_of

__all__ = ["CREDENTIALS"]

_BASE32 = string.ascii_uppercase + "234567"


def _password(rng: random.Random) -> Secret:
    written = passwords.password(rng)
    value = written.strip('"')
    whole = written if written != value else ""
    label = rng.choice(("PASSWORD", "db_pass", "pwd", "Passwort", "ADMIN_PW", "smtp.password", "secret"))
    return Secret("password", "generic", value, "password", label, "", whole, passwords.login(rng), passwords.host(rng))


def _initial(rng: random.Random) -> Secret:
    value = passwords.password(rng).strip('"').replace(" ", "")
    return Secret("password", "generic", value, "password", "INITIAL_PASSWORD", "", "", passwords.login(rng), passwords.host(rng))


def _pin(rng: random.Random) -> Secret:
    return Secret("password", "generic", passwords.pin(rng), "pin", "PIN")


def _meeting(rng: random.Random) -> Secret:
    value = rng.choice(
        (
            digits(rng, 6),
            drawn(rng, string.ascii_letters + string.digits, 6),
            digits(rng, 4),
            drawn(rng, string.ascii_letters, 5) + "7",
        )
    )
    number = digits(rng, 11)
    whole = rng.choice((
        value, value, f"https://us02web.zoom.us/j/{number}?pwd={value}", f"https://meet.planwerk.example/j.php?MTID=m{digits(rng, 8)}&password={value}",
    ))  # fmt: skip
    return Secret("password", "generic", value, "meeting" if whole == value else "meeting_link", "PASSCODE", "", whole)


def _basic(rng: random.Random) -> Secret:
    account, value = rng.choice(("svc-sync", "kassa2", "apiuser")), passwords.password(rng).strip('"').replace(" ", "")
    coded = base64.b64encode(f"{account}:{value}".encode()).decode()
    safe = quote(value, safe="")
    whole = rng.choice((
        f"curl --user '{account}:{value}' https://erp.kiefer-spedition.example/api/v1/stock", f"Authorization: Basic {coded}",
        f"wget --http-user={account} --http-password={value} ftp.transcargo.example/nightly.csv", f"https://{account}:{safe}@files.transcargo.example/inbox/",
        f"machine ftp.transcargo.example login {account} password {value}", f"mysql -h db3.prod.transcargo.example -u {account} -p{value} frachten",
        f"sshpass -p {value} ssh {account}@192.0.2.77", f"net use Z: \\\\nas.local.example\\scan /user:{account} {value}",
        f"smbclient //nas.local.example/scan -U {account}%{value}", f"lftp -u {account},{value} sftp://ftp.transcargo.example",
        f"htpasswd -b /etc/nginx/users {account} {value}", f"echo '{account}:{value}' | chpasswd",
    ))  # fmt: skip
    return Secret("password", "generic", value, "basic", "BASIC_AUTH", "", whole, also=(coded, whole, safe))


_CONNECTIONS = (
    "postgresql://app:@@db3.prod.transcargo.example:5432/frachten?sslmode=require",
    "postgres://kassa2:@@192.0.2.77/kasse",
    "host=db3.prod.transcargo.example port=5432 dbname=patienten user=ward4 password=@",
    "mysql://wp_user:@@localhost.webhotel.example:3306/wp_live",
    "jdbc:mysql://db3.prod.transcargo.example:3306/erp?user=erp&password=@&useSSL=true",
    "Server=sql.webhotel.example;Port=3306;Database=shop;Uid=shop;Pwd=@;",
    "Server=tcp:kiefer.database.windows.net,1433;Initial Catalog=Lager;User ID=lager;Password=@;Encrypt=True;",
    "jdbc:sqlserver://sql1.kiefer-spedition.example:1433;databaseName=Lager;user=sa;password=@",
    "jdbc:oracle:thin:hr/@@//ora.uni-nord.example:1521/XEPDB1",
    "mongodb+srv://moodle:@@cluster0.ab1cd.mongodb.net/moodle?retryWrites=true",
    "mongodb://root:@@192.0.2.31:27017,192.0.2.32:27017/admin?replicaSet=rs0",
    "redis://:@@cache.planwerk.example:6379/0",
    "rediss://default:@@cache.planwerk.example:6380",
    "amqp://dispo:@@mq.transcargo.example:5672/prod",
    "smtp://noreply%40hollis-law.example:@@mail.webhotel.example:587",
    "ftp://web1204:@@ftp.webhotel.example/htdocs",
    "DefaultEndpointsProtocol=https;AccountName=klinikdaten;AccountKey=%;EndpointSuffix=core.windows.net",
    "Endpoint=sb://dispo.servicebus.windows.net/;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=%",
    "Driver={ODBC Driver 18 for SQL Server};Server=sql1.kiefer-spedition.example;UID=bi;PWD=@;",
    "clickhouse://stats:@@ch.planwerk.example:9440/events?secure=true",
)


def _connection(form: str) -> Maker:
    def make(rng: random.Random) -> Secret:
        if form.endswith("%") or "=%;" in form:
            size = 64 if "AccountKey" in form else 32
            value = base64.b64encode(rng.randbytes(size)).decode()
            return Secret("connection_string", "generic", value, "connection", "CONNECTION_STRING", "", form.replace("%", value))
        value = rng.choice(
            (passwords.password(rng).strip('"').replace(" ", ""), drawn(rng, ALPHABETS["an"], 16), "Kuh-Stall99", "wp_P4ss")
        )
        value = "".join(char for char in value if char.isalnum() or char in "-_.!") + str(rng.randrange(10))
        written = quote(value, safe="!") if "://" in form else value
        whole = form.replace("@", written, 1)
        return Secret(
            "connection_string",
            "generic",
            written,
            "connection",
            "DATABASE_URL",
            "",
            whole,
            also=(value, whole),
            kinds=("password",),
        )

    return make


def _code(rng: random.Random) -> Secret:
    return Secret(
        "one_time_code",
        "generic",
        passwords.code(rng),
        "code",
        rng.choice(("OTP", "verification_code", "sms_code", "login code")),
        host=passwords.host(rng).split("/")[0],
    )


def _device_code(rng: random.Random) -> Secret:
    value = drawn(rng, "BCDFGHJKLMNPQRSTVWXZ", 4) + "-" + drawn(rng, "BCDFGHJKLMNPQRSTVWXZ", 4)
    return Secret("one_time_code", "generic", value, "device", "USER_CODE")


def _oauth_code(rng: random.Random) -> Secret:
    value, state = token_of(rng, rng.choice(("4/0A{u:70}", "{hex:20}", "{u:43}"))), token_of(rng, "{an:16}")
    whole = f"https://app.planwerk.example/oauth/callback?code={value}&state={state}"
    return Secret("one_time_code", "generic", value, "pasted", "OAUTH_CODE", "", whole, also=(whole,))


def _recovery(rng: random.Random) -> Secret:
    codes = passwords.backup_codes(rng)
    whole = rng.choice(("\n", "\n", "\n- ", ", ", "   ", " / ")).join(codes)
    return Secret("recovery_code", "generic", whole, "recovery", "BACKUP_CODES", also=codes)


def _session(rng: random.Random) -> Secret:
    name, form = rng.choice((
        ("PHPSESSID", "{low:26}"), ("JSESSIONID", "{hex:32}.node1"), ("connect.sid", "s%3A{u:32}.{an:43}"), ("sessionid", "{low:32}"),
        ("ASP.NET_SessionId", "{low:24}"), ("laravel_session", "eyJpdiI6{an:180}"), ("_frachtplan_session", "{an:120}--{hex:40}"), ("MoodleSession", "{low:26}"),
    ))  # fmt: skip
    value = token_of(rng, form)
    whole = rng.choice(
        (
            f"Cookie: lang=de; {name}={value}",
            f"Set-Cookie: {name}={value}; Path=/; HttpOnly; Secure",
            f"{name}={value}",
            f"curl -b '{name}={value}' https://moodle.uni-nord.example/my/",
        )
    )
    if name == "JSESSIONID" and rng.random() < 0.4:
        whole = f"https://erp.kiefer-spedition.example/order.do;jsessionid={value}?id=88"
    return Secret("session_id", "generic", value, "session", "COOKIE", "", whole, also=(whole,))


def _otp_seed(rng: random.Random) -> Secret:
    value = "".join(rng.choices(_BASE32, k=rng.choice((16, 20, 26, 32, 52))))
    grouped = " ".join(value[at : at + 4] for at in range(0, len(value), 4))
    whole = rng.choice((
        f"otpauth://totp/Hollis%20Law:maureen%40hollis-law.example?secret={value}&issuer=Hollis%20Law", value, grouped, grouped.lower(),
        f"otpauth://hotp/vpn:jana?secret={value}&counter=0&digits=6",
    ))  # fmt: skip
    return Secret("otp_seed", "generic", value, "seed", "TOTP_SECRET", "", whole, also=(whole,))


def _wifi(rng: random.Random) -> Secret:
    value = passwords.password(rng).strip('"')
    value = value if len(value) >= 8 else f"{value}{rng.randrange(1000, 9999)}"
    return Secret("wifi", "generic", value, "wifi", rng.choice(("PSK", "wpa_passphrase")))


def _wifi_code(rng: random.Random) -> Secret:
    value = drawn(rng, string.ascii_letters + string.digits, rng.randint(8, 20))
    form = rng.choice((
        "WIFI:T:WPA;S:Praxis-Gast;P:{0};;", "WIFI:S:Rathaus Foyer;T:WPA2;P:{0};H:false;;",
        'network={{\n    ssid="Lager-Scanner"\n    psk="{0}"\n    key_mgmt=WPA-PSK\n}}', "nmcli device wifi connect Lager-Scanner password {0}",
    ))  # fmt: skip
    return Secret("wifi", "generic", value, "wifi_code", "WIFI", "", form.format(value), also=(form.format(value),))


def _hash(rng: random.Random) -> Secret:
    crypt = string.ascii_letters + string.digits + "./"
    value = rng.choice((
        "$6$" + drawn(rng, crypt, 16) + "$" + drawn(rng, crypt, 86), "$1$" + drawn(rng, crypt, 8) + "$" + drawn(rng, crypt, 22), "$2y$12$" + drawn(rng, crypt, 53),
        "$apr1$" + drawn(rng, crypt, 8) + "$" + drawn(rng, crypt, 22), "$argon2id$v=19$m=65536,t=3,p=4$" + drawn(rng, ALPHABETS["b64"], 22) + "$" + drawn(rng, ALPHABETS["b64"], 43),
        "pbkdf2_sha256$600000$" + drawn(rng, ALPHABETS["an"], 22) + "$" + drawn(rng, ALPHABETS["b64"], 43) + "=", "$P$B" + drawn(rng, crypt, 30), "$5$" + drawn(rng, crypt, 16) + "$" + drawn(rng, crypt, 43),
    ))  # fmt: skip
    form = rng.choice(("{0}", "ward4:{0}:19975:0:99999:7:::", "INSERT INTO users VALUES (7, 'jana', '{0}');", "frontdesk:{0}"))
    return Secret("other", "generic", value, "hash", "PASSWORD_HASH", "", form.format(value), also=(form.format(value),))


def _licence(rng: random.Random) -> Secret:
    groups, size = rng.choice(((5, 5), (4, 4), (6, 4), (4, 6)))
    value = "-".join(drawn(rng, ALPHABETS["up"].upper(), size) for _ in range(groups))
    return Secret("other", "generic", value, "licence", "LICENSE_KEY", rng.choice(("CAD", "Windows", "antivirus", "backup")))


def _gift_card(rng: random.Random) -> Secret:
    value = "-".join(drawn(rng, "ABCDEFGHJKLMNPQRSTUVWXYZ23456789", 4) for _ in range(rng.choice((3, 4))))
    return Secret("other", "generic", value, "gift_card", "GIFT_CARD")


def _postmark_smtp(rng: random.Random) -> Secret:
    value = uuid(rng)
    whole = f"smtp.postmarkapp.com:587 user={value} pass={value}"
    return Secret("api_key", "postmark", value, "near", "SMTP", "Postmark SMTP", whole, also=(whole,), kinds=("password",))


CREDENTIALS: Mapping[str, Sequence[Maker]] = {
    "api_key": (*API_KEYS, _postmark_smtp),
    "access_token": ACCESS_TOKENS,
    "jwt": JWTS,
    "private_key": PRIVATE_KEYS,
    "password": (_password, _password, _initial, _password, _pin, _meeting, _basic),
    "connection_string": tuple(_connection(form) for form in _CONNECTIONS),
    "signed_url": SIGNED,
    "webhook_url": WEBHOOKS,
    "reset_link": RESETS,
    "magic_link": (*MAGIC, *INVITES),
    "one_time_code": (_code, _code, _code, _code, _device_code, _oauth_code),
    "recovery_code": (_recovery,),
    "session_id": (_session,),
    "otp_seed": (_otp_seed,),
    "certificate_bundle": BUNDLES,
    "wifi": (_wifi, _wifi, _wifi_code),
    "crypto_wallet": WALLETS,
    "other": (_hash, _licence, _gift_card),
}
