"""Objects to columns and back: nothing changes on the way but subjects, which are hashed, and replies, which are redacted."""

from __future__ import annotations

import dataclasses
import re
from datetime import UTC, datetime, timedelta, timezone

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.columns import (
    DEFECTS,
    OBSERVATIONS,
    STATEMENTS,
    Encoder,
    decode,
    defect_table,
    normal_subject,
    statement_table,
    subject_hash,
)
from forensics.model import (
    Defect,
    Direction,
    Fragment,
    Observation,
    Outcome,
    Reading,
    Recipient,
    Role,
    Route,
    Span,
    Statement,
)

KEY = b"k" * 32
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
ANY_TEXT = st.text(st.characters(), max_size=12) | st.just("x\udcffy\ud800")
TIMES = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001  zone follows
PLACES = st.integers(-1, 1 << 62)
NUMBERS = st.integers(-1, 1 << 70)


def spans(text: st.SearchStrategy[str]) -> st.SearchStrategy[Span]:
    return st.builds(Span, TEXT, text, PLACES, PLACES)


def fragments(text: st.SearchStrategy[str], numbers: st.SearchStrategy[int]) -> st.SearchStrategy[Fragment]:
    recipient = st.builds(
        Recipient,
        text,
        st.sampled_from(Role),
        st.sampled_from(Outcome),
        text,
        text,
        text,
        st.none() | TIMES,
        text,
        PLACES,
        PLACES,
    )
    reading = st.builds(Reading, text, TIMES, st.integers(0, 1 << 29))
    observation = st.builds(
        Observation, span=spans(text), source=TEXT, kind=text, route=st.sampled_from(Route), direction=st.sampled_from(Direction),
        server=text, stream=text, message_id=text, ids=st.lists(text, max_size=3).map(tuple), sender=text, envelope_sender=text,
        subject=text, size=numbers, readings=st.lists(reading, max_size=3).map(tuple), stamp=text,
        recipients=st.lists(recipient, max_size=3).map(tuple), header_known=st.booleans(), declared=numbers,
        attachments=st.lists(text, max_size=3).map(tuple), has_body=st.booleans(),
        facts=st.lists(st.tuples(text, text), max_size=3).map(tuple),
    )  # fmt: skip
    return st.builds(Fragment, text, observation, st.booleans(), st.booleans())


def through(found: list[Fragment]) -> list[Fragment]:
    """In and out, by way of a Parquet file in memory."""
    encoder = Encoder(KEY, lambda text: f"[{len(text)}]")
    for one in found:
        encoder.add(one)
    assert len(encoder) == len(found)
    out = pa.BufferOutputStream()
    pq.write_table(encoder.table(), out)
    table = pq.read_table(pa.BufferReader(out.getvalue()))
    assert table.schema.equals(OBSERVATIONS)
    return [one for batch in table.to_batches() for one in decode(batch)]


def expected(one: Fragment) -> Fragment:
    seen = one.observation
    told = tuple(dataclasses.replace(who, reply=f"[{len(who.reply)}]" if who.reply else "") for who in seen.recipients)
    hashed = subject_hash(seen.subject, KEY) if seen.subject else ""
    return dataclasses.replace(one, observation=dataclasses.replace(seen, subject="", subject_hash=hashed, recipients=told))


@pytest.mark.property
@settings(max_examples=60, deadline=None)
@given(st.lists(fragments(TEXT, st.integers(-1, (1 << 31) - 1)), max_size=4))
def test_what_goes_in_comes_out(found: list[Fragment]) -> None:
    assert through(found) == [expected(one) for one in found]


@pytest.mark.property
@settings(max_examples=60, deadline=None)
@given(st.lists(fragments(ANY_TEXT, NUMBERS), max_size=3))
def test_text_and_numbers_that_no_column_holds_do_no_harm(found: list[Fragment]) -> None:
    for before, after in zip(found, through(found), strict=True):
        assert re.sub("[\ud800-\udfff]", "?", before.key) == after.key
        assert after.observation.declared in {before.observation.declared, -1}
        assert after.observation.size in {before.observation.size, -1}
        assert len(after.observation.recipients) == len(before.observation.recipients)


@pytest.mark.parametrize(
    ("stated", "kept"), [(0, 0), (-1, -1), ((1 << 31) - 1, (1 << 31) - 1), (1 << 31, -1), (10**30, -1), (-7, -1)]
)
def test_a_count_that_no_column_holds_is_unknown(stated: int, kept: int) -> None:
    one = Fragment("k", Observation(Span("e", "", 0, 1), "s", "k", Route.SMTP, declared=stated, size=5))
    assert through([one])[0].observation.declared == kept


def test_a_subject_leaves_a_keyed_hash_and_nothing_else() -> None:
    secret = "Your code is 493817"
    encoder = Encoder(KEY, lambda text: text.replace("hunter2", "…"))
    who = Recipient("a@b.example", Role.EVENT, reply="550 no hunter2 here")
    encoder.add(Fragment("k", Observation(Span("e", "", 0, 1), "s", "k", Route.API, subject=secret, recipients=(who,))))
    shown = str(encoder.table().to_pylist())
    assert "493817" not in shown
    assert "hunter2" not in shown
    assert "550 no … here" in shown
    assert subject_hash(secret, KEY) in shown


