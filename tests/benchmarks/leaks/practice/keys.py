"""Private keys, key stores, wallets and signed tokens, well formed and belonging to nobody."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
import textwrap

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from benchmarks.leaks.checksums import seed_checks
from benchmarks.leaks.planted import File, Secret
from benchmarks.leaks.practice.checks import base58check

__all__ = ["BUNDLES", "JWTS", "PRIVATE_KEYS", "WALLETS"]

_PUBLISHED_SEEDS = (  # test vectors of BIP39's authors
    "legal winner thank year wave sausage worth useful legal winner thank yellow",
    "letter advice cage absurd amount doctor acoustic avoid letter advice cage above",
    "scheme spot photo card baby mountain device kick cradle pact join borrow",
    "cat swing flag economy stadium alone churn speed unique patch report train",
    "ozone drill grab fiber curtain grace pudding thank cruise elder eight picnic",
    "vessel ladder alter error federal sibling chat ability sun glass valve picture",
    "gravity machine north sort system female filter attitude volume fold club stay feature office ecology stable narrow fog",
    "hamster diagram private dutch cause delay private meat slide toddler razor book happy fancy gospel tennis maple dilemma loan word shrug inflict delay length",
)
_FIRST_WORDS = (  # the first of BIP39's 2,048 words
    "abandon", "ability", "able", "about", "above", "absent", "absorb", "abstract", "absurd", "abuse", "access", "accident", "account", "accuse",
    "achieve", "acid", "acoustic", "acquire", "across", "act", "action", "actor", "actress", "actual", "adapt", "add", "addict", "address", "adjust",
    "admit", "adult", "advance", "advice", "aerobic", "affair", "afford", "afraid", "again", "age", "agent", "agree", "ahead", "aim", "air",
    "airport", "aisle", "alarm", "album", "alcohol", "alert", "alien", "all", "alley", "allow", "almost", "alone", "alpha", "already", "also",
    "alter", "always", "amateur", "amazing", "among", "amount", "amused", "analyst", "anchor", "ancient", "anger",
)  # fmt: skip


def _pem(name: str, der: bytes, headers: str = "") -> str:
    lines = "\n".join(textwrap.wrap(base64.b64encode(der).decode(), 64))
    return f"-----BEGIN {name}-----\n{headers}{lines}\n-----END {name}-----"


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    length = bytes([size]) if size < 128 else bytes([0x82]) + size.to_bytes(2, "big")
    return bytes([tag]) + length + content


def _key(text: str) -> Secret:
    return Secret("private_key", "generic", text, "private_key", "PRIVATE_KEY")


def _rsa(rng: random.Random) -> Secret:
    """PKCS#1 (RFC 8017, A.1.2): nine integers, of the right sizes only."""
    sizes = (256, 3, 256, 128, 128, 128, 128, 128)
    numbers = [_der(2, b"\0"), *(_der(2, bytes([rng.randrange(1, 127)]) + rng.randbytes(size - 1)) for size in sizes)]
    return _key(_pem("RSA PRIVATE KEY", _der(0x30, b"".join(numbers))))


def _ed25519(rng: random.Random) -> Secret:
    key = ed25519.Ed25519PrivateKey.from_private_bytes(rng.randbytes(32))
    return _key(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode().rstrip())


def _elliptic(rng: random.Random) -> Secret:
    key = ec.derive_private_key(rng.getrandbits(250) + 1, ec.SECP256R1())
    form = rng.choice((PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL))
    return _key(key.private_bytes(Encoding.PEM, form, NoEncryption()).decode().rstrip())


def _locked(rng: random.Random) -> Secret:
    if rng.random() < 0.5:
        headers = f"Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,{rng.randbytes(16).hex().upper()}\n\n"
        return _key(_pem("RSA PRIVATE KEY", rng.randbytes(1200), headers))
    return _key(_pem("ENCRYPTED PRIVATE KEY", _der(0x30, rng.randbytes(1296))))


