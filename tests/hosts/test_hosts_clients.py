"""MCP clients' configurations and command lines: what starts the package, what only resembles it, and no secret kept."""

from __future__ import annotations

import json
import shlex

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.hosts.clients import client_of, read_client
from forensics.hosts.commands import asked, secret_names, verb_of
from forensics.hosts.sightings import Event, State, Trace, wanted_from
from forensics.incident import Incident

WANTED, _ = wanted_from(Incident.load("postmark-mcp"))
NAMES = WANTED.packages
SECRET = "0000aaaa-1111-4bbb-8ccc-" + "222233334444"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("npx postmark-mcp", [("", "run")]),
        ("npx -y postmark-mcp", [("", "run")]),
        ("npx -y postmark-mcp@1.0.16 --port 1", [("1.0.16", "run")]),
        ("npx --yes postmark-mcp@latest", [("latest", "run")]),
        ("npx -p postmark-mcp@1.0.16 postmark-mcp", [("1.0.16", "run")]),
        ("npx --package=postmark-mcp@1.0.15 -c whatever", [("1.0.15", "run")]),
        ("npx --registry https://registry.example postmark-mcp", [("", "run")]),
        ("npm exec --yes -- postmark-mcp@^1.0.0", [("^1.0.0", "run")]),
        ("npm x postmark-mcp", [("", "run")]),
        ("pnpm dlx postmark-mcp@1.0.16", [("1.0.16", "run")]),
        ("pnpx postmark-mcp", [("", "run")]),
        ("yarn dlx postmark-mcp", [("", "run")]),
        ("bunx postmark-mcp@1.0.16", [("1.0.16", "run")]),
        ("bun x postmark-mcp", [("", "run")]),
        ("yarn postmark-mcp", [("", "run")]),
        ("deno run -A npm:postmark-mcp@1.0.16", [("1.0.16", "run")]),
        ("cmd /c npx -y postmark-mcp", [("", "run")]),
        ("C:/node/npx.cmd -y postmark-mcp", [("", "run")]),
        ("bash -lc 'cd /srv && npx -y postmark-mcp@1.0.16'", [("1.0.16", "run")]),
        ("npx -y supergateway --stdio 'npx -y postmark-mcp'", [("", "run")]),
        ("postmark-mcp", [("", "run")]),
        ("/usr/local/bin/postmark-mcp --stdio", [("", "run")]),
        ("node /srv/app/node_modules/postmark-mcp/index.js", [("", "path")]),
        ("npm install -g postmark-mcp@1.0.16 other", [("1.0.16", "install")]),
        ("npm i a b postmark-mcp", [("", "install")]),
        ("yarn global add postmark-mcp", [("", "install")]),
        ("npm install pm@npm:postmark-mcp@1.0.16", [("1.0.16", "install")]),
        ("npm uninstall postmark-mcp", [("", "remove")]),
        # near-misses
        ("npx -y postmark-mcp-x", []),
        ("npx -y @acme/postmark-mcp@1.0.16", []),
        ("npx -y @activecampaign/postmark-mcp", []),
        ("npx -y not-postmark-mcp", []),
        ("npx -y github:ActiveCampaign/postmark-mcp", []),
        ("npx -y other-mcp postmark-mcp", []),  # a word for another program
        ("docker run -i postmark-mcp", []),
        ("docker run -i mcp/postmark-mcp:1.0.16", []),
        ("uvx postmark-mcp", []),
        ("python -m postmark-mcp", []),
        ("node /home/ben/src/postmark-mcp/index.js", []),
        ("node /srv/node_modules/@acme/postmark-mcp/index.js", []),
        ("npm run postmark-mcp", []),
        ("npm view postmark-mcp", []),
        ("echo postmark-mcp", []),
        ("", []),
    ],
)
def test_commands(line: str, expected: list[tuple[str, str]]) -> None:
    found = [(one.spec, one.how) for one in asked(shlex.split(line), NAMES)]
    assert found == expected
    assert [(one.spec, one.how) for one in asked([line], NAMES)] == expected  # as one text, too


