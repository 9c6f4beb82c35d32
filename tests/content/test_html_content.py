"""HTML: whatever hides a key from a reader's eye or a search is undone in some view, and hostile markup costs no more than it is long."""

from __future__ import annotations

from typing import SupportsIndex

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from forensics import decoding
from forensics.content import html
from forensics.model import Limits, Part, Text, Unread

KEY = "Kx9fT2vLq8ZrW3nB"
A, B = KEY[:6], KEY[6:]


def read(markup: str) -> list[Text | Part | Unread]:
    return list(html.READER.read(Part("text/html", "text/html", markup.encode("utf-8", "replace")), Limits()))


def views(markup: str) -> dict[str, str]:
    return {one.view: one.text for one in read(markup) if isinstance(one, Text)}


HIDDEN = {
    "cut by wbr": (f"<p>{A}<wbr>{B}</p>", "html"),
    "cut by a closed wbr": (f"<p>{A}<WBR />{B}</p>", "html"),
    "cut by span": (f"<p>{A}<span style='color:#fff'></span>{B}</p>", "html"),
    "each letter in a tag": ("".join(f'<span class="c{i}">{letter}</span>' for i, letter in enumerate(KEY)), "html"),
    "cut by a comment": (f"<p>{A}<!-- x -->{B}</p>", "html"),
    "cut by a comment with tags": (f"<p>{A}<!-- <b>x</b> -->{B}</p>", "html"),
    "cut by a conditional comment": (f"{A}<!--[if mso]><br><![endif]-->{B}", "html"),
    "cut by a script": (f"{A}<script>if (a<b) c()</script>{B}", "html"),
    "cut by an unknown tag": (f"<p>{A}<o:p></o:p>{B}</p>", "html"),
    "cut by a tag with > inside quotes": (f'{A}<a title="a > b">{B}', "html"),
    "cut by a processing instruction": (f"{A}<?xml:namespace prefix=o />{B}", "html"),
    "entity in the middle": (f"<p>{A[:-1]}&#{ord(A[-1])};{B}</p>", "html"),
    "entity without semicolon": (f"<p>{A[:-1]}&#x{ord(A[-1]):X}<b></b>{B}</p>", "html"),
    "entity in an attribute": (f'<a href="https://app.example/?k={A[:-1]}&#{ord(A[-1])};{B}">x</a>', "source"),
    "zero width space": (f"<p>{A}\u200b{B}</p>", "html"),
    "zero width entities": (f"<p>{A}&zwnj;&zwj;&#8203;&#xFEFF;{B}</p>", "html"),
    "soft hyphen": (f"<p>{A}&shy;\u00ad{B}</p>", "html"),
    "control characters": (f"<p>{A}\x00\x1c\x1d\x1e\x1f{B}</p>", "html"),
    "label and value in cells": (f"<tr><th>Key<td>x</td></tr><tr><td>Key</td><td>{A}<b>{B}</b></td></tr>", "html"),
    "white on white": (f'<font color="#ffffff">{KEY}</font>', "html"),
    "not displayed": (f'<div style="display:none">{KEY}</div>', "html"),
    "noscript": (f"<noscript>{KEY}</noscript>", "html"),
    "template": (f"<template><p>{KEY}</p></template>", "html"),
    "svg text": (f"<svg><text x='1'>{A}<tspan>{B}</tspan></text></svg>", "html"),
    "CDATA": (f"<svg><![CDATA[{KEY}]]></svg>", "source"),
    "conditional comment": (f"<!--[if mso]><p>{KEY}</p><![endif]-->", "source"),
    "shown by all but Outlook": (f"<!--[if !mso]><!--><p>{A}<b>{B}</b></p><!--<![endif]-->", "html"),
    "downlevel revealed": (f"<![if !mso]><p>{KEY}</p><![endif]>", "html"),
    "option value": (f"<select><option value={KEY}>Key</option></select>", "source"),
    "input value": (f"<input type=hidden name=key value='{KEY}'>", "source"),
    "meta refresh": (f'<meta http-equiv="refresh" content="0; url=https://app.example/?k={KEY}">', "source"),
    "link": (f'<a href="https://app.example/?k=a%20{KEY}%21">x</a>', "source"),
    "image's description": (f'<img alt="{KEY}" src="">', "source"),
    "style": (f'<style>p:before {{ content:"{KEY}" }}</style>', "source"),
    "style that looks like markup": (f"<style>/* </p> */ p:before {{ content:'{KEY}' }}</style>", "source"),
    "upper case script": (f"<SCRIPT>var k='{KEY}'</SCRIPT >", "source"),
    "style never closed": (f"<style>{KEY}", "html"),
    "unquoted attribute": (f"<p title={KEY}>x</p>", "source"),
    "line end in a tag": (f"<p\ntitle\n=\n'{KEY}'\n>x</p>", "source"),
    "attribute of a closing tag": (f"<p>x</p title='{KEY}'>", "source"),
    "AMP": (f'<html amp4email><amp-list src="https://app.example/{KEY}"></amp-list>', "source"),
    "AMP state": (f'<amp-state id=s><script type="application/json">{{"k":"{KEY}"}}</script></amp-state>', "source"),
    "address in angle brackets": (f"<p>See <https://app.example/{KEY}></p>", "source"),
    "address with a question": (f"<p>See <https://app.example/{KEY}?a=b></p>", "source"),
    "word in angle brackets": (f"<p>Your key: <{KEY}></p>", "source"),
    "words in angle brackets": (f"<p>Your login: <ann {KEY}></p>", "source"),
    "word among attributes": (f'<p class="x" {KEY} align=left>a</p>', "source"),
    "long word in angle brackets": (f"<p><{KEY * 3}></p>", "source"),
    "behind a number too long to be one": (f"<p>&#{'9' * 5000}; {KEY}</p>", "html"),
    "number with many noughts": (f"<p>{A[:-1]}&#{'0' * 5000}{ord(A[-1])};{B}</p>", "html"),
    "behind the last tag": (f"<p>5 < 6 <b {KEY}", "html"),
    "script cut off in its end": (f"<script>{KEY}</scrip", "html"),
    "script whose end is cut off": (f"<p>x</p><script>{KEY}</script", "source"),
}  # fmt: skip


