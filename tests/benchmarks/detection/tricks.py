"""Ways in which an indicator is written, and near-misses: recipients of mail headers and of envelopes, with the truth about each."""

from __future__ import annotations

from benchmarks.detection.records import START
from forensics.incident import Incident, Indicators
from forensics.model import Window

__all__ = ["ENVELOPE_HITS", "ENVELOPE_MISSES", "HEADER_HITS", "HEADER_MISSES", "INCIDENT"]

# Two of the real incident, one address whose domain is not an indicator, a quoted mailbox, an internationalised domain
INCIDENT = Incident(
    name="invented",
    title="indicators of several kinds",
    window=Window(START),
    indicators=Indicators(
        frozenset({"phan@giftshop.club", "collect@collector.example", '"odd box"@quoted.example'}),
        frozenset({"giftshop.club", "xn--bcher-laden-thb.example"}),
    ),
)

# Header fields that name an indicator as recipient, whole
HEADER_HITS: tuple[str, ...] = (
    "Bcc: phan@giftshop.club",
    "BCC: Phan@GiftShop.CLUB",
    "bcc:phan@giftshop.club",
    "Bcc: <phan@giftshop.club>",
    'Bcc: "bob@customer.example" <phan@giftshop.club>',
    "Bcc: bob@customer.example <phan@giftshop.club>",
    'Bcc: "Bob, Customer" <phan@giftshop.club>',
    "Bcc: =?utf-8?q?Bob_=3Cbob=40customer=2Eexample=3E?= <phan@giftshop.club>",
    "Bcc: =?utf-8?b?Qm9iIDxib2JAY3VzdG9tZXIuZXhhbXBsZT4=?= <phan@giftshop.club>",
    "Bcc: =?iso-8859-1?q?B=F6b?= =?iso-8859-1?q?_Kunde?= <phan@giftshop.club>",
    "Bcc: phan+news@giftshop.club",
    "Bcc: somebody-else@giftshop.club",
    "Bcc: x@mail.giftshop.club",
    "Bcc: x@a.b.c.giftshop.club",
    "Bcc: phan@giftshop.club.",
    "Bcc: (quiet) phan@giftshop.club (really)",
    "Bcc: phan@giftshop.club (bob@customer.example)",
    "Bcc: <@relay.example:phan@giftshop.club>",
    "Bcc: undisclosed:phan@giftshop.club;",
    'Bcc: friends: "A" <ann@customer.example>, phan@giftshop.club;',
    'Bcc: "phan"@giftshop.club',
    "Bcc: ann@customer.example,\r\n\tphan@giftshop.club",
    "Bcc: ann@customer.example,\r\n phan@giftshop.club,\r\n ben@customer.example",
    "Bcc: ann@customer.example; phan@giftshop.club",
    "Bcc: ann@customer.example\r\nBcc: phan@giftshop.club",
    "Resent-Bcc: phan@giftshop.club",
    "Cc: phan@giftshop.club",
    "Cc: Ann <ann@customer.example>, Phan <PHAN@giftshop.club>",
    "Bcc: collect@collector.example",
    "Bcc: Collect+7f3@Collector.Example",
    'Bcc: "collect"@collector.example',
    'Bcc: "odd box"@quoted.example',
    'Bcc: "Odd Box" <"odd box"@quoted.example>',
    "Bcc: spy@xn--bcher-laden-thb.example",
    "Bcc: spy@XN--BCHER-LADEN-THB.example",
    "Bcc: spy@bücher-laden.example",
    "Bcc: Spy <spy@BÜCHER-LADEN.example>",
    "Bcc: spy@mail.bücher-laden.example",
    "Bcc: spy@bu\u0308cher-laden.example",
    "Bcc: spy@bücher-laden\u3002example",
)

# Header fields that name no indicator as recipient, however they look
HEADER_MISSES: tuple[str, ...] = (
    'Bcc: "phan@giftshop.club" <bob@customer.example>',
    "Bcc: phan@giftshop.club <bob@customer.example>",
    "Bcc: =?utf-8?q?phan=40giftshop=2Eclub?= <bob@customer.example>",
    "Bcc: bob@customer.example (phan@giftshop.club)",
    'Bcc: "phan@giftshop.club"@customer.example',
    "Bcc: giftshop.club@customer.example",
    "Bcc: phan=giftshop.club@customer.example",
    "Bcc: phan@giftshop.club.example",
    "Bcc: phan@giftshop.example",
    "Bcc: phan@not-giftshop.example",
    "Bcc: phan@giftshop-club.example",
    "Bcc: xcollect@collector.example",
    "Bcc: collect2@collector.example",
    "Bcc: collector@collector.example",
    "Bcc: collect@sub.collector.example",
    "Bcc: collect@collector.example.net",
    "Bcc: collect@xcollector.example",
    'Bcc: "odd  box"@quoted.example',
    'Bcc: "odd.box"@quoted.example',
    "Bcc: oddbox@quoted.example",
    "Bcc: spy@bucher-laden.example",
    "Bcc: spy@buecher-laden.example",
    "Bcc: spy@bücher-laden.example.net",
    "Reply-To: phan@giftshop.club",
    "X-Note: Bcc: phan@giftshop.club",
    "Comments: bcc: phan@giftshop.club",
    "Subject: Bcc: phan@giftshop.club",
    "Disposition-Notification-To: phan@giftshop.club",
    "References: <phan@giftshop.club>",
    "Bcc:",
    "Bcc: undisclosed-recipients:;",
)

# Addresses as a server's log or a provider's answer writes them
ENVELOPE_HITS: tuple[str, ...] = (
    "phan@giftshop.club", "PHAN@giftshop.club", "Phan@GIFTSHOP.CLUB", "phan+x@giftshop.club", "anybody@giftshop.club", "x@mx.giftshop.club",
    '"phan"@giftshop.club', "phan@giftshop.club.", "collect@collector.example", "COLLECT+1@collector.example", '"odd box"@quoted.example',
    "spy@xn--bcher-laden-thb.example", "spy@bücher-laden.example", "spy@BÜCHER-LADEN.example", "spy@mail.xn--bcher-laden-thb.example",
)  # fmt: skip
ENVELOPE_MISSES: tuple[str, ...] = (
    "phan@giftshop.club.example", "phan@giftshop.example", '"phan@giftshop.club"@customer.example', "giftshop.club@customer.example",
    "phan=giftshop.club@customer.example", "xcollect@collector.example", "collect@sub.collector.example", "collect@collector.example.net",
    '"odd.box"@quoted.example', "spy@bucher-laden.example", "phan@xn--giftshop-club.example", "phan@mygiftshop-club.example",
)  # fmt: skip
