"""The leak benchmark: `python tests/benchmarks/leaks/run.py` on the set for tuning, `--final` on the one that nobody tuned on.

It generates mails with planted secrets and mails without, has them read and scanned as the second pass does, and tells what was
found, what was missed, and what was found that is no secret; other scanners get the same mails. A target that is missed is shown,
and is no failure. What `benchmarks.leaks` says tells how the two sets differ.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # a script finds only its own folder; tests find `benchmarks` through pyproject.toml
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from benchmarks.detection.figures import Share, table
from benchmarks.leaks import peers
from benchmarks.leaks.development import DEVELOPMENT
from benchmarks.leaks.figures import BOUNDS, TARGET, Errors, Recall, false_findings, per_thousand, recall_of, whole_of
from benchmarks.leaks.final import FINAL
from benchmarks.leaks.generating import bundles, ordinary_mails, planted_mails
from benchmarks.leaks.planted import WRAPPINGS, Author, Mail
from benchmarks.leaks.practice import PRACTICE
from benchmarks.leaks.rehearsal import REHEARSAL
from benchmarks.leaks.scanning import Seen, decoded, seen_all
from benchmarks.leaks.sentences import by_sentence
from benchmarks.leaks.speed import dearest_rules, speed, told_of_speed
from forensics.leaks import CREDENTIAL_KINDS, PERSONAL_KINDS

SCHEMA_VERSION = 1
ROOT = Path(__file__).resolve().parents[3]
CACHE = ROOT / "build" / "bench-leaks"
SEEDS = {"development": 41_000, "practice": 63_000, "rehearsal": 75_000, "final": 87_000}
_SHOWN = 4  # misses of each sort that --verbose lists


def _say(*lines: str) -> None:
    for line in lines:
        sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _note(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _paired(mails: Sequence[Mail], workers: int) -> Iterator[tuple[Mail, Seen]]:
    return zip(mails, seen_all(mails, workers), strict=True)


# --- exams -----------------------------------------------------------------------------------------------------------------


def recall_exam(author: Author, asked: argparse.Namespace) -> tuple[Recall, list[tuple[Mail, Seen]]]:
    """Planted secrets by kind and wrapping."""
    mails = list(planted_mails(author, asked.seed, asked.each, asked.kind or ""))
    _note(f"{len(mails):,} mails with a secret")
    pairs = list(_paired(mails, asked.workers))
    return recall_of(pairs), pairs


def error_exam(author: Author, asked: argparse.Namespace) -> tuple[Errors, list[tuple[Mail, Seen]]]:
    """Ordinary mail by family; the mails themselves are kept for peers only, as many as these get."""
    _note(f"{asked.mails:,} ordinary mails")
    errors, kept = Errors(), []
    step = max(asked.mails // asked.peer_mails, 1)
    mails = list(ordinary_mails(author, asked.seed, asked.mails))
    for number, (mail, seen) in enumerate(_paired(mails, asked.workers)):
        errors.add(mail, seen)
        if number % step == number // step % step:  # the families come in turn: a fixed place would pick some only
            kept.append((mail, seen))
    return errors, kept


def whole_exam(author: Author, asked: argparse.Namespace) -> dict[str, Any]:
    """The same secrets in several mails."""
    made = list(bundles(author, asked.seed, asked.bundles))
    flat = iter(list(seen_all([mail for one in made for mail in one], asked.workers)))
    whole = whole_of([(one, [next(flat) for _ in one]) for one in made])
    _say("", whole.told())
    return whole.plain()


def peer_exam(
    planted: Sequence[tuple[Mail, Seen]], ordinary: Sequence[tuple[Mail, Seen]], asked: argparse.Namespace
) -> dict[str, Any]:
    """Other scanners on a part of the same mails. A peer need not tell the kind: eight characters of the secret in a finding are enough.

    Key stores are left out: a peer's finding does not say whether it means the file.
    """
    credentials = [pair for pair in planted if pair[0].secrets[0].kind in CREDENTIAL_KINDS and pair[0].secrets[0].file is None]
    step = max(-(-len(credentials) // asked.peer_mails), 1)
    used, plain = credentials[::step], list(ordinary[: asked.peer_mails])
    missing = peers.installed(CACHE, _note) if used and plain else {}
    runs = [_ours(used, plain)]
    with tempfile.TemporaryDirectory(prefix="forensics-leaks-") as folder:
        whole = Path(folder) / "mails"
        peers.write_mails(whole, [mail.raw for mail, _ in (*used, *plain)])
        for peer in peers.PEERS:
            _note(peer.name)
            error = missing.get(peer.program, "")
            runs.append(
                peers.PeerRun(peer.name, error=error) if error else peers.peer_run(peer, CACHE, whole, len(used) + len(plain))
            )
    megabytes = sum(len(mail.raw) for mail, _ in (*used, *plain)) / 1e6
    told = {one.name: _compared(one, used, len(plain), megabytes) for one in runs}
    _say(
        "",
        f"The same {len(used):,} mails with a credential and {len(plain):,} without, {megabytes:.1f} MB; a peer finds it if it shows eight characters of it, ours with kind and place",
    )
    _say(
        table(
            ("scanner", "found", "block", "prose", "encoded", "attached", "ordinary mails flagged", "MB/CPU s"),
            [_peer_row(name, one) for name, one in told.items()],
        )
    )
    return told


def _ours(used: Sequence[tuple[Mail, Seen]], plain: Sequence[tuple[Mail, Seen]]) -> peers.PeerRun:
    """Our findings as a peer's: the secret itself where it was found with kind and place; elsewhere credentials at medium or above."""
    found = [(mail.secrets[0].value,) * (seen.right(mail.secrets[0]) is not None) for mail, seen in used]
    wrong = [
        tuple(one.rule for one in false_findings(seen) if one.kind in CREDENTIAL_KINDS and one.confidence != "low")
        for _, seen in plain
    ]
    return peers.PeerRun("forensics", (*found, *wrong), sum(seen.reading + seen.scanning for _, seen in (*used, *plain)))


