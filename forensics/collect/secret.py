"""A token that may be sent, and shows itself nowhere else."""

from __future__ import annotations

import getpass
import os
from typing import ClassVar, NoReturn, Self

__all__ = ["AccountToken", "Secret", "ServerToken"]

_LONGEST = 512  # characters; a longer one is a file pasted by mistake


class Secret:
    """A token of an API; its text comes out of `reveal` only, and never through repr, str, format, pickle or an error.

    Raises ValueError, without the text, if that holds anything but printable ASCII without blanks: no header could carry it.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        text = text.strip()
        if not 0 < len(text) <= _LONGEST or not all("!" <= char <= "~" for char in text):
            raise ValueError("this is no token: one word of printable ASCII is expected")
        self._text = text

    def reveal(self) -> str:
        """The token itself, to be put into a header and nowhere else."""
        return self._text

    def __repr__(self) -> str:
        return f"{type(self).__name__}(hidden)"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret is neither copied nor written")

    @classmethod
    def from_environment(cls, variable: str) -> Self | None:
        """The token in an environment variable, None where it is unset or blank."""
        text = os.environ.get(variable, "")
        return cls(text) if text.strip() else None

    @classmethod
    def asked(cls, prompt: str) -> Self:
        """The token as typed on the terminal, which does not show it."""
        return cls(getpass.getpass(prompt))


class ServerToken(Secret):
    """A Postmark server token: reads one server."""

    __slots__ = ()
    header: ClassVar[str] = "X-Postmark-Server-Token"
    variable: ClassVar[str] = "POSTMARK_SERVER_TOKEN"


class AccountToken(Secret):
    """A Postmark account token: lists all servers, and with them their own tokens."""

    __slots__ = ()
    header: ClassVar[str] = "X-Postmark-Account-Token"
    variable: ClassVar[str] = "POSTMARK_ACCOUNT_TOKEN"