@pytest.mark.parametrize("name", HIDDEN)
def test_key_is_in_its_view(name: str) -> None:
    markup, view = HIDDEN[name]
    assert KEY in views(markup)[view]


def test_conditional_content_is_as_a_search_needs_it_beside_what_others_see() -> None:
    found = views(f"<!--[if mso]><td>{KEY}</td><![endif]--><!--[if !mso]><!--><td>other</td><!--<![endif]-->")
    assert found == {"html": "other", "source": f"[if mso]><td>{KEY}</td><![endif]\n[if !mso]><!\n<![endif]"}


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("<p>a</p >\n \n<div>b<br/><br>c</div>", "a\nb\nc"),
        ("a <b> b </b> c", "a b c"),
        ("a<p-x>b", "ab"),
        ("a&ltb&gt; c&am<b></b>p;", "a<b> c&amp;"),
        ("&amp;lt; &amp;#65;", "&lt; &#65;"),
        ("a\u00a0&nbsp; b\x0bc", "a b\x0bc"),
        ("x<pre>a\tb  c\r\n d</pre>e\tf\ng", "x\na\tb c\nd\ne f g"),
        ("<pre><pre>a\nb</pre>c\nd</pre>e\nf</pre>g\nh", "a\nb\nc\nd\ne f\ng h"),
        ("<textarea>a\n\n&#10;b</textarea>&#10;c", "a\nb\nc"),
        ("<table><tr><td> User : </td><td>\nann</td></table>", "User : ann"),
        ("<tr><td></td><td>a</td><td>&nbsp;</td><td>b</td></tr>", "a: b"),
        ("<tr><td>a<br>b</td><td>c</td></tr>", "a\nb\nc"),
        ("<tr><td><table><tr><td>k</td><td>v</td></tr></table></td></tr>", "k: v"),
        ("<tr><td>a\x1eb\x1fc</td><td>d</td></tr>", "abc: d"),
        ("<TR><TH>鍵：</TH><TD>v</TD></TR>", "鍵： v"),
        (f"<tr><td>{'l' * 61}</td><td>v</td></tr>", f"{'l' * 61}\tv"),
        ("<!-->a-->b", "b"),
        ("<!--->a<p>b", "a\nb"),
        ("<a title='it>b</a>", "b"),
        ("", ""),
        (" \n ", ""),
        ("no markup  at\nall", "no markup at all"),
    ],
)  # fmt: skip
def test_shown_as_read(written: str, shown: str) -> None:
    assert views(written)["html"] == shown


