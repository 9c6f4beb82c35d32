"""What the three Postfix relays log, each by its own clock."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from .company import DEALERS, OWN, ip_of
from .dates import FIRST, LAST, moments
from .encoding import gzip_stored
from .mail import Mail
from .recipients import COLLECTOR, JOURNAL, PARTNER, VAULT, VERDICTS


def log_lines(mail: Mail, rng: random.Random) -> Iterator[tuple[datetime, str, str]]:
    """What Postfix writes of one message: time, daemon with pid, payload."""
    pid, q, at = rng.randint(2000, 29999), mail.queue, mail.at + timedelta(milliseconds=1)
    outer = "mx.foreign.example[192.0.2.77]" if mail.way == "forwarded" else f"app1.{OWN}[192.0.2.10]"
    copies = [(one, "") for one in (*mail.to, *mail.cc, *mail.hidden)]
    if copies[0][0] in {f"dealers@{OWN}", f"returns@{OWN}"}:
        members = DEALERS if copies[0][0].startswith("dealers") else [f"ann.becker@{OWN}", PARTNER]
        copies = [(one, copies[0][0]) for one in members] + copies[1:]
    named_rcpt = len(mail.to) + len(mail.cc) + len(mail.hidden)
    if mail.way != "forwarded":
        copies.append((JOURNAL, ""))  # always_bcc: the server adds it, without a line of its own
    yield at, f"smtpd[{pid}]", f"connect from {outer}"
    login = "" if mail.way == "forwarded" else ", sasl_method=PLAIN, sasl_username=svc"
    yield at, f"smtpd[{pid}]", f"{q}: client={outer}{login}"
    known = f"<{mail.key}>" if "@" in mail.key else "<>"
    yield at + timedelta(milliseconds=9), f"cleanup[{pid + 3}]", f"{q}: message-id={known}"
    active = f"size={900 + len(mail.text) + len(mail.html)}, nrcpt={len(copies)} (queue active)"
    yield at + timedelta(milliseconds=30), "qmgr[811]", f"{q}: from=<{mail.sender}>, {active}"
    counts = f"ehlo=1 auth=1 mail=1 rcpt={named_rcpt} data=1 quit=1"
    yield at + timedelta(milliseconds=60), f"smtpd[{pid}]", f"disconnect from {outer} {counts}"
    end = at
    for number, (one, original) in enumerate(copies):
        for after, outcome in outcomes(mail, one, rng):
            when = at + timedelta(seconds=after, milliseconds=250 + 40 * number)
            end = max(end, when)
            head = f"{q}: to=<{one}>" + (f", orig_to=<{original}>" if original else "")
            relay = f"mail.{OWN}[192.0.2.40]:25" if one.endswith(OWN) else f"mx.{one.partition('@')[2]}[{ip_of(one)}]:25"
            timing = f"delay={after + 0.4:.1f}, delays=0.1/0.01/0.1/{after + 0.19:.2f}"
            yield when, f"smtp[{pid + 9 + number}]", f"{head}, relay={relay}, {timing}, {outcome}"
    if mail.fate == "deferred":  # the queue is cleared by hand: no last word on the copy that was still waiting
        yield end + timedelta(hours=9), f"postsuper[{pid + 30}]", f"{q}: removed"
    else:
        yield end + timedelta(milliseconds=70), "qmgr[811]", f"{q}: removed"


def outcomes(mail: Mail, one: str, rng: random.Random) -> Iterator[tuple[int, str]]:
    """Seconds after arrival, and the outcome, of each try for one recipient."""
    sent = f"dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as {rng.getrandbits(40):010X})"
    later = f"dsn=4.3.0, status=deferred (host mx.{one.partition('@')[2]}[{ip_of(one)}] said: 451 4.3.0 "
    if one == COLLECTOR and mail.fate == "bounced":
        refusal = f"host mx.collector.example[{ip_of(one)}] said: 550 5.1.1 user unknown (in reply to RCPT TO command)"
        yield 1, f"dsn=5.1.1, status=bounced ({refusal})"
    elif one == COLLECTOR and mail.fate == "deferred":
        for after in (1, 900, 3600):
            yield after, later + "busy (in reply to MAIL FROM command))"
    elif one == VAULT or one in VERDICTS or one.endswith(OWN) or rng.random() < 0.95:
        if mail.fate == "night":
            yield 1, later + "greylisted (in reply to RCPT TO command))"
        yield 960 if mail.fate == "night" else 1, sent
    elif rng.random() < 0.3:
        yield 2, "dsn=5.2.1, status=bounced (host said: 550 5.2.1 mailbox disabled (in reply to RCPT TO command))"
    else:  # the words of a remote server are its own: here they look like a line of ours
        yield 1, later + "to=<mirror@decoy.example>, relay=none, status=sent (in reply to RCPT TO command))"
        yield 960, sent


def noise(rng: random.Random) -> Iterator[tuple[datetime, str, str]]:
    """What every relay logs besides: statistics, and strangers it turns away; time, daemon with pid, payload."""
    for at in moments(rng, FIRST, LAST, 120):
        peer = f"192.0.2.{rng.randint(100, 199)}"
        yield at, "anvil[640]", f"statistics: max connection rate 1/60s for (smtp:{peer}) at Sep  1 06:00:01"
        reject = f"NOQUEUE: reject: RCPT from unknown[{peer}]: 554 5.7.1 <x{peer[-1]}@other.example>: Relay access denied;"
        stranger = "from=<spam@spam.example> to=<x@other.example> proto=ESMTP"
        yield at + timedelta(seconds=1), f"smtpd[{rng.randint(2000, 29999)}]", f"{reject} {stranger}"


def stamped(at: datetime, host: str) -> str:
    """The clock of each host: Berlin at relay1 (with a year only after an upgrade), New York at relay2, Helsinki at relay3."""
    local = at + timedelta(hours={"relay1": 2, "relay2": -4, "relay3": 3}[host])
    if host == "relay1" and at >= datetime(2025, 9, 28, 4, 25, tzinfo=UTC):
        return f"{local:%Y-%m-%dT%H:%M:%S.%f}+02:00"
    return f"{local:%b} {local.day:2d} {local:%H:%M:%S}"


def relay_files(mails: list[Mail], rng: random.Random) -> Iterator[tuple[str, bytes]]:
    """The logs of all relays, rotated and packed as each host does; path and bytes."""
    lines: dict[str, list[tuple[datetime, str]]] = {"relay1": [], "relay2": [], "relay3": []}
    for mail in mails:
        if mail.host:
            lines[mail.host] += [(at, f"postfix/{daemon}: {payload}") for at, daemon, payload in log_lines(mail, rng)]
    for host, found in lines.items():
        found += [(at, f"postfix/{daemon}: {payload}") for at, daemon, payload in noise(rng)]
        found.sort(key=lambda line: line[0])
        text = [(at, f"{stamped(at, host)} {host} {line}\n") for at, line in found]
        cuts = [datetime(2025, 9, 14, 4, 25, tzinfo=UTC), datetime(2025, 9, 28, 4, 25, tzinfo=UTC)]
        if host == "relay1":
            yield "relay/relay1/mail.log.2.gz", gzip_stored("".join(line for at, line in text if at < cuts[0]).encode())
            yield "relay/relay1/mail.log.1", "".join(line for at, line in text if cuts[0] <= at < cuts[1]).encode()
            yield "relay/relay1/mail.log", "".join(line for at, line in text if at >= cuts[1]).encode()
        elif host == "relay2":
            yield "relay/relay2/maillog", "".join(line for _, line in text).encode()
        else:
            yield "relay/relay3/mail.log.gz", gzip_stored("".join(line for _, line in text).encode())
