"""Host windows narrow what a log without a host name says, by the folder it lies in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from parsers.test_mcp_log import host_log, uuid

import forensics
from forensics.policy import Policy

LATE = '[[host_window]]\nhost = "web1"\nstart = 2025-09-20T00:00:00Z\n'
DISK = LATE + 'folders = ["disk7"]\n'


def in_window(place: Path, folder: str, policy: str, *, listed: bool = False) -> list[bool]:
    """Whether each of three MCP calls of 18 September lies in the window; `listed`: the provider names their messages, too."""
    evidence = place / "evidence"
    (evidence / folder).mkdir(parents=True)
    (evidence / folder / "mcp-server-postmark.log").write_text(host_log(3), encoding="utf-8")
    if listed:
        rows = [
            {
                "MessageID": uuid(n), "MessageStream": "outbound", "To": [{"Email": f"kunde{n}@customer{n}.example", "Name": None}], "Cc": [], "Bcc": [],
                "Recipients": [f"kunde{n}@customer{n}.example"], "ReceivedAt": "2025-09-18T05:00:01.0664242-04:00", "From": "shop@acme.example",
                "Subject": "Order 1", "Attachments": [], "Status": "Sent",
            }
            for n in (1, 2, 3)
        ]  # fmt: skip
        (evidence / "page.json").write_text(json.dumps({"TotalCount": 3, "Messages": rows}), encoding="utf-8")
    (place / "policy.toml").write_text('[organisation]\ndomains = ["acme.example"]\n' + policy, encoding="utf-8")
    case = forensics.audit(evidence, out=place / "case", incident="postmark-mcp", policy=Policy.load(place / "policy.toml"))
    return [bool(one) for one in case.read("messages")["in_window"]]


@pytest.mark.parametrize(
    ("folder", "policy", "listed", "inside"),
    [
        pytest.param("web1", "", False, True, id="no host window"),
        pytest.param("web1", LATE, False, False, id="exposed later"),
        pytest.param("WEB1", LATE, False, False, id="case of letters"),
        pytest.param("web2", LATE, False, True, id="another host"),
        pytest.param("web1", DISK, False, True, id="its disk has another name"),
        pytest.param("disk7", DISK, False, False, id="its disk"),
        pytest.param("web1", LATE, True, False, id="the provider's row of the same message"),
    ],
)
def test_a_log_belongs_to_the_host_whose_folder_it_lies_in(
    tmp_path: Path, folder: str, policy: str, listed: bool, inside: bool
) -> None:
    assert in_window(tmp_path, folder, policy, listed=listed) == [inside] * 3
