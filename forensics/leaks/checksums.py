"""Checksums and structures that vendors build into their tokens: whether they hold."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import zlib

__all__ = [
    "is_age_key", "is_confluent_sum", "is_data_center_token", "is_discord_token", "is_gitlab_sum", "is_json_inside", "is_nkey_seed",
    "is_reference_token", "is_ripple_seed", "is_stellar_seed",
]  # fmt: skip

_BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"
_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_RIPPLE58 = "rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz"
_STELLAR_SEED = 18 << 3  # version byte of SEP-23; its base 32 begins with "S"
_RIPPLE_SEEDS = {17: (0x21,), 20: (0x01, 0xE1, 0x4B)}  # length of what is summed -> family seed, and ed25519 seed


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _decoded(text: str) -> bytes:
    """The bytes of base64 or base64url text, padding optional; empty if it is neither."""
    bare = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _crc16(content: bytes) -> int:
    """CRC-16/XMODEM, as in nkeys and Stellar's addresses."""
    return binascii.crc_hqx(content, 0)


def _is_crc16_base32(text: str) -> bytes:
    """The bytes before the checksum of base 32 text whose last two bytes are their CRC-16, little-endian; empty if they are not."""
    try:
        raw = base64.b32decode(text + "=" * (-len(text) % 8))
    except (binascii.Error, ValueError):
        return b""
    content, written = raw[:-2], raw[-2:]
    return content if _crc16(content) == int.from_bytes(written, "little") else b""


def is_gitlab_sum(token: str) -> bool:
    """GitLab's routable tokens: the last 7 characters are the CRC32 of all before them in base 36, zero-padded.

    See GitLab's documentation of token formats (docs.gitlab.com/security/tokens).
    """
    number, digits = zlib.crc32(_utf8(token[:-7])), ""
    while number:
        number, rest = divmod(number, 36)
        digits = _BASE36[rest] + digits
    return token[-7:] == digits.rjust(7, "0")


def is_confluent_sum(secret: str) -> bool:
    """Confluent Cloud's secrets: the last 6 of 60 characters are base64 of the CRC32 of the first 54, little-endian."""
    written = base64.b64encode(zlib.crc32(_utf8(secret[:54])).to_bytes(4, "little")).decode()
    return secret[54:] == written.rstrip("=")


def is_json_inside(token: str) -> bool:
    """Whether the part from "eyJ" on is base64 of a JSON object; a signature may follow after "_" or "."."""
    start = token.find("eyJ")
    body = token[start:] if start >= 0 else ""
    for part in (body, *re.split(r"[_.]", body, maxsplit=1)[:1]):
        try:
            if isinstance(json.loads(_decoded(part)), dict):
                return True
        except (ValueError, RecursionError):
            continue  # no JSON in this part; perhaps in the other
    return False


def is_reference_token(token: str) -> bool:
    """JFrog's reference tokens are base64 of "reftkn:" and fields behind it."""
    return _decoded(token).startswith(b"reftkn:")


def is_data_center_token(token: str) -> bool:
    """Tokens of Atlassian's own-server products are base64 of a number, a colon and random bytes."""
    return re.match(rb"\d{6,16}:.{8}", _decoded(token), re.DOTALL) is not None


def is_discord_token(token: str) -> bool:
    """A Discord token's first part is base64 of the account's id: 17 to 20 digits."""
    return re.fullmatch(rb"\d{17,20}", _decoded(token.partition(".")[0])) is not None


def is_age_key(key: str) -> bool:
    """Bech32 (BIP 173), as in age's secret keys: the checksum over prefix and digits is 1."""
    prefix, _, body = key.lower().rpartition("1")
    digits = [_BECH32.find(char) for char in body]
    if not prefix.isascii() or min(digits, default=-1) < 0:
        return False
    check = 1
    for value in [ord(char) >> 5 for char in prefix] + [0] + [ord(char) & 31 for char in prefix] + digits:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= generator if top >> bit & 1 else 0
    return check == 1


def is_nkey_seed(seed: str) -> bool:
    """A NATS seed: base 32 whose last two bytes are the CRC-16 of the others (github.com/nats-io/nkeys)."""
    return bool(_is_crc16_base32(seed))


def is_stellar_seed(seed: str) -> bool:
    """A Stellar secret seed (SEP-23): version byte, 32 bytes, CRC-16."""
    return _is_crc16_base32(seed)[:1] == bytes([_STELLAR_SEED])


def is_ripple_seed(seed: str) -> bool:
    """A seed of the XRP Ledger: base58check in its own alphabet, payload type "family seed" (xrpl.org, base58 encodings)."""
    number = 0
    for char in seed[:64]:
        position = _RIPPLE58.find(char)
        if position < 0:
            return False
        number = number * 58 + position
    raw = number.to_bytes((number.bit_length() + 7) // 8, "big")
    content, written = raw[:-4], raw[-4:]
    digest = hashlib.sha256(hashlib.sha256(content).digest()).digest()
    kind = bytes(_RIPPLE_SEEDS.get(len(content), ()))
    return bool(kind) and len(content) == len(kind) + 16 and digest[:4] == written and content.startswith(kind)
