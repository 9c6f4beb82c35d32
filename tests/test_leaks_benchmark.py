"""The leak benchmark: its generators keep their own laws, its figures are right, and a small part of it is run."""

from __future__ import annotations

import email
import email.policy
import io
import json
import random
import re
import string
import subprocess
import sys
import tomllib
import xml.etree.ElementTree as ET
import zipfile
import zlib
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pypdf
import pytest
from benchmarks.leaks import checksums, peers
from benchmarks.leaks.development import DEVELOPMENT
from benchmarks.leaks.figures import HARMLESS, Errors, false_findings, false_of, recall_of, whole_of
from benchmarks.leaks.final import FINAL
from benchmarks.leaks.generating import bundles, ordinary_mails, planted_mail, planted_mails
from benchmarks.leaks.planted import WRAPPINGS, Author, Mail, Secret
from benchmarks.leaks.run import verdicts
from benchmarks.leaks.scanning import Found, Seen, seen
from benchmarks.leaks.sentences import by_sentence
from hypothesis import given, settings
from hypothesis import strategies as st
from support import ROOT

from forensics.leaks import CREDENTIAL_KINDS, PERSONAL_KINDS

AUTHORS = (DEVELOPMENT, FINAL)
FOLDER = ROOT / "tests" / "benchmarks" / "leaks"
each_author = pytest.mark.parametrize("author", AUTHORS, ids=lambda one: one.name)

# Check digits: examples that issuers and standards publish


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (checksums.luhn("7992739871"), "79927398713"),
        (checksums.iban("DE", "370400440532013000"), "DE89370400440532013000"),
        (checksums.iban("GB", "WEST12345698765432"), "GB82WEST12345698765432"),
        (checksums.dni("12345678"), "12345678Z"),
        (checksums.verhoeff("236"), "2363"),
        (checksums.pesel("4405140135"), "44051401359"),
        (checksums.cn_ric("11010519491231002"), "11010519491231002X"),
        (checksums.idnr("8609574271"), "86095742719"),
        (checksums.nir("2550814168025"), "255081416802538"),
        (checksums.codice_fiscale("MRTMTT25D09F205"), "MRTMTT25D09F205Z"),
        (checksums.mrz("L898902C3"), "6"),
        (checksums.mrz("740812"), "2"),
        (checksums.base62(61), "z"),
        (checksums.base62(62), "10"),
        (checksums.crc_hex("123456789"), "cbf43926"),
        (checksums.crc_hex("123456789", little=True), "2639f4cb"),
    ],
)
def test_check_digits_are_those_of_the_standards(made: str, expected: str) -> None:
    assert made == expected


def test_seed_phrases_bear_their_checksum() -> None:
    assert checksums.seed_checks([0] * 11 + [3])  # the first test vector of BIP39
    assert not checksums.seed_checks([0] * 11 + [4])
    assert checksums.seed_checks([0] * 23 + [102])  # and the one of 256 bits


@pytest.mark.property
@settings(max_examples=50)
@given(st.text("abcXYZ019", min_size=30, max_size=30))
def test_a_github_token_ends_in_the_checksum_of_its_middle(entropy: str) -> None:
    digits = string.digits + string.ascii_uppercase + string.ascii_lowercase
    token = checksums.github("ghp_", entropy)
    assert re.fullmatch(r"ghp_[0-9A-Za-z]{36}", token)
    assert sum(digits.index(char) * 62**place for place, char in enumerate(reversed(token[-6:]))) == zlib.crc32(entropy.encode())


# The generators


def test_one_seed_gives_the_same_mails_and_another_one_others() -> None:
    for author in AUTHORS:
        first, again, other = (
            [one.raw for one in (*planted_mails(author, seed, 1, "password"), *ordinary_mails(author, seed, 40))]
            for seed in (5, 5, 6)
        )
        assert first == again
        assert not set(first) & set(other)


def test_every_kind_of_the_contract_is_planted_by_both_authors() -> None:
    for author in AUTHORS:
        assert set(author.makers) == CREDENTIAL_KINDS | PERSONAL_KINDS
        secrets = [maker(random.Random(1)) for makers in author.makers.values() for maker in makers]
        for secret in secrets:
            assert any(secret.topic in one.sentences for one in author.languages.values()), secret.topic


def test_passwords_and_codes_are_spoken_of_in_many_languages() -> None:
    for author in AUTHORS:
        for topic in ("password", "code", "notice"):
            assert sum(topic in one.sentences for one in author.languages.values()) >= 15
        seen_languages = {mail.language for mail in planted_mails(author, 1, 20, "one_time_code")}
        assert len(seen_languages) >= 15