_GROUPS = {
    "block": ("block",), "prose": ("prose",), "encoded": ("quoted-printable", "base64"), "attached": ("txt", "docx", "xlsx", "pdf", "zip", "file"),
}  # fmt: skip


def _compared(one: peers.PeerRun, used: Sequence[tuple[Mail, Seen]], plain: int, megabytes: float) -> dict[str, Any]:
    if one.error:
        return {"not_run": one.error}
    hits = [(mail.wrapping, peers.finds(found, mail.secrets[0])) for (mail, _), found in zip(used, one.findings, strict=False)]
    groups = {
        name: [hit for wrapping, hit in hits if wrapping in wrappings]
        for name, wrappings in {"all": WRAPPINGS, **_GROUPS}.items()
    }
    return {
        "found": {name: Share(sum(group), len(group)).plain() for name, group in groups.items()},
        "flagged": Share(sum(map(bool, one.findings[len(used) :])), plain).plain(),
        "megabytes_per_cpu_second": round(megabytes / max(one.cpu, 1e-3), 2),
        "wall_seconds": round(one.wall, 1),
    }


def _peer_row(name: str, told: dict[str, Any]) -> list[str]:
    if "not_run" in told:
        return [name, f"not run: {told['not_run']}", *[""] * 6]
    shares = [Share(one["hits"], one["total"]) for one in (*told["found"].values(), told["flagged"])]
    whole, *groups, flagged = shares
    return [
        name,
        whole.told(),
        *(f"{one.hits / max(one.total, 1):.0%}" for one in groups),
        flagged.told(),
        f"{told['megabytes_per_cpu_second']:g}",
    ]


# --- the report ------------------------------------------------------------------------------------------------------------


