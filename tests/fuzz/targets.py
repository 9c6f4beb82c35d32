"""What is fuzzed: each reader of hostile bytes, with the laws that it promises to keep whatever it is given.

A target is a function of bytes that returns nothing; any exception is a finding. Laws are asserted beside the bare promise
not to raise, because a reader that drops half of its input in silence does not raise either.
"""

from __future__ import annotations

import re
import struct
import tempfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

import support

from forensics import addresses, dates, headers, mapi
from forensics.content import texts
from forensics.decoding import decoded, header_text, strings
from forensics.evidence import Item, Member, MemberSource, members
from forensics.jsonstream import frames, load
from forensics.leaks import Ruleset, load_rules, redact, scan
from forensics.model import Body, Defect, Fragment, Limits, Part, Span, Statement, Text, Unread
from forensics.parsers import eml, mbox, mmdf, msg, postfix, postmark, tnef
from forensics.plugins import Parser, Reader, Record, discover
from forensics.reporters.terminal import plain
from forensics.views import joined

__all__ = ["CORPUS", "TARGETS", "Target", "seeds"]

CORPUS = Path(__file__).resolve().parent / "corpus"
_LIMITS = Limits(member_bytes=1 << 20, total_bytes=8 << 20, members=200, depth=4, seconds=3.0)
_SMTP_LOGS = (
    "exchange_protocol", "exchange_tracking", "exim", "haraka", "hmailserver", "kumomta", "opensmtpd", "powermta", "qmail", "sendmail",
    "smtp_sensor", "smtp_transcript", "stalwart",
)  # fmt: skip
_PIECES = 8  # into which a law cuts its input, at most: hostile input of one byte spans would take quadratic time
_UNPACKED = 64 << 20  # bytes of one member that are read before a target has seen enough


@dataclass(frozen=True, slots=True)
class Target:
    """One reader under fuzzing: folders with its seeds, words of its language, and the check that must never raise."""

    name: str
    check: Callable[[bytes], None]
    folders: tuple[Path, ...]
    words: tuple[bytes, ...] = ()


def seeds(target: Target) -> list[Path]:
    """The seed files of a target, sorted."""
    return sorted(path for folder in target.folders for path in folder.rglob("*") if path.is_file())


# --- parsers ---------------------------------------------------------------------------------------------------------------


def _chosen(data: bytes, bound: int) -> int:
    """A number from 1 to `bound` that depends on nothing but the bytes, so that a finding repeats."""
    return 1 + zlib.crc32(data) % max(bound, 1)


def _span(record: Record) -> Span:
    return record.observation.span if isinstance(record, Fragment) else record.span


def _read(parser: Parser, data: bytes) -> list[Record]:
    """Every record of the whole; they lie inside the file, bodies are found without raising, blocks make no difference."""
    parser.sniff(data[: 64 << 10], "evidence")
    whole = support.read(parser, data)
    block = _chosen(data, 97) if len(data) <= 1 << 12 else len(data) // _PIECES + _chosen(data, 97)
    assert support.read(parser, data, block=block) == whole, f"blocks of {block} bytes tell another story"
    for record in whole:
        span = _span(record)
        end = len(data) if span.end < 0 else span.end
        assert 0 <= span.start <= end <= len(data), f"a record lies outside its file: {span}"
        if isinstance(record, Fragment) and record.observation.has_body:
            assert parser.body is not None
            parser.body(data[span.start : end], record.observation.kind)
    return whole


