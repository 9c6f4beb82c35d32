"""The way to an API: one polite, patient and bounded request at a time.

urllib3 is used because it needs no other package, is released often, streams, verifies certificates by default, and adds
nothing of its own: neither credentials from a netrc file nor redirects nor cookies.
"""

from __future__ import annotations

import ipaddress
import json
import random
import re
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.exceptions import SSLError
from urllib3.util import Timeout, make_headers

from forensics.collect.secret import AccountToken, ServerToken

__all__ = ["GOOD", "Answer", "CollectError", "Pace", "Patience", "RefusalError", "Request", "UnansweredError", "Wire"]

GOOD = 200  # HTTP: what was asked for
_REDIRECT, _CLIENT_ERROR, _SERVER_ERROR = 300, 400, 500
_AGAIN = frozenset({408, 429})
_NO_ENTRY = frozenset({401, 403})
_BLOCK = 1 << 16


class CollectError(RuntimeError):
    """A collection that cannot go on; the message says what to do, and holds neither a token nor an answer's text."""


class UnansweredError(CollectError):
    """A request without a whole answer after every attempt; asking later may help."""


class RefusalError(CollectError):
    """A request that the API refuses for good: a wrong token, a redirect, a certificate that does not verify."""


@dataclass(frozen=True, slots=True)
class Request:
    """A GET by path and query; a token is no part of it."""

    path: str
    query: tuple[tuple[str, str], ...] = ()

    @property
    def target(self) -> str:
        """Path and query as sent."""
        return self.path + (f"?{urlencode(self.query, quote_via=quote)}" if self.query else "")


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer: its bytes as received (transfer coding undone), the JSON object in them, and when it was asked for."""

    status: int
    body: bytes = field(repr=False)
    value: Mapping[str, Any] = field(repr=False)
    asked_at: datetime  # UTC, of the attempt that was answered
    answered_at: datetime
    attempts: int = 1

    @property
    def is_good(self) -> bool:
        """Whether the API gave what was asked for."""
        return self.status == GOOD


@dataclass(frozen=True, slots=True)
class Patience:
    """Bounds of one request. Seconds, bytes, counts."""

    attempts: int = 8
    first_pause: float = 1.0  # doubled at each attempt
    longest_pause: float = 60.0
    longest_wait: float = 600.0  # of a Retry-After; a longer one ends the run
    connect_seconds: float = 15.0
    silent_seconds: float = 60.0  # without a byte
    answer_seconds: float = 300.0  # for all of an answer
    answer_bytes: int = 64 << 20


class Pace:
    """At most `rate` requests a second, evenly; `sleep`, `clock` (seconds) and `chance` (0 to 1) are replaced in tests."""

    def __init__(
        self,
        rate: float,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        if not rate > 0:
            raise ValueError("the rate must be more than nothing")
        self.sleep, self.clock, self.chance = sleep, clock, chance
        self._step, self._due = 1 / rate, clock()

    def wait(self) -> None:
        """Return when the next request may go out."""
        now = self.clock()
        if now < self._due:
            self.sleep(self._due - now)
            now = self._due
        self._due = now + self._step

    def pause(self, seconds: float) -> None:
        """Sleep between half of `seconds` and all of it: clients that failed together do not come back together."""
        self.sleep(seconds * (0.5 + self.chance() / 2))


@dataclass(frozen=True, slots=True)
class _Failure:
    """An attempt that may be worth another one: why, and for how many seconds the server asks to wait."""

    reason: str
    wait: float = 0.0


@dataclass(frozen=True, slots=True)
class _Received:
    """What came back, not yet looked at; a hostile server may play the token back, so its repr shows none of it."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Wire:
    """Requests to one API; `proxy` says through whom they go ("" directly).

    Raises ValueError for a base URL that is neither https nor http on this machine itself.
    """

    def __init__(self, base_url: str, pace: Pace, patience: Patience | None = None) -> None:
        parts = urlsplit(base_url)
        host = parts.hostname or ""
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("the base URL must hold neither a user, nor a query, nor a fragment")
        if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(host)):
            raise ValueError("the base URL must begin with https:// (http:// only for this machine itself)")
        self.base_url = base_url.rstrip("/")
        self.pace, self.patience = pace, patience or Patience()
        self.proxy = ""
        self._pool = self._pool_for(parts.scheme, host)

    def _pool_for(self, scheme: str, host: str) -> urllib3.PoolManager:
        proxy = "" if _is_loopback(host) or proxy_bypass(host) else getproxies().get(scheme, getproxies().get("all", ""))
        if not proxy:
            return urllib3.PoolManager(num_pools=2, cert_reqs="CERT_REQUIRED")
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        if parts.scheme not in {"http", "https"}:
            raise RefusalError(
                f"the environment names a proxy of the kind {parts.scheme}, and only http and https are spoken here"
            )
        self.proxy = f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")
        headers = make_headers(proxy_basic_auth=f"{parts.username}:{parts.password or ''}") if parts.username else None
        return urllib3.ProxyManager(self.proxy, num_pools=2, cert_reqs="CERT_REQUIRED", proxy_headers=headers)

    def close(self) -> None:
        """Hang up."""
        self._pool.clear()

    def get(self, request: Request, token: ServerToken | AccountToken) -> Answer:
        """The answer to a request: 200, or a final "no" such as 404 and 422 that says something about what was asked.

        429, 408, 5xx, faults of the line and cut answers are asked again, with pauses that double and jitter, or as long as
        Retry-After says. Raises UnansweredError when patience ends, RefusalError where asking again is no use.
        """
        said = _Failure("")
        for attempt in range(1, self.patience.attempts + 1):
            self.pace.wait()
            said_now = self._attempt(request, token, attempt)
            if isinstance(said_now, Answer):
                return said_now
            said = said_now
            if said.wait > self.patience.longest_wait:
                raise UnansweredError(f"the API asks to wait {said.wait:.0f} seconds: run the same command again after that")
            if attempt < self.patience.attempts:
                usual = min(self.patience.first_pause * 2 ** (attempt - 1), self.patience.longest_pause)
                if said.wait:
                    self.pace.sleep(said.wait)
                self.pace.pause(usual)
        raise UnansweredError(
            f"no whole answer after {self.patience.attempts} attempts ({said.reason}): run the same command again to go on"
        )

    def _attempt(self, request: Request, token: ServerToken | AccountToken, attempt: int) -> Answer | _Failure:
        asked_at = datetime.now(UTC)
        got = self._exchange(self.base_url + request.target, token)
        if isinstance(got, _Failure):
            return got
        status = got.status
        if _REDIRECT <= status < _CLIENT_ERROR:
            raise RefusalError(f"the API answers with a redirect (HTTP {status}): refused, since the token would go along")
        if status in _AGAIN or status >= _SERVER_ERROR:
            return _Failure(f"HTTP {status}", _retry_after(got.headers.get("retry-after", "")))
        if status == GOOD and got.headers.get("content-encoding", "identity").lower() not in {"", "identity"}:
            return _Failure("an answer packed in a way that was not asked for")
        if status in _NO_ENTRY:
            raise RefusalError(
                f"the API refused the token (HTTP {status}, error code {_error_code(got.body)}): check {token.variable}, "
                "and that it is the token of the server or account that you mean"
            )
        value = _object(got.body)
        if status == GOOD and value is None:
            return _Failure("an answer that is no JSON object")
        return Answer(status, got.body, value or {}, asked_at, datetime.now(UTC), attempt)

    def _exchange(self, url: str, token: ServerToken | AccountToken) -> _Received | _Failure:
        """Status, headers and body of one exchange. Errors leave here as words: those of the library may hold headers."""
        refused = ""
        try:
            headers = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "forensics-collect"}
            response = self._pool.request(
                "GET", url, headers=headers | {token.header: token.reveal()}, preload_content=False, decode_content=False,
                redirect=False, retries=False, timeout=Timeout(connect=self.patience.connect_seconds, read=self.patience.silent_seconds),
            )  # fmt: skip
            whole = False
            try:
                body = self._body(response)
                whole = isinstance(body, bytes)
            finally:
                if whole:
                    response.release_conn()
                else:
                    response.close()  # what is left of a bad answer must not be taken for the next one
            if isinstance(body, _Failure):
                return body
            return _Received(response.status, {name.lower(): text for name, text in response.headers.items()}, body)
        except SSLError as error:
            if not any(isinstance(one, ssl.SSLCertVerificationError) for one in error.args):
                return _Failure("the line failed: TLS")
            refused = "the server's certificate does not verify: nothing was sent; look who stands between (a proxy?)"
        except Exception as error:  # noqa: BLE001  whatever it is, its frames hold the token and must not go up
            return _Failure(f"the line failed: {type(error).__name__}")
        raise RefusalError(refused)

    def _body(self, response: urllib3.BaseHTTPResponse) -> bytes | _Failure:
        started, blocks, size = self.pace.clock(), [], 0
        while block := response.read1(_BLOCK, decode_content=False):  # as it comes: a trickle must not outlast the bounds
            size += len(block)
            if size > self.patience.answer_bytes:
                return _Failure(f"an answer larger than {self.patience.answer_bytes} bytes")
            if self.pace.clock() - started > self.patience.answer_seconds:
                return _Failure("an answer that came too slowly")
            blocks.append(block)
        return b"".join(blocks)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _error_code(body: bytes) -> str:
    code = (_object(body) or {}).get("ErrorCode")
    return str(code) if type(code) is int and abs(code) < 10**6 else "none"


def _retry_after(text: str) -> float:
    """Seconds of a Retry-After (RFC 9110 section 10.2.3): a number, or a date; 0 for anything else."""
    if re.fullmatch(r"\s*[0-9]{1,9}\s*", text):
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return 0.0
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    return max((at - datetime.now(UTC)).total_seconds(), 0.0)
