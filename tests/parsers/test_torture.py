"""Every way in which a recipient was hidden in a header, inside every mail container: found, or the doubtful place is told."""

from __future__ import annotations

import pytest
import support
from test_headers import FOUND, X

from forensics.model import Defect, Fragment, Observation, Role
from forensics.parsers import eml, mbox, mmdf
from forensics.plugins import Parser

FROM = b"From ann@corp.example Thu Sep 18 10:00:00 2025\n"
LINE = b"\x01\x01\x01\x01\n"
PLAIN = b"From: carol@corp.example\nTo: dora@partner.example\nMessage-ID: <plain@corp.example>\n\nplain\n"
cases = pytest.mark.parametrize("mail", [mail for _, mail in FOUND], ids=[name for name, _ in FOUND])


def read(parser: Parser, data: bytes) -> tuple[list[Observation], list[Defect]]:
    records = support.read(parser, data)
    assert support.read(parser, data, block=1000) == records
    return [one.observation for one in records if isinstance(one, Fragment)], [one for one in records if isinstance(one, Defect)]


def blind(one: Observation) -> set[str]:
    return {recipient.address for recipient in one.recipients if recipient.role == Role.BCC}


def visible(one: Observation) -> list[str]:
    return [recipient.address for recipient in one.recipients if recipient.role == Role.TO]


@cases
@pytest.mark.parametrize(
    ("parser", "above", "behind"),
    [(eml.PARSER, b"", b""), (mbox.PARSER, FROM, FROM + PLAIN), (mmdf.PARSER, LINE, LINE + LINE + PLAIN + LINE)],
    ids=["eml", "mbox", "mmdf"],
)
def test_a_hidden_recipient_is_found_in_every_container(parser: Parser, above: bytes, behind: bytes, mail: bytes) -> None:
    """The container's own lines end as the mail's do, where the mail's all end alike."""
    end = mail[mail.index(b"\r") :][:1] if b"\n" not in mail else b"\n"
    found, _ = read(parser, above.replace(b"\n", end) + mail + behind.replace(b"\n", end))
    assert [visible(one) for one in found if X in blind(one)] == [["bob@partner.example"]]
    assert [visible(one) for one in found[-1:]] == [["dora@partner.example"] if behind else ["bob@partner.example"]]


@cases
def test_further_down_in_an_archive_it_is_found_or_its_place_is_told(mail: bytes) -> None:
    for parser, data in (
        (mbox.PARSER, FROM + PLAIN + FROM + mail + FROM + PLAIN),
        (mmdf.PARSER, LINE + PLAIN + LINE + LINE + mail + LINE + LINE + PLAIN + LINE),
    ):
        found, defects = read(parser, data)
        assert {"plain@corp.example"} == {one.message_id for one in found} - {""}
        place = data.index(mail)
        hidden = any(X in blind(one) for one in found)
        assert hidden or any(one.span.start < place <= one.span.end for one in defects)
        # whatever a container makes of it, the bytes belong to a mail, so that the second pass reads them
        assert any(one.span.start <= place and place + len(mail) <= one.span.end for one in found)