def test_a_known_hash_is_kept_where_the_subject_is_gone() -> None:
    one = Fragment("k", Observation(Span("e", "", 0, 1), "s", "k", Route.API, subject_hash="00ff"))
    assert through([one])[0].observation.subject_hash == "00ff"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Offer", "Re: Offer", True),
        ("Offer", "RE: AW:  Fwd: offer ", True),
        ("Offer", "Re[2]: Offer", True),
        ("Offer", "ｏｆｆｅｒ", True),
        ("Offer", "Offer 2", False),
        ("Offer", "Retour: Offer", False),
        ("Offer", "Re Offer", False),
        ("", "Re:", True),
    ],
)
def test_subjects_of_one_thread_share_a_hash(one: str, other: str, same: bool) -> None:
    assert (normal_subject(one) == normal_subject(other)) is same
    assert (subject_hash(one, KEY) == subject_hash(other, KEY)) is same
    assert subject_hash(one, KEY) != subject_hash(one, b"o" * 32) or not normal_subject(one)


def test_a_subject_of_prefixes_only_takes_no_time() -> None:
    assert subject_hash("re:" * 100_000 + "[" * 100_000, KEY)


def test_nothing_makes_tables_of_no_rows_with_all_columns() -> None:
    assert Encoder(KEY, str).table().schema.equals(OBSERVATIONS)
    assert Encoder(KEY, str).table().num_rows == 0
    assert defect_table([]).schema.equals(DEFECTS)
    assert statement_table([]).schema.equals(STATEMENTS)


@pytest.mark.property
@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.builds(Defect, spans(ANY_TEXT.map(lambda t: t.encode("utf-8", "replace").decode())), TEXT, ANY_TEXT), max_size=4),
    st.lists(
        st.builds(
            Statement,
            spans(TEXT),
            TEXT,
            TEXT,
            ANY_TEXT,
            st.sampled_from(Route),
            NUMBERS,
            NUMBERS,
            st.none() | TIMES,
            TEXT,
            TEXT,
            ANY_TEXT,
        ),
        max_size=4,
    ),
)
def test_defects_and_statements_keep_place_and_order(defects: list[Defect], statements: list[Statement]) -> None:
    rows = defect_table(defects).to_pylist()
    assert [(row["evidence"], row["member"], row["start"], row["end"]) for row in rows] == [tuple(one.span) for one in defects]
    told = statement_table(statements).to_pylist()
    assert [Span(row["evidence"], row["member"], row["start"], row["end"]) for row in told] == [one.span for one in statements]
    assert [row["utc"] for row in told] == [one.at for one in statements]
    assert all(row["value"] in {one.value, -1} for row, one in zip(told, statements, strict=True))


def test_times_keep_their_microseconds_and_their_zone() -> None:
    at = datetime(2025, 9, 18, 10, 0, 1, 123457, tzinfo=UTC)
    one = Fragment("k", Observation(Span("e", "", 0, 1), "s", "k", Route.API, readings=(Reading("date", at, 50400),)))
    (reading,) = through([one])[0].observation.readings
    assert reading == Reading("date", at, 50400)
    assert reading.at.utcoffset() == timedelta(0)


@pytest.mark.parametrize("count", [1, 255, 256, 257, 600])
def test_rows_keep_their_order_and_their_lists_however_many_come(count: int) -> None:
    at = datetime(2025, 9, 18, 10, 0, 1, tzinfo=UTC)
    found = []
    for number in range(count):
        who = tuple(
            Recipient(f"{one}@b.example", Role.EVENT, reply=f"r{number % 3}", at=at if one else None) for one in range(number % 4)
        )
        seen = Observation(
            Span("e", "", number, number + 1), "s", "k", Route.API, subject=f"s{number}", size=number % 5 - 3, recipients=who,
            readings=(Reading("date", at + timedelta(seconds=number)),) * (number % 2), facts=(("n", str(number)),), ids=("x",) * (number % 3),
        )  # fmt: skip
        found.append(Fragment(f"k{number}", seen, opens=bool(number % 2)))
    expected_ones = [expected(one) for one in found]
    got = through(found)
    assert [one.key for one in got] == [one.key for one in found]
    for one, other in zip(got, expected_ones, strict=True):
        assert dataclasses.replace(one.observation, size=0) == dataclasses.replace(other.observation, size=0)
        assert one.observation.size == max(other.observation.size, -1)


def test_equal_replies_are_redacted_once() -> None:
    asked: list[str] = []

    def redact(text: str) -> str:
        asked.append(text)
        return text.upper()

    encoder = Encoder(KEY, redact)
    for number in range(40):
        who = (Recipient("a@b.example", Role.EVENT, reply=("", "250 ok", "550 no")[number % 3]),)
        encoder.add(Fragment("k", Observation(Span("e", "", number, 1), "s", "k", Route.API, recipients=who)))
    replies = [row["recipients"][0]["reply"] for row in encoder.table().to_pylist()]
    assert replies[:3] == ["", "250 OK", "550 NO"]
    assert sorted(asked) == ["250 ok", "550 no"]


def test_a_time_of_another_zone_is_the_same_moment() -> None:
    at = datetime(2025, 9, 18, 10, 0, 1, tzinfo=UTC)
    elsewhere = at.astimezone(timezone(timedelta(hours=2)))
    one = Fragment(
        "k", Observation(Span("e", "", 0, 1), "s", "k", Route.API, readings=(Reading("a", elsewhere), Reading("b", at)))
    )
    assert [reading.at for reading in through([one])[0].observation.readings] == [at, at]
