"""A record of each mail provider that tells of one delivered copy, to be changed by tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

HIDDEN, TO = "phan@giftshop.club", "bob@customer.example"
AT = 1758200000  # 2025-09-18T12:53:20Z


def _sendgrid(to: str, number: int, /, **more: Any) -> dict[str, Any]:
    return {
        "email": to, "timestamp": AT + number, "event": "delivered", "response": "250 ok", "smtp-id": "<m1@geopod-1>",
        "sg_event_id": f"e{number}", "sg_message_id": "abc.recvd-1-2", "ip": "192.0.2.1", "order": "planted-secret",
    } | more  # fmt: skip


def _mailgun(to: str, number: int, /, **more: Any) -> dict[str, Any]:
    return {
        "event": "delivered", "id": f"i{number}", "timestamp": AT + number + 0.5, "recipient": to, "log-level": "info",
        "envelope": {"sender": "app@acme.example", "targets": to, "transport": "smtp"},
        "message": {"headers": {"to": TO, "from": "app@acme.example", "message-id": "m1@mg.acme.example", "subject": "Hi"}, "attachments": []},
        "delivery-status": {"code": 250, "message": "ok"}, "flags": {"is-test-mode": False}, "user-variables": {"order": "planted-secret"},
    } | more  # fmt: skip


def _mandrill(to: str, number: int, /, **more: Any) -> dict[str, Any]:
    inner = {
        "_id": f"c{number}",
        "ts": AT,
        "email": to,
        "sender": "app@acme.example",
        "subject": "Hi",
        "diag": "250 ok",
        "state": "sent",
    }
    return {
        "event": "delivered",
        "_id": f"c{number}",
        "ts": AT + number,
        "msg": inner | {"metadata": {"order": "planted-secret"}},
    } | more


def _resend(to: str, number: int, /, **more: Any) -> dict[str, Any]:
    return {
        "object": "email", "id": f"4ef9a417-02e9-4d39-ad75-9611e0fcc3{number:02}", "to": [TO], "cc": None, "bcc": [to], "subject": "Hi",
        "from": "App <app@acme.example>", "created_at": "2025-09-18 12:53:20.1+00", "html": "<p>Hi</p>", "text": None, "last_event": "delivered",
    } | more  # fmt: skip


def _sparkpost(to: str, number: int, /, **more: Any) -> dict[str, Any]:
    event = {
        "type": "delivery", "rcpt_to": to, "raw_rcpt_to": to, "rcpt_type": "bcc", "transmission_id": "65832150921904138",
        "message_id": f"00{number}", "timestamp": str(AT + number), "injection_time": "2025-09-18T12:53:20.000Z", "subject": "Hi",
        "msg_from": "bounces@acme.example", "friendly_from": "App <app@acme.example>", "rcpt_meta": {"order": "planted-secret"}, "msg_size": "9",
    }  # fmt: skip
    return {"msys": {"message_event": event | more}}


def _brevo(to: str, number: int, /, **more: Any) -> dict[str, Any]:
    return {
        "event": "delivered", "email": to, "id": 7, "date": "2025-09-18 14:53:20", "ts_event": AT + 7200, "ts_epoch": (AT + number) * 1000,
        "message-id": "<m1@relay.acme.example>", "subject": "Hi", "sending_ip": "192.0.2.1", "X-Mailin-custom": "planted-secret",
    } | more  # fmt: skip


MAKE: dict[str, Callable[..., dict[str, Any]]] = {
    "brevo": _brevo, "mailgun": _mailgun, "mandrill": _mandrill, "resend": _resend, "sendgrid": _sendgrid, "sparkpost": _sparkpost,
}  # fmt: skip


def raw(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def lines(*values: Any) -> bytes:
    return b"".join(raw(one) + b"\n" for one in values)
