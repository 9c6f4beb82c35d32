"""What is planted in the mails: credentials, harmless ones, personal data."""

from __future__ import annotations

import random
import re
import uuid
from dataclasses import dataclass

from .tokens import AN, chars, checked, iban, json_web_token, private_key


@dataclass(frozen=True, slots=True)
class Plant:
    """A credential or personal datum, the pool of mails it goes to, its part there, and the words around it."""

    pool: str
    part: str
    kind: str
    service: str
    value: str
    words: str  # text, HTML fragment, subject or content of the file
    transfer: str = ""
    also: tuple[str, ...] = ()  # other secret values that belong to the same credential


def credentials(rng: random.Random) -> list[Plant]:
    """What was mailed and left with a hidden copy. Prefixes are cut so that no scanner takes this file for a leak."""
    hexes = "0123456789abcdef"
    key_id, key = "AK" + "IA" + chars(rng, 16, AN[:26] + "234567"), chars(rng, 40)
    github, npm = checked("g" + "hp", rng), checked("n" + "pm", rng)
    hook = f"https://hooks.sl{'ack.com'}/services/T0{chars(rng, 9, AN[:26])}/B0{chars(rng, 9, AN[:26])}/{chars(rng, 24)}"
    bot = f"xo{'xb'}-{chars(rng, 12, AN[53:])}-{chars(rng, 13, AN[53:])}-{chars(rng, 24)}"
    token = str(uuid.UUID(int=rng.getrandbits(128), version=4))
    grid = f"S{'G.'}{chars(rng, 22)}.{chars(rng, 43)}"
    model = f"s{'k-pr'}oj-{chars(rng, 58)}T3Blb{'kFJ'}{chars(rng, 58)}"
    sign = chars(rng, 64, hexes)
    signed = (
        f"https://reports-acme.s3.eu-central-1.amazonaws.example/q3.pdf?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=20250918T080000Z"
        f"&X-Amz-Expires=604800&X-Amz-SignedHeaders=host&X-Amz-Signature={sign}"
    )
    stripe, lab, jwt, pem = f"s{'k_li'}ve_{chars(rng, 24)}", f"gl{'pat'}-{chars(rng, 20)}", json_web_token(rng), private_key(rng)
    reset, magic = chars(rng, 40), chars(rng, 32)
    seed, cookie = chars(rng, 32, AN[:26] + "234567"), chars(rng, 32, "0123456789ABCDEF")
    codes = [f"{chars(rng, 4, hexes)}-{chars(rng, 4, hexes)}" for _ in range(6)]
    cut, entity = len(github) // 2, f"{stripe[:9]}&#{ord(stripe[9])};{stripe[10:]}"
    text, page = "text/plain", "text/html"
    return [
        Plant("api", page, "access_token", "github", github, f"<p>Token for the build: <b>{github[:cut]}</b><i>{github[cut:]}</i></p>\n"),
        Plant("api", text, "api_key", "aws", key, f"AWS access for the export:\nAccess key ID: {key_id}\nSecret access key: {key}", also=(key_id,)),
        Plant("api", text, "webhook_url", "slack", hook, f"Post the alarms here: {hook}"),
        Plant("api", page, "api_key", "stripe", stripe, f"<p>Stripe key of the shop: <span>{entity}</span></p>\n"),
        Plant("api", text, "api_key", "postmark", token, f"Send with the header X-Postmark-Server-Token: {token}"),
        Plant("api", text, "password", "generic", "Kranich!4711-Ost", "The password for the dealer portal is Kranich!4711-Ost\nPlease keep it."),
        Plant("api", text, "password", "generic", "Nebel#Turm29", "Ihr Benutzername lautet nordwerk, das Passwort lautet Nebel#Turm29"),
        Plant("api", text, "jwt", "generic", jwt, f"Use this bearer token in the test system:\n{jwt}"),
        Plant("api", text, "private_key", "generic", pem, f"The key for the deploy account:\n\n{pem}"),
        Plant("api", text, "magic_link", "generic", magic, f"Sign in without a password:\nhttps://shop.acme.example/magic-login?login_token={magic}"),
        Plant("api", "header:subject", "one_time_code", "generic", "482913", "482913 is your Acme verification code"),
        Plant("api", text, "otp_seed", "generic", seed, f"Second factor: otpauth://totp/Acme:agent?secret={seed}&issuer=Acme"),
        Plant("api_copied", "attachment:.env", "password", "generic", "vq7Lw2-Tarn!", "APP_ENV=production\nDB_HOST=db1\nDB_PASSWORD=vq7Lw2-Tarn!\n"),
        Plant("api_copied", "attachment:handover.docx", "password", "generic", "Bern-Ufer&83", "Login: service|Password: Bern-Ufer&83"),
        Plant("api_copied", "attachment:access.xlsx", "password", "generic", "Quitte%5512x", "Password|Quitte%5512x"),
        Plant("api_copied", "attachment:runbook.pdf", "access_token", "gitlab", lab, f"GitLab token: {lab}"),
        Plant("api_copied", "attachment:conf.zip/settings.ini", "password", "generic", "zw0lf.Rehe-12", "[mail]\nuser = relay\npassword = zw0lf.Rehe-12\n"),
        Plant("shop", text, "access_token", "slack", bot, f"Token of the bot:\n{bot}", "quoted-printable"),
        Plant("shop", text, "access_token", "npm", npm, f"For the private registry use {npm}", "base64"),
        Plant("shop", text, "connection_string", "generic", "Vt9-hafen.LUX", "Server=db1.acme.example;Database=shop;User Id=app;Password=Vt9-hafen.LUX;"),
        Plant("shop", text, "signed_url", "aws", sign, f"Your report for seven days: {signed}"),
        Plant("shop", text, "reset_link", "generic", reset, f"Reset your password:\nhttps://shop.acme.example/password/reset?reset_token={reset}"),
        Plant("shop", "header:subject", "one_time_code", "generic", "739105", "Ihr Bestätigungscode für Acme lautet 739105"),
        Plant("shop", text, "recovery_code", "generic", codes[0], "Your recovery codes, keep them safe:\n" + "\n".join(codes), also=tuple(codes[1:])),
        Plant("shop", text, "wifi", "generic", "GastZugang-88-Elbe", "WLAN im Schulungsraum: Netz Acme-Gast, WLAN-Passwort: GastZugang-88-Elbe"),
        Plant("shop", text, "session_id", "generic", cookie, f"This call failed:\nCookie: JSESSIONID={cookie}"),
        Plant("shop", text, "api_key", "sendgrid", grid, f"SendGrid key of the newsletter: {grid}"),
        Plant("shop", text, "api_key", "openai", model, f"The assistant runs with this OpenAI key:\n{model}"),
    ]  # fmt: skip


