"""Who is told how far a run has come."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Silence", "Watcher"]


class Watcher(Protocol):
    """Is told how far the run has come; units are bytes for hashing and parsing, messages for content."""

    def step(self, title: str, total: int | None = None) -> None:
        """A new step begins, with its size if that is known."""

    def advance(self, amount: int) -> None:
        """So much of the current step is done."""

    def warn(self, text: str) -> None:
        """Something that a person should know before it is too late."""


class Silence:
    """A watcher that shows nothing."""

    def step(self, title: str, total: int | None = None) -> None:
        """See `Watcher.step`."""

    def advance(self, amount: int) -> None:
        """See `Watcher.advance`."""

    def warn(self, text: str) -> None:
        """See `Watcher.warn`."""
