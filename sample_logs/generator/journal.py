"""The journal mailbox: delivered copies and inbound mail, as mboxrd."""

from __future__ import annotations

import base64
import quopri
import re
import zlib
from collections.abc import Iterable, Iterator
from datetime import timedelta

from .company import OWN, SERVER, name_of
from .mail import Mail
from .recipients import JOURNAL


def encoded_word(text: str) -> str:
    """RFC 2047, in pieces short enough for its limit of 75 characters."""
    if text.isascii():
        return text
    pieces = [text[at : at + 12] for at in range(0, len(text), 12)]
    return "\n ".join(f"=?utf-8?b?{base64.b64encode(piece.encode()).decode()}?=" for piece in pieces)


def entity(media: str, content: bytes, transfer: str, name: str = "", broken: str = "") -> str:
    """A MIME entity (RFC 2045): headers and encoded body; a soft line break cuts `broken` in two."""
    head = f'Content-Type: {media}; name="{name}"' if name else f"Content-Type: {media}; charset=utf-8"
    attachment = f'\nContent-Disposition: attachment; filename="{name}"' if name else ""
    if transfer == "base64":
        body = base64.encodebytes(content).decode()
    elif transfer == "quoted-printable":
        body = quopri.encodestring(content).decode()
        body = body.replace(broken, f"{broken[:19]}=\n{broken[19:]}") if broken else body
    else:
        body = content.decode()
    return f"{head}\nContent-Transfer-Encoding: {transfer}{attachment}\n\n{body}"


def multipart(kind: str, key: str, parts: list[str]) -> str:
    """Several entities as one, behind a boundary made from `key`; a single one stays as it is."""
    if len(parts) == 1:
        return parts[0]
    mark = f"=_{kind[:3]}{zlib.crc32(key.encode()):08x}"
    inner = "".join(f"--{mark}\n{part.rstrip(chr(10))}\n" for part in parts)
    return f'Content-Type: multipart/{kind}; boundary="{mark}"\n\n{inner}--{mark}--\n'


def mime(mail: Mail) -> str:
    """Content headers and body of a mail."""
    views = [("text/plain", mail.text)] + ([("text/html", mail.html)] if mail.html else [])
    texts = [
        entity(media, text.encode(), mail.transfer or ("7bit" if text.isascii() else "quoted-printable"), broken=mail.broken)
        for media, text in views
    ]
    files = [entity(media, content, "base64", name) for name, media, content in mail.files]
    return multipart("mixed", mail.key, [multipart("alternative", mail.key, texts), *files])


def journal_copy(mail: Mail) -> str:
    """A delivered copy: what a mailbox holds. It never has a Bcc header."""
    own = next((one for one in (*mail.to, *mail.cc) if one.endswith("@" + OWN)), JOURNAL)
    reader = own if mail.by_api or mail.way == "inbound" else JOURNAL
    local = mail.at + timedelta(hours=2)
    date = f"{local:%a, %d %b %Y %H:%M:%S} +0200"
    gate = "mta21.mtasv.net" if mail.by_api else f"{mail.host or 'mx'}.{OWN if mail.host else mail.sender.partition('@')[2]}"
    head = [
        f"From {mail.sender} {mail.at:%a %b %d %H:%M:%S %Y}", f"Return-Path: <{mail.sender}>", f"Delivered-To: {reader}",
        f"Received: from {gate} ({gate} [192.0.2.30])\n\tby mail.{OWN} (Postfix) with ESMTPS\n\tfor <{reader}>; {date}",
    ]  # fmt: skip
    if mail.by_api:
        bare = mail.key.partition("@")[0]
        head += [f"X-PM-Message-Id: {bare}", f"Feedback-ID: s{SERVER}-b3V0:s{SERVER}:a815:postmark"]
    elif mail.host:
        head.append(
            f"Received: from app1.{OWN} (app1.{OWN} [192.0.2.10])\n\tby {gate} (Postfix) with ESMTPSA id {mail.queue};\n\t{date}"
        )
    head += [
        f"{name}: {shown_list(addresses)}"
        for name, addresses in (("From", (mail.sender,)), ("To", mail.to), ("Cc", mail.cc))
        if addresses
    ]
    head += [f"Subject: {encoded_word(mail.subject)}", f"Date: {date}", f"Message-Id: <{mail.key}>"]
    if mail.parent:
        head += [f"In-Reply-To: <{mail.parent}>", f"References: <{mail.parent}>"]
    top, _, body = mime(mail).partition("\n\n")
    return "\n".join([*head, "MIME-Version: 1.0", top]) + "\n\n" + re.sub(r"(?m)^(>*From )", r">\1", body).rstrip("\n") + "\n\n"


def shown_list(addresses: Iterable[str]) -> str:
    """Addresses with names; a name of two words is turned round with its comma, as directories do."""
    shown = []
    for one in addresses:
        (first, _, last), mark = name_of(one).partition(" "), zlib.crc32(one.encode())
        written = one.title() if mark % 7 == 2 and not one.endswith(OWN) else one  # some write capitals
        turned = f'"{last}, {first}"' if mark % 5 == 0 and last else name_of(one)
        shown.append(f"{turned} <{written}>".strip())
    return ",\n ".join(shown)


def journal_files(mails: list[Mail]) -> Iterator[tuple[str, bytes]]:
    """The mailbox as one file: path and bytes. A few copies lie in it twice."""
    copies = []
    for mail in mails:
        if mail.copied and mail.way != "forwarded":
            text = journal_copy(mail)
            copies += [text, text] if zlib.crc32(mail.key.encode()) % 50 == 0 else [text]  # two readers, one mailbox
    yield "journal/company.mbox", "".join(copies).encode()