def _sentences(author: Author) -> Iterator[str]:
    """Every sentence of its files, without what is drawn, signs and case."""
    for path in sorted((FOLDER / author.name).glob("*.toml")):
        for name, parts in tomllib.loads(path.read_text(encoding="utf-8")).items():
            for topic, lines in parts.items():
                if topic != "labels" and name:
                    for line in lines:
                        for sentence in re.split(r"[.!?。\n]|\{[a-z_0-9]+\}", line):
                            yield " ".join(re.findall(r"[^\W\d_]+", sentence.lower()))


def test_the_two_sets_share_no_sentence() -> None:
    told, final = (set(_sentences(author)) for author in AUTHORS)
    shared = {one for one in told & final if one.count(" ") >= 3 or (len(one) >= 9 and not one.isascii() and " " not in one)}
    assert len(told) > 300
    assert len(final) > 300
    assert shared == set()


def test_the_sets_share_no_host() -> None:
    told, final = (
        {name for mail in ordinary_mails(author, 1, 60) for name in re.findall(rb"[a-z0-9-]+\.example", mail.raw)}
        for author in AUTHORS
    )
    assert not {name for name in told & final if name not in {b"mx.example", b"service.example"}}


def _texts(raw: bytes) -> Iterator[str]:
    """What a mail says, by the standard library and pypdf: another reader than the one under test."""
    for part in email.message_from_bytes(raw, policy=email.policy.default).walk():
        if part.is_multipart():
            continue
        data = part.get_payload(decode=True)
        assert isinstance(data, bytes)
        yield from _said(part.get_content_type(), part.get_filename() or "", data)


def _said(kind: str, name: str, data: bytes) -> Iterator[str]:
    if kind == "application/pdf":
        yield "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(data)).pages)
    elif data.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for member in archive.namelist():
                yield member
                yield from _said("", member, archive.read(member))
    elif name.endswith(".xml"):
        yield "".join(ET.fromstring(data).itertext())
    elif kind == "text/html":
        yield unescape(re.sub(r"<[^>]*>", "", data.decode()))
    else:
        yield data.decode(errors="replace")
        yield name


def _squeezed(text: str) -> str:
    return re.sub(r"[\s>]+|\\(?=[\"n])", "", text)


@each_author
def test_the_planted_value_is_in_the_decoded_mail(author: Author) -> None:
    mails = list(planted_mails(author, 3, 1))
    assert {mail.wrapping for mail in mails} == set(WRAPPINGS)
    for mail in mails:
        (secret,) = mail.secrets
        whole = "\n".join(_squeezed(text) for text in _texts(mail.raw))
        wanted = secret.file.name if secret.file else secret.written
        assert _squeezed(wanted) in whole, (secret.kind, mail.wrapping, wanted)
        assert (
            secret.file
            or secret.value in secret.written
            or secret.value in secret.also
            or secret.kind in {"password", "otp_seed"}
        )


@each_author
def test_no_ordinary_mail_is_the_same_as_another(author: Author) -> None:
    mails = list(ordinary_mails(author, 2, 260))
    assert {mail.family for mail in mails} == set(author.ordinary)
    assert len(author.ordinary) >= 12
    assert len({mail.raw for mail in mails}) == len(mails)


def test_each_sentence_is_heard_alone() -> None:
    heard = {one.words: one for one in by_sentence(DEVELOPMENT, 1) if one.language == "en"}
    private = heard["I exported the key of the gateway:\n\n{value}"]
    assert (private.hits, private.total) == (6, 6)
    assert not {words for words in heard if "{value}" not in words}


def test_a_secret_of_a_correspondence_lies_in_several_mails() -> None:
    for made in bundles(DEVELOPMENT, 4, 5):
        for secret in {mail.secrets[0] for mail in made}:
            wrappings = [mail.wrapping for mail in made if mail.secrets[0] == secret]
            assert len(wrappings) == len(set(wrappings)) >= 3


# The figures

MADE = Secret("api_key", "github", "abcdefghijklmnop", "token", "X")


def _found(
    kind: str, *, placed: bool = False, exact: bool = False, level: str = "high", mark: str = "1", service: str = "github"
) -> Found:
    family = "credential" if kind in CREDENTIAL_KINDS else "personal"
    return Found("rule", kind, family, service, level, mark, "", placed, exact)


def _seen(*found: Found) -> Seen:
    return Seen(found, 0, 0.0, 0.0, 0)


@pytest.mark.parametrize(
    ("found", "is_right"),
    [
        (_found("api_key", placed=True), True),
        (_found("access_token", exact=True), True),  # the contract draws no line between the two
        (_found("api_key"), False),  # elsewhere in the mail
        (_found("password", placed=True, exact=True), False),  # another kind
        (_found("national_id", placed=True), False),
    ],
)
def test_a_finding_counts_in_the_right_place_with_the_right_kind(found: Found, is_right: bool) -> None:
    assert (_seen(found).right(MADE) is not None) is is_right


