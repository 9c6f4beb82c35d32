"""The whole sample incident, from one seed."""

from __future__ import annotations

import random
from dataclasses import replace

from .company import customers
from .correspondence import api_mails, inbound_mails, relay_mails
from .encoding import as_json
from .identifiers import named
from .journal import journal_files
from .mail import Mail
from .planting import planted
from .plants import credentials, harmless, personal
from .policy import POLICY
from .postmark import postmark_files
from .recipients import COLLECTOR
from .relays import relay_files
from .truth import truth

SEED = 20250917


def with_one_nameless(sent: list[Mail]) -> list[Mail]:
    """The same mails, but the seventh stolen one of relay2 has no Message-ID, and goes to a customer known from another."""
    stolen = [index for index, mail in enumerate(sent) if COLLECTOR in mail.hidden and mail.fate == "delivered"]
    target = [index for index in stolen if sent[index].host == "relay2"][6]
    twin = next(sent[index] for index in stolen if index != target)
    key = f"relay2/{sent[target].queue}"
    nameless = replace(sent[target], key=key, to=twin.to, cc=(), html="", files=(), copied=False)
    return [*sent[:target], nameless, *sent[target + 1 :]]


def incident(seed: int) -> dict[str, bytes]:
    """Every file of the sample, path to bytes."""
    rng = random.Random(seed)
    old, new = customers(rng)
    sent = with_one_nameless(named(rng, [*api_mails(rng, old, new), *relay_mails(rng, old, new)]))
    mails = sorted([*sent, *named(rng, inbound_mails(rng, sent))], key=lambda one: one.at)
    done, places = planted(mails, [*credentials(rng), *harmless(rng), *personal()])
    files = dict([*postmark_files(done, rng), *journal_files(done), *relay_files(done, rng)])
    return {**files, "policy.toml": POLICY.encode(), "truth.json": as_json(truth(done, places))}
