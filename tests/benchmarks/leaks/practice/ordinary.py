"""Mail without a secret: patches, orders, bounces, digests, scores, adverts and the like, each with numbers that look like something."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from benchmarks.leaks.forms import ALPHABETS, uuid
from benchmarks.leaks.planted import Ordinary
from benchmarks.leaks.practice.checks import digits
from benchmarks.leaks.practice.ordinary_words import HARMLESS_NOTICES, PATCHES, POLICIES, REVIEWS
from benchmarks.leaks.practice.persons import person
from benchmarks.leaks.practice.tokens import drawn, token_of

__all__ = ["FAMILIES"]


def _who(rng: random.Random) -> str:
    return " ".join(person(rng))


def _day(rng: random.Random) -> str:
    day, month = rng.randrange(1, 29), rng.randrange(1, 13)
    return rng.choice((f"{day}.{month}.2025", f"2025-{month:02d}-{day:02d}", f"{day:02d}/{month:02d}/2025"))


def _clock(rng: random.Random) -> str:
    return f"{rng.randrange(24):02d}:{rng.randrange(60):02d}"


def _patch(rng: random.Random) -> Ordinary:
    subject, old, new = rng.choice(PATCHES)
    commit, blobs = drawn(rng, ALPHABETS["hex"], 40), [drawn(rng, ALPHABETS["hex"], 10) for _ in range(2)]
    name = rng.choice(("auth", "session", "token_store", "login_form", "keyring"))
    plain = f"From {commit} Mon Sep 17 00:00:00 2001\nFrom: {_who(rng)} <dev@lists.lagerware.example>\nSubject: [PATCH v{rng.randrange(2, 9)}] {subject}\n\n---\n src/{name}.c | 4 ++--\n 1 file changed, 2 insertions(+), 2 deletions(-)\n\ndiff --git a/src/{name}.c b/src/{name}.c\nindex {blobs[0]}..{blobs[1]} 100644\n--- a/src/{name}.c\n+++ b/src/{name}.c\n@@ -{rng.randrange(20, 900)},7 +{rng.randrange(20, 900)},7 @@\n-{old}\n+{new}\n-- \n2.{rng.randrange(30, 50)}.1\n"
    return Ordinary(f"[PATCH] {subject}", plain)


def _review(rng: random.Random) -> Ordinary:
    quoted, remark = rng.choice(REVIEWS)
    plain = f"{_who(rng)} commented on lagerware/core!{rng.randrange(10, 9999)}, {_day(rng)}\n\n> {quoted}\n\n{remark}\n\nReply above this line or view it: https://git.lagerware.example/core/-/merge_requests/{rng.randrange(10, 9999)}#note_{digits(rng, 7)}\n"
    return Ordinary("Re: core | token handling", plain)


def _build(rng: random.Random) -> Ordinary:
    lines = [
        f"{_clock(rng)}:{rng.randrange(10, 60)} [{rng.choice(('build', 'test', 'lint', 'publish'))}] {rng.choice(('ok', 'cached', 'FAILED', 'skipped'))} {token_of(rng, '{hex:12}')} {rng.randrange(3, 9000)} ms"
        for _ in range(rng.randrange(4, 12))
    ]
    plain = (
        f"Pipeline #{digits(rng, 7)} failed on main ({token_of(rng, '{hex:8}')})\n\n"
        + "\n".join(lines)
        + f"\n$ echo $DEPLOY_TOKEN | docker login --password-stdin\nLogin Succeeded\nsha256:{token_of(rng, '{hex:64}')}\nMasked variable API_KEY=[MASKED]\n"
    )
    return Ordinary("Pipeline failed", plain)


def _order(rng: random.Random) -> Ordinary:
    goods = rng.sample(("garden shears", "Gummistiefel Gr. 39", "bouilloire", "tazas (6)", "lampada LED", "kubek termiczny"), 2)
    number = token_of(rng, rng.choice(("{d:10}", "B-{d:6}", "{up:9}", "{d:3}-{d:7}-{d:7}")))
    plain = f"Thanks for order {number} of {_day(rng)}\n\n1 x {goods[0]}   {rng.randrange(5, 99)},99\n2 x {goods[1]}   {rng.randrange(5, 99)},50\nEAN {digits(rng, 13)}\nCustomer no. {digits(rng, 8)}\nPaid by card ending in {digits(rng, 4)}\n"
    rows = "".join(f"<tr><td>{one}</td><td>{rng.randrange(5, 99)}.00</td></tr>" for one in goods)
    return Ordinary(
        f"Order {number}", plain, f"<html><body><table><tr><td>Order code</td><td>{number}</td></tr>{rows}</table></body></html>"
    )


def _parcel(rng: random.Random) -> Ordinary:
    number = token_of(rng, rng.choice(("1Z{up:16}", "JJD{d:17}", "{d:14}", "RR{d:9}DE", "00{d:18}")))
    text = rng.choice(
        (
            "Your parcel {0} is out for delivery between {1} and {2}.",
            "Ihre Sendung {0} kommt heute von {1} bis {2}.",
            "Votre colis {0} arrive entre {1} et {2}.",
            "Su paquete {0} llega entre las {1} y las {2}.",
            "Paczka {0} dotrze od {1} do {2}.",
        )
    )
    return Ordinary(
        "Parcel",
        text.format(number, _clock(rng), _clock(rng)) + f"\nhttps://track.botenfahrt.example/?id={number}&zip={digits(rng, 5)}\n",
    )


def _newsletter(rng: random.Random) -> Ordinary:
    links = "".join(
        f'<p><a href="https://t.gartenpost.example/c/{token_of(rng, "{u:40}")}?utm_source=nl&mc_eid={token_of(rng, "{hex:10}")}&e={token_of(rng, "{b32:24}")}">{rng.choice(("Seven autumn bulbs", "Recipe of the week", "Neue Kurse", "Les soldes", "Offerte"))}</a></p>'
        for _ in range(rng.randrange(3, 7))
    )
    html = f'<html><body><img src="https://t.gartenpost.example/o.gif?u={uuid(rng)}" width="1" height="1">{links}<p>Promo code: {rng.choice(("AUTUMN", "HERBST", "PLUS"))}{rng.randrange(10, 60)}</p><a href="https://t.gartenpost.example/unsub?token={token_of(rng, "{u:43}")}">unsubscribe</a></body></html>'
    return Ordinary(
        f"Garden letter no. {rng.randrange(10, 400)}",
        "",
        html,
        headers=f"List-Unsubscribe: <https://t.gartenpost.example/unsub?token={token_of(rng, '{u:43}')}>\n",
    )


def _invoice(rng: random.Random) -> Ordinary:
    plain = f"Invoice {digits(rng, 10)} / Rechnung / Facture\nPeriod {_day(rng)} - {_day(rng)}\nMeter no. {digits(rng, 8)}  Contract account {digits(rng, 12)}\nVAT id XX{digits(rng, 9)}\nkWh {digits(rng, 4)}\nTotal {rng.randrange(20, 900)}.{rng.randrange(10, 99)} EUR\nReference: {digits(rng, 4)} {digits(rng, 4)} {digits(rng, 4)}\n"
    return Ordinary("Invoice", plain)


def _calendar(rng: random.Random) -> Ordinary:
    plain = f"BEGIN:VCALENDAR\nPRODID:-//Rathaus//1//\nMETHOD:REQUEST\nBEGIN:VEVENT\nUID:{token_of(rng, '{hex:32}')}@cal.saalplan.example\nDTSTART:202509{rng.randrange(10, 30)}T{rng.randrange(10, 20)}0000Z\nSUMMARY:{rng.choice(('Budget', 'Elternabend', 'Réunion', 'Turno', 'Narada'))} with {_who(rng)}\nLOCATION:Room {rng.randrange(1, 400)}\nSEQUENCE:{rng.randrange(9)}\nEND:VEVENT\nEND:VCALENDAR\n"
    return Ordinary("Invitation", plain)


def _digest(rng: random.Random) -> Ordinary:
    topics = rng.sample(
        (
            "bell ringing on Sunday",
            "where do I find the key of the hut",
            "PIN bearings for old tractors",
            "login to the archive is slow",
            "Codes and ciphers of the Navy",
            "spare pass for the ferry",
        ),
        4,
    )
    lines = "\n".join(f"  {place}. {topic} ({_who(rng)})" for place, topic in enumerate(topics, 1))
    return Ordinary(
        f"Digest, Vol {rng.randrange(10, 90)}, Issue {rng.randrange(1, 40)}",
        f"Today's Topics:\n\n{lines}\n\n{'-' * 60}\nMessage: 1\nDate: {_day(rng)} {_clock(rng)}\nSubject: {topics[0]}\n\nBring gloves. We start at {_clock(rng)}.\n{'=' * 20}\n",
    )


def _bounce(rng: random.Random) -> Ordinary:
    plain = f"This is the mail system at host out3.zustellung.example.\n\n<{rng.choice(('post', 'kasse', 'office'))}{rng.randrange(99)}@zustellung.example>: host mx.zustellung.example[192.0.2.{rng.randrange(255)}] said:\n    550 5.{rng.randrange(1, 8)}.1 {rng.choice(('User unknown', 'Mailbox full', 'Relay access denied', 'Authentication required'))} (in reply to RCPT TO command)\n\nReporting-MTA: dns; out3.zustellung.example\nX-Queue-ID: {token_of(rng, '{up:11}')}\nDiagnostic-Code: smtp; 550 {token_of(rng, '{low:14}')}-{digits(rng, 4)}\n"
    return Ordinary("Undelivered Mail Returned to Sender", plain)


def _security(rng: random.Random) -> Ordinary:
    text = rng.choice(HARMLESS_NOTICES).format(
        day=_day(rng),
        clock=_clock(rng),
        place=rng.choice(("Leeds", "Graz", "Lille", "Parma", "Gdynia")),
        number=rng.randrange(2, 250),
    )
    return Ordinary("Security notice", f"{text}\n\nReference {digits(rng, 6)}\n")


def _policy(rng: random.Random) -> Ordinary:
    lines = rng.sample(POLICIES, rng.randrange(3, 6))
    return Ordinary(
        f"Rules, version {rng.randrange(2, 30)}",
        "\n".join(f"{place}. {line}" for place, line in enumerate(lines, 1)) + f"\n\nIn force from {_day(rng)}.\n",
    )


def _signature(rng: random.Random) -> Ordinary:
    who = _who(rng)
    body = rng.choice(("See you there.", "Passt, danke!", "Merci, c'est noté.", "De acuerdo.", "Va bene così.", "OK, dzięki."))
    plain = f"{body} {_clock(rng)}?\n\n-- \n{who}\nHafenkontor KG | Kai {rng.randrange(1, 90)}\nT +49 40 {digits(rng, 6)}-{rng.randrange(10, 99)} F -{rng.randrange(10, 99)}\nHRB {digits(rng, 5)} | USt-IdNr. auf Anfrage\nThis message may be confidential. If it reached you in error, delete it.\n"
    return Ordinary("Re: Termin", plain)


def _pgp(rng: random.Random) -> Ordinary:
    lines = "\n".join(token_of(rng, "{b64:64}") for _ in range(rng.randrange(4, 9)))
    kind = rng.choice(("SIGNATURE", "PUBLIC KEY BLOCK", "MESSAGE"))
    lead = (
        f"Fingerprint: {' '.join(token_of(rng, '{hex:4}').upper() for _ in range(10))}\n\n" if "KEY" in kind else "See below.\n\n"
    )
    return Ordinary(
        "signed", f"{lead}-----BEGIN PGP {kind}-----\n\n{lines}\n={token_of(rng, '{b64:4}')}\n-----END PGP {kind}-----\n"
    )


def _server_log(rng: random.Random) -> Ordinary:
    forms = (
        "sshd[{n}]: Failed password for invalid user admin from 192.0.2.{b} port {n} ssh2", "sshd[{n}]: Accepted publickey for git from 192.0.2.{b} port {n} ssh2: ED25519 SHA256:{s}",
        "dovecot: imap-login: Disconnected (auth failed, {b} attempts): session=<{q}>", "nginx: 192.0.2.{b} GET /login?next=/ 302 {n} req={u}", "kernel: usb 1-{b}: new device id {n} serial {q}", "app: password reset requested for account {n}", "app: token expired, request {u}",
    )  # fmt: skip
    lines = [
        f"Sep {rng.randrange(1, 30):2d} {_clock(rng)}:{rng.randrange(10, 60)} web{rng.randrange(9)} "
        + rng.choice(forms).format(
            n=rng.randrange(1000, 65000),
            b=rng.randrange(2, 250),
            s=token_of(rng, "{b64:43}"),
            q=token_of(rng, "{an:16}"),
            u=uuid(rng),
        )
        for _ in range(rng.randrange(5, 14))
    ]
    return Ordinary("logwatch", "\n".join(lines) + "\n")


def _trace(rng: random.Random) -> Ordinary:
    module = rng.choice(("auth.tokens", "crypto.keys", "billing.card", "mail.password_reset"))
    if rng.random() < 0.5:
        plain = f'Traceback (most recent call last):\n  File "/srv/app/{module.replace(".", "/")}.py", line {rng.randrange(5, 900)}, in check\n    raise TokenError(password=None, key=self.key)\n{module}.TokenError: password is incorrect (request {uuid(rng)})\n'
    else:
        plain = f"java.lang.IllegalStateException: secret key must not be null\n\tat example.{module}.Loader.read(Loader.java:{rng.randrange(5, 900)})\n\tat example.Main.main(Main.java:{rng.randrange(5, 90)})\nCaused by: example.KeyMissing: token={{}} id 0x{token_of(rng, '{hex:8}')}\n"
    return Ordinary("Crash report", plain)


def _advert(rng: random.Random) -> Ordinary:
    plain = f"CAD Studio {rng.randrange(8, 22)} for {rng.randrange(40, 900)} pounds only, product key included and sent after payment.\nModel XK-{digits(rng, 4)}-{token_of(rng, '{up:3}')}, batch {digits(rng, 4)}-{digits(rng, 4)}-{digits(rng, 4)}\nUse code SPAR{rng.randrange(5, 40)} at the till.\n"
    return Ordinary("Offer", plain)


def _sports(rng: random.Random) -> Ordinary:
    teams = rng.sample(("Ahlfeld", "Oosterdam", "Valmont", "Wellbrook", "Zawady", "Castelvero"), 4)
    lines = "\n".join(
        f"{teams[place]:12} {rng.randrange(30)} {rng.randrange(12)} {rng.randrange(12)} {rng.randrange(20, 99)}:{rng.randrange(20, 99)} {rng.randrange(10, 90)}"
        for place in range(4)
    )
    return Ordinary(
        "Tabelle",
        f"Results of {_day(rng)}: {teams[0]} - {teams[1]} {rng.randrange(6)}:{rng.randrange(6)}, attendance {digits(rng, 5)}\n{lines}\n4 x 100 m: {rng.randrange(38, 50)}.{rng.randrange(10, 99)}\nPasses completed: {rng.randrange(200, 700)}\n",
    )


def _genealogy(rng: random.Random) -> Ordinary:
    year = rng.randrange(1640, 1860)
    return Ordinary(
        "Family tree",
        f"{_who(rng)}, weaver, baptised {rng.randrange(1, 29)} May {year}, buried {year + rng.randrange(20, 80)}.\nParish register folio {rng.randrange(1, 400)}, film {digits(rng, 7)}, item {rng.randrange(1, 9)}.\nI{digits(rng, 4)} married {_who(rng)} in {year + 22}. Key to signs: * born, + died.\n",
    )


def _abstract(rng: random.Random) -> Ordinary:
    topic = rng.choice(("password meters", "elliptic curves", "migrating geese", "diabetes in zebrafish", "medieval seals"))
    return Ordinary(
        f"New paper on {topic}",
        f"We study {topic} in {rng.randrange(12, 9000)} samples (p = 0.0{rng.randrange(1, 50)}, n = {digits(rng, 4)}).\nThe code is available on request. doi:10.{digits(rng, 4)}/zz.{digits(rng, 7)}\narXiv:{rng.randrange(1801, 2512)}.{digits(rng, 5)} Accession {token_of(rng, '{up:2}')}{digits(rng, 6)}\nMean {rng.randrange(1, 99)}.{digits(rng, 4)}, CI {rng.randrange(1, 9)}.{digits(rng, 3)}\n",
    )


def _ticket(rng: random.Random) -> Ordinary:
    line = rng.choice(
        (
            "My password does not work any more, can you reset it?",
            "Ich komme nicht mehr rein, Kennwort falsch.",
            "Mot de passe refusé depuis ce matin.",
            "No me deja entrar, dice clave incorrecta.",
            "Nie mogę się zalogować, złe hasło.",
        )
    )
    return Ordinary(
        f"[#{digits(rng, 6)}] Login",
        f"Ticket {digits(rng, 6)} was opened by {_who(rng)} at {_clock(rng)}.\n\n{line}\n\nPriority: 3\nAsset tag: NB-{digits(rng, 5)}\nWe will send the new password by post.\n",
    )


FAMILIES: Mapping[str, Callable[[random.Random], Ordinary]] = {
    "patch": _patch, "code review": _review, "build log": _build, "order": _order, "parcel": _parcel, "newsletter": _newsletter, "invoice": _invoice, "calendar": _calendar,
    "digest": _digest, "bounce": _bounce, "security notice": _security, "policy": _policy, "signature": _signature, "pgp": _pgp, "server log": _server_log, "stack trace": _trace,
    "advert": _advert, "sports": _sports, "genealogy": _genealogy, "abstract": _abstract, "helpdesk": _ticket,
}  # fmt: skip
