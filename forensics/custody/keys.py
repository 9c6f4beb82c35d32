"""Signing keys: whose Ed25519 key signs a case, and by what fingerprint others know it."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from forensics.custody.log import CustodyError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

__all__ = [
    "KEY_VARIABLE", "PASSPHRASE_VARIABLE", "Signer", "find_signer", "fingerprint", "is_fingerprint_of", "pem", "read_public_key",
]  # fmt: skip

KEY_VARIABLE, PASSPHRASE_VARIABLE = "FORENSICS_SIGNING_KEY", "FORENSICS_KEY_PASSPHRASE"
_MOST = 64 << 10  # bytes of a key file
_OPEN_TO_OTHERS = 0o077
_SSH_BLOB = b"\0\0\0\x0bssh-ed25519\0\0\0\x20"  # what precedes the key in RFC 8709's form, over which ssh-keygen -l hashes


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs a case. Without a `key` it stays unsigned, and `reason` says why."""

    key: Ed25519PrivateKey | None = field(default=None, repr=False)
    place: str = ""
    is_new: bool = False
    reason: str = ""

    @property
    def fingerprint(self) -> str:
        """Of the public key, see `fingerprint`; "" without a key."""
        return fingerprint(self.key.public_key()) if self.key is not None else ""

    def remark(self) -> str:
        """What a person should be told before the first signature; "" for nothing."""
        if self.key is None:
            return f"The case stays unsigned: {self.reason}. Name a key with --signing-key FILE."
        if self.is_new:
            return (
                f"A signing key was made for you: {self.place}. Its fingerprint is {self.fingerprint}. Keep the file, and give the "
                "fingerprint by another way to whoever has to trust your cases."
            )
        return self.reason


def find_signer(
    named: Path | None = None, *, ask: Callable[[str], str] | None = None, environment: Mapping[str, str] | None = None
) -> Signer:
    """The key that was named, else the one of FORENSICS_SIGNING_KEY, else the user's own, which is made at first use.

    PEM (PKCS#8) or OpenSSH form; `ask` is called with a question where a passphrase is needed and
    FORENSICS_KEY_PASSPHRASE holds none. A home that cannot be written gives a signer without a key, a key that cannot be used
    CustodyError.
    """
    known = os.environ if environment is None else environment
    place = named or (Path(known[KEY_VARIABLE]) if known.get(KEY_VARIABLE) else None)
    if place is not None:
        return _loaded(place, ask, known)
    try:
        base = Path(known.get("XDG_CONFIG_HOME") or Path.home() / ".config")
        own = base / "forensics" / "signing.key"
        if own.exists():
            return _loaded(own, ask, known)
        return _made(own, ask, known)
    except (OSError, RuntimeError) as error:  # no home at all is a RuntimeError
        why = getattr(error, "strerror", None) or type(error).__name__
        return Signer(reason=f"no signing key can be kept in the home folder ({why})")


def _loaded(place: Path, ask: Callable[[str], str] | None, environment: Mapping[str, str]) -> Signer:
    try:
        with place.open("rb") as stream:
            raw = stream.read(_MOST)
            mode = os.fstat(stream.fileno()).st_mode
    except OSError as error:
        msg = f"{place}: the signing key cannot be read: {error.strerror}"
        raise CustodyError(msg) from None
    key = _private(raw, None, place)
    if key is None:
        words = environment.get(PASSPHRASE_VARIABLE) or (ask(f"Passphrase of {place}") if ask else "")
        if not words:
            msg = f"{place}: the signing key has a passphrase; put it into {PASSPHRASE_VARIABLE}"
            raise CustodyError(msg)
        key = _private(raw, words.encode(), place)
    if key is None:  # pragma: no cover  a key that takes a passphrase and then asks for it again
        msg = f"{place}: the signing key cannot be opened"
        raise CustodyError(msg)
    loose = f"The signing key {place} can be read by others: chmod 600 it." if mode & _OPEN_TO_OTHERS else ""
    return Signer(key, str(place), reason=loose)