def _string(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def _openssh(rng: random.Random) -> Secret:
    """OpenSSH's PROTOCOL.key, without a cipher."""
    seed, public, check = rng.randbytes(32), rng.randbytes(32), rng.randbytes(4)
    name = b"ssh-ed25519"
    inner = check * 2 + _string(name) + _string(public) + _string(seed + public) + _string(b"jana@werkstatt")
    inner += bytes(range(1, -len(inner) % 8 + 1))
    outer = b"openssh-key-v1\0" + _string(b"none") * 2 + _string(b"") + (1).to_bytes(4, "big")
    return _key(_pem("OPENSSH PRIVATE KEY", outer + _string(_string(name) + _string(public)) + _string(inner)))


def _putty(rng: random.Random) -> Secret:
    lines = textwrap.wrap(base64.b64encode(rng.randbytes(36)).decode(), 64)
    public = textwrap.wrap(base64.b64encode(_string(b"ssh-ed25519") + _string(rng.randbytes(32))).decode(), 64)
    text = (
        f"PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nComment: notebook\nPublic-Lines: {len(public)}\n"
        + "\n".join(public)
        + f"\nPrivate-Lines: {len(lines)}\n"
        + "\n".join(lines)
        + f"\nPrivate-MAC: {rng.randbytes(32).hex()}"
    )
    return _key(text)


def _pgp(rng: random.Random) -> Secret:
    lines = "\n".join(textwrap.wrap(base64.b64encode(b"\x94" + rng.randbytes(700)).decode(), 64))
    check = base64.b64encode(rng.randbytes(3)).decode()
    return _key(f"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n{lines}\n={check}\n-----END PGP PRIVATE KEY BLOCK-----")


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _jwt(rng: random.Random) -> Secret:
    header = rng.choice(({"alg": "HS256", "typ": "JWT"}, {"typ": "JWT", "alg": "RS256", "kid": "2025-09"}, {"alg": "ES256"}))
    claims: dict[str, object] = rng.choice((
        {"sub": str(rng.randrange(10**6)), "role": "service_role", "exp": 1_790_000_000},
        {"iss": "https://id.transcargo.example", "aud": "api", "scope": "read write", "iat": 1_757_000_000},
        {"user_id": rng.randrange(10**5), "email": "jana@planwerk.example", "exp": 1_757_600_000},
    ))  # fmt: skip
    held = ".".join(_base64url(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))
    size = 256 if header["alg"] == "RS256" else 64 if header["alg"] == "ES256" else 32
    signature = rng.randbytes(size) if size > 32 else hmac.new(rng.randbytes(8), held.encode(), hashlib.sha256).digest()
    return Secret("jwt", "generic", f"{held}.{_base64url(signature)}", "jwt", "JWT")


def _jwt_in_header(rng: random.Random) -> Secret:
    value = _jwt(rng).value
    whole = rng.choice(
        (
            "Authorization: Bearer {0}",
            "curl -H 'Authorization: Bearer {0}' https://api.planwerk.example/v2/me",
            "Cookie: jwt={0}; Path=/",
        )
    )
    return Secret("jwt", "generic", value, "pasted", "JWT", "", whole.format(value))


def _seed_phrase(rng: random.Random) -> Secret:
    text = rng.choice(_PUBLISHED_SEEDS)
    whole = text
    if rng.random() < 0.3:
        whole = "\n".join(f"{place}. {word}" for place, word in enumerate(text.split(), 1))
    return Secret("crypto_wallet", "generic", text if whole == text else whole, "wallet", "SEED_PHRASE", "", whole, also=(text,))


def _drawn_seed(rng: random.Random) -> Secret:
    while True:
        places = [rng.randrange(len(_FIRST_WORDS)) for _ in range(12)]
        if seed_checks(places):
            return Secret("crypto_wallet", "generic", " ".join(_FIRST_WORDS[place] for place in places), "wallet", "MNEMONIC")


def _wif(rng: random.Random) -> Secret:
    value = base58check(b"\x80" + rng.randbytes(32) + rng.choice((b"", b"\1")))
    return Secret("crypto_wallet", "generic", value, "wallet_key", "WALLET_WIF")


def _extended(rng: random.Random) -> Secret:
    value = base58check(bytes.fromhex("0488ADE4") + b"\0" * 9 + rng.randbytes(32) + b"\0" + rng.randbytes(32))
    return Secret("crypto_wallet", "generic", value, "wallet_key", "XPRV")


def _store(rng: random.Random) -> Secret:
    name, media, data = rng.choice((
        ("mobile-signing.jks", "application/octet-stream", bytes.fromhex("FEEDFEED00000002") + rng.randbytes(1800)),
        ("tresor.kdbx", "application/octet-stream", bytes.fromhex("03D9A29A67FB4BB500000400") + rng.randbytes(2400)),
        ("zertifikat-2025.p12", "application/x-pkcs12", _pkcs12(rng)),
        ("wildcard_export.pfx", "application/octet-stream", _pkcs12(rng)),
        ("release.keystore", "application/octet-stream", bytes.fromhex("FEEDFEED00000002") + rng.randbytes(900)),
    ))  # fmt: skip
    return Secret("certificate_bundle", "generic", name, "bundle", "KEYSTORE", file=File(media, name, data))


def _pkcs12(rng: random.Random) -> bytes:
    """The outer shape of RFC 7292: version 3, a safe of data, a MAC."""
    safe = _der(0x30, bytes.fromhex("06092A864886F70D010701") + _der(0xA0, _der(4, rng.randbytes(1500))))
    algorithm = _der(0x30, bytes.fromhex("0609608648016503040201") + b"\x05\0")
    mac = _der(0x30, _der(0x30, algorithm + _der(4, rng.randbytes(32))) + _der(4, rng.randbytes(8)) + _der(2, b"\x08\0"))
    return _der(0x30, _der(2, b"\3") + safe + mac)


PRIVATE_KEYS = (_rsa, _ed25519, _elliptic, _locked, _openssh, _putty, _pgp)
JWTS = (_jwt, _jwt, _jwt_in_header)
WALLETS = (_seed_phrase, _drawn_seed, _wif, _extended)
BUNDLES = (_store,)
