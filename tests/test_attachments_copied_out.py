"""Attachments with their sizes: what is known is counted, and what is not is never zero."""

from __future__ import annotations

import pytest

from forensics.content import texts
from forensics.model import Body, Limits, Part, Verdict
from forensics.pipeline.attachments import attachment_rows
from forensics.pipeline.second_pass import Content, readers

FLAGGED = {
    key: {"sent_at": None, "verdict": Verdict.CONFIRMED, "place": place}
    for key, place in (("a", "exposed"), ("b", "exposed"), ("p", "possible"), ("n", "not_delivered"))
}


def content(key: str, *names: str, **sizes: int) -> Content:
    return Content(key, True, "", (), (), frozenset(), names, sizes=sizes)


def test_each_name_of_a_flagged_message_is_a_row_and_a_size_that_nobody_knows_is_empty() -> None:
    found = attachment_rows([content("a", "x", "y", x=0), content("b", "x"), content("c", "x", x=1)], FLAGGED, ("exposed",))
    assert [(row["message_key"], row["name"], row["bytes"]) for row in found] == [("a", "x", "0"), ("a", "y", ""), ("b", "x", "")]


def test_of_several_copies_the_largest_counts_and_an_unknown_one_hides_none() -> None:
    (row,) = attachment_rows([content("a", "x", x=3), content("a", "x"), content("a", "x", x=2)], FLAGGED, ("exposed",))
    assert row["bytes"] == "3"


def test_only_what_was_copied_out_is_listed_and_possible_messages_on_request_only() -> None:
    read = [content("a", "x"), content("n", "x", x=1), content("p", "x", x=1)]
    assert [row["message_key"] for row in attachment_rows(read, FLAGGED, ("exposed",))] == ["a"]
    assert [row["message_key"] for row in attachment_rows(read, FLAGGED, ("exposed", "possible"))] == ["a", "p"]


@pytest.mark.parametrize(
    ("name", "kind"), [("a.PDF", "pdf"), ("a", ""), ("a.tar.gz", "gz"), ("a.=1+1", ""), ("a.", ""), ("a." + "x" * 9, "")]
)
def test_a_type_is_what_the_name_ends_in(name: str, kind: str) -> None:
    assert attachment_rows([content("a", name)], FLAGGED, ("exposed",))[0]["type"] == kind


def test_sizes_are_of_decoded_bytes_and_of_members_whether_they_can_be_read_or_not() -> None:
    raw = (
        b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n"
        b"--b\r\nContent-Type: text/csv\r\nContent-Disposition: attachment; filename=a.csv\r\nContent-Transfer-Encoding: base64\r\n\r\nYSxiCjEsMgo=\r\n"
        b"--b\r\nContent-Type: image/png\r\nContent-Disposition: attachment; filename=b.png\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw==\r\n--b--\r\n"
    )
    sizes: dict[str, int] = {}
    list(texts(Body(parts=(Part("", "message/rfc822", raw),)), readers(), Limits(), sizes))
    assert sizes == {"attachment:a.csv": 8, "attachment:b.png": 4}