@pytest.mark.parametrize(
    ("written", "source"),
    [
        ('<td  width="5" nowrap\nalt="" class=a b = \'c&amp;d\'>', 'width="5" class="a" b="c&d"'),
        ('<img alt="" src="a=&quot;&quot;" title="">', 'src="a="""'),
        ('<a x="a=" y="=" z="">', 'x="a=" y="="'),
        ('<a x="&#1;" y="1">', 'y="1"'),
        ('<a &lt="&lt">', '&lt="<"'),
        ("<td></td><br/><hr / ><o:p></o:p><td nowrap>", None),
        ("<!DOCTYPE html><!-- a --><!----><!-- -->", "!DOCTYPE html\na"),
        ("<script src=a>b</script><style></style>", 'src="a"\nb'),
        ("<a title='it>b</a>'c>", "<a title='it>b</a>'c>"),
    ],
)
def test_source_as_kept(written: str, source: str | None) -> None:
    assert views(written).get("source") == source


def test_data_uri_is_a_part_wherever_it_stands() -> None:
    found = read('<img src="DATA:image/gif;base64,R0lG"><style>a{b:url(data:,x%20y)}</style><!-- data:text/plain,c -->data:,d')
    assert [one.data for one in found if isinstance(one, Part)] == [b"GIF", b"x y", b"c"]


def test_charset_of_the_mail_comes_before_that_of_the_markup() -> None:
    data = "<meta charset=iso-8859-1><p>ж".encode("koi8-r")
    (shown, _) = (one for one in html.READER.read(Part("p", "text/html", data, charset="koi8-r"), Limits()))
    assert isinstance(shown, Text)
    assert shown.text == "ж"
    (shown, _) = (one for one in html.READER.read(Part("p", "text/html", "<meta charset=koi8-r><p>ж".encode("koi8-r")), Limits()))
    assert isinstance(shown, Text)
    assert shown.text == "ж"


# --- laws --------------------------------------------------------------------------------------------------------------------

WORDS = [
    "<", ">", "</", "<!--", "-->", "<!", "<?", "!", "-", "/", "=", '"', "'", " ", "\n", "\t", "\x00", "\x1e", "&", "&amp", ";", "&#1;", "&#x41;",
    "a", "td", "TR", "p", "pre", "script", "STYLE", "o:p", "alt", '=""', '="b"', "='c'", "=d", "&lt;", "data:,", "\u200b", "é", "<td>", "</td>",
    "<tr>", "<pre>", "</pre>", "<script>", "</script>", '<a b="c">', '<a b="', "<!--[if mso]>", "<![endif]-->", "x y", '<p a="1" b="" c="2 3" />',
]  # fmt: skip
MARKUP = st.lists(st.one_of(st.sampled_from(WORDS), st.text(max_size=4)), max_size=40).map("".join)


@pytest.mark.property
@settings(max_examples=300, deadline=None)
@given(MARKUP.map(lambda text: text.replace(">", "")))
@example('a  x="1" y="" z')
@example("!----")
@example('img alt="" b="&amp;"/')
def test_tag_looked_up_says_what_it_says_when_read_by_itself(tag: str) -> None:
    mark, line = html._by_itself(tag)
    if mark:
        assert html._odd(f"<{tag}>", 0, set()) == (mark, [line], len(tag) + 2)


