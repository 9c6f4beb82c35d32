"""Time stamps by an outside authority (RFC 3161): a request to take away, a reply to keep, and what the reply proves."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forensics.custody.hashing import read_whole, replace_file
from forensics.custody.log import CustodyError
from forensics.custody.manifest import MANIFEST
from forensics.custody.signature import SIGNATURE, read_signature
from forensics.dates import zulu

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from rfc3161_client import TimeStampResponse

__all__ = ["REPLY", "REQUEST", "STAMPED", "Requested", "check_stamps", "keep_reply", "read_certificates", "write_request"]

REQUEST, REPLY = "custody.tsq", "custody.tsr"
STAMPED = "custody.stamped"  # what the authority was asked to stamp: the signature of that moment, or the manifest
_MOST = 1 << 20  # bytes of a reply with all its certificates
_MOST_STAMPED = 512 << 20  # bytes of a manifest: some millions of files


@dataclass(frozen=True, slots=True)
class Requested:
    """A request: of which file of the case, and its SHA-256."""

    over: str
    sha256: str


def write_request(case: Path) -> Requested:
    """Write `custody.tsq` over the signature, or over the manifest of an unsigned case, and keep what is stamped as `custody.stamped`.

    A request and reply of before are kept beside it, numbered. The case has to be sealed afterwards. Raises CustodyError
    without the extra `custody`, OSError.
    """
    try:
        from rfc3161_client import HashAlgorithm, TimestampRequestBuilder  # noqa: PLC0415  an extra
    except ImportError:
        msg = 'time stamps need the extra `custody`: pip install "forensics[custody]"'
        raise CustodyError(msg) from None
    over = SIGNATURE if (case / SIGNATURE).exists() else MANIFEST
    content = read_whole(case / over)
    asked = TimestampRequestBuilder().data(content).hash_algorithm(HashAlgorithm.SHA256).cert_request(cert_request=True)
    raw = asked.build().as_bytes()
    _set_aside(case)
    replace_file(case / STAMPED, content)
    replace_file(case / REQUEST, raw)
    return Requested(over, hashlib.sha256(content).hexdigest())


def _set_aside(case: Path) -> None:
    """What an authority answered is kept under a number; a request without a reply is simply replaced."""
    if not (case / REPLY).exists():
        return
    number = 1
    while (case / _numbered(REPLY, number)).exists():
        number += 1
    for name in (REQUEST, STAMPED, REPLY):
        if (case / name).exists():
            (case / name).replace(case / _numbered(name, number))


def _numbered(name: str, number: int) -> str:
    stem, _, kind = name.rpartition(".")
    return f"{stem}.{number}.{kind}" if number else name


def keep_reply(case: Path, reply: Path) -> tuple[str, str]:
    """Store an authority's reply as `custody.tsr`, byte for byte; returns its SHA-256 and a sentence on what it says.

    Also where strict DER cannot be read: openssl may. The case has to be sealed afterwards. Raises CustodyError where nothing
    was requested, or the reply does not hold the hash that was sent; OSError.
    """
    try:
        digest = hashlib.sha256(read_whole(case / STAMPED)).digest()
    except FileNotFoundError:
        msg = "no time stamp was requested for this case: run `forensics stamp CASE --request` first"
        raise CustodyError(msg) from None
    raw = reply.read_bytes()[: _MOST + 1]
    if len(raw) > _MOST or digest not in raw:
        msg = f"{reply}: not a reply to this case's {REQUEST}: the hash that was sent is not in it (an authority that refuses answers so, too)"
        raise CustodyError(msg)
    replace_file(case / REPLY, raw)
    parsed = _parsed(raw)
    if isinstance(parsed, str):
        return hashlib.sha256(raw).hexdigest(), f"Stored as it is; {parsed}. {_by_hand(0)}"
    return hashlib.sha256(raw).hexdigest(), f"Stored: {_time(parsed)} by the authority's clock. {_by_hand(0)}"


def _parsed(raw: bytes) -> TimeStampResponse | str:
    """A reply, or why it cannot be read here."""
    try:
        from rfc3161_client import decode_timestamp_response  # noqa: PLC0415  an extra
    except ImportError:
        return 'reading it needs the extra `custody`: pip install "forensics[custody]"'
    try:
        found = decode_timestamp_response(raw)
        _ = found.tst_info.gen_time, found.tst_info.message_imprint.message
    except Exception as error:  # noqa: BLE001  hostile bytes; the library raises what its parser raises
        return f"its encoding is not strict DER, or it grants nothing ({type(error).__name__})"
    return found


def _time(found: TimeStampResponse) -> str:
    return zulu(found.tst_info.gen_time.astimezone(UTC))


def _by_hand(number: int) -> str:
    return (
        f"Inside the case folder, with the authority's certificates: openssl ts -verify -data {_numbered(STAMPED, number)} "
        f"-in {_numbered(REPLY, number)} -CAfile FILE"
    )


def check_stamps(
    case: Path, entries: Sequence[Mapping[str, Any]], certificates: Sequence[Certificate] = ()
) -> tuple[list[str], list[str]]:
    """What is wrong with the time stamps of a case, and what they prove, in sentences; certificates are those of the authority.

    A stamp proves that the log existed up to the seal that it covers. Entries after that are not stamped.
    """
    problems: list[str] = []
    remarks: list[str] = []
    number = 0
    while number == 0 or (case / _numbered(REPLY, number)).is_file():
        if (case / _numbered(REPLY, number)).is_file():
            _check_stamp(case, number, entries, certificates, (problems, remarks))
        number += 1
    if certificates and not remarks and not problems:
        problems.append("the case has no time stamp that a certificate could prove")
    return problems, remarks


def _check_stamp(
    case: Path,
    number: int,
    entries: Sequence[Mapping[str, Any]],
    certificates: Sequence[Certificate],
    told: tuple[list[str], list[str]],
) -> None:
    problems, remarks = told
    name = _numbered(REPLY, number)
    try:
        raw, stamped = read_whole(case / name, _MOST), read_whole(case / _numbered(STAMPED, number), _MOST_STAMPED)
    except OSError as error:
        problems.append(f"{name}: it, or what it stamps, cannot be read: {error.strerror}")
        return
    covered = _covered(stamped, entries)
    if covered is None:
        problems.append(f"{_numbered(STAMPED, number)}: neither a signature nor a manifest that this case's log went through")
        return
    digest = hashlib.sha256(stamped).digest()
    parsed = _parsed(raw)
    if isinstance(parsed, str):
        if digest not in raw:
            problems.append(f"{name}: does not hold the hash of what was to be stamped")
        elif certificates:
            problems.append(f"{name}: cannot be checked here: {parsed}. {_by_hand(number)}")
        else:
            remarks.append(f"{name} holds the hash of {covered}, but {parsed}. {_by_hand(number)}")
        return
    if parsed.tst_info.message_imprint.message != digest:
        problems.append(f"{name}: stamps something else than {_numbered(STAMPED, number)}")
    elif certificates and (why := _distrusted(parsed, stamped, certificates)):
        problems.append(f"{name}: the authority's signature does not hold against these certificates: {why}")
    elif certificates:
        remarks.append(f"{name}: {covered} existed at {_time(parsed)}; the authority's signature holds.")
    else:
        remarks.append(
            f"{name}: {covered} existed at {_time(parsed)}, if the authority is who it says: check with --tsa-certificate FILE."
        )


def _covered(stamped: bytes, entries: Sequence[Mapping[str, Any]]) -> str | None:
    """What a stamped file vouches for; None if it is nothing of this case's past."""
    digest = hashlib.sha256(stamped).hexdigest()
    for entry in entries:
        if entry.get("manifest") == digest:
            return f"the manifest of entry {entry.get('seq')}"
    try:
        signature = read_signature(stamped)
    except ValueError:
        return None
    for entry in entries:
        if (entry.get("hash"), entry.get("manifest")) == (signature.log_head, signature.manifest_sha256):
            return f"the log up to entry {entry.get('seq')}, signed by {signature.fingerprint},"
    return None