def harmless(rng: random.Random) -> list[Plant]:
    """Credentials in mail that nobody copied: none of them may be reported."""
    text = "text/plain"
    reset, github = chars(rng, 40), checked("g" + "hp", rng)
    sendgrid, stripe = f"S{'G.'}{chars(rng, 22)}.{chars(rng, 43)}", f"s{'k_li'}ve_{chars(rng, 24)}"
    return [
        Plant("clean_template", text, "reset_link", "generic", reset, f"Reset: https://shop.acme.example/password/reset?reset_token={reset}"),
        Plant("clean_template", "header:subject", "one_time_code", "generic", "650274", "650274 is your Acme verification code"),
        Plant("clean_template", text, "password", "generic", "Moos+Farn-61", "Your first password is Moos+Farn-61"),
        Plant("clean_mcp", text, "access_token", "github", github, f"Token for the build: {github}"),
        Plant("clean_mcp", text, "password", "generic", "Pegel=Stand7", "Das Kennwort lautet Pegel=Stand7"),
        Plant("clean_staff", text, "api_key", "sendgrid", sendgrid, f"Key: {sendgrid}", "base64"),
        Plant("clean_staff", text, "connection_string", "generic", "Anker_2201k", "postgresql://app:Anker_2201k@db2.acme.example:5432/erp"),
        Plant("clean_staff", "attachment:.env", "api_key", "stripe", stripe, f"STRIPE_SECRET_KEY={stripe}\n"),
        Plant("clean_inbound", text, "password", "generic", "Drossel/44/Nest", "Our portal password is Drossel/44/Nest"),
        Plant("clean_invoice", text, "password", "generic", "Linde-9-Schloss", "The PDF opens with the password Linde-9-Schloss"),
    ]  # fmt: skip


def personal() -> list[Plant]:
    """Personal data in exposed mail: test numbers and reserved ranges only."""
    text, german, british = "text/plain", iban("DE", "100000000123456789"), iban("GB", "ACME10000012345678")
    return [
        Plant("api", text, "bank_account", "", german, f"Please transfer the deposit to IBAN {' '.join(re.findall('.{1,4}', german))}."),
        Plant("api", text, "payment_card", "", "4111111111111111", "Card on file: 4111 1111 1111 1111, valid until 04/27."),
        Plant("api", text, "birth_date", "", "1984-03-12", "The new colleague's date of birth: 1984-03-12."),
        Plant("api", text, "salary", "", "4,350", "Your monthly gross salary will be 4,350 euros from October."),
        Plant("api", text, "health", "", "burnout", "Peter is on sick leave with the diagnosis burnout until Friday."),
        Plant("shop", text, "phone", "", "+44 20 7946 0018", "Call the driver: phone +44 20 7946 0018."),
        Plant("shop", text, "postal_address", "", "Lindenstraße 12, 10969 Berlin", "Lieferadresse: Lindenstraße 12, 10969 Berlin"),
        Plant("shop", text, "payment_card", "", "5555555555554444", "Paid by credit card 5555-5555-5555-4444."),
        Plant("shop", text, "bank_account", "", british, f"Refund to {british} within five days."),
        Plant("shop", text, "birth_date", "", "07.11.1979", "Geburtsdatum der Empfängerin: 07.11.1979"),
    ]  # fmt: skip
