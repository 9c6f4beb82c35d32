"""Mail of communities: teams that look after customers, projects with people of theirs and of partners, and honest surprises.

Who stands beside whom is no chance in an office: a project has its people on both sides, and its threads go to some of them. What
makes a right recipient look wrong is in it too: somebody new is drawn in, a third party is introduced, a letter goes openly to
several customers, a customer is new, a mail stands alone, and everyday subjects are shared by strangers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from benchmarks.detection.organisation import FINAL, Mail, Organisation
from benchmarks.detection.traffic import ordinary

__all__ = ["Habits", "community_mail", "habits"]

_EVERYDAY = (
    "hello",
    "invoice",
    "question",
    "update",
    "meeting",
    "your offer",
    "documents",
    "next steps",
    "thanks",
    "call today?",
)
_SHARED = ("info", "office", "sales", "support", "billing", "team", "contact")
_STREAM = "outbound"
_WITH_SHARED = 0.4  # of the customers
_OLD_FRIENDS = 0.6  # of the mails that belong to no project
_LONGEST = 14  # mails of a thread


@dataclass(frozen=True, slots=True)
class Habits:
    """How an organisation works together, as shares of its threads or, where that is said, of its mails."""

    team: int  # people of a team
    projects: float  # of a customer, on average
    partner: float  # of the projects: somebody of another company belongs to it
    alone: float  # belong to no project
    circular: float  # go openly to several customers
    introduced: float  # somebody of another company is introduced
    drawn_in: float  # of mails: somebody new of the same customer, or of ours
    narrowed: float  # of mails: the answer goes to fewer
    forwarded: float  # of mails: to somebody else alone
    everyday: float  # have a subject that other threads have too
    length: float  # mails of a thread after its first, on average


# lowest and highest; those of the final organisations overlap with these and reach further
_DEVELOPMENT = {
    "team": (3, 9), "projects": (1.0, 4.0), "partner": (0.1, 0.4), "alone": (0.05, 0.2), "circular": (0.002, 0.01), "introduced": (0.003, 0.012),
    "drawn_in": (0.01, 0.05), "narrowed": (0.05, 0.3), "forwarded": (0.01, 0.04), "everyday": (0.05, 0.35), "length": (1.0, 3.0),
}  # fmt: skip
_FINAL = {
    "team": (2, 14), "projects": (0.8, 5.0), "partner": (0.05, 0.5), "alone": (0.03, 0.25), "circular": (0.001, 0.012), "introduced": (0.002, 0.015),
    "drawn_in": (0.005, 0.06), "narrowed": (0.0, 0.4), "forwarded": (0.0, 0.05), "everyday": (0.0, 0.5), "length": (0.6, 3.5),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Project:
    """People of ours and of others who work on one thing for some time. Days are counted from the window's start."""

    customer: int
    begin: float
    end: float
    ours: tuple[str, ...]
    theirs: tuple[str, ...]
    partners: tuple[str, ...]


def habits(organisation: Organisation) -> Habits:
    """The habits of an organisation, drawn from the intervals of its ranges."""
    rng = organisation.rng("habits")
    intervals = _FINAL if organisation.ranges.name == FINAL.name else _DEVELOPMENT
    drawn = {name: rng.uniform(*interval) for name, interval in intervals.items()}
    return Habits(**{**drawn, "team": round(drawn["team"])})  # type: ignore[arg-type]  # one name is an int, all others are floats


def community_mail(organisation: Organisation) -> list[Mail]:
    """All mail of an organisation in order of time: that of its people as communities write it, that of its programs as ever."""
    mails = [mail for mail in ordinary(organisation).mails if mail.kind not in {"person", "incoming"}]
    office = _Office(organisation, habits(organisation))
    wanted, written = round(organisation.messages * organisation.mixture["person"]), 0
    while written < wanted:
        thread = list(office.thread())
        written += sum(mail.kind == "person" for mail in thread)
        mails += thread
    return sorted((one for one in mails if organisation.begin <= one.at < organisation.end), key=lambda mail: mail.at)


