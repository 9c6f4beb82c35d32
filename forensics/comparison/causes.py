"""Why a row differs: new evidence, another verdict and who gave it, a message that moved, or another window, policy or version."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from forensics.addresses import domain_of, is_within
from forensics.case import Case
from forensics.comparison.circumstances import SAME_BYTES, Made

__all__ = ["Causes"]

Row = Mapping[str, str]
_Stand = tuple[str, str, tuple[str, ...]]  # of a message: the table that has it, its verdict, and the cells that name its parties
_NOWHERE: _Stand = ("", "", ())

_PLACES = ("exposed_messages", "possible_messages", "not_delivered")
_FEW = 3  # files, messages or addresses that one sentence names
_PARTIES = ("sender", "to", "cc", "unexpected_recipients")


class Causes:
    """Answers why a row differs between two cases; what it needs of them is read when it is first asked for."""

    def __init__(self, before: Case, after: Case, made: Sequence[Made], messages_of: Mapping[str, frozenset[str]]) -> None:
        self.cases = (before, after)
        self.made = made
        self.messages_of = messages_of  # name of a credential -> keys of the messages that hold it, in either case

    def why(self, table: str, change: str, old: Row, new: Row, credential: str = "") -> str:
        """Causes in a sentence or two, the surest first; "" where none can be told. Rows are empty where a case has none."""
        if table == "decisions":
            return ""
        row = new or old
        key = row.get("message_key", "")
        found = [*self._moved(key, table), *self._evidence(key, row)] if key else list(self._evidence("", row))
        if table in _PLACES:
            was, now = ({one for one in row.get("unexpected_recipients", "").split("; ") if one} for row in (old, new))
            addresses = sorted(was | now if change != "changed" or "verdict" in _unequal(old, new) else was ^ now)
            found += [*self._verdicts(addresses, key), *(cause for one in addresses for cause in self._excused(one))]
        elif table == "unexpected_recipients":
            address = row["address"]
            found += [*self._verdicts([address]), *self._excused(address), *self._of_messages(self._parties.get(address, ()))]
        elif table == "people":
            found += self._of_messages(self._parties.get(row["person"], ()))
        elif table == "credentials":
            found += self._of_messages(self.messages_of.get(credential, frozenset()))
        found += self._renamed(old, new)
        if "in_window" in _unequal(old, new) and self._differs("window"):
            found.append("the window differs")
        return "; ".join(dict.fromkeys(found)) or self._circumstances()

    def _differs(self, topic: str) -> bool:
        return any(one.topic == topic for one in self.made)

    def _circumstances(self) -> str:
        """What else differs, where the tables name no cause of their own."""
        topics = [word for word in ("window", "incident", "policy", "options", "evidence", "plugins") if self._differs(word)]
        topics += ["version"] if any(one.what == "version" for one in self.made) else []
        return f"not told by the tables; what differs: {', '.join(topics)}" if topics else ""

    # ---- evidence that only one case has

    @cached_property
    def _files(self) -> tuple[dict[str, str], dict[str, str]]:
        """Evidence by id that the first case has only, and that the second has only, with its path."""
        one, other = (
            {str(r["evidence"]): str(r["path"]) for r in case.read("evidence").to_dict("records")} for case in self.cases
        )
        return {i: path for i, path in one.items() if i not in other}, {i: path for i, path in other.items() if i not in one}

    @cached_property
    def _named_in(self) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
        """By message key, the files named by `_files` in which it stands."""
        return _links(self.cases[0], self._files[0]), _links(self.cases[1], self._files[1])

    def _evidence(self, key: str, row: Row) -> Iterator[str]:
        path = row.get("path", "")
        for files, named, words in zip(self._files, self._named_in, ("evidence that is gone", "new evidence"), strict=True):
            if key and (found := named.get(key)):
                yield f"{words} names it: {_some(found)}"
            elif path and path in files.values():
                yield f"it stands in {words}"

    def _renamed(self, old: Row, new: Row) -> Iterator[str]:
        if _unequal(old, new) & {"evidence", "path"}:
            text = f"{old.get('evidence', '')} {old.get('path', '')}"
            for one in self.made:
                if one.what.startswith(SAME_BYTES) and one.before in text:
                    yield f"evidence has another name: {one.before} is {one.after}"

    # ---- messages that stand in another table, or in none

    @cached_property
    def _places(self) -> tuple[dict[str, _Stand], dict[str, _Stand]]:
        """By message key, where each case has it."""
        return _placed(self.cases[0]), _placed(self.cases[1])

    def _moved(self, key: str, table: str) -> Iterator[str]:
        (was, old, _), (now, new, _) = (one.get(key, _NOWHERE) for one in self._places)
        if was != now and was and now:
            yield f"the message went from {was} ({old}) to {now} ({new})"
        elif was != now and table not in _PLACES:
            yield f"its message is in {was or now} of the {'first' if was else 'second'} case only"

    def _of_messages(self, keys: Iterable[str]) -> Iterator[str]:
        """What became of the messages that a credential or person hangs on."""
        apart = [key for key in sorted(keys) if len({one.get(key, _NOWHERE)[0] for one in self._places}) > 1]
        if apart:
            yield f"{len(apart)} of its messages stand elsewhere, or in one case only: {_some(apart)}"

    @cached_property
    def _parties(self) -> dict[str, set[str]]:
        """By address, the messages it takes part in, wanted or not, that stand elsewhere now."""
        found: dict[str, set[str]] = {}
        for mine, other in (self._places, self._places[::-1]):
            for key, (table, _, parties) in mine.items():
                if other.get(key, _NOWHERE)[0] != table:
                    for address in (one for listed in parties for one in listed.split("; ") if one):
                        found.setdefault(address, set()).add(key)
        return found

    # ---- who says what of a recipient

    @cached_property
    def _findings(self) -> tuple[dict[str, dict[str, str]], dict[str, dict[str, str]]]:
        """By address, and by address and message where it is of one message: verdict by detector."""
        return _said(self.cases[0]), _said(self.cases[1])

    def _verdicts(self, addresses: Sequence[str], key: str = "") -> Iterator[str]:
        for address in addresses[:_FEW]:
            old, new = ({**one.get(address, {}), **one.get(f"{address} {key}", {})} for one in self._findings)
            for detector in sorted({*old, *new}):
                pair = (old.get(detector, "nothing"), new.get(detector, "nothing"))
                if pair[0] != pair[1]:
                    yield f"the detector {detector} says {pair[1]} of {address}, and said {pair[0]}"

    def _excused(self, address: str) -> Iterator[str]:
        for one in self.made:
            name = one.what.removeprefix("expected ")
            if one.topic == "policy" and name != one.what and (name == address or is_within(domain_of(address), name)):
                yield f"the policy {'excuses' if one.after else 'no longer excuses'} {name}"


def _unequal(old: Row, new: Row) -> set[str]:
    return {name for name in new if old and old.get(name) != new[name]}


def _some(names: Iterable[str]) -> str:
    ordered = sorted(names)
    return ", ".join(ordered[:_FEW]) + (f" and {len(ordered) - _FEW:,} more" if len(ordered) > _FEW else "")


def _links(case: Case, files: Mapping[str, str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for part in sorted((case.tables / "links").glob("*.parquet")) if files else ():
        table = pq.read_table(part, columns=["message_key", "evidence"])
        kept = table.filter(pc.is_in(table["evidence"], value_set=pa.array(list(files), pa.string())))
        for key, evidence in zip(kept["message_key"].to_pylist(), kept["evidence"].to_pylist(), strict=True):
            found.setdefault(key, set()).add(files[evidence])
    return found


def _placed(case: Case) -> dict[str, _Stand]:
    found: dict[str, _Stand] = {}
    for table in _PLACES:
        for part in sorted((case.tables / table).glob("*.parquet")):
            columns = (
                column.to_pylist() for column in pq.read_table(part, columns=["message_key", "verdict", *_PARTIES]).columns
            )
            for key, verdict, *parties in zip(*columns, strict=True):
                found[key] = (table, verdict, tuple(parties))
    return found


def _said(case: Case) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    rows = case.read("findings").to_dict("records")
    for row in sorted(rows, key=lambda one: -int(one["verdict_rank"])):  # the strongest last: it stays
        key = f"{row['address']} {row['message_key']}".strip()
        found.setdefault(key, {})[str(row["detector"])] = str(row["verdict"])
    return found
