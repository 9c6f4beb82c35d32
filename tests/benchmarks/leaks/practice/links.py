"""Links that let somebody in: resets, sign-ins, invitations, signed downloads, webhooks, in many programs' shapes."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable, Sequence
from urllib.parse import quote

from benchmarks.leaks.planted import Maker, Secret
from benchmarks.leaks.practice.tokens import token_of

__all__ = ["INVITES", "MAGIC", "RESETS", "SIGNED", "WEBHOOKS"]

_Form = tuple[str, str]  # the link with `@` for the token, and the token's form

_RESETS: Sequence[_Form] = (
    ("https://portal.klinik-am-park.example/users/password/edit?reset_password_token=@", "{u:20}"),
    ("https://moodle.uni-nord.example/login/forgot_password.php?token=@", "{an:32}"),
    ("https://shop.blumenhof.example/customer/account/createPassword/?token=@", "{an:32}"),
    ("https://app.frachtplan.example/password/reset/@?email=dispo%40kiefer-spedition.example", "{hex:64}"),
    ("https://bibliothek.stadt-ahlfeld.example/accounts/reset/MTQy/@/", "c{low:5}-{hex:32}"),
    ("https://blog.hollis-law.example/wp-login.php?action=rp&key=@&login=maureen", "{an:20}"),
    (
        "https://id.transcargo.example/realms/main/login-actions/action-token?key=@&client_id=account",
        "eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjE3NTc0ODk2MDB9.{u:43}",
    ),
    ("https://tickets.webhotel.example/pwreset.php?token=@", "{an:48}"),
    ("https://mail.webhotel.example/#/recover/@", "{u:43}"),
    ("https://club.ruderverein.example/index.php?option=com_users&view=reset&layout=confirm&token=@", "{hex:32}"),
    ("https://konto.stadtwerke.example/passwort-vergessen/neu?code=@", "{up:16}"),
    ("https://compte.mairie-valmont.example/mot-de-passe/nouveau/@", "{u:40}"),
    ("https://auth.frachtplan.example/__/auth/action?mode=resetPassword&oobCode=@&apiKey=web", "{u:54}"),
    ("https://click.mailer7.example/ls/click?upn=x1&url=https%3A%2F%2Fapp.frachtplan.example%2Freset%3Ftoken%3D@", "{an:40}"),
    ("https://account.gamehall.example/change-password?ticket=@", "{u:32}"),
)
_MAGIC: Sequence[_Form] = (
    ("https://app.tallybook.example/login/email?token=@", "{u:43}"),
    ("https://app.tallybook.example/auth/magic/@", "{hex:40}"),
    ("https://api.planwerk.example/auth/v1/verify?token=@&type=magiclink&redirect_to=https%3A%2F%2Fplanwerk.example", "{hex:56}"),
    ("https://members.ruderverein.example/signin/?token=@&action=signin", "{u:32}"),
    ("https://planwerk.example/api/auth/callback/email?callbackUrl=%2F&token=@&email=jana%40planwerk.example", "{hex:64}"),
    ("https://studio.planwerk.example/#access_token=@&expires_in=3600&token_type=bearer", "{u:60}"),
    ("https://news.regioblatt.example/einloggen/ohne-passwort/@", "{an:36}"),
    ("https://go.mailer7.example/r?u=https%3A%2F%2Fapp.tallybook.example%2Fmagic-login%3Fkey%3D@", "{an:32}"),
    ("https://app.tallybook.example/verify-email?confirmation_token=@", "{u:20}"),
    ("https://stytch.planwerk.example/v1/magic_links/redirect?public_token=pub-1&stytch_token_type=login&token=@", "{u:44}"),
)
_INVITES: Sequence[_Form] = (
    ("https://join.slack.com/t/hollis-law/shared_invite/@", "zt-{low:9}-{an:22}"),
    ("https://discord.gg/@", "{an:10}"),
    ("https://chat.whatsapp.com/@", "{an:22}"),
    ("https://t.me/+@", "{u:16}"),
    ("https://app.planwerk.example/invite/accept?token=@", "{u:36}"),
    ("https://git.transcargo.example/-/invites/@", "{u:20}"),
    ("https://app.tallybook.example/users/invitation/accept?invitation_token=@", "{u:20}"),
    ("https://portal.klinik-am-park.example/activate/@", "{hex:32}"),
    ("https://www.dropbox.com/scl/fi/a1b2c3/plan.pdf?rlkey=@&dl=0", "{low:25}"),
    ("https://drive.google.com/file/d/@/view?usp=sharing", "1{u:32}"),
    ("https://1drv.ms/f/s!@", "A{u:20}"),
    ("https://cloud.uni-nord.example/s/@", "{an:15}"),
    ("https://wetransfer.com/downloads/@/2b9f01", "{hex:46}"),
)  # fmt: skip
_SIGNED: Sequence[_Form] = (
    ("https://berichte.s3.eu-central-1.amazonaws.com/q3.xlsx?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAEXAMPLE%2F20250910%2Feu-central-1%2Fs3%2Faws4_request&X-Amz-Date=20250910T080000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=@", "{hex:64}"),
    ("https://akten.s3.amazonaws.com/scan-11.pdf?AWSAccessKeyId=AKIAEXAMPLE&Expires=1757577600&Signature=@", "{an:26}%3D"),
    ("https://storage.googleapis.com/frachtplan/export.csv?X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Credential=sa%40p.example%2F20250910%2Fauto%2Fstorage%2Fgoog4_request&X-Goog-Date=20250910T080000Z&X-Goog-Expires=3600&X-Goog-SignedHeaders=host&X-Goog-Signature=@", "{hex:256}"),
    ("https://klinikdaten.blob.core.windows.net/export/visits.zip?sv=2023-11-03&st=2025-09-10T06%3A00%3A00Z&se=2025-10-10T06%3A00%3A00Z&sr=b&sp=r&sig=@", "{an:42}%3D"),
    ("https://d111abcdef8.cloudfront.net/plan.mp4?Expires=1757577600&Key-Pair-Id=K2EXAMPLE&Signature=@", "{an:90}__"),
    ("https://kiefer.file.core.windows.net/share/f.csv?sp=rl&se=2026-01-01&spr=https&sv=2022-11-02&sr=f&sig=@", "{an:43}%3D"),
)  # fmt: skip
_WEBHOOKS: Sequence[_Form] = (
    ("https://hooks.slack.com/services/@", "T{up:10}/B{up:10}/{an:24}"),
    ("https://hooks.slack.com/workflows/@", "T{up:10}/A{up:10}/{d:18}/{an:24}"),
    ("https://discord.com/api/webhooks/@", "{d:19}/{u:68}"),
    ("https://discordapp.com/api/webhooks/@", "{d:18}/{u:68}"),
    ("https://hollislaw.webhook.office.com/webhookb2/@", "{uuid:4}@{uuid:4}/IncomingWebhook/{hex:32}/{uuid:4}"),
    ("https://hooks.zapier.com/hooks/catch/@/", "{d:8}/{low:7}"),
    ("https://hook.eu1.make.com/@", "{low:32}"),
    ("https://maker.ifttt.com/trigger/alarm/with/key/@", "{u:22}"),
    ("https://chat.googleapis.com/v1/spaces/AAAAb1/messages?key=AIza0&token=@", "{u:43}%3D"),
)  # fmt: skip


_ISSUERS = (  # hosts whose name a finding should bear
    ("hooks.slack.com", "slack"), ("webhook.office.com", "microsoft"), ("/api/webhooks/", "discord"), ("hooks.zapier.com", "zapier"), ("X-Amz-", "aws"), ("s3.amazonaws.com", "aws"),
    ("core.windows.net", "azure"), ("X-Goog-", "google"),
)  # fmt: skip


def _link(kind: str, topic: str, label: str, one: _Form, kinds: tuple[str, ...] = ()) -> Maker:
    link, form = one
    service = next((name for part, name in _ISSUERS if part in link), "generic")

    def make(rng: random.Random) -> Secret:
        token = token_of(rng, form)
        whole = link.replace("@", token, 1)
        return Secret(kind, service, token, topic, label, "", whole, also=(whole, token.replace("%3D", "=")), kinds=kinds)

    return make


def _wrapped_reset(rng: random.Random) -> Secret:
    """Behind a security product's rewriting."""
    token = token_of(rng, "{hex:32}")
    inner = f"https://app.frachtplan.example/reset-password?token={token}"
    whole = f"https://eur03.safelinks.protection.outlook.com/?url={quote(inner, safe='')}&data=05%7C02%7C&reserved=0"
    return Secret("reset_link", "generic", token, "reset", "RESET_URL", "", whole, also=(whole, inner))


def _cookie_link(rng: random.Random) -> Secret:
    """A signed-in link whose token is base64 of account and key."""
    token = base64.urlsafe_b64encode(f"dispo:{rng.getrandbits(128):032x}".encode()).decode().rstrip("=")
    whole = f"https://my.stadtwerke.example/autologin?t={token}"
    return Secret("magic_link", "generic", token, "magic", "LOGIN_URL", "", whole, also=(whole,))


RESETS: tuple[Callable[[random.Random], Secret], ...] = (
    *(_link("reset_link", "reset", "RESET_URL", one) for one in _RESETS),
    _wrapped_reset,
)
MAGIC = (*(_link("magic_link", "magic", "LOGIN_URL", one) for one in _MAGIC), _cookie_link)
INVITES = tuple(_link("magic_link", "invite", "INVITE_URL", one) for one in _INVITES)
SIGNED = tuple(_link("signed_url", "signed", "DOWNLOAD_URL", one) for one in _SIGNED)
WEBHOOKS = tuple(_link("webhook_url", "webhook", "WEBHOOK_URL", one) for one in _WEBHOOKS)
