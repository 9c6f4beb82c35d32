"""Secrets and account numbers with the right shape, of noise."""

from __future__ import annotations

import base64
import json
import random
import struct
import zlib

from .identifiers import in_base

AN = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def chars(rng: random.Random, count: int, alphabet: str = AN) -> str:
    """So many characters of an alphabet, drawn at random."""
    return "".join(rng.choice(alphabet) for _ in range(count))


def checked(prefix: str, rng: random.Random) -> str:
    """A token whose last six characters are the CRC32 of the thirty before, in base 62 (GitHub's and npm's form)."""
    body = chars(rng, 30)
    return f"{prefix}_{body}{in_base(zlib.crc32(body.encode()), 62, '0123456789' + AN[:52]):0>6}"


def iban(country: str, account: str) -> str:
    """An account number with right check digits (ISO 13616: mod 97)."""
    digits = "".join(str(int(char, 36)) for char in f"{account}{country}00")
    return f"{country}{98 - int(digits) % 97:02d}{account}"


def json_web_token(rng: random.Random) -> str:
    """A signed token (RFC 7519): true header and claims, a signature of noise."""
    parts = ({"alg": "HS256", "typ": "JWT"}, {"sub": "agent-7", "iss": "acme", "iat": 1758200000, "exp": 1789736000})
    head = ".".join(base64.urlsafe_b64encode(json.dumps(one).encode()).decode().rstrip("=") for one in parts)
    return f"{head}.{chars(rng, 43)}"


def private_key(rng: random.Random) -> str:
    """An unencrypted OpenSSH key of the right shape; the numbers in it are noise."""
    seed, public = rng.randbytes(32), rng.randbytes(32)

    def wire(*fields: bytes) -> bytes:
        return b"".join(struct.pack(">I", len(one)) + one for one in fields)

    inner = b"\x01\x02\x03\x04" * 2 + wire(b"ssh-ed25519", public, seed + public, b"deploy") + b"\x01\x02\x03"
    outer = b"openssh-key-v1\0" + wire(b"none", b"none", b"") + b"\0\0\0\x01" + wire(wire(b"ssh-ed25519", public), inner)
    label = "OPENSSH PRIVATE" + " KEY-----"
    return f"-----BEGIN {label}\n{base64.encodebytes(outer).decode()}-----END {label}"