def _private(raw: bytes, passphrase: bytes | None, place: Path) -> Ed25519PrivateKey | None:
    """The key; None where it needs a passphrase. Raises CustodyError, with no word of the key in it."""
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415  workers never sign
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415

    is_ssh = b"BEGIN OPENSSH PRIVATE KEY" in raw
    read = serialization.load_ssh_private_key if is_ssh else serialization.load_pem_private_key
    try:
        key = read(raw, passphrase)
    except TypeError:  # it is encrypted and no passphrase was given, or the other way round
        if passphrase is None:
            return None
        msg = f"{place}: the signing key has no passphrase"
        raise CustodyError(msg) from None
    except UnsupportedAlgorithm:
        msg = f"{place}: this encrypted form cannot be read here (an OpenSSH key needs the package bcrypt); use PKCS#8: openssl genpkey -algorithm ed25519 -aes256"
        raise CustodyError(msg) from None
    except ValueError as error:
        if passphrase is None and "password" in str(error).lower():
            return None
        why = (
            "the passphrase is wrong, or it is damaged"
            if passphrase is not None
            else "it is no private key in PEM or OpenSSH form"
        )
        msg = f"{place}: the signing key cannot be used: {why}"
        raise CustodyError(msg) from None
    if not isinstance(key, Ed25519PrivateKey):
        msg = f"{place}: the signing key is not of Ed25519; make one with: openssl genpkey -algorithm ed25519 -out signing.key"
        raise CustodyError(msg)
    return key


def _made(own: Path, ask: Callable[[str], str] | None, environment: Mapping[str, str]) -> Signer:
    """A new key of the user's own, 0600 in a folder 0700. Where another run was faster, its key."""
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415  workers never sign
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415

    own.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = Ed25519PrivateKey.generate()
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    aside = own.with_name(f"{own.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(key.private_bytes(*form))
        os.link(aside, own)  # fails where there is one: never writes over a key
    except FileExistsError:
        return _loaded(own, ask, environment)
    finally:
        with suppress(OSError):
            aside.unlink()
    return Signer(key, str(own), is_new=True)


def pem(key: Ed25519PublicKey) -> bytes:
    """A public key as PEM, SubjectPublicKeyInfo (RFC 8410)."""
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415  workers never sign

    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def raw_bytes(key: Ed25519PublicKey) -> bytes:
    """The 32 bytes of a public key."""
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415  workers never sign

    return key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def fingerprint(key: Ed25519PublicKey) -> str:
    """SHA-256 over the key's DER form, 64 hex digits: `openssl pkey -pubin -in custody.pub -outform DER | sha256sum`."""
    return hashlib.sha256(base64.b64decode(b"".join(pem(key).splitlines()[1:-1]))).hexdigest()


def is_fingerprint_of(words: str, key: Ed25519PublicKey) -> bool:
    """Whether a person's words are this key's fingerprint: hex digits, colons and blanks allowed, or `SHA256:...` of ssh-keygen -l."""
    if words.strip().startswith("SHA256:"):
        shown = base64.b64encode(hashlib.sha256(_SSH_BLOB + raw_bytes(key)).digest()).decode("ascii").rstrip("=")
        return words.strip().removeprefix("SHA256:").rstrip("=") == shown
    return re.sub(r"[\s:]", "", words).lower() == fingerprint(key)


def read_public_key(place: Path) -> Ed25519PublicKey:
    """A public key from a PEM file or a line as in id_ed25519.pub. Raises CustodyError."""
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415  workers never sign
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415

    try:
        with place.open("rb") as stream:
            raw = stream.read(_MOST)
        read = serialization.load_ssh_public_key if raw.startswith(b"ssh-") else serialization.load_pem_public_key
        key = read(raw)
    except OSError as error:
        msg = f"{place}: cannot be read: {error.strerror}"
        raise CustodyError(msg) from None
    except (ValueError, UnsupportedAlgorithm):
        msg = f"{place}: no public key in PEM or OpenSSH form"
        raise CustodyError(msg) from None
    if not isinstance(key, Ed25519PublicKey):
        msg = f"{place}: not a public key of Ed25519"
        raise CustodyError(msg)
    return key
