"""A log in every form in which it may lie in the evidence, what must be the same in all of them, and what logs tell."""

from __future__ import annotations

import json
from collections.abc import Callable

from support import defects, observations, read, statements

from forensics.model import Fragment, Observation, Role
from forensics.plugins import Parser, Record

AT = "2025-09-17T14:03:12.345678901Z"
Export = Callable[[str], tuple[str, str]]  # a line: its program, and its text without what a logger puts before it


def _export(rows: list[str], export: Export, *, raw: bool) -> bytes:
    """As `journalctl -o export` writes them."""
    out = b""
    for number, row in enumerate(rows):
        program, text = export(row)
        value = text.encode()
        message = b"MESSAGE\n" + len(value).to_bytes(8, "little") + value + b"\n" if raw else b"MESSAGE=" + value + b"\n"
        micro = 1758117792345900 + number
        fields = f"__CURSOR=s=1;i={number}\n__REALTIME_TIMESTAMP={micro}\n_HOSTNAME=mx1\nSYSLOG_IDENTIFIER={program}\n_PID=7\n"
        out += fields.encode() + message + b"_COMM=x\n\n"
    return out


def by(program: str) -> Export:
    """Lines that this program writes to the journal as they are."""
    return lambda row: (program, row)


def forms_of(plain: bytes, export: Export) -> dict[str, bytes]:
    """The lines of a plain log, none of which holds what a form cannot, in all other forms."""
    text = plain.decode()
    rows = text.splitlines()
    return {
        "utf-16-le": ("\ufeff" + text.replace("\n", "\r\n")).encode("utf-16-le"),
        "utf-16-be": ("\ufeff" + text).encode("utf-16-be"),
        "no mark": text.encode("utf-16-le"),
        "export": _export(rows, export, raw=False),
        "binary": _export(rows, export, raw=True),
        "pieces": "".join(f"{AT} stdout P {row[:50]}\n{AT} stdout F {row[50:]}\n" for row in rows).encode(),
        "docker": "".join(json.dumps({"log": row + "\n", "stream": "stdout", "time": AT}) + "\n" for row in rows).encode(),
        "compose": "".join(f"mail-1  | {row}\n" for row in rows).encode(),
    }


FORMS = ("utf-16-le", "utf-16-be", "no mark", "export", "binary", "pieces", "docker", "compose")


def outcomes(parser: Parser, *files: bytes) -> list[tuple[str, str]]:
    """Whom the envelopes of all messages name, and what became of each copy."""
    found = [recipient for one in observations(parser, *files) for recipient in one.recipients]
    return sorted((one.address, one.outcome.value) for one in found if one.role not in {Role.TO, Role.CC})


def texts(found: list[Observation]) -> list[str]:
    """Observations in an order of their own."""
    return sorted(map(repr, found))


def fragments(records: list[Record]) -> list[Fragment]:
    """Those records that are fragments."""
    return [one for one in records if isinstance(one, Fragment)]


def told(found: list[Observation]) -> list[str]:
    """What observations say but for times, hosts and places, which may be the form's own."""
    return sorted(
        repr((one.kind, one.message_id, one.sender, one.declared, one.size, one.direction, one.facts,
              [(r.address, r.role, r.outcome, r.reply, r.original) for r in one.recipients]))
        for one in found
    )  # fmt: skip


def prove_a_form(parser: Parser, plain: bytes, form: str, export: Export) -> None:
    """It is sniffed, says what the plain log says, at any cut and block, and each place holds its record."""
    data = forms_of(plain, export)[form]
    assert parser.sniff(data[:65536], "mail.log")
    found = observations(parser, data)
    assert told(found) == told(observations(parser, plain))
    assert len(defects(parser, data)) == len(defects(parser, plain))
    assert statements(parser, data)[-1].value == statements(parser, plain)[-1].value
    for size in (1, 7, 64, 333):
        assert read(parser, data, block=size) == read(parser, data)
        if parser.divisible:
            assert sorted(map(repr, observations(parser, data, cut=size))) == sorted(map(repr, found))
    codec = form if form.startswith("utf") else "utf-16-le" if form == "no mark" else "utf-8"
    for one in found:
        for recipient in one.recipients:
            if recipient.start >= 0:
                assert recipient.address.partition("@")[0] in _folded(
                    data[recipient.start : recipient.end].decode(codec, "replace")
                )


def _folded(text: str) -> str:
    """Text in lower case, without what stands between the pieces of a line."""
    return text.lower().replace(f"\n{AT} stdout F ".lower(), "")
