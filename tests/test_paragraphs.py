"""Lines that a mail program cut are joined for the search; lines that people made are not, and every place is kept."""

from __future__ import annotations

import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forensics.leaks import load_rules, scan
from forensics.leaks.paragraphs import unwrapped
from forensics.model import Text

TALK = (
    "the table in the corner has been moved to make room for some more chairs and a lamp that nobody wanted so far because the "
    "old one still gives light enough for whoever sits there in the evening with a book on the knees and a cup beside it"
)
_WORDS = st.lists(
    st.text("abcdefghijklmnopqrstuvwxyzäéßжλ", min_size=1, max_size=14).filter(lambda word: word), min_size=60, max_size=200
)
_ANY = st.text(st.sampled_from("ab Z.:|\t\n\r7-é(>") | st.characters(), max_size=400)
_LONG = st.lists(st.integers(40, 110), max_size=12).flatmap(
    lambda lengths: st.tuples(*(st.text("ab Z.:7é", min_size=length, max_size=length) for length in lengths)).map("\r\n".join)
)


def cut(text: str, width: int) -> str:
    return textwrap.fill(text, width, break_long_words=False, break_on_hyphens=False)


@pytest.mark.property
@given(words=_WORDS, width=st.integers(65, 80), end=st.sampled_from(["\n", "\r\n", " \n", " \r\n"]))
def test_a_paragraph_is_as_it_was_before_it_was_cut(words: list[str], width: int, end: str) -> None:
    paragraph = " ".join(words)
    assert unwrapped(cut(paragraph, width).replace("\n", end)).text == paragraph


@pytest.mark.property
@given(text=_ANY | _LONG)
def test_every_character_keeps_its_place(text: str) -> None:
    paragraphs = unwrapped(text)
    assert "".join(paragraphs.text.split()) == "".join(text.split())
    for offset, character in enumerate(paragraphs.text):
        assert text[paragraphs.place(offset)] in {character, "\n", "\r", " "}
        assert character == " " or text[paragraphs.place(offset)] == character


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n\n",
        f"{cut(TALK, 72)}".replace("\n", "\n\n"),
        "The migration to the new mail server was finished in the second week.\nBest regards,\nAnna Sample\nService desk of the town",
        "Please find the requested access details for your project below, Ben\nSTRICTLY CONFIDENTIAL\nKind regards",
        "The postcode of your address could not be verified by our robot.\n1 x sample, colour code e4bef8e\nYour number is 56605050.",
        "the lines below are what the office asked for in its last letter:\nname of the child\nAnna",
        "on the whole the list that follows is the one that we agreed on\n- one lamp\n- two tables and a chair\n1. third\n2) fourth thing",
        "this is what you need for the machine in the cellar of the house\nPassword: Sommer-24\nUser: anna\nWLAN Gast: Tiger12",
        "2025-11-02 12:56 host.example app: the request was answered in 12 ms\n2025-11-02 12:57 host.example app: the request was sent\n" * 5,
        "Nov  2 12:56:01 mail postfix/smtp: queue of the day was sent in a\nNov  2 12:56:02 mail postfix/smtp: queue of the day was sent\n" * 5,
        "name of the machine\tplace in the cellar of the house\tkey of it\nlamp three\tfirst floor to the left of the stairs\tkey four\n" * 5,
        "def answer(question, asked_by, at_what_time_of_the_day, language) {\n  return 42\n",
        "x" * 300 + "\nlower case follows\n" + "y" * 101 + "\nand more",
    ],
)  # fmt: skip
def test_lines_that_people_made_stay(text: str) -> None:
    assert unwrapped(text).text == text


def test_sentences_on_lines_of_their_own_stay() -> None:
    """Their lengths agree on no width, so that the next word would have found room."""
    lengths = (53, 61, 70, 78, 85, 58, 66, 74, 90, 96)
    text = "\n".join((f"Word {TALK}"[: length - 1] + ".").capitalize() for length in lengths)
    assert unwrapped(text).text == text


def test_a_sentence_is_joined_even_where_the_width_is_unknown() -> None:
    text = "this sentence was cut by hand at some place beyond the middle of\nthe line. And this one stands alone."
    assert unwrapped(text).text == text.replace("\n", " ")


@pytest.mark.parametrize("end", ["\n", "\r\n", " \n"])
@pytest.mark.parametrize(
    ("secret", "kind", "said"),
    [
        ("Tiger-Lamp-77", "password", "and the new password for the portal of the office is Tiger-Lamp-77 until the end of June"),
        ("482913", "one_time_code", "and your verification code for the door of the office is 482913 until the end of June"),
        ("4111 1111 1111 1111", "payment_card", "so charge it to 4111 1111 1111 1111 exp 12/27 before the end of June"),
    ],
)
def test_what_a_line_end_cuts_is_found_in_its_place(end: str, secret: str, kind: str, said: str) -> None:
    for words in range(0, 30, 3):
        letter = " ".join([*TALK.split()[:words], said, TALK])
        text = cut(letter, 72).replace("\n", end)
        (leak,) = [
            one for one in scan([Text("text/plain", "decoded", text)], load_rules(), b"key", None).leaks if one.kind == kind
        ]
        first = secret.split(maxsplit=1)[0]
        assert text[leak.offset : leak.offset + len(first)] == first, text
        assert leak.fingerprint == fingerprint_of(secret, kind, said)


def fingerprint_of(secret: str, kind: str, said: str) -> str:
    (leak,) = [one for one in scan([Text("text/plain", "decoded", said)], load_rules(), b"key", None).leaks if one.kind == kind]
    assert said[leak.offset :].startswith(secret.split(maxsplit=1)[0])
    return leak.fingerprint
