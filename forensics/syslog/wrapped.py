"""Lines inside JSON: the journal, docker, and the common log shippers.

The journal: systemd.io/JOURNAL_EXPORT_FORMATS. Docker's json-file and gelf drivers; GELF 1.1 (go2docs.graylog.org); the Elastic
Common Schema; fields as Fluent Bit, Logstash, Vector, rsyslog and syslog-ng name them.
"""

from __future__ import annotations

import json
import math
from typing import Any

from forensics.syslog.prefixes import Envelope, in_text, in_wrapper
from forensics.syslog.stamps import nearer, since_epoch, stamp

__all__ = ["in_json", "loaded"]

_BYTE = 256
_TEXTS = ("message", "MESSAGE", "log", "full_message", "short_message", "msg", "line", "textPayload")
_TIMES = ("@timestamp", "time", "timestamp", "ISODATE", "date", "DATE")
_HOSTS = ("host.hostname", "host.name", "host", "hostname", "HOST", "logsource", "log.syslog.hostname")
_PROGRAMS = (
    "process.name", "program", "programname", "PROGRAM", "appname", "ident", "log.syslog.appname", "_program", "_application_name",
)  # fmt: skip
_PROCESSES = ("process.pid", "pid", "PID", "procid", "log.syslog.procid", "_pid", "_process_id")
_CONTAINERS = ("CONTAINER_ID", "CONTAINER_NAME")


def loaded(line: bytes) -> dict[str, Any] | None:
    """The object that a line is; None if it is none. Never raises."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def in_json(line: bytes) -> Envelope | None:
    """The envelope of a record of the journal, of docker, or of a log shipper; None if it is none of these."""
    record = loaded(line)
    if record is None:
        return None
    inner = record.get("_source")  # a search result of Elasticsearch
    if isinstance(inner, dict):
        record = inner
    return _journal(record) if "SYSLOG_IDENTIFIER" in record else _shipped(record)


def _journal(record: dict[str, Any]) -> Envelope | None:
    program = record["SYSLOG_IDENTIFIER"]
    if not isinstance(program, str):
        return None
    micro = record.get("__REALTIME_TIMESTAMP")
    sure = isinstance(micro, str) and micro.isascii() and micro.isdigit() and len(micro) <= 17  # noqa: PLR2004  digits
    time = since_epoch(int(micro)) if sure and isinstance(micro, str) else ""
    text = _journal_text(record.get("MESSAGE"))
    if record.get("_TRANSPORT") == "stdout" or any(name in record for name in _CONTAINERS):  # a service may write whole lines
        inside = in_text(text, 0, wrapped=True)
        if inside:
            return inside._replace(stamp=nearer(inside.stamp, time))
    pid = record.get("_PID") or record.get("SYSLOG_PID")
    return Envelope(time, _text(record.get("_HOSTNAME")), _text(program), _text(pid), text)


def _journal_text(message: object) -> bytes:
    """MESSAGE is text, a list of byte values (text that is no UTF-8), a list of those (a repeated field), or null (too long)."""
    if isinstance(message, list) and not _are_bytes(message):
        message = next((one for one in message if isinstance(one, str) or _are_bytes(one)), None)
    if isinstance(message, str):
        return message.encode("utf-8", "replace")
    return bytes(message) if isinstance(message, list) else b""


def _are_bytes(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, int) and 0 <= one < _BYTE for one in value)


def _shipped(record: dict[str, Any]) -> Envelope | None:
    """A text, and the fields beside it. A whole line in the text tells more than fields, if it is of the same program."""
    text = next((one for name in _TEXTS if isinstance(one := record.get(name), str) and one), None)
    if text is None:
        return None
    payload = text.rstrip("\r\n").encode("utf-8", "replace")
    time = next((one for name in _TIMES if name in record and (one := _time(record[name]))), "")
    program = _first(record, _PROGRAMS)
    found = in_wrapper(payload, time)
    if program and (found is None or found.program != program):
        return Envelope(time, _first(record, _HOSTS), program, _first(record, _PROCESSES), payload)
    return found._replace(host=_first(record, _HOSTS)) if found and not found.host else found


def _first(record: dict[str, Any], names: tuple[str, ...]) -> str:
    """The first field that is there; a dot leads into an object, unless the name itself holds it."""
    for name in names:
        value: object = record.get(name)
        if value is None and "." in name and name.partition(".")[0] in record:
            value = record
            for step in name.split("."):
                value = value.get(step) if isinstance(value, dict) else None
        if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
            return _text(str(value))
    return ""


def _text(value: object) -> str:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _time(value: object) -> str:
    """A time as text, or since 1970 in UTC: seconds, or a whole number of milliseconds or microseconds."""
    if isinstance(value, str):
        return stamp(value.encode("utf-8", "replace"))
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 1:
        return ""
    unit = next((unit for unit, least in ((1, 10**15), (10**3, 10**12)) if value >= least), 10**6)
    return since_epoch(round(value * unit))
