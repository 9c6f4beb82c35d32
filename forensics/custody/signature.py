"""The signature: one Ed25519 key vouches for a manifest and for the log up to its head."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from forensics.custody.hashing import read_whole, replace_file
from forensics.custody.keys import Signer, fingerprint, pem
from forensics.dates import zulu

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

__all__ = ["PUBLIC_KEY", "SIGNATURE", "Signature", "read_signature", "sign", "signature_of"]

SIGNATURE, PUBLIC_KEY = "custody.sig", "custody.pub"
# The first line of what is signed: a signature that the key gave for anything else cannot be passed off as one of a case
_DOMAIN = b"forensics custody signature, version 1\n"
_FIELDS = ("schema_version", "algorithm", "public_key", "fingerprint", "manifest_sha256", "log_head", "signed_at", "signature")
_MOST = 8 << 10  # bytes of a signature file
_LAST = b' "signature": '


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature that holds: whose, over what, and when by the signer's own clock (UTC)."""

    key: Ed25519PublicKey = field(repr=False)
    manifest_sha256: str
    log_head: str
    signed_at: str

    @property
    def fingerprint(self) -> str:
        """See `keys.fingerprint`."""
        return fingerprint(self.key)


def sign(case: Path, signer: Signer, manifest_sha256: str, log_head: str) -> None:
    """Write `custody.sig`; without a key nothing.

    Signed are the line `forensics custody signature, version 1` and the file itself less its line of the signature, so that
    grep and openssl can check it: see the README.
    """
    if signer.key is None:
        return
    fields: dict[str, object] = {
        "schema_version": 1,
        "algorithm": "Ed25519",
        "public_key": _body(pem(signer.key.public_key())),
        "fingerprint": signer.fingerprint,
        "manifest_sha256": manifest_sha256,
        "log_head": log_head,
        "signed_at": zulu(datetime.now(UTC)),
        "signature": "",
    }
    given = signer.key.sign(_message(_written(fields)))
    replace_file(case / SIGNATURE, _written(fields | {"signature": base64.b64encode(given).decode("ascii")}))


def _body(text: bytes) -> str:
    """What stands between the first and the last line of a PEM file."""
    return b"".join(text.splitlines()[1:-1]).decode("ascii")


def _written(fields: dict[str, object]) -> bytes:
    """The one form that the file may have: one field a line, in order, ASCII."""
    return json.dumps({name: fields[name] for name in _FIELDS}, indent=1).encode("ascii") + b"\n"


def _message(written: bytes) -> bytes:
    return _DOMAIN + b"".join(line for line in written.splitlines(keepends=True) if not line.startswith(_LAST))


def signature_of(case: Path) -> Signature:
    """The signature of a case, and that `custody.pub` is its key. Raises OSError where one is missing, ValueError where one does not hold."""
    found = read_signature(read_whole(case / SIGNATURE, _MOST + 1))
    if read_whole(case / PUBLIC_KEY, _MOST) != pem(found.key):
        msg = f"{PUBLIC_KEY}: not the key that signed"
        raise ValueError(msg)
    return found


def read_signature(raw: bytes) -> Signature:
    """A signature file's content, checked against the key that it names itself. Raises ValueError with a reason."""
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm  # noqa: PLC0415  only a verification needs it
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_der_public_key  # noqa: PLC0415

    try:
        fields = json.loads(raw) if len(raw) <= _MOST else None
        if not isinstance(fields, dict) or set(fields) != set(_FIELDS) or _written(fields) != raw:
            raise ValueError  # noqa: TRY301  whatever is wrong with its form is said in one way
        key = load_der_public_key(base64.b64decode(fields["public_key"], validate=True))
        given = base64.b64decode(fields["signature"], validate=True)
        if not isinstance(key, Ed25519PublicKey) or base64.b64encode(given).decode("ascii") != fields["signature"]:
            raise ValueError  # noqa: TRY301  see above
    except (ValueError, TypeError, RecursionError, UnsupportedAlgorithm):
        msg = f"{SIGNATURE}: not in the form in which it was written"
        raise ValueError(msg) from None
    try:
        key.verify(given, _message(raw))
    except InvalidSignature:
        msg = f"{SIGNATURE}: the signature does not hold"
        raise ValueError(msg) from None
    told = ("Ed25519", _body(pem(key)), fingerprint(key), 1)
    if tuple(fields[name] for name in ("algorithm", "public_key", "fingerprint", "schema_version")) != told:
        msg = f"{SIGNATURE}: names another key or method than the one that signed"
        raise ValueError(msg)
    return Signature(key, str(fields["manifest_sha256"]), str(fields["log_head"]), str(fields["signed_at"]))
