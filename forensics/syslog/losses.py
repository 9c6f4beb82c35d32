"""What loggers say about lines that they lose or repeat."""

from __future__ import annotations

import re

from forensics.syslog.line_ends import decoded

__all__ = ["LOGGERS", "lost_messages", "repeated"]

LOGGERS = (
    "rsyslogd", "systemd-journal", "journal", "syslogd", "syslog-ng", "imjournal", "imuxsock", "imfile", "imudp", "imtcp", "imptcp",
    "sendsyslog",
)  # fmt: skip
_HEAD = 4096  # bytes of a line in which a logger says it
_REPEATED = re.compile(rb"message repeated \d{1,9} times?: \[ ?")
_WHAT = r"(?:messages?|message\(s\)|lines?|records?|entries)"
# Loggers quote what is not theirs: file names, other people's text. A loss is therefore told before the first quotation mark.
# rsyslog: runtime/ratelimit.c, plugins/imjournal, plugins/imfile, action.c. syslog-ng: lib/logqueue-fifo.c, modules/diskq.
# systemd: src/journal/journald-rate-limit.c and journald-syslog.c. OpenBSD: sys/kern/subr_log.c, usr.sbin/syslogd.
_COUNTED = re.compile(
    rf"""[^'"\n]{{0,512}}?\b(?:
        (?P<a>\d{{1,12}})\ {_WHAT}\ (?:(?:were|was|have\ been|has\ been)\ )?(?:lost|dropped|discarded|skipped)\b
      | (?:lost|missed|dropped|discarded|skipped)\ (?P<b>\d{{1,12}})\ {_WHAT}(?=\W|$)
      | suppressed\ (?P<c>\d{{1,12}})\ {_WHAT}\b(?:\ from\ (?P<unit>\S{{1,256}}))?
    )""",
    re.VERBOSE | re.IGNORECASE,
)
_UNCOUNTED = re.compile(
    rf"""[^'"\n]{{0,512}}?\b(?:
        begins?\ to\ drop\ {_WHAT} | (?:dropping|discarding)\ {_WHAT} | {_WHAT}\ (?:lost|dropped|discarded)\b
    )""",
    re.VERBOSE | re.IGNORECASE,
)
# `action 'x' (module 'builtin:omfile') message lost, could not be processed`; a full disk; an entry that the journal let go
_QUOTING = re.compile(
    r"action '[^'\n]{0,256}' \(module '[^'\n]{0,256}'\) message lost\b"
    r"|file '[^'\n]{0,1024}'(?:\[\d{1,9}\])? write error\b"
    r"|Failed to write entry\b"
    r"|[^'\"\n]{1,512}: No space left on device"
)
# counters since the start of syslog-ng and of rsyslog's impstats: they tell that lines were lost, not when
_COUNTERS = re.compile(
    r"Log statistics; .{0,3500}?\bdropped='[^'\n]{1,512}=0{0,11}[1-9]"
    r"|.{0,3500}?\b(?:ratelimit\.discarded|discarded\.full|discarded\.nf)(?:=|\": ?)0{0,11}[1-9]"
)
_MAIL_UNITS = (
    "postfix", "exim", "mail", "smtp", "haraka", "stalwart", "kumo", "pmta", "syslog", "docker", "containerd", "podman", "crio",
)  # fmt: skip


def repeated(payload: bytes) -> bytes | None:
    """The text inside rsyslog's `message repeated N times: [ ... ]`; None if the payload is no such thing."""
    match = _REPEATED.match(payload)
    return payload[match.end() :].removesuffix(b"]") if match else None


def lost_messages(program: str, payload: bytes) -> int:
    """How many messages or lines the logger itself says that it dropped; 1 if it does not say how many, 0 if it says no such thing.

    Rate limits of rsyslog (its inputs for sockets, the journal, files and the network) and of journald; lines that rsyslog could
    not hand on or write; full queues of syslog-ng; what OpenBSD's sendsyslog dropped. A notice that dropping begins counts
    1, as do counters of syslog-ng and impstats, which run from their start. Kernel messages that were missed are none of
    ours, nor is a suppression that names the service of another program.
    """
    if not program.startswith(LOGGERS):
        return 0
    inner = repeated(payload[:_HEAD])
    text = decoded(payload[:_HEAD] if inner is None else inner)
    match = _COUNTED.match(text)
    if match is None:
        return int(any(told.match(text) for told in (_UNCOUNTED, _QUOTING, _COUNTERS)))
    unit = (match["unit"] or "").lower()
    if unit.endswith(".service") and not any(word in unit for word in _MAIL_UNITS):
        return 0
    return int(match["a"] or match["b"] or match["c"])
