"""The search engine, its fallback and a plain walk find the same; the database survives torn and foreign files."""

from __future__ import annotations

import hashlib
import importlib
import os
import random
import re
import string
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.evidence import Item
from forensics.leaks import database, engine, load_rules, ruleset
from forensics.leaks.anchors import anchored, lead
from forensics.leaks.cost import rule_costs
from forensics.leaks.engine import EveryRule, Indexed, Keywords
from forensics.leaks.links import links, links_at
from forensics.leaks.ruleset import Basis, Rule
from forensics.leaks.search import hits_in, hits_of
from forensics.leaks.syntax import UnreadablePatternError, parsed
from forensics.leaks.writing import NOTHING
from forensics.model import Span
from forensics.pipeline.audit import Options, _size_to_read, audit
from forensics.pipeline.second_pass import Content, ContentBatch, Wanted, read_batch

hyperscan = pytest.importorskip("hyperscan")

RULES = load_rules()
EXAMPLES = [one.text for rule in RULES.rules for one in (*rule.examples, *rule.counter_examples)]
HOSTILE = (
    " ", "1", "1 ", "A", "a.", "0123abcd", "password ", "password: ", "your code is ", "Dear Anna ", "Name: Anna ", "https://", "%25",
    "https://a.example/reset?token=", "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n", "Server=x;", "curl -u ", "eyJabcdefghi.", "MII",
    "Musterstraße ", "a@b.", "@", "tel 12 34 ", "my child ", "jdbc:mysql:x", "\n", "> ", '"', "postgres://a:", "密码", "WIFI:T:", "şifre ",
    "ŞİFRE: ", "ſ", "\u0130", "Kelvin \u212a ", "пароль ", "٣", "\ud800", "hxxp://a.example/", "+49 ", "api key ", "twilio 0123abcd",
    "api_key = a_b.", "ABCD\n> ", "AKIA ", "2025 is your ", ";Key=", "a-B_c.", "literal 1\nz", "https://a.a.a/invite", "Salary 1", "born ",
)  # fmt: skip


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Indexed:
    return Indexed(RULES, database.opened(RULES, folder=tmp_path_factory.mktemp("cache") / "forensics"))


def same(text: str, indexed: Indexed, about: str = "") -> None:
    walked = hits_in(text, RULES, about=about, engine=Keywords(RULES))
    assert hits_in(text, RULES, about=about, engine=indexed) == walked


def test_each_example_gives_the_same_by_all_three_engines(indexed: Indexed) -> None:
    for text in EXAMPLES:
        same(text, indexed)
    every = EveryRule(RULES)
    for text in random.Random(7).sample(EXAMPLES, 60):
        assert hits_in(text, RULES, engine=every) == hits_in(text, RULES, engine=indexed)


@pytest.mark.parametrize("change", [str.upper, "ı{}".format, "é {} ş".format, "> {}".format, "x{}".format, "{}\u0307".format])
def test_other_letters_around_and_other_cases_change_nothing(change: object, indexed: Indexed) -> None:
    assert callable(change)
    for text in random.Random(3).sample(EXAMPLES, 150):
        same(change(text), indexed)


