"""Kinds of data and of credentials in plain words: what they are, what their loss can lead to, and what a person can do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

__all__ = ["ADVICE", "FOR_PERSONS", "NO_DATUM", "RISKS", "Risk", "advice_for", "risks_for", "words_for"]

NO_DATUM = frozenset({"confidential_marking"})  # a word on a document, no datum of a person
_DATA: Mapping[str, tuple[str, str]] = {  # kind -> plain words, risk
    "name": ("names", "contact"),
    "email_address": ("e-mail addresses", "contact"),
    "phone": ("telephone numbers", "contact"),
    "postal_address": ("postal addresses", "contact"),
    "payment_card": ("numbers of payment cards", "money"),
    "bank_account": ("numbers of bank accounts", "money"),
    "national_id": ("national identity numbers", "identity"),
    "tax_id": ("tax numbers", "identity"),
    "passport": ("passport numbers", "identity"),
    "driving_licence": ("numbers of driving licences", "identity"),
    "birth_date": ("dates of birth", "identity"),
    "salary": ("information about pay", "private"),
    "health": ("information about health", "private"),
    "special_category": ("information about beliefs, origin, union membership, sex life or the like", "private"),
    "criminal": ("information about offences or convictions", "private"),
    "minor": ("information about children", "private"),
    "confidential_marking": ("marks such as \N{LEFT SINGLE QUOTATION MARK}confidential\N{RIGHT SINGLE QUOTATION MARK}, which are no datum of a person", ""),
    "other": ("other personal details", "contact"),
}  # fmt: skip
_CREDENTIALS: Mapping[str, tuple[str, str]] = {
    "password": ("passwords", "account"),
    "one_time_code": ("codes for signing in once", "account"),
    "recovery_code": ("recovery codes", "account"),
    "otp_seed": ("secrets of a second factor", "account"),
    "reset_link": ("links for regaining an account", "account"),
    "magic_link": ("links for signing in", "account"),
    "session_id": ("identifiers of open sessions", "account"),
    "wifi": ("keys of wireless networks", "account"),
    "crypto_wallet": ("keys of wallets for crypto-currency", "money"),
    "api_key": ("keys of programming interfaces", "systems"),
    "access_token": ("access tokens", "systems"),
    "jwt": ("signed tokens (JWT)", "systems"),
    "private_key": ("private keys", "systems"),
    "connection_string": ("access data of databases", "systems"),
    "signed_url": ("signed links to files", "systems"),
    "webhook_url": ("addresses of webhooks", "systems"),
    "certificate_bundle": ("certificates with their keys", "systems"),
    "other": ("other access data", "systems"),
}
FOR_PERSONS = frozenset(kind for kind, (_, risk) in _CREDENTIALS.items() if risk != "systems")


@dataclass(frozen=True, slots=True)
class Risk:
    """What can follow, as an authority reads it and as the person concerned does."""

    formal: str
    plain: str


RISKS: Mapping[str, Risk] = {
    "contact": Risk(
        "Unwanted contact and targeted deception (phishing) of the persons concerned, with knowledge of their correspondence",
        "Somebody could write or call you and pretend to be us, or somebody you deal with, and mention things that stood in these mails.",
    ),
    "money": Risk(
        "Financial loss of the persons concerned through misuse of payment, account or wallet data",
        "Somebody could try to pay with your data, to draw money from your account, or to send you false invoices.",
    ),
    "identity": Risk(
        "Identity theft or fraud in the name of the persons concerned",
        "Somebody could try to pose as you, for example to sign a contract in your name.",
    ),
    "private": Risk(
        "Loss of confidentiality of what is private or specially protected, with embarrassment, discrimination or pressure as possible results",
        "Private matters of yours could become known to people whom they do not concern.",
    ),
    "account": Risk(
        "Access by third parties to accounts of the persons concerned, and to what those accounts hold",
        "Somebody could try to sign in to an account of yours.",
    ),
    "systems": Risk(
        "Access by third parties to systems of the organisation or of its partners, and to personal data in those systems",
        "Somebody could try to get into systems of ours or of yours with access data that stood in these mails.",
    ),
}

ADVICE: Mapping[str, str] = {
    "contact": "Be wary of mails, calls and letters that refer to your correspondence with us. Do not open links or attachments in them. If in doubt, "
    "ask us by a way that you know already. We will not ask you for secret codes or for payments because of this incident.",
    "money": "Check the statements of your accounts and cards, tell your bank or card issuer, and dispute what you do not know. Check any "
    "changed bank details on an invoice by telephone before you pay.",
    "identity": "Watch for letters about contracts that you did not sign. Report misuse of an identity document to whoever issued it.",
    "private": "If somebody confronts you with something that only these mails tell, let us know, and do not give in to pressure.",
    "password": "Change the password that stood in the mail, at once, and everywhere else where you use the same one. Switch on a second factor where you can.",
    "one_time_code": "The codes work no longer. They could be used when they were sent: check your account for sign-ins that you do not know.",
    "recovery_code": "Make new recovery codes; that makes the old ones useless.",
    "otp_seed": "Set up your second factor anew, so that the old one stops working.",
    "reset_link": "Check your account for changes and sign-ins that you did not make, and secure it anew.",
    "magic_link": "Check your account for sign-ins that you do not know, and sign out everywhere.",
    "session_id": "Sign out of all sessions of your account, then sign in again.",
    "wifi": "Change the key of the wireless network.",
    "crypto_wallet": "Move what the wallet holds to a new one: keys that others have seen cannot be made safe again.",
    "systems": "If you run a system whose keys or tokens stood in mails from us, replace them and look for use that is not yours.",
}  # fmt: skip


def words_for(kind: str, *, credential: bool = False) -> str:
    """A kind of the contract in plain words; one that is not in the contract by its own name."""
    return (_CREDENTIALS if credential else _DATA).get(kind, (kind.replace("_", " "), ""))[0]


def risks_for(data: Iterable[str], credentials: Iterable[str]) -> list[Risk]:
    """What can follow from these kinds, each risk once. Mail always tells of contacts."""
    found = {
        "contact",
        *(_DATA[one][1] for one in data if one in _DATA),
        *(_CREDENTIALS[one][1] for one in credentials if one in _CREDENTIALS),
    }
    return [risk for name, risk in RISKS.items() if name in found]


def advice_for(data: Iterable[str], credentials: Iterable[str]) -> list[str]:
    """What a person can do about these kinds, each advice once."""
    opened = set(credentials)
    found = {"contact", *(_DATA[one][1] for one in data if one in _DATA), *(one for one in opened if one in FOR_PERSONS)}
    if any(_CREDENTIALS.get(one, ("", "systems"))[1] == "systems" for one in opened):
        found.add("systems")
    return [advice for name, advice in ADVICE.items() if name in found]
