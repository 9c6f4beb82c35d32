"""One unknown recipient that may be blind: its figures, whether they are those of a collector, and how strongly."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime

__all__ = ["MIN_BASELINE", "MIN_MESSAGES", "MIN_THREADS", "Unit"]

# A collector shows in a handful of messages of unrelated threads; a colleague in copy stays in a thread or two.
MIN_MESSAGES = 5
MIN_THREADS = 4
MIN_HIDDEN = 3
# Below this many earlier messages of the same senders, "never seen before" means nothing.
MIN_BASELINE = 20
MOST_UNCOMPARED = 0.98  # the score of a recipient with nothing to compare with
MOST_EXPLAINED = 0.001  # the score of a recipient of whom it is known what it is: whatever nobody explains comes first
# Without earlier mail only near-complete coverage tells a collector from an archive that was always there.
ALONE_SHARE = 0.8
# Whom one person blind-copies is mostly somebody who helps that person, and to whom one writes openly now and then, too: not even
# once in so many messages tells that this one is nobody. For each message short of that its other figures must tell the more, in points;
# a third of that where it got each single one.
MIN_SILENCE, SHORT, SHORT_OF_ALL = 25, 0.25, 0.08
MISSED = 4  # bits: so unlikely must be that a recipient was missing from its senders' first messages by chance
MAX_STRAY = 2  # messages of other senders that leave it one sender's recipient
MAX_CROWD = 6  # other addressees on average: more is a mailing
MIN_COVERED, COVERED_SHARE = 20, 0.9  # messages, and part of its senders' mail, from which on it covers that mail
MIN_HANDED, HANDED_SHARE = 4, 0.25  # messages, and part of its senders' mail, of whatever took another's place
# A help desk has an address for each ticket; a collector keeps the few that it has, or shows in more messages
PER_ADDRESS, MIN_CHANGING = 1.5, 8
MIN_SOLE = 0.5  # part of its messages in which it is the only stranger: a mailing has many
MIN_SOLE_PERHAPS = 0.25  # the same where nobody knows To and Cc: of two that stand together either may be an addressee
# Where To and Cc are unknown, standing beside others by chance so often must be as rare as this, whatever else speaks against it.
MIN_SURPRISE = 10  # bits: one in a thousand
MIN_PARTNERS = 6  # external parties beside it, where no earlier mail tells who is usual: a lively contact has a few

SELDOM_ALONE = 0.8  # part of the messages that others got, too; a customer gets mail of its own
PROBABLE = 1.0  # points: about three to one
SHOWN = -5.0  # points, where nobody knows To and Cc: below, any addressee would be shown
# The weights are those of logistic regressions on about 1,000 invented organisations (tests/benchmarks/detection), rounded: points
# are natural logarithms of odds, so that 2.3 of them are ten to one.
_LEAST, _MOST_GROUPS, _MOST_PARTNERS, _MOST_BITS = -9.5, 30, 20, 12.0
_NO_DOUBT = 30.0  # bits, where nothing can be compared


@dataclass(frozen=True, slots=True)
class Unit:
    """What the tables say of one unknown blind recipient; all of a domain's addresses together."""

    uid: int
    unit: str
    domain: str
    related: bool  # other addresses of its domain are known from other mail
    messages: int
    threads: int
    senders: int
    main: int  # messages of the sender that it has most of
    known_blind: int
    alias_only: bool
    first_inside: datetime | None
    last_inside: datetime | None
    first_use: datetime | None
    ever_visible: bool
    wrote: bool
    before: int
    during: int
    ahead: int = 0  # messages of its senders in the window before its first copy
    reaches_back: bool = False  # whether the evidence has mail of anybody from before the window
    accompanied: int = 0  # messages that somebody else received too
    alone: int = 0  # messages, not among `messages`, that nobody else received
    sole: int = 0  # messages in which no other stranger may be blind
    partners: int = 0  # external units beside it
    people: int = 0  # addresses beside it
    most: int = 0  # messages in which its most frequent companion stood beside it
    together: int = 0  # messages that anybody else received too, archives included
    groups: int = 0  # different sets of addressees beside it
    sets: int = 0  # different sets of addressees of all mail of these senders, and those of them with several
    several_sets: int = 0
    crowd: float = 0.0  # other addressees of a message, on average
    signed: int = 0  # of its messages, those whose sender is recorded: a delivery event names none
    signed_main: int = 0  # of them, those of the sender that it has most of
    signed_during: int = 0  # messages of recorded senders between its first and last copy
    sids: list[int] = field(default_factory=list)  # its senders
    addresses: int = 1
    rotation: int = 0  # units that took turns with it, itself included; 0 where it stands for itself
    rotated: int = 0  # messages of all of these
    follows: str = ""  # a blind recipient of the same senders that ended when this one began
    followed: int = 0  # earlier messages of these senders that went to that one
    service: str = ""  # in words, if it belongs to a service that is blind-copied on purpose

    @property
    def share(self) -> float:
        """Part of its senders' mail, between its first and last copy, that it received."""
        received, sent = self.of_sent
        return min(1.0, received / sent) if sent else 0.0

    @property
    def of_sent(self) -> tuple[int, int]:
        """How many messages it received of how many that its senders sent in its time: of recorded senders, where enough have one."""
        if self.signed >= MIN_MESSAGES and self.signed_during:
            return self.signed, self.signed_during
        return self.messages, self.during

    @property
    def lasted(self) -> int:
        """Messages that its senders sent in its time; of those recorded, if any is: all others together are no sender."""
        return self.signed_during if self.signed else self.during

    @property
    def met(self) -> int:
        """Its messages, and those to nobody else."""
        return self.messages + self.alone

    @property
    def surprise(self) -> float:
        """Bits: how unlikely it is that so many of its conversations had another addressee, going by those of the same senders.

        By Chernoff's bound for a binomial count; 0 where no more of them had one than is usual. Messages of one conversation
        have the same addressees, and count once.
        """
        usual, here = (self.several_sets + 1) / (self.sets + 2), self.accompanied / self.met
        if here <= usual:
            return 0.0
        rest = (1 - here) * math.log2((1 - here) / (1 - usual)) if here < 1 else 0.0
        return self.groups * (here * math.log2(here / usual) + rest)

    def was_in_use(self, start: datetime | None) -> bool:
        """Whether it received mail of ours before the window."""
        return start is not None and self.first_use is not None and self.first_use < start

    def is_stranger(self, start: datetime | None) -> bool:
        """Whether nothing but blind copies connects it with us, and not before the window."""
        return not (self.was_in_use(start) or self.alias_only or self.ever_visible or self.wrote)

    @property
    def is_spread(self) -> bool:
        """Whether its messages belong to many unrelated conversations."""
        return self.threads >= MIN_THREADS and (self.partners >= 3 or self.people >= 6) and self.crowd <= MAX_CROWD  # noqa: PLR2004  more than a firm and its partner

    @property
    def covers(self) -> bool:
        """Whether it went along with nearly all mail of its senders, and never by itself: no addressee does."""
        return self.messages >= MIN_COVERED and self.share >= COVERED_SHARE and self.together == self.met

    @property
    def came_with_its_senders(self) -> bool:
        """Whether it may have been there since the first mail of senders that are new, in evidence that is older: set up with them, as far as that tells.

        By chance it is missing from some of the first, too, going by the share that it had later.
        """
        missed = -self.compared * math.log2(max(1 - self.share, 0.02))
        return (
            self.reaches_back
            and self.before < MIN_BASELINE
            and (self.compared <= max(1, 0.02 * self.messages) or missed < MISSED)
        )

    @property
    def is_hidden(self) -> bool:
        """Whether it is known to be blind often enough: of a person in touch with us a message or two may be."""
        return self.known_blind >= MIN_HIDDEN or self.is_mostly_hidden

    @property
    def is_mostly_hidden(self) -> bool:
        """Whether most of its messages are known to be blind copies; else what stands beside it is the better witness."""
        return self.known_blind > 0 and 2 * self.known_blind >= self.messages

    @property
    def compared(self) -> int:
        """Messages of its senders before its first copy."""
        return self.before + self.ahead

    @property
    def may_be_somebodys(self) -> bool:
        """Whether it went along with one sender's mail only, and too short to tell it from somebody who helps that sender by silence alone."""
        told, main = (self.signed, self.signed_main) if self.signed else (self.messages, self.main)
        return told - main <= MAX_STRAY and self.lasted < MIN_SILENCE

    @property
    def took_all(self) -> bool:
        """Whether it went along with each message of its senders since it came, though not with what they sent before: by hand nobody does that for long."""
        told = self.signed or self.messages
        return (self.compared >= MIN_BASELINE or told >= MIN_COVERED) and told >= self.lasted

    @property
    def wanted(self) -> float:
        """Points that make it a collector: more where it may be somebody who helps a sender, the shorter it was there."""
        short = SHORT_OF_ALL if self.took_all else SHORT
        return PROBABLE + short * (MIN_SILENCE - self.lasted) * self.may_be_somebodys

    @property
    def takes_a_turn(self) -> bool:
        """Whether it was the one stranger of all its messages: each known to be blind, or all that its sender sent in that time."""
        if self.sole != self.messages:
            return False
        if self.known_blind:
            return self.known_blind == self.accompanied == self.messages
        return self.share >= COVERED_SHARE

    def may_be_an_heir(self, start: datetime | None) -> bool:
        """Whether it went along with enough of its senders' mail to have taken the place of somebody who did."""
        return (
            self.is_stranger(start)
            and not self.service
            and self.messages >= MIN_HANDED
            and self.share >= HANDED_SHARE
            and (self.known_blind > 0 or self.stands_out(start))
        )

    def may_stand_out(self, start: datetime | None) -> bool:
        """Whether it can be a hidden recipient at all, where nobody knows To and Cc."""
        return self.is_stranger(start) and self.messages >= MIN_MESSAGES and self.together >= SELDOM_ALONE * self.met

    def stands_out(self, start: datetime | None) -> bool:
        """Whether it is worth a look where nobody knows To and Cc."""
        return self.may_stand_out(start) and (bool(self.rotation) or self.covers or self.points(start) >= SHOWN)

    def is_collector(self, start: datetime | None) -> bool:
        """Whether it has the pattern of an exfiltration address."""
        if self.related or self.service or self.follows:
            return False
        if self.known_blind and self.rotation and self.rotated >= 2 * self.rotation:
            return True  # where each got one message, they may be people whom somebody writes to all at once
        if not self.is_stranger(start) or self.messages < MIN_MESSAGES or not self.is_spread:
            return False
        if self.messages < min(MIN_CHANGING, PER_ADDRESS * self.addresses) and self.addresses > 1:
            return False
        if self.points(start) < self.wanted or self.came_with_its_senders:
            return False
        return self._is_surely_no_addressee and self._can_be_compared

    @property
    def _is_surely_no_addressee(self) -> bool:
        if self.is_hidden:
            return self.sole >= MIN_SOLE * self.messages
        if self.sole < MIN_SOLE_PERHAPS * self.messages:
            return False
        return self.covers or self.share >= ALONE_SHARE or self.surprise >= MIN_SURPRISE

    @property
    def _can_be_compared(self) -> bool:
        if self.compared >= MIN_BASELINE or self.covers or self.share >= ALONE_SHARE:
            return True
        return not self.known_blind and self.surprise >= _NO_DOUBT and self.partners >= MIN_PARTNERS

    def weights(self, start: datetime | None) -> dict[str, float]:
        """Points for and against a collector, by what they are given for."""
        if self.is_mostly_hidden:
            points = {
                "known to be blind": 1.5,
                "different company": 2.7 * math.log2(1 + min(self.groups, _MOST_GROUPS)),
                "somebody beside it": 2.5 * self.accompanied / self.met,
                "never alone": 3.0 * self.together / self.met,
                "crowd": -2.2 * math.log2(1 + self.crowd),
                "the only stranger": 0.8 * self.sole / self.messages,
                "one companion": -1.0 * self.most / self.messages,
            }
        else:
            points = {
                "known to be blind": 1.0 * bool(self.known_blind),
                "parties beside it": 1.6 * math.log2(1 + min(self.partners, _MOST_PARTNERS)),
                "more company than usual": 0.35 * min(self.surprise, _MOST_BITS),
                "somebody beside it": 4.5 * self.accompanied / self.met,
                "never alone": 1.7 * self.together / self.met,
                "crowd": -2.2 * math.log2(1 + self.crowd),
                "share of its senders' mail": 2.8 * self.share,
                "the only stranger": 1.4 * self.sole / self.messages,
                "one companion": -2.5 * self.most / self.messages,
            }
        against = {
            "domain known": -2.5 * self.related, "a known service": -12.0 * bool(self.service), "took a place": -11.0 * bool(self.follows),
            "in use before": -4.0 * self.was_in_use(start), "addressed openly": -4.0 * self.ever_visible, "wrote to us": -4.0 * self.wrote,
            "came with its senders": -4.0 * self.came_with_its_senders, "nothing to compare with": -1.0 * (self.compared < MIN_BASELINE),
            "few messages": -2.0 * (self.messages < MIN_MESSAGES), "took turns": 1.2 * bool(self.rotation),
        }  # fmt: skip
        return {name: value for name, value in (points | against).items() if value}

    def points(self, start: datetime | None) -> float:
        """What speaks for a collector and against one, summed."""
        return _LEAST + sum(self.weights(start).values())

    def score(self, start: datetime | None) -> float:
        """0 to 1: the points as a share, ten to one being 0.91; what cannot be compared with earlier mail ranks behind what can, what is explained last."""
        share = 1 / (1 + math.exp(-self.points(start)))
        if self.service or self.follows:
            share = min(share, MOST_EXPLAINED)
        return round(share if self.compared >= MIN_BASELINE else min(share, MOST_UNCOMPARED), 6)
