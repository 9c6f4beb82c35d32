"""Questions to an API and the answers in the folder: whatever was answered once is not asked again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from forensics.collect.asking import Meter
from forensics.collect.ledger import Kept, Ledger
from forensics.collect.redaction import without_secrets
from forensics.collect.secret import AccountToken, ServerToken
from forensics.collect.wire import GOOD, Answer, CollectError, Request, Wire

__all__ = ["Correspondence"]

_SMALL = 4_096  # bytes of an answer that may stand in the journal
_ALTERED = "a token was overwritten"


class Correspondence:
    """One wire, one folder, the tokens in use and the meter that counts; asks for what the folder does not hold."""

    def __init__(self, wire: Wire, ledger: Ledger, meter: Meter, token: ServerToken | AccountToken) -> None:
        self.wire, self.ledger, self.meter, self.token = wire, ledger, meter, token
        self.secrets: list[ServerToken | AccountToken] = [token]

    def using(self, token: ServerToken) -> Correspondence:
        """The same with another token."""
        other = Correspondence(self.wire, self.ledger, self.meter, token)
        self.secrets.append(token)
        other.secrets = self.secrets
        return other

    def fresh(self, request: Request) -> Answer:
        """An answer that is asked for at every start and not stored: it holds tokens. Raises CollectError for a "no"."""
        answer = self.wire.get(request, self.token)
        if not answer.is_good:
            raise CollectError(f"the API answers {request.path} with HTTP {answer.status}: nothing can be collected")
        return answer

    def store(self, place: str, request: Request, answer: Answer, body: bytes, note: str) -> None:
        """Keep a changed answer once; `note` says what was changed."""
        if self.ledger.status(place) is None:
            self.ledger.keep(place, request, answer, without_secrets(body, self.secrets), note=note)
            self.meter.requests += 1

    def ask(self, place: str, request: Request, is_empty: Callable[[Mapping[str, Any]], bool] = lambda _: False) -> Kept:
        """The answer at a place, from the folder or from the API.

        An answer that tells nothing, empty or a short "no", stands in the journal's line: no parser has use for it. A "no"
        of an earlier run is asked again.
        """
        if self.ledger.status(place) not in {None, GOOD}:
            self.ledger.forget(place)
        kept = self.ledger.kept(place)
        if kept is None:
            answer = self.wire.get(request, self.token)
            body = without_secrets(answer.body, self.secrets)
            tells = answer.is_good and not is_empty(answer.value)
            note = "" if body == answer.body else _ALTERED
            kept = self.ledger.keep(place, request, answer, body, alone=tells or len(body) > _SMALL, note=note)
            self.meter.answered(anew=True)
        else:
            self.meter.answered(anew=False)
        return kept

    def page(self, place: str, request: Request, is_empty: Callable[[Mapping[str, Any]], bool]) -> dict[str, Any]:
        """The JSON of an answer that must be a good one. Raises CollectError for a "no"."""
        kept = self.ask(place, request, is_empty)
        if kept.status != GOOD:
            code = kept.value.get("ErrorCode")
            raise CollectError(
                f"the API refuses {request.path} (HTTP {kept.status}, error code {code if type(code) is int else 'none'}); "
                f"the answer is in the journal at {place}"
            )
        return kept.value
