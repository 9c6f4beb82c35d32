"""What the Postfix parser should do once it reads lines by `log_runs` and sniffs by `head_lines`."""

from __future__ import annotations

import pytest
from support import defects, observations, read, statements

from forensics.model import Defect, Observation, Outcome
from forensics.parsers.postfix import PARSER

LONG = "4cRgTX2Rqfz9HdB"
ROWS = [
    f"Sep 17 16:03:12 mx1 postfix/smtpd[7]: {LONG}: client=app1.acme.example[192.0.2.10]",
    f"Sep 17 16:03:12 mx1 postfix/qmgr[7]: {LONG}: from=<app@acme.example>, size=900, nrcpt=2 (queue active)",
    f"Sep 17 16:03:13 mx1 postfix/smtp[7]: {LONG}: to=<bob@customer.example>, relay=mx[192.0.2.25]:25, dsn=2.0.0, status=sent (250 ok)",
    f"Sep 17 16:03:13 mx1 postfix/smtp[7]: {LONG}: to=<eve@collector.example>, relay=mx[192.0.2.25]:25, dsn=2.0.0, status=sent (250 ok)",
    f"Sep 17 16:03:13 mx1 postfix/qmgr[7]: {LONG}: removed",
]
PLAIN = "\n".join(ROWS) + "\n"
FORGED = f"Sep 17 16:03:13 mx1 postfix/smtp[7]: {LONG}: to=<forged@b.example>, relay=mx, status=sent (250 ok)"


def journal(*, raw: bool = False, newline: str = "\n") -> bytes:
    """The rows as `journalctl -o export` writes them."""
    out = b""
    for number, row in enumerate(ROWS):
        program, _, text = row[20:].partition("[7]: ")
        value = text.encode()
        message = b"MESSAGE\n" + len(value).to_bytes(8, "little") + value + b"\n" if raw else b"MESSAGE=" + value + b"\n"
        micro = 1758117792345900 + number
        fields = f"__CURSOR=s=1;i={number}\n__REALTIME_TIMESTAMP={micro}\n_HOSTNAME=mx1\nSYSLOG_IDENTIFIER={program}\n_PID=7\n"
        out += fields.encode() + message + b"_COMM=x\n\n"
    return out.replace(b"\n", newline.encode())


def pieces() -> bytes:
    """The rows as a container runtime cuts them."""
    at = "2025-09-17T14:03:12.345678901Z stdout"
    return "".join(f"{at} P {row[:50]}\n{at} F {row[50:]}\n" for row in ROWS).encode()


FORMS = {
    "utf-16-le": ("\ufeff" + PLAIN.replace("\n", "\r\n")).encode("utf-16-le"),
    "utf-16-be": ("\ufeff" + PLAIN).encode("utf-16-be"),
    "no mark": PLAIN.encode("utf-16-le"),
    "export": journal(),
    "binary": journal(raw=True),
    "windows": journal(newline="\r\n"),
    "pieces": pieces(),
}


def told(found: list[Observation]) -> list[object]:
    return [
        (one.server, one.ids, one.declared, one.facts, [(r.address, r.outcome, r.reply) for r in one.recipients]) for one in found
    ]


@pytest.mark.parametrize("form", sorted(FORMS))
def test_any_form_of_a_log_tells_the_same(form: str) -> None:
    data = FORMS[form]
    assert PARSER.sniff(data[:65536], "mail.log")
    assert told(observations(PARSER, data)) == told(observations(PARSER, PLAIN.encode()))
    assert defects(PARSER, data) == []
    assert statements(PARSER, data)[-1].value == len(ROWS)


@pytest.mark.parametrize("form", sorted(FORMS))
def test_any_cut_of_any_form_tells_the_same(form: str) -> None:
    data = FORMS[form]
    expected = observations(PARSER, data)
    for cut in (1, 7, 64, 333):
        assert observations(PARSER, data, cut=cut) == expected
        assert read(PARSER, data, block=cut) == read(PARSER, data)