def _cut(data: bytes) -> int:
    return max(len(data) // _PIECES, _chosen(data, len(data)))


def _tallies(records: list[Record]) -> Counter[str]:
    """Lines or records met, and those without a fact, by kind of statement: spans say them apart, the sum is the whole's."""
    found: Counter[str] = Counter()
    for one in records:
        if isinstance(one, Statement):
            found[f"{one.kind} value"] += one.value
            found[f"{one.kind} rows"] += one.rows
    return found


def check_mail_archive(parser: Parser, data: bytes) -> None:
    """Mail tiles the file; spans read apart give the very records of the whole."""
    whole = _read(parser, data)
    ends = [_span(one) for one in whole if not isinstance(one, Statement)]
    assert not data or not ends or max(span.end for span in ends) == len(data), "the end of the file is in no record"
    if data:
        cut = _cut(data)
        assert support.read(parser, data, cut=cut) == whole, f"spans of {cut} bytes tell another story"


def check_mbox(data: bytes) -> None:
    """See `check_mail_archive`."""
    check_mail_archive(mbox.PARSER, data)


def check_mmdf(data: bytes) -> None:
    """See `check_mail_archive`."""
    check_mail_archive(mmdf.PARSER, data)


def check_eml(data: bytes) -> None:
    """A single mail never raises, whole or by block; at most one is found, and all of the file is told of."""
    whole = _read(eml.PARSER, data)
    assert support.read(eml.PARSER, data, block=7) == whole
    assert sum(isinstance(one, Fragment) for one in whole) <= 1
    assert not data or any(_span(one)[2:] == (0, len(data)) for one in whole), "no record covers the file"
    readings, facts = eml.maildir(data[:300].decode("utf-8", "surrogateescape"))
    assert len(readings) <= 1
    assert all(name and value for name, value in facts)


def check_msg(data: bytes) -> None:
    """An Outlook message as evidence, and the same bytes as an attachment."""
    _read(msg.PARSER, data)
    _content(data, "application/vnd.ms-outlook", "attachment:mail.msg")


def check_postfix(data: bytes) -> None:
    """Every line is counted; spans read apart give the same messages, once they are assembled, and the same sums."""
    whole = _read(postfix.PARSER, data)
    fragments = [one for one in whole if isinstance(one, Fragment)]
    clocks = support.clocks_of(fragments)
    messages = support.assembled(postfix.PARSER, fragments, clocks)
    if data:
        cut = _cut(data)
        pieces = support.read(postfix.PARSER, data, cut=cut)
        found = support.assembled(postfix.PARSER, [one for one in pieces if isinstance(one, Fragment)], clocks)
        assert found == messages, f"spans of {cut} bytes tell of other messages"
        assert _tallies(pieces) == _tallies(whole), f"spans of {cut} bytes count otherwise"
        defects, others = ([one for one in some if isinstance(one, Defect)] for some in (whole, pieces))
        assert others == defects, f"spans of {cut} bytes have other defects"


def check_smtp_log(data: bytes) -> None:
    """Every other reader of SMTP logs, whichever the bytes look like: none raises, each keeps its records inside the file."""
    for found in discover("parsers"):
        if found.name in _SMTP_LOGS and found.plugin is not None:
            _read(found.plugin, data)


def check_postmark(data: bytes) -> None:
    """Records of a JSON document, of lines of JSON, or of something that looks like it."""
    _read(postmark.PARSER, data)


def check_json(data: bytes) -> None:
    """Frames lie inside their file, blocks of any size make no difference, and a record read alone is the same record."""
    lists = ("Messages", "Recipients")
    whole = list(frames([data], lists))
    size = _chosen(data, 97) if len(data) <= 1 << 12 else len(data) // _PIECES + _chosen(data, 97)
    # as text: NaN is not equal to itself
    cut = list(frames((data[at : at + size] for at in range(0, len(data), size)), lists))
    assert repr(cut) == repr(whole), f"blocks of {size} bytes tell another story"
    for one in whole:
        assert 0 <= one.start <= one.end <= len(data), "a frame lies outside its file"
    load(data)


# --- headers, addresses, dates -----------------------------------------------------------------------------------------------


def check_headers(data: bytes) -> None:
    """Names are lower case; whoever is named is in canonical form; no value survives that would break a line."""
    block = headers.header_block(data)
    for name, value in block:
        assert name == name.lower()
        headers.decode_words(value)
        headers.received_for(value)
        headers.postmark_recipient(value)
        headers.address_list(value)
    people, passing = headers.addressees(block)
    assert headers.recipients_of(block) == people
    assert list(passing) == sorted(set(passing))
    for one in people:
        assert addresses.canonical(one.address) == one.address, "a recipient's address is not in canonical form"


def check_addresses(data: bytes) -> None:
    """Canonical forms are fixed points; every domain has a registrable one that it lies in."""
    text = data.decode("utf-8", "surrogateescape")
    for box in addresses.mailboxes(text):
        assert addresses.canonical(box.address) == box.address, "a mailbox's address is not in canonical form"
        domain = addresses.domain_of(box.address)
        assert addresses.is_within(domain, addresses.registrable(domain)) or not domain, "a domain lies outside itself"
        addresses.without_tag(box.address)
    for found in (*addresses.addresses_in(text), text):
        once = addresses.canonical(found)
        assert addresses.canonical(once) == once, "canonical() is not idempotent"
    once = addresses.canonical_message_id(text)
    assert "\n" not in once


def check_dates(data: bytes) -> None:
    """A reading is aware, in UTC, can be written out, and does not depend on being asked first."""
    text = data.decode("utf-8", "surrogateescape")
    clock = dates.infer_clock([(text, datetime(2025, 9, 17, 14, tzinfo=UTC))] * 3)
    readings = (dates.mail_time(text), dates.iso_time(text), dates.FileClock().resolve(text), clock.resolve(text))
    for one in readings:
        if one is not None:
            assert one.at.utcoffset() == timedelta(0)
            assert one.slack >= 0
            assert dates.zulu(one.at).endswith("Z")
    iso = dates.iso_time(text)
    if iso is not None and iso.slack == 0:
        again = dates.iso_time(dates.zulu(iso.at))
        assert again is not None
        assert again.at == iso.at, "a time does not come back from its own writing"
    at = dates.postfix_long_id_time(text)
    assert at is None or at.utcoffset() == timedelta(0)


# --- content -----------------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _readers() -> tuple[Reader, ...]:
    """All readers but that of PDF, which is a program of its own behind limits of the system's."""
    found = [one.plugin for one in discover("content") if one.plugin is not None]
    return tuple(reader for reader in found if reader.name != "pdf")


def _content(data: bytes, media_type: str, path: str = "message") -> None:
    """No reader fails (`texts` would make an unread part of it), and a message that has content yields texts or says why not."""
    body = Body(subject="Re: order", parts=(Part(path, media_type, data),))
    found = list(texts(body, _readers(), _LIMITS))
    for one in found:
        if isinstance(one, Unread):
            assert " failed: " not in one.reason, one.reason
            assert one.reason.isprintable(), "a reason holds evidence"
        else:
            one.text.encode("utf-8", "surrogatepass")
    assert not data.strip() or any(one.part != "header:subject" for one in found), "a part vanished"


def check_mime(data: bytes) -> None:
    """A whole mail, nested as it likes."""
    _content(data, "message/rfc822")


def check_html(data: bytes) -> None:
    """One part that says it is HTML."""
    _content(data, "text/html")


def check_rtf(data: bytes) -> None:
    """One part that says it is rich text."""
    _content(data, "text/rtf")


def check_tnef(data: bytes) -> None:
    """One part that says it is a winmail.dat, and the same as evidence by itself."""
    _content(data, "application/ms-tnef", "attachment:winmail.dat")
    _read(tnef.PARSER, data)


def check_mapi(data: bytes) -> None:
    """Typed values and compressed rich text: never more than was asked for, whatever the sizes inside declare."""
    rich, fault = mapi.decompressed(data, 10_000)
    assert len(rich) <= 10_000, "more than the limit"
    assert fault.isprintable()
    if len(data) < 4:
        return  # too little for a type and a code page
    kind, page = struct.unpack_from("<HH", data)
    value = mapi.value_of(kind, data[4:], mapi.codec_of(page))
    assert not isinstance(value, datetime) or value.utcoffset() == timedelta(0)


_BETWEEN = re.compile(r"[\s>]+")


def check_views(data: bytes) -> None:
    """A text in all its views; joining takes blanks and quote marks away, nothing else, and adds nothing."""
    _content(data, "text/plain")
    text, _ = decoded(data)
    for whole in (joined(text), joined(text, everywhere=True)):
        assert _BETWEEN.sub("", whole) == _BETWEEN.sub("", text), "joining changed what is written"
        assert len(whole) <= len(text)
    header_text(text)
    assert all(len(run) >= 6 for run in strings(data).split("\n") if run), "a run too short to be one"


def check_archive(data: bytes) -> None:
    """One part that may be a zip, tar, gzip, an Office file, or neither."""
    _content(data, "application/octet-stream")


@lru_cache(maxsize=1)
def _rules() -> Ruleset:
    return load_rules()


def check_leaks(data: bytes) -> None:
    """What is found lies in its text and is not shown; what is redacted once stays so and has no line breaks."""
    text = data.decode("utf-8", "surrogateescape")
    found = scan([Text("text/plain", "decoded", text)], _rules(), b"k" * 32, datetime(2025, 9, 17, 14, tzinfo=UTC))
    for leak in found.leaks:
        assert 0 <= leak.offset < len(text), "a leak lies outside its text"
        assert len(leak.preview) <= 64, "a preview shows too much"  # 4 + 4 characters, or a few words
    shown = redact(text, _rules())
    assert "\n" not in shown
    shown.encode()


# --- evidence and output -----------------------------------------------------------------------------------------------------


def check_evidence(data: bytes) -> None:
    """A file of these bytes, opened as whatever it claims to be: members or problems, never nothing, never an exception."""
    with tempfile.NamedTemporaryFile(prefix="forensics-fuzz-") as file:
        file.write(data)
        file.flush()
        item = Item("evidence/file", Path(file.name), len(data), f"{zlib.crc32(data):064x}")
        seen = 0
        for member in members(item):
            seen += 1
            if isinstance(member, Member):
                source = MemberSource(Span(item.id, member.name, 0, -1), member)
                assert sum(len(block) for block in _some(source.blocks())) >= 0
                assert all(reason.isprintable() for _, reason in source.problems), "a reason holds evidence"
            else:
                assert member.reason.isprintable(), "a reason holds evidence"
        assert seen or data[:4] in {b"PK\x05\x06", b"PK\x03\x04"} or data[257:262] == b"ustar" or _is_packed(data)


def _is_packed(data: bytes) -> bool:
    """An archive may be packed, and may hold nothing."""
    return data.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd"))


def _some(blocks: Iterator[bytes]) -> Iterator[bytes]:
    left = _UNPACKED
    for block in blocks:
        yield block
        left -= len(block)
        if left <= 0:
            return


def check_plain(data: bytes) -> None:
    """Whatever evidence holds, a terminal gets one printable line."""
    for shown in (plain(data.decode("utf-8", "surrogateescape")), plain(data.decode("utf-16", "replace"))):
        shown.encode()
        assert all(char.isprintable() or char.isspace() for char in shown)
        assert not set(shown) & set("\n\r\t\x1b\x00\x7f\u202e\u200b")


# --- the list ----------------------------------------------------------------------------------------------------------------

_LOG = (
    b"client=", b"uid=0 from=<", b"message-id=<", b"from=<", b">, size=1, nrcpt=2 (queue active)", b"to=<", b", orig_to=<", b", relay=",
    b", status=sent (250 ", b"status=bounced (", b"(in reply to end of DATA command)", b"removed", b"Sep 17 16:03:12 mx1 postfix/smtp[7]: ",
    b"2025-09-17T16:03:12+02:00 mx1 postfix/qmgr[7]: ", b"postfix/cleanup", b"NOQUEUE: ", b"message repeated 2 times: [ ", b"4cVv2x3Bz1z9Hk",
    b"A1B2C3D4E5", b": ", b"]: ", b"queued as ", b"forwarded as ", b"Recipient address triggers BCC ",
)  # fmt: skip
_MAIL = (
    b"From ann@shop.example Wed Sep 17 16:03:12 2025\n", b"\nFrom ", b">From ", b"\n\n", b"\r\n", b"To: ", b"Cc: ", b"Bcc: ", b"Received: from a by b for <",
    b"=?utf-8?B?", b"=?iso-8859-1?Q?", b"?=", b"X-PM-RCPT: |bTB8MXwyfGFAYi5leGFtcGxl|", b"Message-ID: <", b"Date: Wed, 17 Sep 2025 16:03:12 +0200\n",
    b"@", b"<", b">", b",", b";", b":", b'"', b"(", b")", b"\\", b"xn--", b"\xef\xbb\xbf", b"Resent-To: ", b"Delivered-To: ",
)  # fmt: skip
_JSON = (
    b'"Messages":[', b'"MessageID":"', b'"RecordType":"Delivery"', b'"Recipients":[', b'"Bcc":[{"Email":"', b'"TotalCount":', b'"MessageEvents":[',
    b'"ReceivedAt":"2025-09-17T16:03:12.0000000-04:00"', b"{", b"}", b"[", b"]", b'"', b"\\u0000", b"\\ud800", b"1e999", b"NaN", b"null", b"\xff\xfe",
    b'"Suppressions":[', b'"ServerID":', b"\\",
)  # fmt: skip
_MIME = (
    b"Content-Type: multipart/mixed; boundary=", b"\n--b\n", b"--b--", b"Content-Transfer-Encoding: base64\n", b"quoted-printable", b"begin 644 a\n", b"charset=utf-7",
    b"filename*0*=utf-8''", b"message/rfc822", b"<p>", b"</p>", b"<script>", b"<!--", b"-->", b"&#x41;", b"<style>", b'href="data:text/plain;base64,', b"<![CDATA[",
)  # fmt: skip
_PACKED = (
    b"PK\x03\x04",
    b"PK\x01\x02",
    b"PK\x05\x06",
    b"\x1f\x8b\x08",
    b"BZh9",
    b"\xfd7zXZ\x00",
    b"\x28\xb5\x2f\xfd",
    b"ustar",
    b"\xff\xff\xff\xff",
    b"word/document.xml",
)
_RICH = (
    b"{\\rtf1\\ansi ", b"\\par ", b"\\'e9", b"\\u233?", b"\\uc2", b"{\\*\\htmltag64 <p>}", b"\\fromhtml1", b"\\htmlrtf", b"{\\fonttbl{\\f0\\fcharset128 A;}}",
    b"\\f0", b"{\\object\\objdata ", b"\\bin9 ", b"\\cell", b"\\row", b"{\\field{\\fldinst HYPERLINK x}}", b"\\v ", b"}", b"{", b"\\ansicpg932", b"\\plain",
)  # fmt: skip
_OUTLOOK = (
    b'x\x9f>"', b"\x01\x0c\x80\x02\x00", b"\x01\x03\x90\x06\x00", b"\x02\x0f\x80\x06\x00", b"\x02\x02\x90\x06\x00", b"\x02\x05\x90\x06\x00",
    b"\x1f\x00", b"\x1e\x00", b"\x02\x01", b"\x1f\x10", b"\x00\x10", b"\x09\x10", b"\x13\x10", b"\xff\xff\xff\x7f", b"LZFu", b"MELA",
    mapi.MAGIC, "__substg1.0_".encode("utf-16-le"), "__properties_version1.0".encode("utf-16-le"), "__recip_version1.0_#".encode("utf-16-le"),
    b"\xfe\xff\xff\xff",
)  # fmt: skip
_WRAPPED = (
    b"> ", b"=\n", b"=3D", b"\r\n", b"BEGIN:VCALENDAR\n", b"\n ", b"https://a.example/", b"QUtJQUlPU0ZPRE5ON0VYQU1QTEU=", b"begin 644 a\n", b"\xe2\x80\x8b",
    b"\xef\xbc\xa1", b"A" * 60 + b"\n", b"a1 B2 c3 D4", b"H4sIAAAAAAAA", b"UEsDBAoAAAAA", b"-----BEGIN PGP MESSAGE-----", b"\xff\xfe",
)  # fmt: skip
_SECRETS = (
    b"AKIA",
    b"password: ",
    b"-----BEGIN RSA PRIVATE KEY-----",
    b"https://",
    b"?token=",
    b"eyJ",
    b"ghp_",
    b"IBAN DE",
    b"4111 1111 1111 1111",
    b"code is ",
    b"@",
)
_TIMES = (b"Wed, 17 Sep 2025 16:03:12 +0200", b"2025-09-17T16:03:12", b"--09-17T16:03:12", b"+9900", b"-0000", b"EST", b"(", b")", b"24:00:00", b":60", b"9999", b"0000", b"T", b"Z")  # fmt: skip


def _target(name: str, check: Callable[[bytes], None], words: tuple[bytes, ...], *more: Path) -> Target:
    return Target(name, check, (CORPUS / name, *more), words)


_TARGETS = (
    _target("postfix", check_postfix, _LOG, support.FORMATS / "postfix"),
    _target("smtp-logs", check_smtp_log, _LOG, *(support.FORMATS / name for name in _SMTP_LOGS)),
    _target("mbox", check_mbox, _MAIL, support.FORMATS / "mbox"),
    _target("mmdf", check_mmdf, (*_MAIL, b"\x01\x01\x01\x01\n"), support.FORMATS / "mmdf"),
    _target("eml", check_eml, _MAIL, support.FORMATS / "eml"),
    _target("msg", check_msg, _OUTLOOK, support.FORMATS / "msg"),
    _target("postmark", check_postmark, _JSON, support.FORMATS / "postmark"),
    _target("json", check_json, _JSON, support.FORMATS / "postmark"),
    _target("headers", check_headers, _MAIL, support.FORMATS / "mbox"),
    _target("addresses", check_addresses, _MAIL),
    _target("dates", check_dates, _TIMES),
    _target("mime", check_mime, (*_MAIL, *_MIME)),
    _target("html", check_html, _MIME),
    _target("rtf", check_rtf, _RICH),
    _target("tnef", check_tnef, _OUTLOOK),
    _target("mapi", check_mapi, _OUTLOOK),
    _target("views", check_views, _WRAPPED),
    _target("archive", check_archive, _PACKED),
    _target("leaks", check_leaks, _SECRETS),
    _target("evidence", check_evidence, _PACKED),
    _target("plain", check_plain, (b"\x1b[", b"\xe2\x80\xae", b"\n", b"[bold]")),
)
TARGETS: dict[str, Target] = {target.name: target for target in _TARGETS}
