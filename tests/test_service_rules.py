"""Laws over all rules that name a service: found in prose and in wrappings, not in what only looks alike."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import random
import string
import tomllib
import zlib
from pathlib import Path

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.leaks import load_rules
from forensics.leaks.checks import CHECKS, Candidate, Judgement
from forensics.leaks.checksums import is_gitlab_sum, is_json_inside
from forensics.leaks.naming import Called, called, is_four_by_four
from forensics.leaks.ruleset import Basis, Rule, fold
from forensics.leaks.search import Hit, hits_in, rule_hits

RULES = load_rules()
BY_ID = {rule.id: rule for rule in RULES.rules}
FOLDER = Path(__file__).resolve().parent.parent / "forensics" / "rules"
FORMS = {  # files of rules that rest on a form or on words, not on a service
    "certificate_bundle", "connection_string", "http_auth", "jwt", "links", "one_time_code", "other", "password", "personal_contact", "personal_names",
    "personal_beliefs", "personal_life", "personal_national", "personal_numbers", "personal_special", "private_key", "second_factor", "signed_url", "wifi",
}  # fmt: skip
SERVICE_IDS = {
    entry["id"]
    for path in FOLDER.glob("*.toml")
    if path.stem not in FORMS
    for entry in tomllib.loads(path.read_text(encoding="utf-8"))["rule"]
}
SERVICE_RULES = [rule for rule in RULES.rules if rule.id in SERVICE_IDS]


def service_hits(text: str) -> list[Hit]:
    return [hit for hit in hits_in(text, RULES)[0] if hit.rule.id in SERVICE_IDS]


def is_said(rule: Rule, text: str) -> bool:
    """Whether no sign of an assignment, no colon and no cell's edge stands before what the pattern takes."""
    fit = rule.pattern.search(text)
    return fit is not None and not text[: fit.start()].rstrip(" \"'“`").endswith(("=", ":", "|", ">", "\t"))


def test_at_least_250_services_are_known() -> None:
    assert len({rule.service for rule in SERVICE_RULES} - {"generic"}) >= 250


def test_each_rule_is_proven_in_prose_and_by_two_near_misses() -> None:
    unproven = [rule.id for rule in SERVICE_RULES if not any(is_said(rule, one.text) for one in rule.examples)]
    assert unproven == []
    assert [rule.id for rule in SERVICE_RULES if len(rule.counter_examples) < 2] == []


def test_each_rule_says_where_to_revoke_and_what_to_check() -> None:
    assert [rule.id for rule in SERVICE_RULES if len(rule.rotate) < 40 or not rule.reference.startswith("https://")] == []
    assert [rule.id for rule in SERVICE_RULES if "from the send time on" not in rule.rotate] == []


def test_a_value_without_a_telling_prefix_is_never_more_than_likely() -> None:
    sure = {rule.id for rule in SERVICE_RULES if rule.basis is Basis.NEAR and rule.confidence == "high"}
    assert sure == {
        "postmark-token",
        "aws-secret-key",
        "atlassian-server-token",
    }  # a header of its own, an id beside it, a structure


def test_whatever_makes_a_word_near_also_wakes_the_rule() -> None:
    asleep = [
        (rule.id, word)
        for rule in SERVICE_RULES
        if rule.near
        for word in rule.near.words
        if not any(keyword in fold(word.strip("*")) for keyword in rule.keywords)
    ]
    assert asleep == []


def test_no_repeat_is_open_ended() -> None:
    for rule in SERVICE_RULES:
        bare = regex.sub(r"\[(?:\\.|[^\]\\])*\]", "x", regex.sub(r"\\[^\[]", "x", rule.source.replace(r"\[", "x")))
        assert not regex.search(r"[*]|(?<!\})\+|\{\d+,\}", bare), rule.id


# Random tokens of the form of each example: every character is drawn anew from its own class where the pattern allows it.
_CLASSES = ("0123456789abcdef", string.digits, string.ascii_lowercase, string.ascii_uppercase)
_SUMMED = {
    "age_key", "crc32_base36", "crc32_base62", "crc32_base64", "crc32_grafana", "crc32_hex", "data_center_token", "discord_token",
    "google_service_account", "json_inside", "nkey_seed", "reference_token", "ripple_seed", "stellar_seed", "wallet_key",
}  # fmt: skip
_BY_CHECK = {check: name for name, check in CHECKS.items()}


def is_summed(rule: Rule) -> bool:
    return any(_BY_CHECK.get(check) in _SUMMED for check in rule.checks)