def test_the_verb_is_found_behind_options() -> None:
    assert [verb_of(words.split()) for words in ("--registry x i a", "-g uninstall a", "exec -- a", "view a", "")] == [
        "install",
        "remove",
        "run",
        "",
        "",
    ]


def read(name: str, document: object, folder: str = "") -> list[Trace]:
    found = list(read_client(name, folder, json.dumps(document).encode(), WANTED))
    assert all(isinstance(one, Trace) for one in found)
    return [one for one in found if isinstance(one, Trace)]


@pytest.mark.parametrize(
    ("name", "folder", "document"),
    [
        ("claude_desktop_config.json", "Claude", {"mcpServers": {"pm": {"command": "npx", "args": ["-y", "postmark-mcp"]}}}),
        (".claude.json", "ana", {"projects": {"/srv/a": {"mcpServers": {"pm": {"command": "npx", "args": ["postmark-mcp"]}}}}}),
        (".mcp.json", "app", {"mcpServers": {"pm": {"type": "stdio", "command": "npx", "args": ["postmark-mcp"]}}}),
        ("mcp.json", ".cursor", {"mcpServers": {"pm": {"command": "npx -y postmark-mcp"}}}),
        ("mcp.json", ".vscode", {"inputs": [], "servers": {"pm": {"command": "npx", "args": ["-y", "postmark-mcp"]}}}),
        ("settings.json", "User", {"mcp": {"servers": {"pm": {"command": "npx", "args": ["postmark-mcp"]}}}}),
        ("mcp_config.json", "windsurf", {"mcpServers": {"pm": {"command": "npx", "args": ["postmark-mcp"]}}}),
        ("cline_mcp_settings.json", "settings", {"mcpServers": {"pm": {"command": "npx", "args": ["postmark-mcp"]}}}),
        ("settings.json", "zed", {"context_servers": {"pm": {"command": {"path": "npx", "args": ["postmark-mcp"], "env": {}}}}}),
        ("settings.json", "zed", {"context_servers": {"pm": {"source": "custom", "command": "npx", "args": ["postmark-mcp"]}}}),
        ("opencode.json", "app", {"mcp": {"pm": {"type": "local", "command": ["npx", "-y", "postmark-mcp"]}}}),
    ],
)
def test_every_client_starts_it_without_a_version(name: str, folder: str, document: object) -> None:
    (one,) = read(name, document, folder)
    assert WANTED.judge(one) is State.UNKNOWN
    assert one.event is Event.STANDS
    assert one.place.endswith("pm")
    assert client_of(name, folder) in one.note
    assert "no version" in one.note


def test_codex_writes_toml() -> None:
    text = b'[mcp_servers.pm]\ncommand = "npx"\nargs = ["-y", "postmark-mcp@1.0.16"]\n\n[mcp_servers.pm.env]\nPOSTMARK_SERVER_TOKEN = "x"\n'
    (one,) = read_client("config.toml", ".codex", text, WANTED)
    assert isinstance(one, Trace)
    assert (one.text, one.secrets) == ("1.0.16", ("POSTMARK_SERVER_TOKEN",))
    assert [isinstance(found, str) for found in read_client("config.toml", ".codex", b"postmark-mcp = [", WANTED)] == [True]
    assert client_of("config.toml", "elsewhere") == ""


def test_comments_and_commas_are_read_and_a_switched_off_server_is_told() -> None:
    text = (
        b'{ // mail\n "servers": {"pm": {"command": "npx", "args": ["postmark-mcp@1.0.16",], "disabled": true, }, /* end */ } }'
    )
    (one,) = read_client("mcp.json", ".vscode", text, WANTED)
    assert isinstance(one, Trace)
    assert one.event is Event.NAMED
    assert "switched off" in one.note
    assert WANTED.judge(one) is State.BAD


