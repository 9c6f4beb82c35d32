"""How odd an outsider is in its message: points for and against, and their weight beside all other explanations.

Points are bits, so one more doubles the odds. They are set by hand and few, so that a person can add them up; what each is worth was
tried on invented organisations (`tests/benchmarks/detection`), and none matters by a decimal. The score of an outsider is the weight of the
explanation "this one was not meant", divided by the weights of all: that of each other outsider of the message, and that nobody is wrong.

The tool comes after the fact, so that what followed counts too: somebody newly introduced stays, a slip does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["THRESHOLD", "points", "scores"]

# An outsider is reported if that explanation outweighs all others together. On the organisations for development that lets one right
# recipient in 200 through.
THRESHOLD = 0.5

SELDOM = -2.8  # to begin with: few messages have a wrong recipient
LEFT_OUT = 6.0  # others carry on a thread that it was never in
LEFT_OUT_COLLEAGUE = 1.0  # the same, but somebody of its company is addressed too
OPEN = 6.0  # ... less so where more than five of six that stand beside the others are new to them
IN_THREAD = -4.0
BESIDE = -1.5  # for each doubling of the messages that it shared with one of the others
SAME_FIRM = -3.0
DAYS = 0.5  # for each doubling of the days since the sender last had to do with it
BETTER_KNOWN = 0.2  # for each doubling of the sender's messages with another outsider: what stands beside that one is known
SEEN = -0.25  # for each doubling of everybody's messages with it: seldom used entries of an address book are chosen by mistake
LIKE_KNOWN = 8.0  # its address resembles that of an outsider beside it with whom the sender has had more to do
LIKE = 5.0  # the same, but neither is known better; or the other is missing where it usually stands
OUTSIDERS = -1.0  # for each doubling of the outsiders beyond two: a circular goes to people who do not know each other
LATER_BESIDE = -1.0  # for each doubling of the later messages, of other threads, that it shared with one of the others
LATER = -1.0  # ... with the sender, where that had nothing to do with it before
LATER_BEST = 0.2  # for each doubling of the sender's later ones with another outsider, none of them shared
WITHOUT = 0.5  # for each doubling of this sender's earlier messages to exactly the others
LATER_WITHOUT = 0.6  # ... and of the later ones
DROPPED = 2.0  # the thread goes on, but without it
KEPT = -1.0  # it goes on with it: little, since answers to all carry a slip on
_DAYS, _TIMES = 255, 63  # more days or messages say no more

# What is new counts by how seldom that is: -log2 of the share of earlier cases in which it was, one bit where half of them were,
# plus this, within bounds. A shop writes to strangers every day, and the carrier in copy stands beside all of them.
STRANGER, STRANGER_BOUNDS = -0.5, (-1.0, 2.0)  # the sender had nothing to do with it before
FOREIGN, FOREIGN_BOUNDS = 1.5, (0.0, 3.0)  # no thread, and neither it nor its company ever stood beside the others


def points(columns: Mapping[str, npt.NDArray[Any]], hindsight: bool = True) -> npt.NDArray[np.float64]:
    """The points of each row of `counting.outsiders_in_company`, in bits; without hindsight as they stood when the message left."""
    met, beside = (np.asarray(columns[name], np.float64) for name in ("met", "beside"))
    thread, same = np.asarray(columns["thread"]) > 0, np.asarray(columns["same_firm"], bool)
    usual = (np.asarray(columns["written_new"]) + 1) / (np.asarray(columns["written"]) + 2)
    mixing = np.asarray(columns["mixing"], np.float64)
    rare, rare_beside = -np.log2(usual), -np.log2(mixing)
    settled = np.clip(rare_beside, 0.0, 1.0)  # 0: the others stand beside somebody new all the time
    left_out = np.where(same, LEFT_OUT_COLLEAGUE, LEFT_OUT) * np.clip(OPEN * (1 - mixing), 0.0, 1.0)
    foreign = ~thread & (beside == 0) & ~same & ~np.asarray(columns["firms_met"], bool)
    total = SELDOM + np.where(np.asarray(columns["in_thread"]) > 0, IN_THREAD, np.where(thread, left_out, 0.0))
    total += foreign * np.clip(rare_beside + FOREIGN, *FOREIGN_BOUNDS) + BESIDE * _doublings(beside, _TIMES) + SAME_FIRM * same
    total += np.where(met == 0, np.clip(rare + STRANGER, *STRANGER_BOUNDS), DAYS * _doublings(columns["days"], _DAYS))
    total += BETTER_KNOWN * _doublings(columns["best_met"], _TIMES) * settled + SEEN * _doublings(columns["seen"], _TIMES)
    total += OUTSIDERS * np.log2(np.asarray(columns["outsiders"], np.float64) / 2)
    total += WITHOUT * _doublings(columns["without"], _TIMES) + _resemblance(columns, met)
    return np.asarray(total + _afterwards(columns, met) if hindsight else total, np.float64)


def _afterwards(columns: Mapping[str, npt.NDArray[Any]], met: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """What followed the message: who stayed together, and whether its thread went on with it."""
    beside, best = (_doublings(columns[name], _TIMES) for name in ("later_beside", "later_best"))
    kept = np.asarray(columns["later_in_it"]) > 0
    dropped = (np.asarray(columns["later_thread"]) > 0) & ~kept & (np.asarray(columns["in_thread"]) == 0)
    total = LATER_BESIDE * beside + LATER_BEST * np.where(beside == 0, best, 0.0)
    total += LATER * np.where(met == 0, _doublings(columns["later"], _TIMES), 0.0)
    total += LATER_WITHOUT * _doublings(columns["later_without"], _TIMES) + DROPPED * dropped + KEPT * kept
    return np.asarray(total, np.float64)


def _resemblance(columns: Mapping[str, npt.NDArray[Any]], met: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    twin, missing = np.asarray(columns["twin"]) >= 0, np.asarray(columns["usual"]) >= 0
    return np.where(twin & (met < np.asarray(columns["twin_met"])), LIKE_KNOWN, np.where(twin | missing, LIKE, 0.0))


def _doublings(count: npt.NDArray[Any], most: int) -> npt.NDArray[np.float64]:
    return np.asarray(np.log2(1 + np.minimum(np.asarray(count, np.float64), most)), np.float64)


def scores(bits: npt.NDArray[np.float64], message: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Each row's share, 0 to 1, of the weight of its message's explanations, of which "nobody is wrong" weighs 1; `message` numbers messages."""
    weights = np.exp2(bits)
    _, places = np.unique(message, return_inverse=True)
    return np.asarray(np.round(weights / (1 + np.bincount(places, weights)[places]), 3), np.float64) if len(bits) else bits