def show(recall: Recall, errors: Errors) -> None:
    """The tables on stdout."""
    from rich.console import Console
    from rich.table import Table

    wide = Console(width=None if sys.stdout.isatty() else 200)
    found = Table("kind", title=f"Secrets found with the right kind, per cent by wrapping (target {TARGET:.0%} in each)")
    found.add_column("found (95 % interval)", no_wrap=True)
    for name in WRAPPINGS:
        found.add_column(name, justify="right")
    for row in recall.shown():
        found.add_row(*row)
    wide.print(found)
    for kind, tallies in _by_outer(recall.languages).items():
        told = "  ".join(f"{language} {share.hits}/{share.total}" for language, share in tallies.items())
        wide.print(f"{kind} by language: {told}", markup=False, highlight=False)
    weak = {
        service: share
        for tallies in _by_outer(recall.services).values()
        for service, share in tallies.items()
        if share.hits < TARGET * share.total
    }
    wide.print(
        f"by service or topic, below the target: {'  '.join(f'{name} {one.hits}/{one.total}' for name, one in sorted(weak.items(), key=lambda pair: pair[1].hits / pair[1].total)) or 'none'}",
        markup=False,
        highlight=False,
    )
    wrong = Table(
        "family",
        "mails",
        "high",
        "mails per 1,000",
        "high or medium",
        "mails per 1,000",
        "any",
        title="False findings in ordinary mail (bounds: 1 per 1,000 at high, 10 per 1,000 at medium)",
    )
    for row in errors.shown():
        wrong.add_row(*row)
    wide.print(wrong)
    for (family, rule, kind, confidence), count in errors.rules.most_common(15):
        wide.print(f"  {count:5} {confidence:7} {kind:20} {rule:28} {family}", markup=False, highlight=False)


def _by_outer(tallies: Any) -> dict[str, dict[str, Share]]:
    grouped: dict[str, dict[str, Share]] = {}
    for (outer, inner), one in sorted(tallies.items()):
        grouped.setdefault(outer, {})[inner] = Share(one.right, one.total)
    return grouped


def verdicts(recall: Recall, errors: Errors) -> Iterator[str]:
    """Each target, and whether it was met."""
    whole = recall.over(lambda _kind, _wrapping: True)
    cells = recall.cells.values()
    yield f"found: {Share(whole.right, whole.total).told()}; {sum(one.right >= TARGET * one.total for one in cells)} of {len(cells)} cells of kind and wrapping reach {TARGET:.0%}"
    yield f"  of these with the very value {Share(whole.exact, whole.right).told()}, with the right service {Share(whole.service, whole.named).told()}, at medium confidence or above {Share(whole.sure, whole.right).told()}"
    yield f"  something found in the place, of whatever kind: {Share(whole.noticed, whole.total).told()}"
    for family, kinds in (("credentials", CREDENTIAL_KINDS), ("personal data", PERSONAL_KINDS - CREDENTIAL_KINDS)):
        part = recall.over(lambda kind, _, kinds=kinds: kind in kinds)  # type: ignore[misc]
        yield f"  {family}: {Share(part.right, part.total).told()}"
    for confidence, bound in BOUNDS.items():
        counts = errors.at(confidence, list(errors.mails))
        verdict = "met" if counts[0] <= bound * counts[2] else "missed"
        yield f"false findings at {confidence} or above: {counts[0]} in {counts[2]:,} mails, bound {1000 * bound:g} per 1,000: {verdict}; mails flagged per 1,000: {per_thousand(counts)}"
    credentials = errors.credentials
    yield f"  of credentials: {credentials['high']} at high, {credentials['medium']} at medium, {credentials['low']} at low confidence"


def missed(recall: Recall, errors: Errors) -> Iterator[str]:
    """Misses with their invented texts, a few of each sort, the most frequent sort first; an example of each sort of false finding."""
    sorts: dict[tuple[str, str, str], list[tuple[Mail, Seen]]] = {}
    for mail, seen in recall.misses:
        sorts.setdefault((mail.secrets[0].kind, mail.secrets[0].topic, mail.wrapping), []).append((mail, seen))
    for (kind, topic, wrapping), pairs in sorted(sorts.items(), key=lambda sort: -len(sort[1])):
        for mail, seen in pairs[:_SHOWN]:
            secret = mail.secrets[0]
            instead = ", ".join(f"{one.kind} ({one.confidence})" for one in seen.found if one.placed) or "nothing"
            named = secret.named or secret.service or topic
            yield f"MISSED {len(pairs)} {kind} ({named}) {wrapping}, {mail.language}: {secret.written[:90]!r}; found {instead}"
    for (family, rule), raw in errors.examples.items():
        text = next(one.text for one in decoded(raw) if one.part.startswith(("text/", "attachment:")))
        yield f"WRONG {rule} in {family}:\n{text[:600]}\n"


