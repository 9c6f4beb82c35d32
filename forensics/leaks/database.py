"""All rules in one database of the search engine, compiled once and kept between runs."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import platform
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from importlib import metadata
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

from forensics.leaks.anchors import Anchor, anchored, lead, link_expression, word_expression
from forensics.leaks.ruleset import Basis, Rule, Ruleset

__all__ = [
    "Compiled",
    "Expression",
    "Gated",
    "cache_folder",
    "compile_rules",
    "is_available",
    "kept",
    "loaded",
    "opened",
    "opened_alone",
    "unpacked",
]

_FORMAT = 15  # of the file and of the expressions in it
_RARE = 3  # characters of a literal; without one an expression slows down the whole database
_EFFORTS = 3
_MOST_KEPT = 8  # databases of other rules and versions; each has some megabytes
_MAGIC = b"forensics rules\n"
LINK = ""  # the rule id of the expression that finds links worth a look


@dataclass(frozen=True, slots=True)
class Expression:
    """One expression of a database: whose it is, and how far before its end a fit of the rule starts, in characters.

    `role` is "fit", or "gate" for words without which the rule finds nothing.
    """

    rule: str
    role: str
    least: int = 0
    most: int = 0
    is_solid: bool = False  # no blank and no line end between the start of a fit and this end


Expressions = tuple[tuple[Expression, ...], ...]  # by number: rules that search for the same share one


@dataclass(frozen=True, slots=True)
class Gated:
    """A rule whose pattern has no literal: searched by itself, in texts only that hold one of its words."""

    packed: bytes = field(repr=False)  # unpacked when it is first needed: few texts need any
    expressions: Expressions


@dataclass(frozen=True, slots=True)
class Compiled:
    """What the engine needs to know of a ruleset. Expressions are numbered as the database reports them."""

    database: Any = field(repr=False)
    expressions: Expressions
    gated: dict[str, Gated]
    leads: dict[str, tuple[str, int]]  # rule -> where a fit may start, for `re`, and how many characters that looks at
    walked: frozenset[str]  # rules that the engine cannot search for: tried on whole texts that hold one of their words
    always: frozenset[str]  # those among them without words


@dataclass(slots=True)
class _Plan:
    """A database before it is compiled."""

    users: dict[tuple[bytes, bool], list[Expression]] = field(
        default_factory=dict
    )  # by source, and whether its first end will do

    def add(self, expression: Expression, source: bytes, *, once: bool = False) -> None:
        self.users.setdefault((source, once), []).append(expression)

    @property
    def sources(self) -> list[bytes]:
        return [source for source, _ in self.users]

    @property
    def expressions(self) -> Expressions:
        return tuple(tuple(listed) for listed in self.users.values())


def is_available() -> bool:
    """Whether the search engine is installed; without it the same is found more slowly."""
    return importlib.util.find_spec("hyperscan") is not None


def opened(rules: Ruleset, *, folder: Path | None = None) -> Compiled:
    """The database of a ruleset: from the cache, else compiled (seconds) and kept there if that is possible."""
    place = (folder or cache_folder()) / f"rules-{_key(rules)}.bin"
    found = loaded(place)
    if found is None:
        found = compile_rules(rules)
        _keep(found, place)
    return found


def opened_alone(rules: Ruleset, *, folder: Path | None = None) -> Compiled | None:
    """As `opened`; None while another process compiles the same: one of several workers does it for all."""
    place = (folder or cache_folder()) / f"rules-{_key(rules)}.bin"
    with _lock(place) as is_alone:
        return opened(rules, folder=folder) if is_alone else None


@contextmanager
def _lock(place: Path) -> Iterator[bool]:
    """Whether nobody else makes this file; the system lifts the lock when its holder ends. Where none can be had, everybody may."""
    with ExitStack() as open_until_done:
        try:
            import fcntl  # noqa: PLC0415  not on every system

            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if _is_ours(place.parent):
                handle = os.open(place.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
                open_until_done.callback(os.close, handle)
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        except (ImportError, OSError):
            pass  # a system, a folder or a file system without locks
        yield True


def kept(rules: Ruleset, *, folder: Path | None = None) -> Compiled | None:
    """The database of a ruleset if the cache holds it; costs milliseconds."""
    return loaded((folder or cache_folder()) / f"rules-{_key(rules)}.bin")


def cache_folder() -> Path:
    """Where databases are kept, for this user only: below XDG_CACHE_HOME, LOCALAPPDATA, or the home folder."""
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        if (given := os.environ.get(name)) and Path(given).is_absolute():
            return Path(given) / "forensics"
    with suppress(RuntimeError):
        return Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache") / "forensics"
    return Path(tempfile.gettempdir()) / "no-home" / "forensics"


def _key(rules: Ruleset) -> str:
    """What a database depends on: rules, engine, processor. It holds machine instructions' worth of choices for one kind."""
    flags = ""
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
        flags = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    parts = [str(_FORMAT), rules.version, _engine_version(), sys.platform, platform.machine(), platform.processor(), flags]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _engine_version() -> str:
    return metadata.version("hyperscan")