def _distrusted(found: TimeStampResponse, stamped: bytes, certificates: Sequence[Certificate]) -> str:
    """Why a stamp is not proven by these certificates; "" if it is."""
    from rfc3161_client import VerifierBuilder  # noqa: PLC0415  an extra

    builder = VerifierBuilder(
        roots=[one for one in certificates if one.issuer == one.subject] or list(certificates),
        intermediates=[one for one in certificates if one.issuer != one.subject],
        tsa_certificate=None if found.signed_data.certificates else certificates[0],
    )
    try:
        builder.build().verify_message(found, stamped)
    except Exception as error:  # noqa: BLE001  the library raises errors of its own and of two others
        return f"{type(error).__name__}: {str(error)[:200]}"
    return ""


def read_certificates(place: Path) -> list[Certificate]:
    """An authority's certificates from a PEM or DER file. Raises CustodyError."""
    from cryptography.x509 import load_der_x509_certificate, load_pem_x509_certificates  # noqa: PLC0415  only where asked for

    try:
        raw = place.read_bytes()[:_MOST]
        return load_pem_x509_certificates(raw) if b"-----BEGIN" in raw else [load_der_x509_certificate(raw)]
    except (OSError, ValueError) as error:
        msg = f"{place}: no certificate in PEM or DER form ({getattr(error, 'strerror', None) or type(error).__name__})"
        raise CustodyError(msg) from None