@pytest.mark.property
@settings(max_examples=300, deadline=None)
@given(MARKUP)
@example("<!--<a>--><b>x<style><i></style><p>")
@example("< <b>5 <!--[if a]><b><![endif]--><td>")
def test_many_at_once_or_one_after_the_other_is_the_same(markup: str) -> None:
    shown, source = html._split(markup)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(html, "_TAGS", decoding.Remembered(lambda _: ("", "")))
        assert html._split(markup) == (shown, source)


@pytest.mark.property
@settings(max_examples=200, deadline=None)
@given(MARKUP, MARKUP.filter(lambda after: not after.lstrip().startswith("=")))
def test_nothing_vanishes_but_the_name_of_an_empty_attribute(before: str, after: str) -> None:
    found = read(f"{before} {KEY} {after}")
    assert any(
        KEY in (one.text if isinstance(one, Text) else one.data.decode("latin-1")) for one in found if not isinstance(one, Unread)
    )


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(MARKUP)
def test_layout_leaves_no_marks_no_empty_lines_and_no_second_blank(markup: str) -> None:
    text = views(markup)["html"]
    assert not set(text) & set("\x00\x1c\x1d\x1e\x1f\u200b")
    assert "  " not in text
    assert text == "" or all(line.strip(" \t\r\f") == line for line in text.split("\n"))


# --- cost --------------------------------------------------------------------------------------------------------------------


class Counted(str):
    """A text that counts the characters that searches in it go over."""

    __slots__ = ("steps",)
    steps: int

    def find(self, sub: str, start: SupportsIndex | None = None, end: SupportsIndex | None = None, /) -> int:
        found = super().find(sub, start, end)
        self.steps += (len(self) if found < 0 else found) - (start.__index__() if start is not None else 0)
        return found


@pytest.mark.parametrize(
    "piece",
    [
        "<",
        "< ",
        "<a ",
        "</",
        "<!",
        "<!--",
        "<!-- x>",
        "<!--><script>",
        "<style><",
        "<script></scrip",
        "<a b='",
        '<a b="c>',
        '<a b="c>"',
        "<script>",
    ],
)
@pytest.mark.parametrize("end", ["", ">", "-->", "</style>", "'>"])
def test_searches_go_over_hostile_markup_a_bounded_number_of_times(piece: str, end: str) -> None:
    markup = Counted(piece * (20_000 // len(piece)) + end)
    markup.steps = 0
    html._split(markup)
    assert markup.steps <= 30 * len(markup)  # a tag is searched on for over 20 times its `>`, at most


@pytest.mark.parametrize("piece", ["<", "<a ", "<!--", "<p>x</p><"])
def test_tags_are_cut_only_where_each_has_an_end(piece: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else each `<` would be followed to the end of the text."""
    cut: list[str] = []

    class Spy:
        def split(self, text: str) -> list[str]:
            cut.append(text)
            return tag.split(text)

    tag = html._TAG
    monkeypatch.setattr(html, "_TAG", Spy())
    for markup in (piece * 50, piece * 50 + "\x00"):
        html._split(markup)
    assert cut
    assert all(text == "" or text.endswith(">") for text in cut)


def test_what_is_remembered_is_bounded() -> None:
    asked: list[str] = []

    def answer(text: str) -> str:
        asked.append(text)
        return text.upper()

    remembered = decoding.Remembered(answer)
    assert [remembered["a"], remembered["a"]] == ["A", "A"]
    assert asked == ["a"]
    for number in range(decoding._KEPT * 2):
        assert remembered[str(number)] == str(number)
    assert len(remembered) <= decoding._KEPT
    assert remembered["b" * 5000] == "B" * 5000
    assert all(len(text) <= decoding._KEPT_LENGTH for text in remembered)