class _Office:
    """Teams, projects and everything a thread is drawn from."""

    def __init__(self, organisation: Organisation, ways: Habits) -> None:
        self.organisation, self.ways = organisation, ways
        self.rng = organisation.rng("communities")
        people = list(organisation.people)
        self.rng.shuffle(people)
        self.teams = [people[at : at + ways.team] for at in range(0, len(people), ways.team)]
        self.writers = list(accumulate(self.rng.paretovariate(1.1) for _ in people))
        self.own = frozenset(people)
        self.customers = [self._with_shared_mailbox(firm) for firm in organisation.customers]
        self.projects = list(self._projects())
        self.busy = list(accumulate(min(self.rng.paretovariate(0.9), 100) for _ in self.projects))
        self.dealings: dict[str, list[_Project]] = {}
        for project in self.projects:
            for one in project.ours:
                self.dealings.setdefault(one, []).append(project)

    def _with_shared_mailbox(self, firm: list[str]) -> list[str]:
        """The people of a customer, and at some of them a mailbox that has the same name everywhere."""
        domain = firm[0].rpartition("@")[2]
        if domain in self.organisation.names.freemail or self.rng.random() >= _WITH_SHARED:
            return firm
        return [*firm, f"{self.rng.choice(_SHARED)}@{domain}"]

    def _projects(self) -> Iterator[_Project]:
        rng, organisation = self.rng, self.organisation
        numbers = range(len(organisation.customers))
        for number in numbers:
            team = rng.choice(self.teams)
            allies = [rng.choice(numbers) for _ in range(2)]
            for _ in range(max(1, round(rng.expovariate(1 / self.ways.projects)))):
                begin = rng.uniform(organisation.begin - 60, organisation.end)
                ours = rng.sample(team, min(len(team), rng.randint(1, 4)))
                if rng.random() < 0.15:
                    ours.append(rng.choice(organisation.people))
                firm = self.customers[number]
                theirs = rng.sample(firm, min(len(firm), rng.choice((1, 1, 2, 2, 3, 4))))
                partners: list[str] = []
                if rng.random() < self.ways.partner:
                    ally = self.customers[rng.choice(allies)]
                    partners = rng.sample(ally, min(len(ally), rng.choice((1, 1, 2))))
                begin = max(begin, organisation.joined[number] if organisation.joined[number] > organisation.begin else begin)
                end = begin + 10 * rng.paretovariate(0.8)
                yield _Project(
                    number,
                    begin,
                    end,
                    tuple(dict.fromkeys(ours)),
                    tuple(theirs),
                    tuple(one for one in partners if one not in theirs),
                )

    def _project(self, at: float) -> _Project | None:
        """A project of that day, busy ones more often; None if chance finds none."""
        for _ in range(30):
            one = self.rng.choices(self.projects, cum_weights=self.busy)[0]
            if one.begin <= at < one.end:
                return one
        return None

    def _anybody(self, at: float) -> str:
        """Somebody of a customer of that day."""
        rng, organisation = self.rng, self.organisation
        for _ in range(8):
            number = rng.randrange(len(organisation.customers))
            if organisation.joined[number] <= at:
                return rng.choice(self.customers[number])
        return self.customers[0][0]

    def _acquaintance(self, owner: str, at: float) -> str:
        """Mostly one with whom `owner` had to do before, "" else."""
        known = [one for one in self.dealings.get(owner, ()) if one.begin <= at]
        return self.rng.choice(self.rng.choice(known).theirs) if known and self.rng.random() < _OLD_FRIENDS else ""

    def thread(self) -> Iterator[Mail]:
        """The mails of one thread as our side sends them, and the answers where own logs would show them."""
        rng = self.rng
        at = self.organisation.rhythm.moment(rng, office=True)
        project = None if rng.random() < self.ways.alone else self._project(at)
        owner, to, cc = self._addressed(project) if project else self._alone(at)
        if project is not None and rng.random() < self.ways.circular:
            readers = [
                one
                for other in rng.sample(self.projects, min(len(self.projects), 8))
                if other.begin <= at
                for one in other.theirs[:1]
            ]
            to, cc = tuple(dict.fromkeys((*to, *readers[: rng.randint(2, 7)]))), ()
        subject = rng.choice(_EVERYDAY) if rng.random() < self.ways.everyday else f"matter {rng.getrandbits(40):x}"
        yield from self._written(at, owner, to, cc, subject, project)

    def _alone(self, at: float) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
        """Who writes a mail that belongs to no project, and to whom."""
        owner = self.rng.choices(self.organisation.people, cum_weights=self.writers)[0]
        return owner, (self._acquaintance(owner, at) or self._anybody(at),), ()

    def _addressed(self, project: _Project) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
        """Who of a project writes a thread, and to whom: the first of each side more often than the others."""
        rng = self.rng
        owner = project.ours[0] if rng.random() < 0.5 else rng.choice(project.ours)
        if rng.random() < 0.12:  # among colleagues
            team = [one for one in project.ours if one != owner] or [rng.choice(self.organisation.people)]
            return owner, (rng.choice(team),), ()
        to = [project.theirs[0] if rng.random() < 0.5 else rng.choice(project.theirs)]
        to += [one for one in project.theirs if one not in to and rng.random() < 0.35]
        cc = [one for one in (*project.ours, *project.theirs) if one not in (*to, owner) and rng.random() < 0.2]
        cc += [one for one in project.partners if rng.random() < 0.5]
        return owner, tuple(to), tuple(cc)

    def _written(
        self, at: float, owner: str, to: Sequence[str], cc: Sequence[str], subject: str, project: _Project | None
    ) -> Iterator[Mail]:
        rng, ways, organisation = self.rng, self.ways, self.organisation
        to, cc = list(to), list(cc)
        server = organisation.hosts[len(owner) % len(organisation.hosts)]
        mails = 1 + min(int(rng.expovariate(1 / ways.length)), _LONGEST)
        introduction = rng.randrange(mails) if rng.random() < ways.introduced else -1
        for place in range(mails):
            if place and project and rng.random() < ways.drawn_in:
                new = rng.choice(self.customers[project.customer] if rng.random() < 0.5 else organisation.people)
                cc += [new] * (new not in (*to, *cc, owner))
            if place == introduction:
                new = self._anybody(at) if rng.random() < 0.5 else organisation.names.private()
                cc += [new] * (new not in (*to, *cc))
            writer = next((one for one in cc if one in self.own), owner) if rng.random() < 0.15 else owner
            fewer = place and rng.random() < ways.narrowed
            beside = [one for one in cc if one != writer]
            yield Mail(
                at, writer, tuple(to[:1] if fewer else to), () if fewer else tuple(beside), subject, server, _STREAM, "person"
            )
            if rng.random() < ways.forwarded:
                yield Mail(at + 0.003, owner, (self._anybody(at),), (), subject, server, _STREAM, "person")
            at += rng.expovariate(1.2) + 0.01
            if organisation.logs and rng.random() < 0.6 and to[0] not in self.own:
                yield Mail(at - 0.005, to[0], (owner,), tuple(cc), subject, server, _STREAM, "incoming")