# ------------------------------------------------------------------------------------------------------------- compile


def compile_rules(rules: Ruleset) -> Compiled:
    """All rules as one database, and one each for those without a literal. A rule that the engine refuses is walked."""
    import hyperscan  # noqa: PLC0415  an optional dependency

    try:
        return _compiled(rules, is_wary=False)
    except hyperscan.HyperscanError:  # some rule grows too large: which one, only trying each alone tells
        return _compiled(rules, is_wary=True)


def _compiled(rules: Ruleset, *, is_wary: bool) -> Compiled:
    main, gated, leads, walked = _Plan(), {}, {}, set()
    for rule in rules.rules:
        if rule.basis is Basis.URL:
            continue
        plan, has_literal = _fitting(rule, is_wary=is_wary)
        is_worth_a_gate = rule.near is not None or (not rule.anchors and min(map(len, rule.keywords), default=0) >= _RARE)
        if plan is None or (rule.keywords and not has_literal and is_worth_a_gate):
            if rule.keywords:
                main.add(Expression(rule.id, "gate"), word_expression(rule.keywords), once=True)
            if plan is None:
                walked.add(rule.id)
                continue
            gated[rule.id] = Gated(_packed(_database(plan)), plan.expressions)
        else:
            for (source, _), listed in plan.users.items():
                for one in listed:
                    main.add(one, source)
        leads[rule.id] = lead(rule.source)
    if any(not rule.keywords for rule in rules.url_rules):
        main.add(Expression(LINK, "fit"), link_expression([""]))
    elif rules.url_rules:
        main.add(Expression(LINK, "fit"), link_expression({word for rule in rules.url_rules for word in rule.keywords}))
    always = frozenset(rule.id for rule in rules.rules if rule.id in walked and not rule.keywords)
    return Compiled(_database(main), main.expressions, gated, leads, frozenset(walked), always)


def _fitting(rule: Rule, *, is_wary: bool) -> tuple[_Plan | None, bool]:
    """A rule's expressions, if `is_wary` as the engine is known to take them, and whether all have a literal; None if it takes none."""
    for effort in range(_EFFORTS):
        found = [anchored(one, effort, given=True) for one in rule.anchors] if rule.anchors else [anchored(rule.source, effort)]
        if not all(found):
            continue  # what one of several anchors stands for would be lost
        anchors: Sequence[Anchor] = [one for several in found for one in several]
        plan = _Plan()
        for one in anchors:
            plan.add(Expression(rule.id, "fit", one.least, one.most, one.is_solid), one.expression)
        if not is_wary or _is_taken(plan.sources):
            return plan, all(one.literal >= _RARE for one in anchors)
    return None, False


def _is_taken(sources: Iterable[bytes]) -> bool:
    """Whether the engine compiles these; it refuses what would grow too large."""
    import hyperscan  # noqa: PLC0415  an optional dependency

    listed = list(sources)
    try:
        hyperscan.Database().compile(expressions=listed, ids=list(range(len(listed))), flags=[0] * len(listed))
    except hyperscan.HyperscanError:
        return False
    return True