def drawn_anew(rule: Rule, text: str, secret: str, chance: random.Random) -> str:
    """Another secret of the same form."""
    before, _, after = text.partition(secret)
    is_hex = regex.fullmatch(r"[^a-zA-Z]{0,9}(?:[a-zA-Z_\-.:0-9]{0,30}[_\-.:])?[0-9a-f\-:]{20,300}", secret) is not None
    chars = list(secret)
    for place in range(len(chars) - 1, -1, -1):
        pools = _CLASSES if is_hex else _CLASSES[1:]
        pool = next((one for one in pools if chars[place] in one), "")
        if not pool:
            continue
        kept, chars[place] = chars[place], chance.choice(pool)
        fit = rule.pattern.search(before + "".join(chars) + after)
        if fit is None or fit.span("secret") != (len(before), len(before) + len(chars)):
            chars[place] = kept
    return "".join(chars)


def wrapped(rule: Rule, text: str, secret: str) -> dict[str, str]:
    """The example's text in the ways in which mail carries it; a link's secret stays in its link."""
    ways = {"prose": text, "quoted reply": "> " + text.replace("\n", "\n> ")}
    fit = rule.pattern.search(text)
    if " " in secret or (fit is not None and fit.start("secret") > fit.start()):
        return ways  # its own surroundings are part of the form
    word = rule.near.words[0].strip("*") if rule.near else rule.service
    ways["quotes"] = f'{word} says: the token is "{secret}".'
    ways["cell"] = f"{word} | API token | {secret} | 2025"
    ways["line below"] = f"The {word} token of the shop:\n\n{secret}\n\nBest,\nAnn"
    if rule.basis is Basis.PREFIX and regex.fullmatch(r"[A-Za-z0-9_.\-]+", secret):
        ways["link"] = f"For {word} open https://app.shop.example/start?a=1&token={secret}&b=2 please"
    return ways


@pytest.mark.parametrize("seed", [1, 2])
def test_a_random_token_of_each_form_is_found_in_every_wrapping(seed: int) -> None:
    chance = random.Random(seed)
    missed = []
    for rule in SERVICE_RULES:
        if is_summed(rule) or rule.id in {"sidekiq-credential", "twilio-sid-and-token", "gitlab-token"}:
            continue  # what has its own test, or a form in which the words around are part of the pattern
        example = rule.examples[0]
        secret = drawn_anew(rule, example.text, example.secrets[0], chance)
        for way, text in wrapped(rule, example.text.replace(example.secrets[0], secret), secret).items():
            values = [hit.value for hit in rule_hits(rule, text)]
            if secret not in values or not any(keyword in fold(text) for keyword in rule.keywords):
                missed.append((rule.id, way))
    assert missed == []


def test_all_rules_together_name_the_service() -> None:
    """With every rule at work the secret is found whole, and not under the name of another service."""
    wrong = []
    for rule in SERVICE_RULES:
        for example in rule.examples:
            hits = [hit for hit in hits_in(example.text, RULES)[0] if any(one in hit.value for one in example.secrets)]
            if not hits:
                wrong.append((rule.id, "not found"))
            # what stands behind "password:" is a password, whatever else it is
            wrong += [(rule.id, hit.rule.id) for hit in hits if hit.rule.service != rule.service and hit.rule.kind != "password"]
    assert wrong == []


def flipped(secret: str, place: int) -> str:
    other = {"0": "1", "a": "b", "A": "B"}.get(
        secret[place], "0" if secret[place].isdigit() else "a" if secret[place].islower() else "A"
    )
    return secret[:place] + other + secret[place + 1 :]


