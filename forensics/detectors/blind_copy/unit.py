"""One unknown recipient that may be blind: its figures, whether they are those of a collector, and how strongly."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime

__all__ = ["MIN_BASELINE", "MIN_MESSAGES", "MIN_THREADS", "Unit"]

# A collector shows in a handful of messages of unrelated threads; a colleague in copy stays in a thread or two.
MIN_MESSAGES = 5
MIN_THREADS = 4
MIN_HIDDEN = 4
# Below this many earlier messages of the same senders, "never seen before" means nothing.
MIN_BASELINE = 20
# Without earlier mail only near-complete coverage tells a collector from an archive that was always there.
ALONE_SHARE = 0.8
# Where To and Cc are unknown, standing beside others by chance so often must be as rare as this.
MIN_SURPRISE = 30  # bits: one in a thousand million
MIN_PARTNERS = 6  # external parties beside it, where no earlier mail tells who is usual: a lively contact has a few
WORTH_A_LOOK = 5  # bits; half of it where nearly every message is another conversation
ACCOMPANIED = 0.8  # part of its messages that had another addressee
HEADERLESS_SHARE = 0.5
MAX_CROWD = 6  # other addressees on average: more is a mailing
MIN_COVERED, COVERED_SHARE = 20, 0.9  # messages, and part of its senders' mail, from which on it covers that mail
SCATTERED = 0.8  # part of its messages that are a conversation each
MIN_SOLE = 0.5  # part of its messages in which it is the only stranger: a mailing has many


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
    rest: int = 0  # other messages of the same senders, and those among them with several addressees
    several: int = 0
    crowd: float = 0.0  # other addressees of a message, on average
    sids: list[int] = field(default_factory=list)  # its senders
    rotation: int = 0  # units that took turns with it, itself included; 0 where it stands for itself
    rotated: int = 0  # messages of all of these
    follows: str = ""  # a blind recipient of the same senders that ended when this one began
    followed: int = 0  # earlier messages of these senders that went to that one
    service: str = ""  # in words, if it belongs to a service that is blind-copied on purpose

    @property
    def share(self) -> float:
        """Part of its senders' mail, between its first and last copy, that it received."""
        return min(1.0, self.messages / self.during) if self.during else 0.0

    @property
    def surprise(self) -> float:
        """Bits: how unlikely it is that so many of its messages had another addressee, going by the same senders' other mail.

        By Chernoff's bound for a binomial count; 0 where no more of them had one than is usual.
        """
        met = self.messages + self.alone
        usual, here = (self.several + 1) / (self.rest + 2), self.accompanied / met
        if here <= usual:
            return 0.0
        rest = (1 - here) * math.log2((1 - here) / (1 - usual)) if here < 1 else 0.0
        return met * (here * math.log2(here / usual) + rest)

    @property
    def is_accompanied(self) -> bool:
        """Whether hardly a message went to it alone."""
        return self.accompanied >= ACCOMPANIED * (self.messages + self.alone)

    def was_in_use(self, start: datetime | None) -> bool:
        """Whether it received mail of ours before the window."""
        return start is not None and self.first_use is not None and self.first_use < start

    def is_stranger(self, start: datetime | None) -> bool:
        """Whether nothing but blind copies connects it with us, and not before the window."""
        return not (self.was_in_use(start) or self.alias_only or self.ever_visible or self.wrote)

    @property
    def is_spread(self) -> bool:
        """Whether its messages belong to many unrelated conversations."""
        return self.threads >= MIN_THREADS and (self.partners >= 3 or self.people >= 6) and self.most <= 0.7 * self.messages  # noqa: PLR2004

    @property
    def covers(self) -> bool:
        """Whether it went along with nearly all mail of its senders, most of which had other addressees: no addressee does."""
        return self.messages >= MIN_COVERED and self.share >= COVERED_SHARE and 2 * self.accompanied >= self.messages + self.alone

    @property
    def is_mixed(self) -> bool:
        """Whether its messages belong to a few unrelated conversations at least, and are no mailings."""
        if self.threads < MIN_THREADS - 1 or self.crowd > MAX_CROWD:
            return False
        return (self.partners >= 2 or self.people >= MIN_THREADS) and self.most <= 0.8 * self.messages  # noqa: PLR2004  more than one

    @property
    def came_with_its_senders(self) -> bool:
        """Whether it was there since the first mail of senders that are new, in evidence that is older: set up with them, as far as that tells."""
        return self.reaches_back and self.before < MIN_BASELINE and self.before + self.ahead <= max(1, 0.02 * self.messages)

    @property
    def is_hidden(self) -> bool:
        """Whether it is known to be blind often enough: of a person in touch with us a message or two may be."""
        return self.known_blind >= MIN_HIDDEN or 2 * self.known_blind >= self.messages

    @property
    def takes_a_turn(self) -> bool:
        """Whether it was the one stranger of all its messages: each known to be blind, or all that its sender sent in that time."""
        if self.sole != self.messages:
            return False
        if self.known_blind:
            return self.known_blind == self.accompanied == self.messages
        return self.share >= COVERED_SHARE

    @property
    def is_scattered(self) -> bool:
        """Whether nearly each of its messages is another conversation among outsiders, and it the only stranger in most."""
        apart = self.threads >= max(MIN_THREADS, SCATTERED * self.messages) and self.sole >= MIN_SOLE * self.messages
        beside = self.partners >= 3 or self.people >= MIN_THREADS + 1  # noqa: PLR2004  more than one firm and its partner
        return apart and beside and self.is_accompanied and self.crowd <= MAX_CROWD

    def stands_out(self, start: datetime | None) -> bool:
        """Whether it is worth a look where nobody knows To and Cc: never alone, beside many, and more often than chance would have it."""
        if not self.is_stranger(start) or self.messages < MIN_MESSAGES:
            return False
        if self.is_scattered or self.rotation:
            return True
        if not self.is_mixed:
            return False
        if self.covers or not self.is_accompanied:
            return self.covers
        enough = WORTH_A_LOOK / 2 if 2 * self.most <= self.messages and 2 * self.threads > self.messages else WORTH_A_LOOK
        return self.surprise >= enough or self.share >= HEADERLESS_SHARE

    def is_collector(self, start: datetime | None) -> bool:
        """Whether it has the pattern of an exfiltration address."""
        if self.related or self.service or self.follows:
            return False
        if (
            self.known_blind and self.rotation and self.rotated >= 2 * self.rotation
        ):  # one message each may be a person who sends to many
            return True
        if not self.is_stranger(start) or self.messages < MIN_MESSAGES or not self.is_spread or self.crowd > MAX_CROWD:
            return False
        if self.is_hidden:
            enough = self.before >= MIN_BASELINE or (self.share >= ALONE_SHARE and not self.came_with_its_senders)
            return enough and self.sole >= MIN_SOLE * self.messages
        if self.before >= MIN_BASELINE:
            return self.covers or (self.is_accompanied and self.surprise >= MIN_SURPRISE)
        if self.came_with_its_senders:
            return False
        if self.covers or (self.is_accompanied and self.share >= ALONE_SHARE):
            return True
        return self.is_accompanied and self.surprise >= 2 * MIN_SURPRISE and self.partners >= MIN_PARTNERS

    def score(self, start: datetime | None) -> float:
        """0 to 1: what speaks for a collector, each feature with its weight."""
        total = 0.2 * min(1.0, self.threads / 8) + 0.1 * min(1.0, self.messages / 20) + 0.15 * self.share
        total += (
            0.15 * (self.before >= MIN_BASELINE and not self.was_in_use(start)) + 0.05 * self.is_mixed + 0.05 * self.is_spread
        )
        total += 0.05 * (not self.ever_visible) + 0.05 * (not self.wrote)
        role = 1.0 if self.covers else min(1.0, self.surprise / (2 * MIN_SURPRISE))
        if self.known_blind:
            role = self.sole / self.messages
        total = min(1.0, total + 0.2 * role * min(1.0, MAX_CROWD / (self.crowd + 1)) + 0.2 * bool(self.rotation))
        total *= 0.7 if self.ever_visible or self.wrote else 1.0
        total *= 0.5 if self.was_in_use(start) else 1.0
        total *= 0.7 if self.crowd > MAX_CROWD else 1.0 if self.is_mixed else 0.8
        total *= 0.7 if self.messages > 5 * self.threads else 1.0
        return round(total * (0.2 if self.service else 0.35 if self.follows else 0.9 if self.related else 1.0), 3)