def _database(plan: _Plan) -> object:
    import hyperscan  # noqa: PLC0415  an optional dependency

    database = hyperscan.Database()
    if plan.users:
        flags = [hyperscan.HS_FLAG_SINGLEMATCH if once else 0 for _, once in plan.users]
        database.compile(expressions=plan.sources, ids=list(range(len(flags))), flags=flags)
    return database


# --------------------------------------------------------------------------------------------------------------- cache


def _keep(compiled: Compiled, place: Path) -> None:
    """Write a database for the next run; where that cannot be done, the next run compiles again."""
    blobs = [_packed(compiled.database), *(one.packed for one in compiled.gated.values())]
    head = {
        "sizes": [len(blob) for blob in blobs],
        "expressions": _written(compiled.expressions),
        "gated": {rule: _written(gated.expressions) for rule, gated in compiled.gated.items()},
        "leads": compiled.leads,
        "walked": sorted(compiled.walked),
        "always": sorted(compiled.always),
    }
    content = _MAGIC + json.dumps(head).encode() + b"\n" + b"".join(blobs)
    with suppress(OSError):
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _is_ours(place.parent):
            return
        handle, name = tempfile.mkstemp(dir=place.parent, prefix=".rules-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(hashlib.sha256(content).digest() + content)
            Path(name).replace(place)
        finally:
            Path(name).unlink(missing_ok=True)
        older = sorted(place.parent.glob("rules-*.bin"), key=lambda one: one.stat().st_mtime)
        for one in older[:-_MOST_KEPT]:
            one.unlink(missing_ok=True)
            one.with_suffix(".lock").unlink(missing_ok=True)


def _is_ours(place: Path) -> bool:
    """Whether nobody else can have written here: the engine trusts the bytes that it is given."""
    if not hasattr(os, "getuid"):
        return True
    state = place.stat()
    return state.st_uid == os.getuid() and not state.st_mode & 0o022


def loaded(place: Path) -> Compiled | None:
    """A database as it was kept; None if there is none, or it is not ours, torn, or of another engine."""
    if not is_available():
        return None
    try:
        if not (_is_ours(place.parent) and _is_ours(place)):
            return None
        content = place.read_bytes()
    except OSError:
        return None
    digest, content = content[:32], content[32:]
    if hashlib.sha256(content).digest() != digest or not content.startswith(_MAGIC):
        return None
    head, _, blobs = content[len(_MAGIC) :].partition(b"\n")
    try:
        return _restored(json.loads(head), blobs)
    except Exception:  # noqa: BLE001  whatever is wrong with it, it is compiled anew
        return None


def _restored(head: dict[str, Any], blobs: bytes) -> Compiled:
    ends = [0, *accumulate(head["sizes"])]
    packed = [blobs[start:end] for start, end in pairwise(ends)]
    return Compiled(
        unpacked(packed[0]),
        _read(head["expressions"]),
        {rule: Gated(own, _read(listed)) for own, (rule, listed) in zip(packed[1:], head["gated"].items(), strict=True)},
        {rule: (lead, reach) for rule, (lead, reach) in head["leads"].items()},
        frozenset(head["walked"]),
        frozenset(head["always"]),
    )


def _written(expressions: Expressions) -> list[list[dict[str, Any]]]:
    return [[asdict(one) for one in listed] for listed in expressions]


def _read(listed: list[list[dict[str, Any]]]) -> Expressions:
    return tuple(tuple(Expression(**one) for one in users) for users in listed)


def _packed(database: Any) -> bytes:  # noqa: ANN401  its type is optional, too
    import hyperscan  # noqa: PLC0415  an optional dependency

    return bytes(hyperscan.dumpb(database))


def unpacked(packed: bytes) -> Any:  # noqa: ANN401  as above
    """A database from its bytes. They must be our own: the engine trusts them."""
    import hyperscan  # noqa: PLC0415  an optional dependency

    database = hyperscan.loadb(packed, hyperscan.HS_MODE_BLOCK)
    database.scratch = hyperscan.Scratch(database)  # a database that was read has none of its own
    return database
