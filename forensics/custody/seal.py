"""Sealing: head, manifest, last entry and signature, in the order in which each holds the one before."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from forensics.custody.hashing import file_sha256, read_whole, replace_file
from forensics.custody.keys import Signer, is_fingerprint_of, pem, read_public_key
from forensics.custody.log import LOG, CustodyError, CustodyLog, read_log
from forensics.custody.manifest import HEAD, MANIFEST, write_manifest
from forensics.custody.signature import PUBLIC_KEY, SIGNATURE, sign, signature_of

__all__ = ["check_end", "check_key", "check_seal", "check_signature", "key_check", "seal"]

_HEX = 64


def seal(
    log: CustodyLog,
    evidence: Mapping[Path, str],
    files: Callable[[], Iterable[Path]],
    signer: Signer,
    action: str,
    **facts: object,
) -> str:
    """Seal the case in which the log lies, and return the log's head.

    The log's head goes into a file of its own, the manifest lists that one with all others, the log's last entry names the
    manifest, and the signature covers both. `files` is asked for the case's own files when they are all there.
    """
    case = log.path.parent
    if signer.key is not None:
        replace_file(case / PUBLIC_KEY, pem(signer.key.public_key()))
    else:
        (case / PUBLIC_KEY).unlink(missing_ok=True)
        (case / SIGNATURE).unlink(missing_ok=True)
    digest = file_sha256(write_manifest(case, evidence, files()))
    whose = {"signer": signer.fingerprint} if signer.key is not None else {"unsigned": signer.reason or "no signing key"}
    head = log.append(action, **facts, manifest=digest, **whose)
    sign(case, signer, digest, head)
    return head


def _seals(entries: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [entry for entry in entries if "manifest" in entry]


def check_seal(case: Path) -> list[str]:
    """Whether manifest and log still belong together: the log's last seal names the manifest, the manifest the log before it."""
    try:
        seals = _seals(read_log(case / LOG))
        if not seals:
            return [f"{LOG}: the audit was never finished"]
        if seals[-1].get("manifest") != file_sha256(case / MANIFEST):
            return [f"{MANIFEST}: not the one that the last seal in the custody log names"]
        if seals[-1].get("prev") != read_whole(case / HEAD, 2 * _HEX).decode("ascii").strip():
            return [f"{LOG}: entries are missing: the manifest was written after later ones"]
    except (OSError, ValueError) as error:
        return [f"{LOG}, {HEAD} and {MANIFEST} cannot be compared: {type(error).__name__}"]
    return []


def check_end(entries: Sequence[Mapping[str, Any]]) -> list[str]:
    """Whether the log ends with a seal: what follows the last one is neither sealed nor signed."""
    later = 0
    for entry in reversed(entries):
        if "manifest" in entry:
            break
        later += 1
    many = "entries follow" if later > 1 else "entry follows"
    return [f"{LOG}: {later} {many} the last seal: a step was broken off; repeat it, or run `forensics report`"] if later else []


def check_signature(
    case: Path, entries: Sequence[Mapping[str, Any]], demanded: str | Path | None = None
) -> tuple[list[str], list[str]]:
    """What is wrong with a case's signature, and what a person should know of it, in sentences.

    `demanded` is a fingerprint, or a file with a public key; one that cannot be read raises CustodyError.
    """
    wanted = _demanded(demanded)
    try:
        found = signature_of(case)
    except FileNotFoundError as error:
        name = Path(str(error.filename)).name
        last = entries[-1] if entries else {}
        if name == SIGNATURE and isinstance(last.get("unsigned"), str):
            return [f"the case is not signed: {last['unsigned']}"], []
        return [f"{name} is missing: nobody's signature vouches for this case"], []
    except OSError as error:
        return [f"{SIGNATURE} or {PUBLIC_KEY} cannot be read: {error.strerror}"], []
    except ValueError as error:
        return [str(error)], []
    problems = []
    try:
        if file_sha256(case / MANIFEST) != found.manifest_sha256:
            problems.append(f"{SIGNATURE}: signs another manifest than {MANIFEST}")
    except OSError:
        problems.append(f"{SIGNATURE}: the manifest that it signs cannot be read")
    if not entries or entries[-1].get("hash") != found.log_head:
        problems.append(f"{SIGNATURE}: signs another head than that of {LOG}")
    if entries and entries[-1].get("signer") != found.fingerprint:
        problems.append(f"{SIGNATURE}: given by another key than the one that the log names")
    if wanted is not None and not wanted(found.key):
        problems.append(f"{SIGNATURE}: signed by {found.fingerprint}, which is not the signer that was asked for")
    if wanted is None:
        doubt = "Only a fingerprint that you know from elsewhere proves who that is: compare it, or demand it with --key."
    else:
        doubt = "That is the signer who was asked for." if wanted(found.key) else ""
    return problems, [f"Signed by the key {found.fingerprint} at {found.signed_at} by that machine's clock. {doubt}".rstrip()]


def _demanded(words: str | Path | None) -> Callable[[Any], bool] | None:
    if words is None:
        return None
    text = str(words)
    bare = text.replace(":", "").replace(" ", "").lower()
    if text.startswith("SHA256:") or (len(bare) == _HEX and not set(bare) - set("0123456789abcdef")):
        return lambda key: is_fingerprint_of(text, key)
    place = Path(text)
    if not place.is_file():
        msg = f"{text}: neither a fingerprint (64 hex digits, or SHA256:...) nor a file with a public key"
        raise CustodyError(msg)
    known = pem(read_public_key(place))
    return lambda key: pem(key) == known


def key_check(key: bytes) -> str:
    """What the log may hold of a case's secret key: enough to notice another one, useless for finding it."""
    return hmac.new(key, b"forensics case key, check value 1", hashlib.sha256).hexdigest()


def check_key(place: Path, entries: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[str]]:
    """Whether the secret key is still the one of the last audit: problems, and a remark where it is not there.

    A case is handed on without its key, so that no manifest can list it.
    """
    known = next((entry["key_check"] for entry in reversed(entries) if "key_check" in entry), None)
    if known is None:  # the log of an older version, or one that cannot be read
        return [], [f"{place.name} is not covered: {LOG} does not know it."]
    try:
        key = bytes.fromhex(read_whole(place, 4 * _HEX).decode("ascii").strip())
        written = read_whole(place, 4 * _HEX) == f"{key.hex()}\n".encode("ascii")
    except FileNotFoundError:
        return [], [f"{place.name} is not here: the case was handed on without its key. Nothing needs it but another audit."]
    except (OSError, ValueError):
        return [f"{place.name}: changed since the audit"], []
    return ([] if written and known == key_check(key) else [f"{place.name}: changed since the audit"]), []