def unheard(author: Author, seed: int) -> Iterator[str]:
    """Sentences in which a secret was missed."""
    for one in by_sentence(author, seed):
        if one.hits < one.total:
            yield f"UNHEARD {one.kind}, {one.language}: {one.hits} of {one.total}: {one.words!r}"


def main() -> int:
    """Run the exams, print tables, keep the raw figures."""
    asked = _arguments()
    author: Author = FINAL if asked.final else REHEARSAL if asked.rehearsal else PRACTICE if asked.practice else DEVELOPMENT
    asked.seed = asked.seed or SEEDS[author.name]
    started = time.perf_counter()
    recall, planted = recall_exam(author, asked)
    errors, ordinary = error_exam(author, asked)
    show(recall, errors)
    _say(*verdicts(recall, errors))
    figures: dict[str, Any] = {
        "seed": asked.seed,
        "each": asked.each,
        "languages": sorted(author.languages),
        "recall": recall.plain(),
        "errors": errors.plain(),
    }
    figures["whole"] = whole_exam(author, asked)
    if asked.peers:
        figures["peers"] = peer_exam(planted, ordinary, asked)
    figures["speed"] = speed([mail for mail, _ in ordinary[:1_500]], CACHE, peer=asked.peers)
    _say("", told_of_speed(figures["speed"]))
    if asked.costs:
        figures["dearest_rules"] = dearest_rules([mail for mail, _ in ordinary[:200]])
        _say(
            *(f"{one['ms_per_megabyte']:8.2f} ms a MB  {one['rule']}, {one['places']} places" for one in figures["dearest_rules"])
        )
    if asked.verbose:
        _say(*missed(recall, errors), *unheard(author, asked.seed))
    figures["seconds"] = round(time.perf_counter() - started)
    _say(f"{author.name} set, {figures['seconds']} s")
    if asked.out:
        _keep(asked.out, author.name, figures)
    return 0


def _keep(path: Path, name: str, figures: dict[str, Any]) -> None:
    """Put the figures into a file beside those of the other set."""
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    known |= {"schema_version": SCHEMA_VERSION, name: figures}
    path.write_text(json.dumps(known, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--final", action="store_true", help="the set of templates that nobody tuned on")
    which.add_argument("--practice", action="store_true", help="the second set for tuning, of very different writers")
    which.add_argument("--rehearsal", action="store_true", help="the third set, by a third author, before the final one")
    parser.add_argument("--mails", type=int, default=20_000, help="how many ordinary mails")
    parser.add_argument("--each", type=int, default=20, help="how many secrets of each kind in each wrapping")
    parser.add_argument("--bundles", type=int, default=150, help="how many correspondences with recurring secrets")
    parser.add_argument("--kind", help="only secrets of this kind")
    parser.add_argument("--no-peers", dest="peers", action="store_false", help="leave the other scanners out")
    parser.add_argument(
        "--peer-mails", type=int, default=800, help="how many mails of either sort the other scanners get at most"
    )
    parser.add_argument("--no-costs", dest="costs", action="store_false", help="do not measure each rule alone")
    parser.add_argument("--seed", type=int, help="another draw from the same templates")
    parser.add_argument("--workers", type=int, default=2, help="processes side by side")
    parser.add_argument("--verbose", action="store_true", help="list misses and false findings with their invented texts")
    parser.add_argument("--out", type=Path, help="where the raw figures go, as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the workers end, too
    sys.exit(main())
