"""JSON records at speed: the quick way through plain records gives exactly what the careful one gives."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import support
from affordable import affordable
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.jsonstream import (
    ANY_TEXT,
    Fields,
    Frame,
    Plan,
    Record,
    first_level,
    frames,
    framing,
    plain_object,
    shaped,
    unescaped,
)

LISTS = ["rows"]
SAMPLES = sorted((support.FORMATS / "postmark").iterdir())


def read(data: bytes, block: int = 1 << 16) -> list[Frame]:
    blocks = [data[at : at + block] for at in range(0, len(data), block)]
    return list(frames(blocks, LISTS))


def carefully(data: bytes) -> list[Frame]:
    """The same without the quick way."""

    def nothing(_: object) -> Iterator[Record]:
        return iter(())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(framing._Reader, "_plain", nothing)
        return read(data)


def typed(value: Any) -> Any:
    """Equal only if every type is equal too: 1, 1.0 and True are three things."""
    if isinstance(value, dict):
        return {key: typed(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return (type(value).__name__, [typed(one) for one in value])
    return (type(value).__name__, repr(value))


def same(data: bytes) -> bool:
    return [typed(one) for one in read(data)] == [typed(one) for one in carefully(data)]


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(['":', " :", '\\":', "\t:", "{[", "ü"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "rows", 'q":', "ä"]), inner, max_size=3)
    ),
    max_leaves=8,
)
records = st.dictionaries(st.sampled_from(["a", "b", "c", "rows", "ä", 'q"']), values, max_size=4)
layouts = st.sampled_from([(",", ":"), (", ", ": "), (" , ", " : "), (",\n", "\t:\r\n")])


FIRST = b'{"first":0}\n'  # the careful way reads the first record anyway


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a":1,"a":2}', {"a": (1, 2)}),
        ('{"a":1,"a" :2}', {"a": (1, 2)}),
        ('{"a":1,"a"\t:2}', {"a": (1, 2)}),
        ('{"a":1,"a"\r:2}', {"a": (1, 2)}),
        ('{"a":1,"a"\n:2}', {"a": (1, 2)}),
        ('{"a":1,"\\u0061":2}', {"a": (1, 2)}),
        ('{"o":{"a":1,"a":2}}', {"o": {"a": (1, 2)}}),
        ('{"o":[{"a":1,"a" :2}]}', {"o": [{"a": (1, 2)}]}),
        ('{"a":{"b":1},"a":2}', {"a": ({"b": 1}, 2)}),
        ('{"a":1,"a" :"\\":"}', {"a": (1, '":')}),  # a text that looks like the pair that is missing
        ('{"ä":1,"\\u00e4":2}', {"ä": (1, 2)}),
        ('{"a\\\\":1,"a\\\\":"\\":"}', {"a\\": (1, '":')}),  # a key that ends in a backslash
        ('{"a":{"b":1,"b":"\\":"}}', {"a": {"b": (1, '":')}}),
        ('{"a":"{\\"b\\":1,\\"b\\":2}"}', {"a": '{"b":1,"b":2}'}),
        ('{"a":"b\\":c"}', {"a": 'b":c'}),
        ('{"a":" : "}', {"a": " : "}),
        ('{"a":[],"b":{}}', {"a": [], "b": {}}),
        ('{"a" : 1 , "b":2}', {"a": 1, "b": 2}),
        ('{"a":"Grüße"}', {"a": "Grüße"}),
        ('{"a":"\\ud83d\\ude00"}', {"a": "😀"}),
        ('{"a":"\t\n"}', {"a": "\t\n"}),
        ('{"a":NaN}', None),
        (f'{{"a":{"9" * 40}}}', {"a": 1e40}),
        (f'{{"a":{"9" * 5000}}}', {"a": float("inf")}),
        ("{}", {}),
    ],
)
@pytest.mark.parametrize("around", ["@", "[@,\n@]", '{"rows":[@,@],"n":1}', "@@", " @\n\n\t@"])
def test_no_key_and_no_character_is_lost(text: str, value: dict[str, Any] | None, around: str) -> None:
    data = FIRST + around.replace("@", text).encode()
    found = [one.value for one in read(data)[1:] if isinstance(one, Record)]
    assert same(data)
    assert found
    if value is not None:
        assert found == [value] * len(found)


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(records, layouts, st.booleans(), st.text(alphabet='{}[]":\\ \n,a1ü', max_size=4), st.integers(0, 60))
def test_a_plain_object_is_what_frames_would_tell(
    record: dict[str, Any], layout: tuple[str, str], ascii_only: bool, put: str, at: int
) -> None:
    whole = json.dumps(record, separators=layout, ensure_ascii=ascii_only)
    for text in (whole, whole[:at] + put + whole[at:]):
        found = plain_object(text)
        if found is not None:
            (told,) = frames([text.encode()], ())
            assert isinstance(told, Record)
            assert typed(found) == typed(told.value)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ('{"a":1}', True), (' {"a": "ü"}\n', True), ('{"a":"\\""}', True), ('{"a":1,"a":2}', False), ('{"a" :1}', False), ('{"a":1} x', False),
        ('{"a":1}{}', False), ("[1]", False), ("", False), ('{"a":"\\ud83d"}', False), ('{"a":"\ud83d"}', False), ('{"a":', False),
        ('{"a":' + "[" * 99 + "]" * 99 + "}", True), ('{"a":' + "[" * 100 + "]" * 100 + "}", False), ("{" * 9_999, False),
    ],
)  # fmt: skip
def test_what_is_a_plain_object(text: str, plain: bool) -> None:
    assert (plain_object(text) is not None) is plain


def test_bytes_that_are_no_unicode_are_told_by_both_ways() -> None:
    data = FIRST + b'{"a":"\xff"}\n{"a":"\xc3\xa4"}\n{"\xff":1,"\xfe":2}'
    assert [(one.value, one.replaced) for one in read(data)[1:] if isinstance(one, Record)] == [
        ({"a": "\ufffd"}, True),
        ({"a": "ä"}, False),
        ({"\ufffd": (1, 2)}, True),
    ]
    assert same(data)


def test_a_nest_is_as_deep_for_both_ways() -> None:
    for depth in (98, 99, 100, 101, 300, 3_000):
        assert same(FIRST + b'{"a":' + b"[" * depth + b"]" * depth + b"}\n" + FIRST)


def test_the_quick_way_is_taken() -> None:
    data = FIRST + b"".join(b'{"a":%d,"b":[{"c":"x"}]}\n' % number for number in range(9))
    reader: framing._Reader[Record] = framing._Reader([data], 0, frozenset(LISTS))
    reader._next()
    next(reader._object(None))
    assert len(list(reader._plain())) == 9


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_samples_read_alike(path: Any) -> None:
    data = path.read_bytes()
    assert same(data)
    assert same(FIRST + data)


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(st.lists(records, max_size=5), layouts, st.booleans(), st.sampled_from(["\n", ",", "", "\r\n "]), st.data())
def test_the_quick_way_says_what_the_careful_one_says(
    given_records: list[dict[str, Any]], layout: tuple[str, str], ascii_only: bool, between: str, data: st.DataObject
) -> None:
    text = between.join(json.dumps(one, separators=layout, ensure_ascii=ascii_only) for one in given_records)
    whole = FIRST + text.encode("utf-8", "surrogatepass")
    assert same(whole)
    changed = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(changed) - 1))
        changed[at : at + data.draw(st.integers(0, 2))] = data.draw(
            st.sampled_from(
                [b"", b'"', b":", b" ", b"{", b"}", b"[", b"\\", b",", b"\xff", b'"a":', b"\n", b"9" * 40, b"\\ud83d"]
            )
        )
        if not changed:
            return
    assert same(bytes(changed))
    assert read(bytes(changed), block=7) == read(bytes(changed)) or b"NaN" in changed


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ('{"a":1,"b":{"c":2},"d":[{"e":3}],"f"', ["a", "b", "d"]), ('{"a":"x\\"b\\":1","c":', ["a", "c"]), ('{"a":"cut, "b', ["a"]), ("{}", []),
        ('{"a":1}{"b":2}', ["a"]), ("", []), ("[", []),
    ],
)  # fmt: skip
def test_the_keys_of_a_cut_object(text: str, keys: list[str]) -> None:
    assert first_level(text) == keys


def test_a_text_without_an_end_is_looked_through_once() -> None:
    with affordable(2):
        assert first_level('{"a":"' + '\\"":' * 200_000) == ["a"]


# --- records that are read by the pattern of one before


class Told(tuple[Any, ...]):
    """What a plan makes of a record: its place, and the texts of its fields."""

    __slots__ = ()


def read_shaped(data: bytes, block: int = 1 << 16, *, decline: str = "no such text") -> list[Any]:
    """As `read`, with a plan for every record: each field is wanted, texts may be any."""

    def learn(value: dict[str, Any], within: str) -> Plan[Told]:
        names = tuple(value)
        forms = dict.fromkeys(names, ANY_TEXT)
        return Plan(
            names, forms, lambda start, end, texts: None if decline in texts else Told((start, end, within, names, texts))
        )

    blocks = [data[at : at + block] for at in range(0, len(data), block)]
    return list(shaped(blocks, LISTS, 0, learn))


def as_record(data: bytes, told: Any) -> Any:
    """The record that `frames` would have told in the place of what a plan made, if that was made of its bytes alone."""
    if not isinstance(told, Told):
        return told
    start, end, within, names, texts = told
    value = json.loads(data[start:end].decode(), strict=False)
    assert tuple(value) == names
    for name, text in zip(names, texts, strict=True):
        one = value[name]
        if isinstance(one, str):
            assert unescaped(text) == one
        else:
            assert json.loads(text.encode("latin-1").decode() if text is not None else "null") == one
    return Record(start, end, value, within)


flat = st.dictionaries(st.sampled_from(["x", "y"]), st.none() | st.integers() | st.text(max_size=4), max_size=2)
rows = st.fixed_dictionaries(
    {"id": st.integers(), "name": st.text(max_size=8), "none": st.none(), "is": st.booleans(), "list": st.lists(flat | st.text(max_size=3), max_size=3)},
    optional={"flat": flat, "real": st.floats(), "deep": st.just({"a": [[1]]})},
)  # fmt: skip


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(st.lists(rows, max_size=9), layouts, st.booleans(), st.sampled_from(["ndjson", "page", "array"]), st.data())
def test_a_pattern_says_what_frames_says(
    given_rows: list[dict[str, Any]], layout: tuple[str, str], ascii_only: bool, form: str, data: st.DataObject
) -> None:
    pieces = [json.dumps(one, separators=layout, ensure_ascii=ascii_only) for one in given_rows]
    text = "\n".join(pieces) if form == "ndjson" else ",\n".join(pieces)
    whole = (f'{{"n":1,"rows":[{text}]}}' if form == "page" else f"[{text}]" if form == "array" else text).encode(
        "utf-8", "surrogatepass"
    )
    changed = bytearray(whole)
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(0, max(len(changed) - 1, 0)))
        changed[at : at + data.draw(st.integers(0, 2))] = data.draw(
            st.sampled_from(
                [
                    b"",
                    b'"',
                    b":",
                    b" ",
                    b"{",
                    b"}",
                    b"\\",
                    b",",
                    b"\xff",
                    b"\xc3\xa4",
                    b'"id":1,',
                    b"\n",
                    b"0",
                    b"-",
                    b".5",
                    b"\\ud83d",
                    b"\x1d",
                    b"\0",
                ]
            )
        )
    for one in (whole, bytes(changed)):
        block = data.draw(st.integers(1, 500))
        told = [as_record(one, each) for each in read_shaped(one, block)]
        assert [typed(each) for each in told] == [typed(each) for each in read(one)]


def many(count: int, **more: Any) -> bytes:
    return b"".join(json.dumps({"id": number, "name": f"n{number}", **more}).encode() + b"\n" for number in range(count))


def test_nearly_all_records_go_by_the_pattern() -> None:
    mixed = many(50) + many(50, odd=None) + many(50)
    assert sum(isinstance(one, Told) for one in read_shaped(mixed)) >= 145


@pytest.mark.parametrize(
    ("record", "by_pattern"),
    [
        ('{"id": 7, "name": "x"}', True), ('{"id": 7, "name": "\\u00e4ö\\n"}', True), ('{"id": 7, "name": ""}', True), ('{"id": 07, "name": "x"}', False),
        ('{"id": -0, "name": "x"}', False), ('{"id": 7.0, "name": "x"}', False), ('{"id": 7,"name": "x"}', False), ('{"id": "7", "name": "x"}', False),
        ('{"name": "x", "id": 7}', False), ('{"id": 7, "name": "x", "name": "y"}', False), ('{"id": 7, "name": "\\ud83d"}', False),
        ('{"id": 7, "name": null}', False), ('{"id": 7, "name": "x"', False), ('{"id": 7, "n\\u0061me": "x"}', False), ('{"id": 7, "name": "\t"}', False),
    ],
)  # fmt: skip
def test_what_fits_the_pattern_of_a_record(record: str, by_pattern: bool) -> None:
    data = many(3) + record.encode() + b"\n" + many(1)
    told = read_shaped(data)
    start = data.index(record.encode())
    assert any(isinstance(one, Told) and one[0] == start for one in told) is by_pattern
    assert [typed(as_record(data, one)) for one in told] == [typed(one) for one in read(data)]


def test_what_a_plan_declines_is_read_in_the_usual_way() -> None:
    told = read_shaped(many(30), decline="n7")
    assert [one.value["id"] for one in told if isinstance(one, Record)] == [0, 1, 7]  # the first two teach


def test_records_of_ever_new_kinds_are_not_all_looked_at() -> None:
    data = b"".join(b'{"k%d":%d}\n' % (number, number) for number in range(4_000))
    with affordable(5):
        assert len(read_shaped(data)) == 4_000


def test_long_texts_that_fit_no_pattern_cost_no_more_than_their_length() -> None:
    data = many(5) + b"".join(b'{"id": 1, "name": "' + b"x" * 200_000 + b"\n" for _ in range(20))
    with affordable(10):
        read_shaped(data)


# --- counts


@pytest.mark.parametrize(
    ("value", "count"),
    [
        (0, 0), (712, 712), ("712", 712), (" 712\n", 712), ("\x1d712", None), ("712\x1c", None), ("7\x0012", None), ("\u2003712", None), ("7\ud83d12", None),
        ("٧١٢", None), ("", None), (" ", None), ("-1", None), (-1, None), (True, None), (7.0, None), ("7.0", None), ("9" * 15, 10**15 - 1), ("9" * 16, None),
        (10**15, None), (None, None), ([7], None), (("7", "8"), None), (" " * 10 + "7", None), ("7_0", None), ("+7", None),
    ],
)  # fmt: skip
def test_a_count_is_digits_and_nothing_else(value: Any, count: int | None) -> None:
    fields = Fields({"n": value})
    assert (fields.count("n"), fields.wrong) == (count, set() if count is not None or value is None else {"n"})


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(), max_size=6) | st.integers().map(str))
def test_a_count_never_fails_and_never_guesses(text: str) -> None:
    found = Fields({"n": text}).count("n")
    assert (
        found is None or str(found) == text.strip(" \t\r\n").lstrip("0") or (found == 0 and set(text.strip(" \t\r\n")) == {"0"})
    )