@pytest.mark.parametrize(
    "name", ["github-token", "npm-token", "atlassian-token", "grafana-token", "gitlab-routable-token", "confluent-secret"]
)
def test_a_flipped_character_lowers_the_confidence_and_drops_nothing(name: str) -> None:
    rule = BY_ID[name]
    good = rule.examples[0].secrets[0]
    bad = flipped(good, len(good) // 2)
    assert [(hit.basis, hit.confidence) for hit in rule_hits(rule, good)] == [(Basis.CHECKSUM, "high")]
    assert [(hit.basis, hit.confidence, hit.value) for hit in rule_hits(rule, bad)] == [(Basis.PREFIX, "medium", bad)]
    assert [(hit.rule.id, hit.confidence, hit.value) for hit in hits_in(f"Take {bad} then", RULES)[0]] == [(name, "medium", bad)]


@pytest.mark.parametrize("name", ["age-key", "nats-seed", "stellar-seed", "xrpl-seed", "tezos-secret-key"])
def test_a_key_with_a_checksum_is_proven_by_it_alone(name: str) -> None:
    rule = BY_ID[name]
    text, good = rule.examples[0].text, rule.examples[0].secrets[0]
    swapped = next(char for char in good[:15:-1] if char != good[-20])
    bad = good[:-20] + swapped + good[-19:]
    assert [(hit.basis, hit.confidence) for hit in rule_hits(rule, text)] == [(Basis.CHECKSUM, "high")]
    doubted = rule_hits(rule, text.replace(good, bad))
    assert [(hit.basis, hit.value) for hit in doubted] == [(Basis.PREFIX, bad)]
    assert doubted[0].confidence != "high"


def judged(check: str, value: str) -> Judgement:
    return CHECKS[check](Candidate(0, len(value), value, value, value))


def b64(content: bytes) -> str:
    return base64.b64encode(content).decode().rstrip("=")


def crc16_base32(content: bytes) -> str:
    return base64.b32encode(content + binascii.crc_hqx(content, 0).to_bytes(2, "little")).decode().rstrip("=")


STRUCTURES = [
    ("json_inside", "glc_" + b64(b'{"o":"1","k":"x"}'), Judgement.PROVES),
    ("json_inside", "sntrys_" + base64.b64encode(b'{"iat":1}').decode() + "_" + "Ab1" * 14, Judgement.PROVES),
    ("json_inside", "glc_" + b64(b'{"o":"1","k":"x"')[:-2], Judgement.DOUBTS),
    ("json_inside", "glc_" + b64(b'["eyJ"]'), Judgement.DOUBTS),
    ("reference_token", b64(b"reftkn:01:1776000000:" + b"x" * 27), Judgement.PROVES),
    ("reference_token", b64(b"reftkx:01:1776000000:" + b"x" * 27), Judgement.DOUBTS),
    ("data_center_token", b64(b"412345678901:" + bytes(range(20))), Judgement.PROVES),
    ("data_center_token", b64(b"41234567890a:" + bytes(range(20))), Judgement.REJECTS),
    ("discord_token", b64(b"123456789012345678") + ".abcdef." + "x" * 30, Judgement.PROVES),
    ("discord_token", b64(b"12345678901234567x") + ".abcdef." + "x" * 30, Judgement.DOUBTS),
    ("nkey_seed", crc16_base32(bytes(34)), Judgement.PROVES),
    ("nkey_seed", crc16_base32(bytes(34))[:-1] + "7", Judgement.DOUBTS),
    ("stellar_seed", crc16_base32(bytes([18 << 3]) + bytes(32)), Judgement.PROVES),
    ("stellar_seed", crc16_base32(bytes([6 << 3]) + bytes(32)), Judgement.DOUBTS),  # an account's public id
    ("ripple_seed", "snoPBrXtMeMyMHUVTgbuqAfg1SUTb", Judgement.PROVES),  # the documentation's "masterpassphrase"
    ("ripple_seed", "snoPBrXtMeMyMHUVTgbuqAfg1SUTc", Judgement.DOUBTS),
    ("four_by_four", "aB3d Ef5g hIj7 kL9m Nop2 qRs4", Judgement.FITS),
    ("four_by_four", "this will have been sent 2025", Judgement.REJECTS),
]


@pytest.mark.parametrize(("check", "value", "expected"), STRUCTURES)
def test_a_structure_is_judged_from_both_sides(check: str, value: str, expected: Judgement) -> None:
    assert judged(check, value) is expected


@pytest.mark.property
@settings(max_examples=100)
@given(st.binary(min_size=20, max_size=60), st.integers(0, 10**6))
def test_the_sum_of_a_routable_token_covers_every_character(payload: bytes, place: int) -> None:
    body = "glpat-" + base64.urlsafe_b64encode(payload).decode().rstrip("=") + ".01.0u"
    digits, number = "", zlib.crc32(body.encode())
    while number:
        number, rest = divmod(number, 36)
        digits = (string.digits + string.ascii_lowercase)[rest] + digits
    token = body + digits.rjust(7, "0")
    assert is_gitlab_sum(token)
    assert not is_gitlab_sum(flipped(token, place % len(token)))


@pytest.mark.property
@settings(max_examples=100)
@given(st.dictionaries(st.text(max_size=8), st.integers() | st.text(max_size=20), max_size=6))
def test_json_in_a_token_is_read_back(fields: dict[str, int | str]) -> None:
    encoded = base64.urlsafe_b64encode(json.dumps({"a": 1, **fields}, separators=(",", ":")).encode()).decode()
    assert is_json_inside("ops_" + encoded.rstrip("="))


@pytest.mark.property
@settings(max_examples=100)
@given(st.text(max_size=300), st.integers(0, 300), st.integers(0, 300))
def test_naming_never_raises(text: str, one: int, other: int) -> None:
    start, end = sorted((min(one, len(text)), min(other, len(text))))
    assert called(text, start, end) in Called
    assert is_four_by_four(text) in {True, False}


NAMED = [
    ("our Datadog key is @", Called.KEY),
    ("here is the token for the shop:\n\n@", Called.KEY),
    ("Datadog | api key | @", Called.KEY),
    ("clientSecret -> @", Called.KEY),
    ("Das Datadog-Zugangstoken lautet @", Called.KEY),
    ("La clé Datadog @", Called.KEY),
    ("Datadog のキー @", Called.KEY),
    ("@ is the new key", Called.KEY),
    ("Datadog wants @", Called.UNSAID),
    ("The key for our new app is @", Called.KEY),
    ("the token of the staging project: @", Called.KEY),
    ("the key was changed to @", Called.KEY),
    ("access token refresh failed for user @", Called.OTHERWISE),
    ("no key, but the app is @", Called.OTHERWISE),
    ("Use\n\n@\n\nas the token when Datadog asks", Called.KEY),
    ("Datadog: @", Called.LABELLED),
    ("> Datadog -> @", Called.LABELLED),
    ("I moved all of it to Datadog yesterday: @", Called.UNSAID),
    ("customer.io has a key for @", Called.KEY),
    ("railway.app: @", Called.LABELLED),
    ("the key to success was order @", Called.OTHERWISE),
    ("key rotation on Friday, ticket @", Called.OTHERWISE),
    ("the token failed\nRequest ID: @", Called.OTHERWISE),
    ("Bestellnummer @", Called.OTHERWISE),
    ("monkey business @", Called.UNSAID),
    ("userId: @", Called.OTHERWISE),
    ("the order's key: @", Called.KEY),
    ("The key is in the safe.\nOne.\nTwo.\nThree.\n@", Called.UNSAID),
]


@pytest.mark.parametrize(("text", "expected"), NAMED)
def test_the_closest_word_names_the_value(text: str, expected: Called) -> None:
    start = text.index("@")
    assert called(text, start, start + 1) is expected


def hexes(seed: str, length: int) -> str:
    return (hashlib.sha512(seed.encode()).hexdigest() * 2)[:length]


def mixed(seed: str, length: int) -> str:
    chance = random.Random(seed)
    return "".join(chance.choice(string.ascii_letters + string.digits) for _ in range(length))


COLLISIONS = [
    (f"DeepSeek gave us sk-{hexes('a', 32)}", "deepseek"),
    (f"Somebody gave us sk-{hexes('a', 32)}", "generic"),
    (f"For ElevenLabs take sk_{hexes('b', 48)}", "elevenlabs"),
    (f"For the voice take sk_{hexes('b', 48)}", "generic"),
    (f"The Klaviyo key is pk_{hexes('c', 34)}", "klaviyo"),
    (f"ClickUp wants pk_1234567_{mixed('d', 32).upper()}", "clickup"),
    (f"Our base opens with pat{mixed('e', 14)}.{hexes('e', 64)}", "airtable"),
    (f"HubSpot: pat-na1-{hexes('f', 8)}-{hexes('g', 4)}-4{hexes('h', 3)}-a{hexes('i', 3)}-{hexes('j', 12)}", "hubspot"),
    (f"pat.{mixed('k', 22)}.{hexes('k', 24)}.{mixed('l', 20)} runs the pipeline", "harness"),
    (f"The GoCardless token is live_{mixed('m', 40)}", "gocardless"),
    (f"Mollie told us live_{mixed('n', 30)}", "mollie"),
    (f"It is live_{mixed('n', 30)} as I said", "generic"),
    (f"sgp_{hexes('o', 40)} searches the code", "sourcegraph"),
    (f"sgp_{mixed('p', 64)} reads the sources", "segment"),
    (f"Mailgun sends with key-{hexes('q', 32)}", "mailgun"),
    (f"We send with key-{hexes('q', 32)}", "generic"),
    (f"Paystack: sk_live_{hexes('r', 40)}", "paystack"),
    (f"It reads sk_live_{mixed('s', 40)} now", "stripe"),
    (f"EAAA{mixed('t', 60)} takes the payments", "square"),
    (f"EAAB{mixed('u', 120)} posts for the page", "meta"),
]


@pytest.mark.parametrize(("text", "service"), COLLISIONS)
def test_length_and_words_decide_where_prefixes_collide(text: str, service: str) -> None:
    assert [hit.rule.service for hit in hits_in(text, RULES)[0] if hit.rule.family == "credential"] == [service]


NO_SECRET = [
    f"Stripe's publishable key is pk_live_{mixed('a', 24)}",
    f"Stripe in the browser: pk_live_{mixed('a', 99)}, pk_test_{mixed('b', 99)}",
    f"Sentry DSN https://{hexes('b', 32)}@o12345.ingest.sentry.example/67890",
    f"The reCAPTCHA site key is 6L{mixed('c', 38)}",
    f"The Google client id is 123456789012-{mixed('d', 32).lower()}.apps.googleusercontent.example",
    f"Twilio account SID: AC{hexes('e', 32)}",
    f"Datadog client token pub{hexes('f', 32)}",
    f"Mapbox: pk.eyJ{mixed('g', 60)}.{mixed('h', 22)}",
    f"PostHog project phc_{mixed('i', 43)}",
    f"FLWPUBK-{hexes('j', 32)}-X belongs to Flutterwave",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + mixed("k", 43) + " ann@shop.example",
    f"age1{mixed('l', 58).lower()} is my age recipient",
    f"The role AROA{mixed('m', 17).upper()} was assumed in AWS",
    f"Postmark accepted it, MessageID: {hexes('n', 8)}-{hexes('o', 4)}-4{hexes('p', 3)}-a{hexes('q', 3)}-{hexes('r', 12)}",
    f"Braze, Segment.com and Mixpanel saw the user id {hexes('s', 32)}",
    f"The Datadog build of commit {hexes('t', 40)} is green",
    f"jenkins image sha256:{hexes('u', 64)}",
    f"Heroku request_id={hexes('v', 8)}-{hexes('w', 4)}-4{hexes('x', 3)}-a{hexes('y', 3)}-{hexes('z', 12)}",
    f"Message-ID: <{hexes('1', 32)}@mandrillapp.example>\nSubject: Your Mandrill key",
    f"See https://trello.example/c/{mixed('2', 24)}/{hexes('3', 64)} for the Trello key",
    f"The Steam order {hexes('4', 32).upper()} is paid",
    f"Your Coinbase transaction 0x{hexes('5', 64)} was confirmed",
]


@pytest.mark.parametrize("text", NO_SECRET)
def test_what_is_no_secret_alone_is_not_found(text: str) -> None:
    assert [(hit.rule.id, hit.confidence) for hit in service_hits(text)] == []


ORDINARY = (
    "Your order with {name} is on its way, tracking {alnum20}, reference {hex32}.",
    "The {name} build of revision {hex40} passed; image sha256:{hex64} is online.",
    "> the {name} plugin keeps {hex32} in its cache\n>> and restarts as {uuid}",
    "Alarm {uuid} of {name} is over. Trace id: {hex32}",
    "We moved the {name} key rotation to Friday; ticket {uuid} tracks it.",
    "{name} access token refresh failed for user {uuid} (correlation {hex32})",
    "git checkout {hex40} # {name}\nindex {hex40}..{hex40} 100644",
    "Message-ID: <{uuid}@mail.example>\nReferences: <{alnum20}@mail.example>\nSubject: {name} token",
    "https://{name}.example/{hex32}/{uuid}?utm={alnum20} has the secret of {name} explained",
    "| {name} | status | {hex32} | ok |\n| {name} | host | web-{alnum20} | up |",
    "gpg: using RSA {hex40} for the {name} release",
)


def test_ordinary_mail_that_names_services_gives_nothing_likely() -> None:
    chance = random.Random(7)
    names = [rule.near.words[0].strip("*") for rule in SERVICE_RULES if rule.near]
    found = []
    for number in range(600):
        paragraphs = [
            chance.choice(ORDINARY).format(
                name=chance.choice(names), hex32=hexes(f"{number}a", 32), hex40=hexes(f"{number}b", 40), hex64=hexes(f"{number}c", 64),
                alnum20=mixed(f"{number}d", 20), uuid="-".join((hexes(f"{number}e", 8), "0a1b", "4c2d", "a3e4", hexes(f"{number}f", 12))),
            )
            for _ in range(4)
        ]  # fmt: skip
        found += [(hit.rule.id, hit.confidence) for hit in service_hits("\n\n".join(paragraphs)) if hit.confidence != "low"]
    found = [
        one for one in found if one != ("postmark-token", "medium")
    ]  # the service of the incident: a UUID that nothing else names
    assert found == []