@pytest.mark.parametrize("form", sorted(FORMS))
def test_a_place_holds_its_whole_line(form: str) -> None:
    data = FORMS[form]
    codec = form if form.startswith("utf") else "utf-16-le" if form == "no mark" else "utf-8"
    (one,) = observations(PARSER, data)
    for recipient in one.recipients:
        place = data[recipient.start : recipient.end].decode(codec, "replace")
        assert recipient.address in place
        assert "status=sent (250 ok)" in place
        assert data[one.span.start : one.span.end].decode(codec, "replace").rstrip("\r").endswith(("removed", "_COMM=x"))


def test_a_wide_letter_forges_no_line() -> None:
    rows = [*ROWS[:2], ROWS[2][:-1] + "\u0a41\u010a" + FORGED, *ROWS[3:]]
    for codec in ("utf-16-le", "utf-16-be"):
        (one,) = observations(PARSER, ("\ufeff" + "\n".join(rows)).encode(codec))
        assert [r.address for r in one.recipients] == ["bob@customer.example", "eve@collector.example"]


def test_a_binary_field_of_the_journal_forges_no_record() -> None:
    inner = b"x\n\n" + journal().replace(b"bob@", b"forged@")
    data = journal().replace(b"_COMM=x\n", b"COREDUMP\n" + len(inner).to_bytes(8, "little") + inner + b"\n")
    assert told(observations(PARSER, data)) == told(observations(PARSER, PLAIN.encode()))


def test_a_piece_forges_no_line() -> None:
    at = "2025-09-17T14:03:12.345678901Z stdout"
    data = f"{at} F {ROWS[0]}\n{at} P {ROWS[2][:-1]}\n{at} F {FORGED}\n".encode()
    (one,) = observations(PARSER, data)
    assert [r.address for r in one.recipients] == ["bob@customer.example"]


def test_wide_lines_behind_plain_ones_are_told() -> None:
    for codec in ("utf-16-le", "utf-16-be"):
        data = (ROWS[0] + "\n").encode() + ("\ufeff" + "\n".join(ROWS[1:])).encode(codec)
        assert len(defects(PARSER, data)) == len(ROWS) - 1


def test_why_a_record_cannot_be_read_is_told() -> None:
    found = [one for one in read(PARSER, journal(raw=True)[:-30]) if isinstance(one, Defect)]
    assert [one.reason for one in found] == ["a journal record ends within a field"]


@pytest.mark.parametrize(
    "text",
    [
        "cleanup[7]: {id}: milter-reject: END-OF-MESSAGE from a[192.0.2.1]: 5.7.1 no; from=<s@d.example> to=<t@d.example> proto=ESMTP helo=<x>",
        "cleanup[7]: {id}: reject: header Subject: x reject: RCPT from a[192.0.2.1]: 550 <f@d.example>: no; from=<s> to=<f@d.example> proto=x from a[192.0.2.1]; from=<s@d.example> to=<t@d.example> proto=ESMTP helo=<x>: 5.7.1 no",
        "smtpd[7]: {id}: reject: END-OF-MESSAGE from a[192.0.2.1]: 552 5.3.4 too big; from=<s@d.example> to=<t@d.example> proto=ESMTP helo=<x>",
    ],
)  # fmt: skip
def test_a_message_that_was_refused_as_a_whole_has_no_unknown_recipients(text: str) -> None:
    rows = [ROWS[0], "Sep 17 16:03:12 mx1 postfix/" + text.format(id=LONG)]
    (one,) = observations(PARSER, "\n".join(rows).encode())
    assert dict(one.facts).get("refused") == "true"
    assert "recipients_unknown" not in dict(one.facts)
    assert one.recipients == ()


def test_a_refusal_of_one_recipient_stays_one() -> None:
    text = "milter-reject: RCPT from a[192.0.2.1]: 550 5.7.1 <t@d.example>: no; from=<s@d.example> to=<t@d.example> proto=ESMTP helo=<x>"
    found = observations(PARSER, f"Sep 17 16:03:12 mx1 postfix/smtpd[7]: NOQUEUE: {text}\n".encode())
    assert [(one.kind, one.recipients[0].outcome) for one in found] == [("reject", Outcome.REJECTED)]
