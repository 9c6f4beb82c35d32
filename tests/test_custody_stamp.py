"""Time stamps, against an authority of openssl's that is made here: asked by a file, answered by a file, no network."""

from __future__ import annotations

import builtins
import hashlib
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_evidence import audited, plant
from typer.testing import CliRunner

import forensics
from forensics.case import Case, CaseError
from forensics.cli import app
from forensics.custody import LOG, MANIFEST, PUBLIC_KEY, REPLY, REQUEST, SIGNATURE, STAMPED, CustodyError, Signer, read_log
from forensics.custody.stamp import check_stamps

OPENSSL = shutil.which("openssl")
pytestmark = pytest.mark.skipif(OPENSSL is None, reason="no openssl here")

_CONFIGURATION = """
[tsa]
default_tsa = one
[one]
serial = ./serial
signer_cert = ./tsa.pem
signer_key = ./tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ess_cert_id_chain = no
"""


def openssl(folder: Path, *words: str) -> str:
    done = subprocess.run([str(OPENSSL), *words], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an authority: root ca.pem, its tsa.pem, and another root that has nothing to do with it."""
    folder = tmp_path_factory.mktemp("tsa")
    for name in ("ca", "other"):
        openssl(
            folder,
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            f"{name}.key",
            "-out",
            f"{name}.pem",
            "-subj",
            f"/CN={name}.example",
            "-days",
            "30",
        )
    openssl(folder, "req", "-newkey", "rsa:2048", "-nodes", "-keyout", "tsa.key", "-out", "tsa.csr", "-subj", "/CN=tsa.example")
    (folder / "extensions").write_text("extendedKeyUsage=critical,timeStamping\nkeyUsage=critical,digitalSignature\n")
    openssl(
        folder,
        "x509",
        "-req",
        "-in",
        "tsa.csr",
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-extfile",
        "extensions",
        "-out",
        "tsa.pem",
        "-days",
        "30",
    )
    (folder / "serial").write_text("01\n")
    (folder / "plain.cnf").write_text(_CONFIGURATION)
    (folder / "chain.cnf").write_text(_CONFIGURATION + "certs = ./ca.pem\n")
    return folder


def answered(authority: Path, request: Path, configuration: str = "plain.cnf") -> Path:
    """The authority's reply to a request."""
    openssl(authority, "ts", "-reply", "-config", configuration, "-queryfile", str(request), "-out", "reply.tsr")
    return authority / "reply.tsr"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Case:
    root = tmp_path_factory.mktemp("stamped")
    return audited(plant(root / "ev"), out=root / "case")


@pytest.fixture
def copy(finished: Case, tmp_path: Path) -> Case:
    shutil.copytree(finished.path.parent, tmp_path / "all", symlinks=True)
    return Case.open(tmp_path / "all" / "case")


def test_a_request_is_over_the_signature_and_what_openssl_reads_of_it(copy: Case) -> None:
    signature = (copy.path / SIGNATURE).read_bytes()
    place, asked = forensics.request_stamp(copy)
    assert (place, asked.over) == (copy.path / REQUEST, SIGNATURE)
    assert asked.sha256 == hashlib.sha256(signature).hexdigest()
    assert (copy.path / STAMPED).read_bytes() == signature
    told = openssl(copy.path, "ts", "-query", "-in", REQUEST, "-text")
    dumped = "".join(re.findall(r"^ {4}[0-9a-f]{4} - ((?:[0-9a-f]{2}[ -]){16})", told, re.MULTILINE))
    assert re.sub(r"[ -]", "", dumped) == asked.sha256
    assert "sha256" in told
    assert forensics.verify(copy) == []
    last = read_log(copy.path / LOG)[-1]
    assert (last["action"], last["over"], last["stamped"]) == ("time stamp requested", SIGNATURE, asked.sha256)


def test_an_unsigned_case_is_stamped_by_its_manifest(copy: Case, authority: Path) -> None:
    nobody = Signer(reason="no key for this test")
    forensics.report(copy, ["csv"], signing_key=nobody)
    manifest = (copy.path / MANIFEST).read_bytes()
    _, asked = forensics.request_stamp(copy, signing_key=nobody)
    assert (asked.over, asked.sha256) == (MANIFEST, hashlib.sha256(manifest).hexdigest())
    forensics.store_stamp(copy, answered(authority, copy.path / REQUEST), signing_key=nobody)
    found = forensics.verification(copy, tsa_certificate=authority / "ca.pem")
    assert found.problems == ("the case is not signed: no key for this test",)
    assert any(one.startswith(f"{REPLY}: the manifest of entry ") for one in found.remarks)


def test_a_reply_is_kept_byte_for_byte_and_outlives_later_seals(copy: Case, authority: Path) -> None:
    sealed = len(read_log(copy.path / LOG))
    forensics.request_stamp(copy)
    reply = answered(authority, copy.path / REQUEST)
    place, sentence = forensics.store_stamp(copy, reply)
    assert place.read_bytes() == reply.read_bytes()
    assert f"openssl ts -verify -data {STAMPED} -in {REPLY} -CAfile FILE" in sentence
    forensics.report(copy, ["csv"])
    found = forensics.verification(copy, tsa_certificate=authority / "ca.pem")
    assert found.problems == ()
    assert any(
        f"{REPLY}: the log up to entry {sealed}, signed by " in one and one.endswith("the authority's signature holds.")
        for one in found.remarks
    )
    assert "if the authority is who it says" in forensics.verification(copy).remarks[1]
    openssl(copy.path, "ts", "-verify", "-data", STAMPED, "-in", REPLY, "-CAfile", str(authority / "ca.pem"))


def test_a_second_stamp_keeps_the_first(copy: Case, authority: Path) -> None:
    for _ in range(3):
        forensics.request_stamp(copy)
        forensics.store_stamp(copy, answered(authority, copy.path / REQUEST))
    assert {place.name for place in copy.path.glob("custody.*.ts?")} == {
        f"custody.{n}.{kind}" for n in (1, 2) for kind in ("tsq", "tsr")
    }
    found = forensics.verification(copy, tsa_certificate=authority / "ca.pem")
    assert found.problems == ()
    assert sum("the authority's signature holds" in one for one in found.remarks) == 3
    forensics.request_stamp(copy)  # a request that nobody answered is replaced
    forensics.request_stamp(copy)
    assert len(list(copy.path.glob("custody*.tsr"))) == 3
    assert forensics.verify(copy) == []


def test_only_the_right_authority_will_do(copy: Case, authority: Path, tmp_path: Path) -> None:
    forensics.request_stamp(copy)
    (problem,) = forensics.verification(copy, tsa_certificate=authority / "ca.pem").problems
    assert problem == "the case has no time stamp that a certificate could prove"
    forensics.store_stamp(copy, answered(authority, copy.path / REQUEST))
    (problem,) = forensics.verification(copy, tsa_certificate=authority / "other.pem").problems
    assert problem.startswith(f"{REPLY}: the authority's signature does not hold against these certificates")
    both = tmp_path / "both.pem"
    both.write_bytes((authority / "tsa.pem").read_bytes() + (authority / "ca.pem").read_bytes())
    assert forensics.verification(copy, tsa_certificate=both).problems == ()
    for content in (b"", b"\xff", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"):
        both.write_bytes(content)
        with pytest.raises(CustodyError, match="no certificate"):
            forensics.verification(copy, tsa_certificate=both)


def test_a_reply_that_is_no_strict_der_is_kept_and_left_to_openssl(copy: Case, authority: Path) -> None:
    forensics.request_stamp(copy)
    reply = answered(authority, copy.path / REQUEST, "chain.cnf")  # its SET of certificates may be out of order
    if "its encoding is not strict" not in parsed(reply.read_bytes()):
        reply.write_bytes(reply.read_bytes() + b"\0")
    assert "its encoding is not strict" in parsed(reply.read_bytes())
    place, sentence = forensics.store_stamp(copy, reply)
    assert place.read_bytes() == reply.read_bytes()
    assert "not strict DER" in sentence
    assert "openssl ts -verify" in sentence
    found = forensics.verification(copy)
    assert found.problems == ()
    assert any("holds the hash of the log up to entry" in one and "openssl ts -verify" in one for one in found.remarks)
    (problem,) = forensics.verification(copy, tsa_certificate=authority / "ca.pem").problems
    assert problem.startswith(f"{REPLY}: cannot be checked here")


def parsed(raw: bytes) -> str:
    from forensics.custody.stamp import _parsed

    found = _parsed(raw)
    return found if isinstance(found, str) else ""


def test_a_reply_to_something_else_or_a_refusal_is_not_kept(copy: Case, authority: Path, tmp_path: Path) -> None:
    reply = tmp_path / "reply.tsr"
    reply.write_bytes(b"x")
    with pytest.raises(CustodyError, match="no time stamp was requested"):
        forensics.store_stamp(copy, reply)
    forensics.request_stamp(copy)
    (tmp_path / "other").write_text("something else")
    openssl(tmp_path, "ts", "-query", "-data", "other", "-sha256", "-cert", "-out", "other.tsq")
    for content in (
        answered(authority, tmp_path / "other.tsq").read_bytes(),
        b"",
        b"\x30\x05\x30\x03\x02\x01\x02",
        b"0" * 3_000_000,
    ):
        reply.write_bytes(content)
        with pytest.raises(CustodyError, match="the hash that was sent is not in it"):
            forensics.store_stamp(copy, reply)
    assert not (copy.path / REPLY).exists()
    assert forensics.verify(copy) == []


def test_a_stamp_of_another_case_is_found_even_in_a_sealed_one(copy: Case, authority: Path, tmp_path: Path) -> None:
    forensics.request_stamp(copy)
    forensics.store_stamp(copy, answered(authority, copy.path / REQUEST))
    entries = read_log(copy.path / LOG)
    assert check_stamps(copy.path, entries)[0] == []
    (tmp_path / "other").mkdir()
    for name in (STAMPED, REPLY):
        shutil.copyfile(copy.path / name, tmp_path / "other" / name)
    shutil.copyfile(copy.path / PUBLIC_KEY, tmp_path / "other" / PUBLIC_KEY)
    wrong = f"{STAMPED}: neither a signature nor a manifest that this case's log went through"
    assert check_stamps(tmp_path / "other", entries[:2])[0] == [wrong]
    (tmp_path / "other" / STAMPED).write_bytes(
        (copy.path / SIGNATURE).read_bytes()
    )  # one of this case's, but not the stamped one
    assert check_stamps(tmp_path / "other", entries)[0] == [f"{REPLY}: stamps something else than {STAMPED}"]


@pytest.mark.property
@settings(max_examples=60, deadline=None)
@given(raw=st.binary(max_size=400), at=st.integers(0, 2_000), keep=st.booleans())
def test_no_reply_makes_a_verification_fail_to_answer(
    raw: bytes, at: int, keep: bool, finished: Case, authority: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp() / "hostile"
    folder.mkdir(exist_ok=True)
    shutil.copyfile(finished.path / SIGNATURE, folder / STAMPED)
    if not (folder / "good.tsr").exists():
        openssl(folder, "ts", "-query", "-data", STAMPED, "-sha256", "-cert", "-out", REQUEST)
        shutil.copyfile(answered(authority, folder / REQUEST), folder / "good.tsr")
    good = (folder / "good.tsr").read_bytes()
    (folder / REPLY).write_bytes(good[:at] + raw + (good[at + len(raw) :] if keep else b""))
    problems, remarks = check_stamps(folder, read_log(finished.path / LOG))
    assert len(problems) + len(remarks) == 1


def test_without_the_extra_a_request_names_it_and_a_reply_is_kept(
    copy: Case, authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forensics.request_stamp(copy)
    reply = answered(authority, copy.path / REQUEST)
    original = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("rfc3161_client"):
            raise ImportError(name)
        return original(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(CustodyError, match=r'pip install "forensics\[custody\]"'):
        forensics.request_stamp(copy)
    assert forensics.verify(copy) == []
    place, sentence = forensics.store_stamp(copy, reply)
    assert place.read_bytes() == reply.read_bytes()
    assert "openssl ts -verify" in sentence
    assert forensics.verify(copy) == []


def test_a_changed_case_is_not_stamped(copy: Case) -> None:
    (copy.report / "people.csv").write_text("x")
    with pytest.raises(CaseError, match="does not hold"):
        forensics.request_stamp(copy)
    assert not (copy.path / REQUEST).exists()


def test_the_command_asks_keeps_and_checks(copy: Case, authority: Path) -> None:
    def call(*words: str | Path) -> tuple[int, str, str]:
        result = CliRunner().invoke(app, [str(word) for word in words])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, result.stdout, " ".join(result.stderr.split())

    assert call("stamp", copy.path)[0] == 2
    code, shown, said = call("stamp", copy.path, "--request")
    assert (code, shown.strip()) == (0, str(copy.path / REQUEST))
    assert f"A request to stamp {SIGNATURE}" in said
    reply = answered(authority, copy.path / REQUEST)
    assert call("stamp", copy.path, "--request", "--reply", reply)[0] == 2
    code, shown, said = call("stamp", copy.path, "--reply", reply)
    assert (code, shown.strip()) == (0, str(copy.path / REPLY))
    assert "openssl ts -verify" in said
    assert call("verify", copy.path, "--tsa-certificate", authority / "ca.pem")[0] == 0
    assert call("verify", copy.path, "--tsa-certificate", authority / "other.pem")[0] == 12
