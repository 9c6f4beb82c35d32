"""Values made unreadable: previews, keyed fingerprints, texts with their secrets taken out."""

from __future__ import annotations

import hmac
import re
import unicodedata

import regex

from forensics.leaks.ruleset import Ruleset, fold
from forensics.leaks.search import hits_in

__all__ = ["fingerprint", "keyed", "preview", "redact"]

_SHOWN = 4  # characters at either end
_SHORT = 16  # below this, ends would give away too much

_NUMBERS = frozenset({"payment_card", "bank_account", "national_id", "tax_id", "phone", "passport"})
# control and format characters: invisible, but they move what is beside them, or break words that rules look for
_INVISIBLE = regex.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]"
)
_BREAKS: re.Pattern[str] = re.compile(r"[\t\n\r\u2028\u2029]+")
_SURROGATES = regex.compile(r"[\ud800-\udfff]")
# what a mail server says of most messages: there is nothing in it but the id that it gave
_TAKEN = re.compile(
    r"(?:smtp;)?\(?2\d\d[ -](?:2\.\d\.\d )?[Oo][Kk][:.,]?(?: queued as [0-9A-Za-z]{6,16}| id=[0-9A-Za-z]{6}-[0-9A-Za-z]{6,11}-[0-9A-Za-z]{2,4})?\)?"
)
_UNSEARCHED = "[redacted: could not be searched]"


def preview(secret: str) -> str:
    """First and last four characters of a secret of 16 or more; of a shorter one its length and character classes."""
    if len(secret) >= _SHORT:
        return f"{_visible(secret[:_SHOWN])}…{_visible(secret[-_SHOWN:])}"
    classes = [name for name, has in _CLASSES if any(has(char) for char in secret)]
    plural = "" if len(secret) == 1 else "s"
    return f"{len(secret)} character{plural}: {', '.join(classes) or 'none'}"


_CLASSES = (
    ("lower", str.islower),
    ("upper", str.isupper),
    ("digits", str.isdigit),
    ("letters", lambda char: char.isalpha() and not char.islower() and not char.isupper()),  # scripts without case
    ("blanks", str.isspace),
    ("symbols", lambda char: not char.isalnum() and not char.isspace()),
)


def _visible(text: str) -> str:
    return text if text.isprintable() else "".join(char if char.isprintable() else " " for char in text)


def fingerprint(value: str, kind: str, key: bytes) -> str:
    """HMAC-SHA256 of the normalised value under the case's key, hex: equal secrets are equal, however they are written."""
    return keyed(normalised(value, kind), key)


def keyed(normal: str, key: bytes) -> str:
    """As `fingerprint`, of a value that is normalised."""
    return hmac.digest(key, normal.encode("utf-8", "surrogatepass"), "sha256").hex()


def normalised(value: str, kind: str) -> str:
    """The form in which values are compared: numbers without blanks and dashes, words of a phrase by single blanks, else as is."""
    value = unicodedata.normalize("NFC", value)
    if kind in _NUMBERS or kind in {"one_time_code", "otp_seed"}:
        return re.sub(r"[\s().>\-]", "", value).upper()  # ">" where a quoted line ends within it
    if kind in {"private_key", "certificate_bundle"}:
        return "".join(value.split())
    if kind in {"crypto_wallet", "name", "postal_address", "email_address"}:
        return " ".join(value.split()).lower()
    return value.strip()


def redact(text: str, rules: Ruleset) -> str:
    """A subject or a remote reply with every credential, card, account and identity number replaced by `[redacted KIND]`.

    Control characters vanish, too. A text that cannot be searched in time is replaced as a whole.
    """
    if _TAKEN.fullmatch(text):
        return text
    spaced = not text.isprintable()
    if spaced:
        text = _SURROGATES.sub("\ufffd", _INVISIBLE.sub("", text))
    try:
        shown = _without_secrets(text, rules)
    except TimeoutError:
        return _UNSEARCHED
    return " ".join(_BREAKS.split(shown)) if spaced else shown


def _without_secrets(text: str, rules: Ruleset) -> str:
    """The text with its findings replaced. Raises TimeoutError rather than show what could not be searched."""
    if not rules.gate.search(fold(text)):
        return text
    hits, unread = hits_in(text, rules, redacting=True)
    if unread:
        raise TimeoutError
    parts, done = [], 0
    for hit in hits:
        parts += [text[done : hit.start], f"[redacted {hit.rule.kind}]"]
        done = hit.end
    parts.append(text[done:])
    return "".join(parts)
