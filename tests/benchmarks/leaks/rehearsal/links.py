"""Links that open something: reset, sign-in, invitation, signed address, webhook, session."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Sequence

from benchmarks.leaks.planted import Maker, Secret
from benchmarks.leaks.practice.tokens import token_of

__all__ = ["INVITES", "MAGIC", "RESETS", "SESSIONS", "SIGNED", "WEBHOOKS"]

_RESETS = (
    "https://mieterportal.example/passwort-vergessen/neu?token=@{hex:40}",
    "https://gamesloft.example/account/recover/@{u:43}",
    "https://tickets.fixwerk.example/users/password/edit?reset_password_token=@{u:20}",
    "https://cloudkiosk.example/password/reset/@{hex:64}?email=office%40halden.example",
    "https://schule-bergtal.example/accounts/reset/MTc/@{low:6}-{hex:32}/",
    "https://banca-lumina.example/reimposta-password?k=@{an:48}",
    "https://wiki.halden.example/index.php?title=Special:PasswordReset&key=@{hex:32}",
    "https://club-albatros.example/wp-login.php?action=rp&key=@{an:20}&login=treasurer",
    "https://praxis-ulmenhof.example/mot-de-passe/nouveau?jeton=@{u:36}",
    "https://auth.cloudkiosk.example/__/auth/action?mode=resetPassword&oobCode=@{u:54}&apiKey=web",
    "https://gamesloft.example/#/reset-password?code=@{an:32}",
    "https://trucking-halden.example/recuperar-contrasena/@{uuid:4}",
    "https://t.cloudkiosk.example/ls/click?to=https%3A%2F%2Fcloudkiosk.example%2Freset%3Ftoken%3D@{an:40}",
)
_MAGIC = (
    "https://cloudkiosk.example/auth/magic-link?token=@{u:43}",
    "https://gamesloft.example/login/email/@{an:40}",
    "https://app.uebersetzt.example/signin?login_token=@{hex:48}",
    "https://cloudkiosk.example/auth/v1/verify?token_hash=@{hex:56}&type=magiclink",
    "https://tickets.fixwerk.example/passwordless/start/@{u:32}",
    "https://club-albatros.example/einloggen?schluessel=@{an:36}",
    "https://mieterportal.example/sso/once/@{uuid:4}",
    "https://banca-lumina.example/accesso?otl=@{u:40}",
)
_INVITES = (
    "https://cloudkiosk.example/invite/@{an:24}",
    "https://tickets.fixwerk.example/teams/join?invitation_token=@{u:20}",
    "https://halden.slack.com/join/shared_invite/zt-@{low:10}-{an:22}",
    "https://schule-bergtal.example/aktivieren/@{hex:32}",
    "https://club-albatros.example/register/confirm?activation_key=@{an:32}",
    "https://discord.gg/@{an:10}",
    "https://files.uebersetzt.example/share/@{u:28}",
    "https://chat.whatsapp.com/@{an:22}",
    "https://hr.personio-like.example/accept-invitation?t=@{u:48}",
)
_WEBHOOKS = (
    ("slack", "https://hooks.slack.com/services/T{up:10}/B{up:10}/{an:24}"),
    ("discord", "https://discord.com/api/webhooks/{d:19}/{u:68}"),
    ("microsoft", "https://halden.webhook.office.com/webhookb2/{uuid:4}@{uuid:4}/IncomingWebhook/{hex:32}/{uuid:4}"),
    ("zapier", "https://hooks.zapier.com/hooks/catch/{d:8}/{low:7}/"),
    ("slack", "https://hooks.slack.com/workflows/T{up:10}/A{up:10}/{d:18}/{an:24}"),
)
_SIGNED = (
    ("aws", "https://halden-docs.s3.eu-west-1.amazonaws.com/frachtbrief-{d:5}.pdf?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIA{b32:16}%2F20250911%2Feu-west-1%2Fs3%2Faws4_request&X-Amz-Date=20250911T081500Z&X-Amz-Expires=604800&X-Amz-SignedHeaders=host&X-Amz-Signature={hex:64}"),
    ("azure", "https://bergtal.blob.core.windows.net/zeugnisse/klasse{d:2}.zip?sv=2024-08-04&se=2026-01-31T00%3A00%3A00Z&sr=b&sp=r&sig={an:43}%3D"),
    ("google", "https://storage.googleapis.com/uebersetzt-out/auftrag-{d:6}.docx?X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Credential=svc%40uebersetzt.iam&X-Goog-Date=20250912T060000Z&X-Goog-Expires=86400&X-Goog-SignedHeaders=host&X-Goog-Signature={hex:256}"),
    ("aws", "https://d1halden.cloudfront.net/tacho/{d:6}.ddd?Expires=1767225600&Signature={u:172}__&Key-Pair-Id=K{up:13}"),
    ("aws", "https://club-fotos.s3.amazonaws.com/2025/gala.zip?AWSAccessKeyId=AKIA{b32:16}&Expires=1767139200&Signature={an:26}%3D"),
)  # fmt: skip
_SESSIONS = (
    ("PHPSESSID", "{low:26}"), ("JSESSIONID", "{hex:32}"), ("sessionid", "{low:32}"), ("connect.sid", "s%3A{u:32}.{an:43}"), ("ASP.NET_SessionId", "{low:24}"),
    ("_fixwerk_session", "{an:140}--{hex:40}"), ("laravel_session", "{an:40}"), ("session", "{u:64}"),
)  # fmt: skip


def _link(kind: str, topic: str, form: str) -> Maker:
    left, _, token = form.partition("@")

    def make(rng: random.Random) -> Secret:
        # the token is drawn alone, so that the value is known; what follows it in the address is no part of it
        gap, joint, rest = token.partition("&")
        head, tail = token_of(rng, left), token_of(rng, gap)
        value, query, more = tail.partition("?")
        whole = f"{head}{tail}{joint}{token_of(rng, rest)}"
        bare = value.rstrip("/")
        return Secret(kind, "generic", bare, topic, topic.upper(), "", whole, also=(whole, f"{value}{query}{more}"))

    return make


def _signed(row: tuple[str, str]) -> Maker:
    service, form = row

    def make(rng: random.Random) -> Secret:
        whole = token_of(rng, form)
        return Secret("signed_url", service, whole, "signed", "download", "", whole)

    return make


def _webhook(row: tuple[str, str]) -> Maker:
    service, form = row

    def make(rng: random.Random) -> Secret:
        whole = token_of(rng, form)
        return Secret("webhook_url", service, whole, "webhook", "hook", "", whole)

    return make


def _session(rng: random.Random) -> Secret:
    name, form = rng.choice(_SESSIONS)
    value = token_of(rng, form)
    whole = rng.choice((
        f"{name}={value}", f"Cookie: theme=dark; {name}={value}; cookieconsent=1", f"Set-Cookie: {name}={value}; Path=/; Secure; SameSite=Lax",
        f'document.cookie = "{name}={value}"', f"{name}: {value}", f"-H 'Cookie: {name}={value}'", json.dumps({"name": name, "value": value, "httpOnly": True}),
        f"{name} ➜ {value}",
    ))  # fmt: skip
    if name == "JSESSIONID" and rng.random() < 0.5:
        whole = f"https://tickets.fixwerk.example/view.do;jsessionid={value}?nr=77"
    return Secret(
        "session_id", "generic", value, "session", "cookie", "", whole, also=(whole, base64.b64encode(value.encode()).decode())
    )


def _each(kind: str, topic: str, forms: Sequence[str]) -> tuple[Maker, ...]:
    return tuple(_link(kind, topic, form) for form in forms)


RESETS = _each("reset_link", "reset", _RESETS)
MAGIC = _each("magic_link", "magic", _MAGIC)
INVITES = _each("magic_link", "invite", _INVITES)
WEBHOOKS = tuple(map(_webhook, _WEBHOOKS))
SIGNED = tuple(map(_signed, _SIGNED))
SESSIONS: tuple[Maker, ...] = (_session,)