@pytest.mark.parametrize("unit", HOSTILE)
def test_hostile_text_gives_the_same(unit: str, indexed: Indexed) -> None:
    same((unit * (3_000 // len(unit) + 1))[:3_000], indexed)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("ŞİFRE: Elma55", "Elma55"),
        ("Şifreniz: Elma55", "Elma55"),
        ("PA\u017f\u017fWORD: Elma55", ""),
        ("Пароль: Ромашка12", "Ромашка12"),
    ],
)
def test_letters_that_fold_oddly_are_found_where_they_stand(text: str, value: str, indexed: Indexed) -> None:
    hits, _ = hits_in(text, RULES, engine=indexed)
    assert [text[hit.start : hit.end] for hit in hits] == ([value] if value else [])
    same(text, indexed)


NOISE = st.text(alphabet=string.ascii_letters + string.digits + " \n\t.:=@/-_+>#%ıİſßéпароль密码٣\u00a0\ud800", max_size=30)
PIECES = st.lists(st.one_of(st.sampled_from(EXAMPLES), NOISE), min_size=1, max_size=6)


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(
    pieces=PIECES,
    joint=st.sampled_from(["", " ", "\n", "\n\n> ", "\u3000", ", "]),
    about=st.sampled_from(["", "heroku twilio api key"]),
)
def test_examples_among_noise_give_the_same(pieces: list[str], joint: str, about: str, indexed: Indexed) -> None:
    same(joint.join(pieces), indexed, about)


@pytest.mark.property
@settings(max_examples=50, deadline=None)
@given(texts=st.lists(st.one_of(st.sampled_from(EXAMPLES), NOISE), max_size=8))
def test_texts_searched_together_give_what_each_gives_alone(texts: list[str], indexed: Indexed) -> None:
    together = list(hits_of(texts, RULES, engine=indexed)) if texts else []
    assert together == [hits_in(text, RULES, engine=indexed) for text in texts]


def test_words_in_the_surroundings_let_a_rule_in(indexed: Indexed) -> None:
    uuid = "here it is:\n3f2504e0-4f89-41d3-9a0c-0305e82c3301"
    assert hits_in(uuid, RULES, engine=indexed)[0] == []
    assert [hit.rule.id for hit in hits_in(uuid, RULES, about="postmark server token", engine=indexed)[0]] == ["postmark-token"]


def test_blocks_of_a_long_text_overlap(indexed: Indexed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forensics.leaks.search._BLOCK", 1000)
    monkeypatch.setattr("forensics.leaks.search._OVERLAP", 200)
    text = "".join(f"fillér words and more\nPassword: Secret-{number}!\n" for number in range(100))
    assert [hit.value for hit in hits_in(text, RULES, engine=indexed)[0]] == [f"Secret-{number}!" for number in range(100)]


# --- anchors: wider than the pattern, never narrower ------------------------------------------------------------------------


@pytest.mark.parametrize("rule", [rule for rule in RULES.rules if rule.basis is not Basis.URL], ids=lambda rule: rule.id)
def test_each_fit_holds_an_anchor_and_begins_with_the_lead(rule: Rule) -> None:
    sources = rule.anchors or (rule.source,)
    anchors = [one for source in sources for one in anchored(source, given=bool(rule.anchors))]
    starts = re.compile(lead(rule.source)[0])
    for example in rule.examples:
        text = engine._straightened(example.text)
        ends = reported_ends([one.expression for one in anchors], text)
        for fit in rule.pattern.finditer(example.text):
            assert starts.match(text, fit.start())
            assert not anchors or any(anchors[number].least <= end - fit.start() <= anchors[number].most for number, end in ends)


def reported_ends(expressions: list[bytes], text: str) -> list[tuple[int, int]]:
    """Number of an expression and each end of a fit of it, in characters, as the search engine reports them."""
    if not expressions:
        return []
    searched = hyperscan.Database()
    searched.compile(expressions=expressions, ids=list(range(len(expressions))), flags=[0] * len(expressions))
    data = f"{text}{NOTHING}".encode()
    return [(number, len(data[:end].decode("utf-8", "ignore"))) for number, end in engine._reports(searched, data)]


LETTERS = st.sampled_from(list("abkKsſiıİßẞéÉпП密12 .:=\n"))
ATOMS = st.sampled_from(
    [
        "a",
        "k",
        "ß",
        "é",
        "п",
        r"\d",
        r"\s",
        r"\w",
        "[a-c1]",
        "[^a]",
        ".",
        "(?:ab|k|п)",
        "(?<![a-z])",
        "(?!b)",
        "(?=a)",
        "[ ]",
        r"\p{Lu}",
        "ſ",
        "i",
    ]
)
PATTERNS = st.lists(st.tuples(ATOMS, st.sampled_from(["", "?", "*", "+", "{2}", "{1,3}", "{0,2}?"])), min_size=2, max_size=6)


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(atoms=PATTERNS, ignore_case=st.booleans(), text=st.text(LETTERS, max_size=24))
def test_an_invented_pattern_fits_only_where_its_lead_and_its_anchors_do(
    atoms: list[tuple[str, str]], ignore_case: bool, text: str
) -> None:
    body = "".join(atom + ("" if atom.startswith(("(?<", "(?!", "(?=")) else count) for atom, count in atoms)
    source = ("(?i)" if ignore_case else "") + body
    plain = engine._straightened(text)
    data = plain.encode("utf-8", "surrogatepass")
    starts = re.compile(lead(source)[0])
    anchors = anchored(source, given=True)
    for fit in regex.compile(source, regex.VERBOSE).finditer(text, overlapped=True):
        if fit.end() == fit.start():
            continue
        assert starts.match(plain, fit.start())
        ends = [
            (len(data[:end].translate(None, engine._FOLLOWING)), one)
            for one in anchors
            for end in range(len(data) + 1)
            if regex.search(b"(?:" + one.expression + rb")\Z", data[:end])
        ]
        assert not anchors or any(end - one.most <= fit.start() <= end - one.least for end, one in ends)


@pytest.mark.parametrize("source", ["(?R)", "(a", "[a", "(?(1)a)", r"\K", "(" * 100 + ")" * 100])
def test_what_cannot_be_read_is_refused_and_has_no_anchor(source: str) -> None:
    with pytest.raises(UnreadablePatternError):
        parsed(source)
    assert anchored(source) == ()


def test_a_pattern_that_says_too_little_has_no_anchor() -> None:
    assert anchored(r"\w{1,3}") == ()
    assert anchored("[a-z]*") == ()


def test_links_around_places_are_those_of_the_whole_text() -> None:
    text = "xhttps://a.example/b?c=d, (www.b.example/e) <https://c.example> https://d.example/f%20g."
    whole = list(links(text))
    assert len(whole) == 4
    assert links_at(text, range(1, len(text) + 1)) == whole
    assert links_at(text, [text.index("d.example") + 3]) == whole[3:]


# --- words that must stand near ---------------------------------------------------------------------------------------------


NEAR = sorted({rule.near for rule in RULES.rules if rule.near is not None}, key=lambda near: near.words)


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(
    near=st.sampled_from(NEAR),
    pieces=st.lists(st.one_of(st.sampled_from(sorted({word for near in NEAR for word in near.words})), NOISE), max_size=5),
    change=st.sampled_from([str, str.upper, str.title, str.swapcase]),
    joint=st.sampled_from(["", " ", "x", "İ", "ß", "\n"]),
)
def test_near_words_are_found_where_their_pattern_fits(
    near: ruleset.Nearness, pieces: list[str], change: Callable[[str], str], joint: str
) -> None:
    text = change(joint.join(pieces).replace("*", ""))
    fits = near.pattern.search(text) is not None
    assert near.is_in(text) is fits
    assert near.may_be_in(text) or not fits


@pytest.mark.parametrize(
    ("words", "text", "is_in", "may_be"),
    [
        (("pin",), "my PIN is", True, True),
        (("pin",), "spinning", False, True),
        (("*pin",), "mypin", True, True),
        (("pin*",), "pinned", True, True),
        (("pin",), "p\u0130n", True, True),
        (("pass",), "pa\u017f\u017f", True, True),
        (("κωδικός",), "ΚΩΔΙΚΌΣ", True, True),
        (("pin",), "card", False, False),
        (("i", "he"), "mining the heart", False, True),
        (("i", "he"), "he mines", True, True),
        (("sick", "sickn*"), "sickness", True, True),
        (("sick", "sickn*"), "sicker", False, True),
        (("sickness", "sick"), "SICK-leave", True, True),
        (("*pin", "pine"), "pineapple", False, True),
        (("mật khẩu",), "MẬT KHẨU: x", True, True),
        (("școală",), "la ȘCOALĂ azi", True, True),
        (("\u13a0",), "\uab70", True, True),  # Cherokee: cases are not known to be even, the pattern itself is asked
    ],
)
def test_near_words_and_near_misses(words: tuple[str, ...], text: str, is_in: bool, may_be: bool) -> None:
    near = ruleset.Nearness(words)
    assert (near.is_in(text), near.may_be_in(text)) == (is_in, may_be)


def test_letters_that_patterns_take_for_the_same_are_even() -> None:
    every = "".join(chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000)
    small = [char for char in every if ruleset._KNOWN_LETTERS.match(char) and char.lower() == char]
    assert len(small) > 200
    apart = {
        (char, other)
        for char in small
        for other in regex.findall(f"(?i){regex.escape(char)}", every)
        if len(ruleset.evened(other)) == 1 and ruleset.evened(other) != ruleset.evened(char)
    }
    assert apart == set()


# --- the cache --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def few() -> ruleset.Ruleset:
    some = {"password-labelled", "github-token", "nl-bsn", "reset-link", "heroku-key"}
    return ruleset.indexed(tuple(rule for rule in RULES.rules if rule.id in some), "few")


def test_the_database_is_kept_for_this_user_only_and_read_again(tmp_path: Path, few: ruleset.Ruleset) -> None:
    folder = tmp_path / "forensics"
    assert database.kept(few, folder=folder) is None
    compiled = database.opened(few, folder=folder)
    (file,) = folder.iterdir()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert file.stat().st_mode & 0o077 == 0
    again = database.kept(few, folder=folder)
    assert again is not None
    assert (again.expressions, again.leads, again.walked) == (compiled.expressions, compiled.leads, compiled.walked)
    text = "Password: Tr0ub4dor&3 and BSN: 111222333"
    hits = hits_in(text, few, engine=Indexed(few, again))
    assert hits == hits_in(text, few)
    assert len(hits[0]) == 2


@pytest.mark.parametrize("damage", ["cut", "flipped", "emptied", "foreign", "other header"])
def test_a_damaged_or_foreign_database_is_not_used(tmp_path: Path, damage: str, few: ruleset.Ruleset) -> None:
    folder = tmp_path / "forensics"
    database.opened(few, folder=folder)
    (file,) = folder.iterdir()
    content = file.read_bytes()
    middle = len(content) // 2
    file.write_bytes(
        {
            "cut": content[:middle],
            "flipped": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
            "emptied": b"",
            "foreign": b"MZ" * 400,
            "other header": hashlib.sha256(b"forensics rules\n{}\n").digest() + b"forensics rules\n{}\n",
        }[damage]
    )
    assert database.kept(few, folder=folder) is None
    compiled = database.opened(few, folder=folder)
    assert [hit.value for hit in hits_in("BSN: 111222333", few, engine=Indexed(few, compiled))[0]] == ["111222333"]
    assert file.read_bytes() == content


@pytest.mark.skipif(sys.platform == "win32", reason="modes of files are those of POSIX")
def test_a_database_that_others_could_have_written_is_not_used(tmp_path: Path, few: ruleset.Ruleset) -> None:
    folder = tmp_path / "forensics"
    database.opened(few, folder=folder)
    folder.chmod(0o777)
    assert database.kept(few, folder=folder) is None


def test_where_nothing_can_be_kept_the_database_is_compiled_in_memory(tmp_path: Path, few: ruleset.Ruleset) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    compiled = database.opened(few, folder=tmp_path / "file" / "forensics")
    assert hits_in("SHOP", few, engine=Indexed(few, compiled)) == ([], [])


def test_no_text_is_in_the_cache(tmp_path: Path, few: ruleset.Ruleset) -> None:
    compiled = database.opened(few, folder=tmp_path)
    hits_in("Password: Tr0ub4dor&3", few, engine=Indexed(few, compiled))
    assert all(b"Tr0ub4dor" not in file.read_bytes() for file in tmp_path.iterdir())


def test_the_database_is_compiled_only_once_it_pays(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, few: ruleset.Ruleset
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(engine, "_ready", {})
    monkeypatch.setattr(engine, "_read", {})
    assert isinstance(engine.best_engine(few, 100), Keywords)
    assert list(tmp_path.iterdir()) == []
    assert isinstance(engine.best_engine(few, engine._WORTH_COMPILING), Indexed)
    monkeypatch.setattr(engine, "_ready", {})
    monkeypatch.setattr(engine, "_read", {})
    assert isinstance(engine.best_engine(few, 1), Indexed), "it is kept now"
    monkeypatch.setattr(engine, "is_available", lambda: False)
    monkeypatch.setattr(engine, "_ready", {})
    assert isinstance(engine.best_engine(few, 1), Keywords)


def test_one_process_compiles_while_the_others_go_on_without(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, few: ruleset.Ruleset
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(engine, "_ready", {})
    monkeypatch.setattr(engine, "_read", {})
    place = database.cache_folder() / f"rules-{database._key(few)}.bin"
    with database._lock(place) as is_alone:
        assert is_alone
        assert isinstance(engine.best_engine(few, engine._WORTH_COMPILING + 1), Keywords)
        assert not place.exists()
    assert isinstance(engine.best_engine(few, 1), Indexed), "the other one ended without making it"
    assert place.exists()


def test_what_is_prepared_is_found_by_processes_that_start_later(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, few: ruleset.Ruleset
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    engine.prepare(few, engine._WORTH_COMPILING)
    assert database.kept(few) is None, "too little to read"
    engine.prepare(few, engine._WORTH_COMPILING + 1)
    assert database.kept(few) is not None
    monkeypatch.setattr(database, "compile_rules", lambda _: pytest.fail("compiled again"))
    engine.prepare(few, engine._WORTH_COMPILING + 1)


@pytest.mark.skipif(sys.platform == "win32", reason="modes of files are those of POSIX")
def test_a_lock_in_a_folder_that_others_can_write_holds_nobody_up(tmp_path: Path, few: ruleset.Ruleset) -> None:
    folder = tmp_path / "forensics"
    folder.mkdir()
    (folder / f"rules-{database._key(few)}.lock").symlink_to(tmp_path / "elsewhere")
    with database._lock(folder / f"rules-{database._key(few)}.bin") as is_alone:
        assert is_alone
    assert not (tmp_path / "elsewhere").exists()
    folder.chmod(0o777)
    with database._lock(folder / "rules-a.bin") as one, database._lock(folder / "rules-a.bin") as two:
        assert one
        assert two


def test_it_runs_without_a_home(tmp_path: Path) -> None:
    code = "from forensics.leaks.database import cache_folder; print(cache_folder())"
    kept = {name: value for name, value in os.environ.items() if name not in {"HOME", "XDG_CACHE_HOME"}}
    done = subprocess.run([sys.executable, "-c", code], env=kept, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip()


# --- cost -------------------------------------------------------------------------------------------------------------------


WORDS = [
    "the",
    "report",
    "about",
    "a",
    "new",
    "password",
    "policy",
    "was",
    "sent",
    "to",
    "our",
    "office",
    "in",
    "May",
    "and",
    "12",
]


_SIZE = 100_000  # characters


def prose(size: int) -> str:
    words = random.Random(5).choices(WORDS, k=size // 5)
    return " ".join(words)[:size]


_MOST_REPORTS, _MOST_LOOKED_AT, _MOST_TRIED, _MOST_FITS = 4, 12, 6, 1  # of each character: more is a runaway


def test_no_text_makes_much_work_unless_it_is_full_of_findings(indexed: Indexed) -> None:
    slow = {}
    for unit in (*HOSTILE, *WORDS):
        text = (unit * (_SIZE // len(unit) + 1))[:_SIZE]
        work = indexed.count_work(text)
        if len(hits_in(text[:20_000], RULES, engine=indexed)[0]) < 10 and (
            work.reports > _MOST_REPORTS * _SIZE
            or work.looked_at > _MOST_LOOKED_AT * _SIZE
            or work.tried > _MOST_TRIED * _SIZE
            or work.fits > _MOST_FITS * _SIZE
        ):
            slow[unit] = work
    assert slow == {}


@pytest.mark.parametrize("unit", ["密码", "password ", "a", "AKIA ", "jdbc:mysql:x", "api_key = a_b."])
def test_twice_the_text_makes_twice_the_work(unit: str, indexed: Indexed) -> None:
    once, twice = (indexed.count_work(unit * (size // len(unit))) for size in (_SIZE // 4, _SIZE // 2))
    for name in ("reports", "looked_at", "tried", "fits"):
        assert getattr(twice, name) <= 2.2 * getattr(once, name) + 100


def test_usual_text_makes_little_work(indexed: Indexed) -> None:
    work = indexed.count_work(prose(_SIZE))
    assert 0 < work.fits <= work.tried < _SIZE
    assert work.looked_at < 5 * _SIZE
    assert indexed.count_work("") == engine.Work(0, 0, 0, 0)
    assert indexed.count_work("Password: Tr0ub4dor&3").fits >= 1


def test_words_that_make_an_expression_too_long_are_parted() -> None:
    letters = [chr(1072 + number) for number in range(32)]
    words = "|".join(f"слово{one}{two}" for one in letters for two in letters)
    anchors = anchored(f"(?i)(?:{words})\\d{{4}}", given=True)
    assert len(anchors) > 1
    assert all(len(one.expression) <= 15_000 for one in anchors)
    assert len(anchored("(?i)(?:слово|слава)\\d{4}", given=True)) == 1


def test_words_of_unlike_length_say_where_they_begin_unless_much_is_written_twice_for_it() -> None:
    words = "(?i)(?:key|secret|(?:pass|code)word|mot[ ]de[ ]passe)"
    assert all(one.least == one.most for one in anchored(words, given=True))
    (whole,) = anchored(rf"{words}(?:[ ]?\((?:one|two|three|four|five|seven)\))?[ ]?[:=]", given=True)
    assert whole.most - whole.least > len("mot de passe")


def test_a_fit_is_found_though_one_of_several_anchors_cannot_be_searched_for() -> None:
    rule = next(one for one in RULES.rules if one.id == "special-life")
    endless = r"(?i)of[ ]\p{L}+[ ]descent"
    assert anchored(endless, given=True) == ()
    alone = ruleset.indexed((replace(rule, anchors=(endless, "(?i)wählt")),), "")
    text = "Anna Sample is of Romani descent"
    found = hits_in(text, alone, engine=Indexed(alone, database.compile_rules(alone)))
    assert found == hits_in(text, alone, engine=Keywords(alone))
    assert found[0]


@pytest.mark.parametrize(
    ("source", "is_solid"),
    [
        (r"[a-z]{4,9}@[a-z]{4}", True),
        (r"abcd[^,]{1,9}efgh", False),
        (r"abcd\s?efgh", False),
        (r"abcd\S{1,9}efgh", True),
        ("abcd[ ]efgh", False),
    ],
)
def test_an_anchor_knows_whether_blanks_may_stand_in_it(source: str, is_solid: bool) -> None:
    (anchor,) = anchored(source, given=True)
    assert anchor.is_solid is is_solid


def test_rules_that_search_for_the_same_share_one_expression(indexed: Indexed) -> None:
    shared = [{one.rule for one in users} for users in indexed.compiled.expressions]
    assert any({"one-time-code", "one-time-code-bare"} <= rules for rules in shared)
    assert not indexed.compiled.walked


def test_each_rule_has_its_cost() -> None:
    some = [rule for rule in RULES.rules if rule.id in {"password-labelled", "passport-mrz", "reset-link"}]
    texts = ["Password: Tr0ub4dor&3", prose(5_000), "https://a.example/reset?token=" + "q7Xk22mPz9Lw"]
    costs = {one.rule: one for one in rule_costs(ruleset.indexed(tuple(some), ""), texts)}
    assert {name: one.findings for name, one in costs.items()} == {"password-labelled": 1, "passport-mrz": 0, "reset-link": 1}
    assert costs["password-labelled"].places >= 1
    assert costs["passport-mrz"].places == 0


def test_what_is_to_be_read_is_measured_by_its_records_and_an_open_end_by_its_item() -> None:
    items = {one.id: one for one in (Item("a.mbox", Path("a.mbox"), 9_000, "a" * 64), Item("b.eml", Path("b.eml"), 70, "b" * 64))}

    def wanted(evidence: str, start: int, end: int) -> Wanted:
        return Wanted("m", Span(evidence[:1] * 16, "", start, end), "mbox", "message", has_body=True, sent_at=None)

    assert _size_to_read([], items) == 0
    assert _size_to_read([wanted("a", 100, 400), wanted("a", 400, 450)], items) == 350
    assert _size_to_read([wanted("b", 0, -1), wanted("b", 0, -1), wanted("a", 10, 20)], items) == 70 + 10, "an item counts once"


def test_an_audit_prepares_the_database_before_workers_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    module = importlib.import_module("forensics.pipeline.audit")
    calls: list[tuple[str, int]] = []

    def read(batch: ContentBatch) -> list[Content]:
        calls.append(("read", len(batch.wanted)))
        return read_batch(batch)

    monkeypatch.setattr(module, "prepare", lambda rules, size: calls.append((rules.version, size)))
    monkeypatch.setattr(module, "read_batch", read)
    mail = tmp_path / "evidence" / "one.eml"
    mail.parent.mkdir()
    mail.write_bytes(
        b"Received: from a.example by b.example with SMTP; Mon, 22 Sep 2025 10:00:00 +0000\r\nMessage-ID: <1@a.example>\r\n"
        b"From: a@a.example\r\nTo: b@b.example\r\nDate: Mon, 22 Sep 2025 10:00:00 +0000\r\nSubject: Hello\r\n\r\nGood day.\r\n"
    )
    audit(mail.parent, out=tmp_path / "case", options=Options(content="all", workers=1))
    assert calls == [(RULES.version, mail.stat().st_size), ("read", 1)], "once, and before"