@pytest.mark.parametrize(
    ("environment", "arguments", "held", "referred"),
    [
        ({"POSTMARK_SERVER_TOKEN": SECRET, "DEFAULT_SENDER_EMAIL": "a@acme.example"}, [], ("POSTMARK_SERVER_TOKEN",), ()),
        ({"POSTMARK_SERVER_TOKEN": "${input:token}"}, [], (), ("POSTMARK_SERVER_TOKEN",)),
        ({"POSTMARK_SERVER_TOKEN": "$TOKEN", "API_KEY": "", "SMTP_PASSWORD": "%PW%", "X_SECRET": "<your secret>"}, [], (), ("API_KEY", "POSTMARK_SERVER_TOKEN", "SMTP_PASSWORD", "X_SECRET")),
        ({"POSTMARK_SERVER_TOKEN": f"${{x}}{SECRET}"}, [], ("POSTMARK_SERVER_TOKEN",), ()),
        ({}, [f"POSTMARK_SERVER_TOKEN={SECRET}", "npx"], ("POSTMARK_SERVER_TOKEN",), ()),
        ({}, ["-e", f"POSTMARK_SERVER_TOKEN={SECRET}"], ("POSTMARK_SERVER_TOKEN",), ()),
        ({}, ["--server-token", SECRET], ("--server-token",), ()),
        ({}, [f"--server-token={SECRET}"], ("--server-token",), ()),
        ({}, ["--server-token", "--verbose"], (), ("--server-token",)),
        ({f"TOKEN {SECRET}": "x", "TOKEN" * 30: "x", "PLAIN": SECRET}, [], (), ()),  # no names of variables, or none that say so
        ({"A_TOKEN": 5, "B_TOKEN": None}, [], (), ("A_TOKEN", "B_TOKEN")),
        ([], [], (), ()),
        (None, [], (), ()),
    ],
)  # fmt: skip
def test_only_names_of_secrets_are_told(
    environment: object, arguments: list[str], held: tuple[str, ...], referred: tuple[str, ...]
) -> None:
    assert secret_names(environment, arguments) == (held, referred)


@pytest.mark.property
@settings(max_examples=100)
@given(
    st.text(min_size=6, max_size=30).filter(lambda text: text.strip()), st.sampled_from(["env", "args", "key", "spec", "project"])
)
def test_no_value_of_a_configuration_is_kept(noise: str, where: str) -> None:
    secret = f"{SECRET}{noise}"
    server: dict[str, object] = {"command": "npx", "args": ["-y", "postmark-mcp"], "env": {"POSTMARK_SERVER_TOKEN": "x"}}
    document: dict[str, object] = {"mcpServers": {"pm": server}}
    if where == "env":
        server["env"] = {"POSTMARK_SERVER_TOKEN": secret, secret: secret}
    elif where == "args":
        server["args"] = ["-y", "postmark-mcp", "--token", secret, f"TOKEN={secret}", secret]
    elif where == "spec":
        server["args"] = ["-y", f"postmark-mcp@{secret}!"]
    elif where == "key":
        document = {"mcpServers": {secret: server}}
    else:
        document = {"projects": {secret: document}}
    for one in read(".mcp.json", document):
        assert SECRET not in repr(one)
        assert one.package == "postmark-mcp"


@pytest.mark.parametrize(
    "content", [b'{"postmark-mcp"', b"[" * 50_000 + b"postmark-mcp", b"\xff\xfepostmark-mcp", b'"postmark-mcp']
)
def test_a_configuration_that_cannot_be_read_is_told(content: bytes) -> None:
    (reason,) = read_client("mcp.json", ".cursor", content, WANTED)
    assert isinstance(reason, str)
    assert "postmark" not in reason


def test_a_configuration_that_names_nothing_is_not_even_parsed() -> None:
    assert list(read_client("mcp.json", ".cursor", b"{{{", WANTED)) == []


def test_a_configuration_in_utf_16_is_read() -> None:
    text = json.dumps({"servers": {"pm": {"command": "npx", "args": ["postmark-mcp"]}}})
    (one,) = read_client("mcp.json", ".vscode", text.encode("utf-16"), WANTED)
    assert isinstance(one, Trace)
    assert one.package == "postmark-mcp"
