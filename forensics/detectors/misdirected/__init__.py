"""Which outsider, openly addressed beside others, was perhaps not meant to get this message?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt

from forensics.detectors.misdirected.counting import named, outsiders_in_company
from forensics.detectors.misdirected.weighing import THRESHOLD, points, scores
from forensics.detectors.misdirected.words import Outsider, features, sentence
from forensics.known_services import providers
from forensics.model import Finding, Verdict
from forensics.plugins import Detector, Scope

__all__ = ["DETECTOR", "ranking"]


def detect(connection: duckdb.DuckDBPyConnection, scope: Scope) -> Iterator[Finding]:  # noqa: ARG001  every detector has this shape
    """One finding, at most `possible`, for each message and outsider whose score reaches the threshold.

    It answers another question than a search for hidden copies does: a slip of the sender's, seen from who usually belongs
    together before and afterwards. Own addresses, indicators and what the policy expects are left to others, and a lone outsider has nobody to be compared with.
    """
    columns, weight = _weighed(connection, hindsight=True)
    every = np.sort(weight)
    odd = np.flatnonzero((weight >= THRESHOLD) & ~columns["excused"].astype(bool))
    shown = {name: column[odd] for name, column in columns.items()}
    listed = {name: column.tolist() for name, column in shown.items()} | named(connection, shown)
    for score, *values in zip(weight[odd].tolist(), *(listed[one.name] for one in fields(Outsider)), strict=True):
        one = Outsider(*values)
        as_odd = len(every) - int(np.searchsorted(every, score))
        yield Finding(
            detector="misdirected",
            address=one.address,
            verdict=Verdict.POSSIBLE,
            score=score,
            reason=sentence(one, as_odd, len(every)),
            message_key=one.message_key,
            features=features(one),
        )


def ranking(
    connection: duckdb.DuckDBPyConnection,
    scope: Scope,  # noqa: ARG001  every detector has this shape
    hindsight: bool = True,
) -> Iterator[tuple[str, str, float]]:
    """Message key, address and score of every outsider that stands beside another, reported or not: for the benchmark.

    Without hindsight a message is judged by earlier mail alone, as a mail program would before it is sent.
    """
    columns, weight = _weighed(connection, hindsight)
    texts = named(connection, columns)
    yield from zip(texts["message_key"], texts["address"], weight.tolist(), strict=True)


def _weighed(
    connection: duckdb.DuckDBPyConnection, hindsight: bool
) -> tuple[dict[str, npt.NDArray[Any]], npt.NDArray[np.float64]]:
    columns = outsiders_in_company(connection, providers())
    return columns, scores(points(columns, hindsight), columns["turn"])


DETECTOR = Detector(
    "misdirected", "Which outsider, openly addressed beside others, was perhaps not meant?", detect, default=False
)