def test_recall_counts_what_was_found_and_names_the_rest() -> None:
    mails = [Mail(b"", (MADE,), "prose", "en") for _ in range(3)]
    seens = [_seen(_found("api_key", exact=True, service="other")), _seen(_found("password", placed=True)), _seen()]
    recall = recall_of(zip(mails, seens, strict=True))
    cell = recall.cells["api_key", "prose"]
    assert (cell.total, cell.right, cell.exact, cell.named, cell.service, cell.noticed) == (3, 1, 1, 1, 0, 2)
    assert len(recall.misses) == 2
    assert recall.plain()["by_kind"]["api_key"]["hits"] == 1
    assert "1/3" in next(verdicts(recall, Errors()))


def test_names_in_ordinary_mail_are_no_error_and_everything_else_is() -> None:
    innocent = _seen(*(_found(kind) for kind in sorted(HARMLESS)))
    guilty = _seen(_found("password", level="medium"), _found("health", level="low"), _found("name"))
    assert false_findings(innocent) == []
    errors = false_of([(Mail(b"", family="a"), innocent), (Mail(b"", family="a"), guilty), (Mail(b"", family="b"), innocent)])
    assert errors.at("high", ["a", "b"]) == (0, 0, 3)
    assert errors.at("medium", ["a", "b"]) == (1, 1, 3)
    assert errors.at("low", ["a"]) == (2, 1, 2)


def test_one_secret_in_two_mails_is_one_credential_only_under_one_fingerprint() -> None:
    mails = [Mail(b"", (MADE,), name) for name in ("prose", "base64")]
    once = [_seen(_found("api_key", exact=True, mark="1")) for _ in mails]
    twice = [_seen(_found("api_key", exact=True, mark=mark)) for mark in "12"]
    assert (whole_of([(mails, once)]).counted_right, whole_of([(mails, once)]).united) == (1, 1)
    assert (whole_of([(mails, twice)]).counted_right, whole_of([(mails, twice)]).united) == (0, 0)


def test_a_peer_that_cannot_be_installed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise subprocess.CalledProcessError(1, "pip")

    monkeypatch.setattr(subprocess, "run", refuse)
    told = peers.installed(tmp_path, lambda _: None)
    assert set(told) == {one.program for one in peers.PEERS}
    assert all("could not be installed" in reason for reason in told.values())


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        ("key = abcdefghijklmnop", True),
        ("cdefghij", True),
        ("cdefghi", False),  # seven characters
        ("abcd efgh", True),
        ("X-Seal: qrstuvwxyz012345", False),  # another finding in the same mail
        ("", False),
    ],
)
def test_a_peer_finds_a_secret_if_it_shows_a_piece_of_it(text: str, is_found: bool) -> None:
    assert peers.finds([text], MADE) is is_found
    assert not peers.finds([], MADE)


# A small part of the benchmark itself. The floors lie far below the targets: they tell that nothing broke, not how good it is.


@each_author
def test_most_planted_credentials_are_found(author: Author) -> None:
    rng = random.Random(7)
    kinds = (
        "api_key",
        "access_token",
        "jwt",
        "private_key",
        "password",
        "connection_string",
        "reset_link",
        "payment_card",
        "bank_account",
    )
    wrappings = ("prose", "html table", "quoted-printable", "base64", "quoted reply", "docx")
    mails = [planted_mail(author, rng, author.makers[kind][0](rng), wrapping) for kind in kinds for wrapping in wrappings]
    recall = recall_of((mail, seen(mail)) for mail in mails)
    whole = recall.over(lambda _kind, _wrapping: True)
    assert whole.right >= 0.6 * whole.total, [(one.secrets[0].kind, one.wrapping) for one, _ in recall.misses]


@each_author
def test_few_credentials_are_found_where_there_are_none(author: Author) -> None:
    errors = false_of((mail, seen(mail)) for mail in ordinary_mails(author, 8, 130))
    assert errors.credentials["high"] <= 20, errors.rules.most_common(5)


@pytest.mark.slow
def test_the_run_keeps_its_figures(tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    command = [
        sys.executable,
        str(FOLDER / "run.py"),
        "--no-peers",
        "--each",
        "1",
        "--mails",
        "26",
        "--bundles",
        "1",
        "--kind",
        "jwt",
        "--workers",
        "1",
    ]
    done = subprocess.run([*command, "--out", str(out), "--verbose"], capture_output=True, text=True, timeout=600, check=True)
    told = json.loads(out.read_text(encoding="utf-8"))
    assert told["schema_version"] == 1
    assert told["development"]["recall"]["by_kind"]["jwt"]["total"] == 13
    assert told["development"]["errors"]["mails"] == 26
    assert told["development"]["speed"]["ours_scan"] > 0
    assert "distinct count right" in done.stdout
