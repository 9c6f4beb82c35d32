"""Keep the tables that the answers came from, for notebooks and later questions.

There may be a row for every copy of every message: what is sorted are numbers and the message's key, and the words that stand for
the numbers are put in after that, some thousand rows at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import duckdb
import numpy as np
import pyarrow as pa

from forensics.case import Case

__all__ = ["store"]

_PLAIN = {
    "links": 'SELECT evidence, member, start, "end", source, kind, message_key, basis FROM links ORDER BY ALL',
    "findings": "SELECT * FROM findings ORDER BY detector, address, message_key",
    "message_verdicts": "SELECT * FROM message_verdicts ORDER BY message_key",
    "statements": "SELECT * FROM statements ORDER BY ALL",
}
_MESSAGES = """
SELECT message_key, sent_at, clock, in_window, clocks_disagree, archive_clock_only, judged, header_known, attempt, sid AS sender,
       s.place AS scopes, receivers::BIGINT AS receivers, subject_hash
FROM mails JOIN (SELECT scope_set, row_number() OVER (ORDER BY scope_set) - 1 AS place FROM scope_sets) s USING (scope_set)
ORDER BY message_key
"""
# Addresses are numbered in their order
_ENVELOPES = """
SELECT m.message_key, c.aid AS address, c.visible, c.blind, c.alias, c.trace_only, c.roles, h.place AS seen, c.proof, c.outcome,
       c.first_record, c.records::BIGINT AS records, c.sent_at, c.in_window, c.judged, c.sid AS sender, c.entry::BIGINT AS entry
FROM copied c JOIN mails m USING (msg) JOIN (SELECT bits, row_number() OVER (ORDER BY bits) - 1 AS place FROM header_sets) h ON h.bits = c.headers
ORDER BY m.message_key, c.aid
"""
_ROWS = 65_536  # at a time, and in a row group
_UNLIKE = frozenset({"message_key", "start", "end", "sent_at", "first_record", "subject_hash"})

Words = Mapping[str, pa.Array]


def store(connection: duckdb.DuckDBPyConnection, case: Case) -> None:
    """Tables `links`, `messages`, `envelopes`, `findings`, `message_verdicts` and `statements` of the case; same evidence, same bytes."""
    for name, query in _PLAIN.items():
        case.write_batches(name, _pieces(connection, query), _UNLIKE)
    people = _read(connection, "SELECT address, domain, registrable, own, indicator FROM addresses ORDER BY aid")
    nobody = {"address": "", "domain": "", "registrable": "", "own": None, "indicator": ""}
    people = pa.concat_tables([people, pa.Table.from_pylist([nobody], schema=people.schema)]).combine_chunks()
    words = {name: people[name].combine_chunks() for name in people.column_names}
    scopes = _read(connection, "SELECT servers, streams, routes, sources FROM scope_sets ORDER BY scope_set")
    sets = {name: scopes[name].combine_chunks() for name in scopes.column_names}
    case.write_batches("messages", _spelt(connection, _MESSAGES, lambda rows: _message(rows, words, sets)), _UNLIKE)
    words["roles"] = _read(connection, "SELECT roles FROM role_sets ORDER BY bits")["roles"].combine_chunks()
    words["seen"] = _read(connection, "SELECT seen FROM header_sets ORDER BY bits")["seen"].combine_chunks()
    case.write_batches("envelopes", _spelt(connection, _ENVELOPES, lambda rows: _envelope(rows, words)), _UNLIKE)


def _read(connection: duckdb.DuckDBPyConnection, query: str) -> pa.Table:
    return connection.sql(query).to_arrow_table()


def _pieces(connection: duckdb.DuckDBPyConnection, query: str) -> Iterator[pa.Table]:
    """The rows of a query, always as many at a time, however they come; one table at least, for its columns."""
    reader = connection.sql(query).to_arrow_reader(_ROWS)
    waiting = reader.schema.empty_table()
    found = False
    for batch in reader:
        waiting = pa.concat_tables([waiting, pa.Table.from_batches([batch])])
        while len(waiting) >= _ROWS:
            found = True
            yield waiting.slice(0, _ROWS)
            waiting = waiting.slice(_ROWS)
    if len(waiting) or not found:
        yield waiting


def _spelt(connection: duckdb.DuckDBPyConnection, query: str, spell: Callable[[pa.Table], pa.Table]) -> Iterator[pa.Table]:
    return map(spell, _pieces(connection, query))


def _message(rows: pa.Table, words: Words, sets: Words) -> pa.Table:
    """Rows of `messages`: a sender's number becomes its address and domain, a number of scopes their lists."""
    senders, scopes = _known(rows["sender"], len(words["address"])), rows["scopes"]
    spelt = {name: rows[name] for name in rows.column_names[:9]}
    spelt |= {"sender": words["address"].take(senders), "sender_domain": words["domain"].take(senders)}
    spelt |= {name: column.take(scopes) for name, column in sets.items()}
    return pa.table(spelt | {name: rows[name] for name in ("receivers", "subject_hash")})


def _envelope(rows: pa.Table, words: Words) -> pa.Table:
    """Rows of `envelopes`: numbers of addresses, roles and headers become words."""
    addresses, senders = rows["address"], _known(rows["sender"], len(words["address"]))
    spelt = {name: _text(rows[name]) for name in rows.column_names}
    spelt |= {"address": words["address"].take(addresses), "sender": words["address"].take(senders)}
    spelt |= {name: words[name].take(rows[name]) for name in ("roles", "seen")}
    del spelt["entry"]
    spelt |= {name: words[name].take(addresses) for name in ("domain", "registrable", "own", "indicator")}
    return pa.table(spelt | {"entry": rows["entry"]})


def _known(numbers: pa.ChunkedArray, count: int) -> pa.ChunkedArray:
    """A number below nought stands for nobody, who comes last."""
    listed = numbers.to_numpy()
    return pa.chunked_array([pa.array(np.where(listed < 0, count - 1, listed))])


def _text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Words that few rows differ in come as numbers of a list."""
    return column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column
