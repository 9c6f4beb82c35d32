"""One request: patient, bounded, and only to whom it was meant."""

from __future__ import annotations

import http.server
import random
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from postmark_double import TOKEN, Account, Fault, served

from forensics.collect import Asked, postmark
from forensics.collect.secret import ServerToken
from forensics.collect.wire import Answer, Pace, Patience, RefusalError, Request, UnansweredError, Wire, _retry_after

SEARCH = Request("/messages/outbound", (("count", "1"), ("offset", "0")))


class Sleeper:
    """A clock that moves when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def pace(self, rate: float = 1e6) -> Pace:
        return Pace(rate, self.sleep, lambda: self.now, lambda: 1.0)


def get(account: Account, *, patience: Patience | None = None, sleeper: Sleeper | None = None, token: str = TOKEN) -> Answer:
    with served(account) as url:
        return Wire(url, (sleeper or Sleeper()).pace(), patience).get(SEARCH, ServerToken(token))


def slept(sleeper: Sleeper) -> list[float]:
    return [one for one in sleeper.slept if one > 0.01]  # what keeps the rate is less


@pytest.mark.parametrize(
    "fault",
    [
        Fault("outbound", 429), Fault("outbound", 500), Fault("outbound", 503), Fault("outbound", 502, body=b"<html>"), Fault("outbound", 408),
        Fault("outbound", cut=True), Fault("outbound", 200, body=b""), Fault("outbound", 200, body=b"[1]"),
        Fault("outbound", 200, body=b'{"TotalCount": 0, "Mess'), Fault("outbound", 200, body=b"[" * 100_000),
        Fault("outbound", 200, body=b"\x1f\x8b", headers={"Content-Encoding": "gzip"}),
    ],
    ids=lambda fault: f"{fault.status}-{fault.body[:8]!r}",
)  # fmt: skip
def test_what_may_pass_is_asked_again(fault: Fault) -> None:
    sleeper = Sleeper()
    fault.times = 3
    account = Account(faults=[fault])
    answer = get(account, sleeper=sleeper)
    assert answer.is_good
    assert answer.attempts == 4
    assert answer.value == {"TotalCount": 0, "Messages": []}
    assert slept(sleeper) == [1, 2, 4]


def test_pauses_double_up_to_a_bound_and_attempts_end() -> None:
    sleeper = Sleeper()
    account = Account(faults=[Fault("outbound", 500, times=99)])
    with pytest.raises(UnansweredError, match=r"no whole answer after 8 attempts \(HTTP 500\)"):
        get(account, sleeper=sleeper, patience=Patience(longest_pause=10))
    assert slept(sleeper) == [1, 2, 4, 8, 10, 10, 10]
    assert len(account.asked) == 8


def test_pauses_jitter_between_half_and_whole() -> None:
    sleeper = Sleeper()
    pace = Pace(1e6, sleeper.sleep, lambda: 0.0, random.Random(7).random)
    for _ in range(50):
        pace.pause(8.0)
    assert all(4 <= one <= 8 for one in sleeper.slept)
    assert len(set(sleeper.slept)) == 50


def test_the_server_says_how_long_to_wait() -> None:
    sleeper = Sleeper()
    get(Account(faults=[Fault("outbound", 429, headers={"Retry-After": "37"})]), sleeper=sleeper)
    assert slept(sleeper) == [37, 1]


def test_a_wait_that_is_too_long_ends_the_run_with_words() -> None:
    sleeper = Sleeper()
    with pytest.raises(UnansweredError, match="asks to wait 86400 seconds"):
        get(Account(faults=[Fault("outbound", 429, headers={"Retry-After": "86400"})]), sleeper=sleeper)
    assert slept(sleeper) == []


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("12", 12), (" 3 ", 3), ("-5", 0), ("1.5", 0), ("", 0), ("soon", 0), ("9" * 40, 0), ("Mon, 99 Foo", 0),
     ("Fri, 31 Dec 1999 23:59:59 GMT", 0)],
)  # fmt: skip
def test_retry_after(text: str, seconds: float) -> None:
    assert _retry_after(text) == seconds


def test_retry_after_as_a_date() -> None:
    at = datetime.now(UTC) + timedelta(seconds=90)
    assert 80 < _retry_after(format_datetime(at, usegmt=True)) <= 90


@pytest.mark.parametrize(("rate", "pause"), [(10.0, 0.1), (2.0, 0.5), (0.5, 2.0)])
def test_the_rate_is_kept(rate: float, pause: float) -> None:
    sleeper = Sleeper()
    pace = sleeper.pace(rate)
    for _ in range(5):
        pace.wait()
    assert sleeper.slept == pytest.approx([pause] * 4)
    sleeper.now += 100  # what was not used is not saved up
    pace.wait()
    pace.wait()
    assert len(sleeper.slept) == 5


@pytest.mark.parametrize("rate", [0, -1, float("nan")])
def test_no_rate_at_all_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="rate"):
        Pace(rate)


def test_a_trickle_does_not_outlast_the_bounds() -> None:
    account = Account(faults=[Fault("outbound", seconds=0.01, times=9)])
    with served(account) as url:
        wire = Wire(url, Pace(1e6, lambda _: None), Patience(attempts=2, answer_seconds=0.1))
        with pytest.raises(UnansweredError, match="came too slowly"):
            wire.get(SEARCH, ServerToken(TOKEN))


def test_a_silent_server_is_left() -> None:
    account = Account(faults=[Fault("outbound", seconds=2, times=9)])
    with served(account) as url:
        wire = Wire(url, Pace(1e6, lambda _: None), Patience(attempts=2, silent_seconds=0.1))
        with pytest.raises(UnansweredError, match="the line failed: ReadTimeoutError"):
            wire.get(SEARCH, ServerToken(TOKEN))


def test_an_answer_without_end_is_cut_off() -> None:
    account = Account(faults=[Fault("outbound", 200, body=b'{"a": "' + b"x" * 200_000 + b'"}', times=9)])
    with pytest.raises(UnansweredError, match="larger than 100000 bytes"):
        get(account, patience=Patience(attempts=2, answer_bytes=100_000))


def test_nobody_is_there() -> None:
    with served(Account()) as url:
        pass
    with pytest.raises(UnansweredError, match="the line failed"):
        Wire(url, Sleeper().pace(), Patience(attempts=2)).get(SEARCH, ServerToken(TOKEN))


@pytest.mark.parametrize("status", [401, 403])
def test_a_wrong_token_is_said_at_once(status: int) -> None:
    account = Account(faults=[Fault("outbound", status, body=b'{"ErrorCode": 10, "Message": "no"}')])
    with pytest.raises(RefusalError, match=rf"HTTP {status}, error code 10\): check POSTMARK_SERVER_TOKEN"):
        get(account)
    assert len(account.asked) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("target", ["https://elsewhere.example/", "/server"])
def test_no_redirect_is_followed(status: int, target: str) -> None:
    account = Account(faults=[Fault("outbound", status, headers={"Location": target})])
    with pytest.raises(RefusalError, match="redirect"):
        get(account)
    assert len(account.asked) == 1


@pytest.mark.parametrize("status", [400, 404, 422])
def test_a_no_is_an_answer(status: int) -> None:
    answer = get(Account(faults=[Fault("outbound", status, body=b'{"ErrorCode": 701, "Message": "x"}')]))
    assert (answer.status, answer.is_good, answer.attempts) == (status, False, 1)


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://api.postmarkapp.com", True), ("https://api.postmarkapp.com/", True), ("https://192.0.2.1:8443/base", True),
        ("http://127.0.0.1:1", True), ("http://127.9.9.9:1", True), ("http://[::1]:1", True), ("http://localhost:1", True),
        ("http://api.postmarkapp.com", False), ("http://192.0.2.1", False), ("http://localhost.example", False),
        ("http://127.0.0.1.example", False), ("ftp://127.0.0.1", False), ("api.postmarkapp.com", False), ("", False),
        ("https://user:word@api.example", False), ("https://api.example/?a=b", False),
    ],
)  # fmt: skip
def test_plain_http_is_for_this_machine_alone(url: str, good: bool) -> None:
    if good:
        Wire(url, Sleeper().pace())
        return
    with pytest.raises(ValueError, match="base URL"):
        Wire(url, Sleeper().pace())


@pytest.mark.parametrize(
    ("name", "value", "no_proxy", "shown"),
    [
        ("https_proxy", "http://proxy.corp.example:3128", "", "http://proxy.corp.example:3128"),
        ("HTTPS_PROXY", "http://user:pass-word@proxy.corp.example:3128", "", "http://proxy.corp.example:3128"),
        ("all_proxy", "proxy.corp.example:3128", "", "http://proxy.corp.example:3128"),
        ("https_proxy", "http://proxy.corp.example:3128", "postmarkapp.com", ""),
        ("http_proxy", "http://proxy.corp.example:3128", "", ""),
    ],
)
def test_proxies_of_the_environment(monkeypatch: pytest.MonkeyPatch, name: str, value: str, no_proxy: str, shown: str) -> None:
    monkeypatch.setenv(name, value)
    monkeypatch.setenv("no_proxy", no_proxy)
    assert Wire("https://api.postmarkapp.com", Sleeper().pace()).proxy == shown
    assert Wire("http://127.0.0.1:1", Sleeper().pace()).proxy == "", "this machine is spoken to directly"


def test_a_proxy_of_another_kind_is_refused_and_not_passed_by(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "socks5://proxy.corp.example:1080")
    with pytest.raises(RefusalError, match="socks5"):
        Wire("https://api.postmarkapp.com", Sleeper().pace())


def test_a_proxy_is_used_is_told_and_never_sees_the_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    class Proxy(http.server.BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            asked.append(f"{self.path} {self.headers}")
            self.send_error(502)

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Proxy)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    monkeypatch.setenv("https_proxy", f"http://ann:proxy-word@127.0.0.1:{server.server_address[1]}")
    asking = Asked(datetime.now(UTC) - timedelta(days=2), datetime.now(UTC), base_url="https://api.acme.example")
    with pytest.raises(UnansweredError, match="the line failed: ProxyError") as caught:
        postmark(tmp_path / "c", asking, ServerToken(TOKEN), pace=Sleeper().pace(), patience=Patience(attempts=2))
    server.shutdown()
    server.server_close()
    thread.join()
    assert len(asked) == 2
    assert all(one.startswith("api.acme.example:443 ") and "proxy-authorization: basic " in one.lower() for one in asked)
    custody = (tmp_path / "c/custody.jsonl").read_text(encoding="ascii")
    assert f'"proxy": "http://127.0.0.1:{server.server_address[1]}"' in custody
    for text in (*asked, custody, str(caught.value)):
        assert TOKEN not in text
        assert "proxy-word" not in text


@pytest.fixture
def untrusted(tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    """A server with a certificate that nobody signed, and what it was asked."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(str(self.headers))

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_self_signed(tmp_path))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield f"https://127.0.0.1:{server.server_address[1]}", asked
    server.shutdown()
    server.server_close()
    thread.join()


def _self_signed(folder: Path) -> Path:
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    place = folder / "server.pem"
    place.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return place


def test_a_certificate_that_does_not_verify_gets_no_token(untrusted: tuple[str, list[str]]) -> None:
    url, asked = untrusted
    with pytest.raises(RefusalError, match="certificate does not verify"):
        Wire(url, Sleeper().pace()).get(SEARCH, ServerToken(TOKEN))
    assert asked == []
