"""Signing: whose key it is, what an outsider needs to check it, and what happens where there is none."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from small_evidence import KEY, POLICY, as_nobody, audited, open_folder, plant
from typer.testing import CliRunner

import forensics
from forensics.case import Case
from forensics.cli import app
from forensics.custody import LOG, MANIFEST, PUBLIC_KEY, SIGNATURE, CustodyError, Signer, find_signer, read_log
from forensics.custody.keys import fingerprint, is_fingerprint_of, read_public_key
from forensics.custody.signature import read_signature

WORDS = "correct horse"
OWN = Ed25519PrivateKey.from_private_bytes(b"\x01" * 32)
PEM, PKCS8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
PLAIN = serialization.NoEncryption()
LOCKED = serialization.BestAvailableEncryption(WORDS.encode())
PUBLIC = serialization.PublicFormat


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """A case signed by OWN."""
    root = tmp_path_factory.mktemp("signed")
    return audited(plant(root / "ev"), out=root / "case", options=forensics.Options(workers=1, signing_key=Signer(OWN)))


@pytest.fixture
def copy(finished: Case, tmp_path: Path) -> Case:
    shutil.copytree(finished.path.parent, tmp_path / "all", symlinks=True)
    return Case.open(tmp_path / "all" / "case")


# --- keys


def written(folder: Path, content: bytes, mode: int = 0o600) -> Path:
    place = folder / "signing.key"
    place.write_bytes(content)
    place.chmod(mode)
    return place


@pytest.mark.parametrize("form", [PKCS8, serialization.PrivateFormat.OpenSSH])
def test_a_key_is_read_in_both_forms(tmp_path: Path, form: serialization.PrivateFormat) -> None:
    signer = find_signer(
        written(tmp_path, OWN.private_bytes(PEM, form, PLAIN)), environment={"FORENSICS_KEY_PASSPHRASE": "unasked"}
    )
    assert signer.fingerprint == fingerprint(OWN.public_key())
    assert (signer.is_new, signer.remark()) == (False, "")
    assert "private" not in repr(signer).lower()


def test_a_passphrase_comes_from_the_environment_or_is_asked_for(tmp_path: Path) -> None:
    place = written(tmp_path, OWN.private_bytes(PEM, PKCS8, LOCKED))
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return WORDS

    assert find_signer(place, environment={"FORENSICS_KEY_PASSPHRASE": WORDS}, ask=ask).fingerprint == Signer(OWN).fingerprint
    assert asked == []
    assert find_signer(place, environment={}, ask=ask).fingerprint == Signer(OWN).fingerprint
    assert asked == [f"Passphrase of {place}"]
    for environment, words in (
        ({"FORENSICS_KEY_PASSPHRASE": "wrong"}, "the passphrase is wrong"),
        ({}, "put it into FORENSICS_KEY_PASSPHRASE"),
    ):
        with pytest.raises(CustodyError, match=words) as caught:
            find_signer(place, environment=environment)
        assert WORDS not in str(caught.value)


RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
BAD: dict[str, tuple[bytes, str]] = {
    "another kind": (RSA.private_bytes(PEM, PKCS8, PLAIN), "not of Ed25519"),
    "a public key": (OWN.public_key().public_bytes(PEM, PUBLIC.SubjectPublicKeyInfo), "no private key"),
    "empty": (b"", "no private key"),
    "garbage": (b"\xff" * 200, "no private key"),
    "cut": (OWN.private_bytes(PEM, PKCS8, PLAIN)[:-40], "no private key"),
    "broken OpenSSH": (b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n", "no private key"),
    "huge": (b"x" * 1_000_000, "no private key"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_key_that_cannot_be_used_is_said_and_nothing_of_it_shown(tmp_path: Path, kind: str) -> None:
    content, words = BAD[kind]
    with pytest.raises(CustodyError, match=words) as caught:
        find_signer(written(tmp_path, content))
    assert "signing.key" in str(caught.value)
    assert not any(line in str(caught.value).encode() for line in content.splitlines()[1:-1] if line)


def test_a_key_file_that_is_not_there_or_a_folder_is_said(tmp_path: Path) -> None:
    for place in (tmp_path / "nothing", tmp_path):
        with pytest.raises(CustodyError, match="the signing key cannot be read"):
            find_signer(place)


def test_the_named_key_wins_over_the_environment_and_that_over_the_own_one(tmp_path: Path) -> None:
    other = tmp_path / "other.key"
    other.write_bytes(RSA.private_bytes(PEM, PKCS8, PLAIN))
    known = {
        "FORENSICS_SIGNING_KEY": str(written(tmp_path, OWN.private_bytes(PEM, PKCS8, PLAIN))),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
    }
    assert find_signer(environment=known).fingerprint == Signer(OWN).fingerprint
    assert not (tmp_path / "config").exists()
    with pytest.raises(CustodyError):
        find_signer(other, environment=known)
    mine = find_signer(environment={"XDG_CONFIG_HOME": str(tmp_path / "config")})
    assert mine.is_new
    assert mine.fingerprint != Signer(OWN).fingerprint


def test_ones_own_key_is_made_once_and_for_one_user(tmp_path: Path) -> None:
    known = {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    first = find_signer(environment=known)
    place = tmp_path / "config" / "forensics" / "signing.key"
    assert (first.is_new, first.place) == (True, str(place))
    assert str(place) in first.remark()
    assert first.fingerprint in first.remark()
    assert [stat.S_IMODE(one.stat().st_mode) for one in (place, place.parent)] == [0o600, 0o700]
    assert [one.name for one in place.parent.iterdir()] == ["signing.key"]
    again = find_signer(environment=known)
    assert (again.fingerprint, again.is_new, again.remark()) == (first.fingerprint, False, "")
    place.chmod(0o644)
    assert "chmod 600" in find_signer(environment=known).remark()
    place.write_bytes(b"damaged")
    with pytest.raises(CustodyError, match=r"signing\.key"):
        find_signer(environment=known)
    assert place.read_bytes() == b"damaged"  # nobody's key is written over


def test_a_home_that_cannot_be_written_gives_no_key_and_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    signer = find_signer(environment={"XDG_CONFIG_HOME": str(tmp_path / "file")})
    assert signer.key is None
    assert "stays unsigned" in signer.remark()
    with open_folder() as folder:
        (folder / "config").mkdir(mode=0o555)
        with as_nobody():
            assert find_signer(environment={"XDG_CONFIG_HOME": str(folder / "config")}).key is None


# --- fingerprints


def test_a_fingerprint_is_what_openssl_and_ssh_keygen_say(tmp_path: Path) -> None:
    key = OWN.public_key()
    der = key.public_bytes(serialization.Encoding.DER, PUBLIC.SubjectPublicKeyInfo)
    blob = base64.b64decode(key.public_bytes(serialization.Encoding.OpenSSH, PUBLIC.OpenSSH).split()[1])
    ssh = "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    own = hashlib.sha256(der).hexdigest()
    assert fingerprint(key) == own
    pairs = ":".join(own[at : at + 2] for at in range(0, 64, 2))
    for words in (own, own.upper(), pairs, f" {own}\n", ssh, ssh + "="):
        assert is_fingerprint_of(words, key), words
    for words in (own[:-1], own[:-1] + "z", "", ssh[:-1], "SHA256:", own + "00", ssh.removeprefix("SHA256:")):
        assert not is_fingerprint_of(words, key), words
    if program := shutil.which("ssh-keygen"):
        (tmp_path / "key.pub").write_bytes(key.public_bytes(serialization.Encoding.OpenSSH, PUBLIC.OpenSSH))
        told = subprocess.run([program, "-lf", tmp_path / "key.pub"], capture_output=True, text=True, check=True).stdout
        assert ssh in told.split()


def test_a_public_key_is_read_in_both_forms_and_nothing_else_is(tmp_path: Path) -> None:
    key, place = OWN.public_key(), tmp_path / "key.pub"
    for content in (
        key.public_bytes(PEM, PUBLIC.SubjectPublicKeyInfo),
        key.public_bytes(serialization.Encoding.OpenSSH, PUBLIC.OpenSSH) + b" someone@host.example\n",
    ):
        place.write_bytes(content)
        assert fingerprint(read_public_key(place)) == fingerprint(key)
    for content in (b"", b"ssh-ed25519 AAAA", b"\xff\xfe", RSA.public_key().public_bytes(PEM, PUBLIC.SubjectPublicKeyInfo)):
        place.write_bytes(content)
        with pytest.raises(CustodyError):
            read_public_key(place)


# --- a signed case


def test_an_outsider_checks_a_case_with_grep_sed_and_openssl(finished: Case, tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl here")
    script = f"""
        {{ echo 'forensics custody signature, version 1'; grep -v '^ "signature": ' custody.sig; }} > {tmp_path}/signed.txt
        sed -n 's/^ "signature": "\\(.*\\)"$/\\1/p' custody.sig | base64 -d > {tmp_path}/signature.bin
        {openssl} pkeyutl -verify -pubin -inkey custody.pub -rawin -in {tmp_path}/signed.txt -sigfile {tmp_path}/signature.bin &&
        grep -q "$(sha256sum < manifest-sha256.txt | cut -c 1-64)" {tmp_path}/signed.txt &&
        tail -n 1 custody.jsonl | grep -q "$(sed -n 's/^ "log_head": "\\(.*\\)",$/\\1/p' custody.sig)" &&
        {openssl} pkey -pubin -in custody.pub -outform DER | sha256sum
    """
    done = subprocess.run(["sh", "-c", script], cwd=finished.path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Signature Verified Successfully" in done.stdout
    assert fingerprint(OWN.public_key()) in done.stdout


def test_the_signer_is_named_and_can_be_demanded(finished: Case, tmp_path: Path) -> None:
    mine = Signer(OWN).fingerprint
    told = forensics.verification(finished)
    assert told.problems == ()
    assert f"Signed by the key {mine}" in told.remarks[0]
    assert "Only a fingerprint that you know from elsewhere" in told.remarks[0]
    place = tmp_path / "signer.pub"
    place.write_bytes(OWN.public_key().public_bytes(PEM, PUBLIC.SubjectPublicKeyInfo))
    for demanded in (mine, mine.upper(), str(place), place):
        found = forensics.verification(finished, signer=demanded)
        assert found.problems == ()
        assert "the signer who was asked for" in found.remarks[0]
    other = Signer(Ed25519PrivateKey.generate()).fingerprint
    assert forensics.verify(finished, signer=other) == [
        f"{SIGNATURE}: signed by {mine}, which is not the signer that was asked for"
    ]
    for nonsense in ("", "0f5e", str(tmp_path / "nothing.pub"), mine[:-1]):
        with pytest.raises(CustodyError, match="neither a fingerprint"):
            forensics.verify(finished, signer=nonsense)


def test_the_last_entry_names_signer_and_manifest_and_every_seal_has_a_signature_of_its_own(copy: Case) -> None:
    first = (copy.path / SIGNATURE).read_bytes()
    forensics.report(copy, ["csv"], signing_key=Signer(OWN))
    second = (copy.path / SIGNATURE).read_bytes()
    assert first != second
    entries = read_log(copy.path / LOG)
    assert [entry["signer"] for entry in entries if "signer" in entry] == [Signer(OWN).fingerprint] * 2
    assert entries[-1]["manifest"] == hashlib.sha256((copy.path / MANIFEST).read_bytes()).hexdigest()
    (copy.path / SIGNATURE).write_bytes(first)  # a signature of before is one of before
    assert f"{SIGNATURE}: signs another head than that of {LOG}" in forensics.verify(copy)


def test_a_signature_moved_from_another_case_or_key_is_found(copy: Case, tmp_path: Path) -> None:
    other = audited(plant(tmp_path / "ev"), out=tmp_path / "other", options=forensics.Options(workers=1, signing_key=Signer(OWN)))
    shutil.copyfile(other.path / SIGNATURE, copy.path / SIGNATURE)
    assert f"{SIGNATURE}: signs another manifest than {MANIFEST}" in forensics.verify(copy)


FIELDS = ["schema_version", "algorithm", "public_key", "fingerprint", "manifest_sha256", "log_head", "signed_at", "signature"]


@pytest.mark.parametrize("field", FIELDS)
def test_no_field_of_a_signature_can_be_changed(copy: Case, field: str) -> None:
    place = copy.path / SIGNATURE
    written = json.loads(place.read_bytes())
    assert list(written) == FIELDS
    other = Ed25519PrivateKey.generate()
    values = {
        "schema_version": 2, "algorithm": "none", "fingerprint": Signer(other).fingerprint, "manifest_sha256": "0" * 64, "log_head": "0" * 64,
        "signed_at": "2020-01-01T00:00:00Z", "signature": base64.b64encode(other.sign(b"x")).decode(),
        "public_key": base64.b64encode(other.public_key().public_bytes(serialization.Encoding.DER, PUBLIC.SubjectPublicKeyInfo)).decode(),
    }  # fmt: skip
    place.write_text(json.dumps(written | {field: values[field]}, indent=1) + "\n")
    assert any(one.startswith((SIGNATURE, PUBLIC_KEY)) for one in forensics.verify(copy))


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(
    raw=st.binary(max_size=300)
    | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(lambda value: json.dumps(value).encode())
)
def test_no_bytes_pass_for_a_signature(raw: bytes) -> None:
    with pytest.raises(ValueError, match=SIGNATURE):
        read_signature(raw)
    with pytest.raises(ValueError, match=SIGNATURE):
        read_signature(b"[" * 5_000 + raw)


# --- an unsigned case


def test_where_no_key_can_be_kept_the_case_is_finished_unsigned_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file"))
    case = audited(plant(tmp_path / "ev"), out=tmp_path / "case")
    why = "no signing key can be kept in the home folder (Not a directory)"
    assert forensics.verify(case) == [f"the case is not signed: {why}"]
    assert read_log(case.path / LOG)[-1]["unsigned"] == why
    assert not (case.path / SIGNATURE).exists()
    assert not (case.path / PUBLIC_KEY).exists()
    forensics.report(case, ["csv"], signing_key=Signer(OWN))  # who has a key may sign it later
    assert forensics.verify(case) == []
    forensics.report(case, ["csv"])  # and who has none takes the signature away, and says so
    assert forensics.verify(case) == [f"the case is not signed: {why}"]


def test_a_signature_that_is_taken_away_is_no_unsigned_case(copy: Case) -> None:
    (copy.path / SIGNATURE).unlink()
    assert forensics.verify(copy) == [f"{SIGNATURE} is missing: nobody's signature vouches for this case"]


# --- the command line


def call(*words: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, " ".join(result.stderr.split())


def test_the_commands_take_a_key_say_what_they_made_and_exit_with_12(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    plant(tmp_path / "ev")
    (tmp_path / "policy.toml").write_text(POLICY)
    (tmp_path / "case.key").write_text(KEY)
    out = tmp_path / "case"
    words = ("audit", tmp_path / "ev", "--policy", tmp_path / "policy.toml", "--workers", "1", "--quiet", "--out", out)
    code, _, said = call(*words)
    assert code == 0
    assert "A signing key was made for you" in said
    own = find_signer().fingerprint
    code, shown, said = call("verify", out)
    assert (code, shown) == (0, "")
    assert own in said
    key = written(tmp_path, OWN.private_bytes(PEM, PKCS8, PLAIN))
    code, _, said = call("report", out, "--as", "csv", "--signing-key", key)
    assert (code, "A signing key was made" in said) == (0, False)
    assert call("verify", out, "--key", Signer(OWN).fingerprint)[0] == 0
    code, shown, _ = call("verify", out, "--key", own)
    assert code == 12
    assert "not the signer that was asked for" in shown
    assert call("verify", out, "--key", "abc")[0] == 2
    (tmp_path / "bad").write_text("no key")
    code, _, said = call(*words[:-1], tmp_path / "another", "--signing-key", tmp_path / "bad")
    assert code == 2
    assert "cannot be used" in said
    assert not (tmp_path / "another").exists()  # said before anything is read
    (out / SIGNATURE).unlink()
    assert call("verify", out)[0] == 12
