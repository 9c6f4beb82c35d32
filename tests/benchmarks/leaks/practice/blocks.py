"""A secret in the syntax of configuration files, scripts and command lines."""

from __future__ import annotations

import json
import random
import re
import textwrap
from collections.abc import Callable
from xml.sax.saxutils import escape, quoteattr

from benchmarks.leaks.planted import Secret

__all__ = ["block"]

# Each takes a setting's name, the account, the machine and the value; braces of the syntax are doubled.
_FORMS = (
    "[{section}]\nhost = {host}\nuser = {user}\n{key} = {value}\ntimeout = 30",
    "# generated, do not edit\n{section}:\n  host: {host}\n  username: {user}\n  {key}: {value}\n  retries: 3",
    "services:\n  app:\n    image: registry.transcargo.example/app:4.2\n    environment:\n      - TZ=Europe/Berlin\n      - {env}={value}",
    "{section}.host={host}\n{section}.user={user}\n{section}.{key}={value}",
    "docker run -d --name app -p 8080:80 -e {env}='{value}' registry.transcargo.example/app:4.2",
    "$Env:{env} = '{value}'\nStart-Service AppPool",
    'ENV {env}={value}\nEXPOSE 8080\nCMD ["./start"]',
    '  - name: configure\n    hosts: web\n    vars:\n      {key}: "{value}"\n      app_port: 8080',
    "-- run once as admin\n-- {key}: {value}\nGRANT SELECT ON reports.* TO '{user}'@'192.0.2.%';",
    "export {env}='{value}'\n./deploy.sh --target {host}",
    "{env}={value} npm run migrate -- --host {host}",
    "kubectl create secret generic {section} --from-literal={key}='{value}' -n prod",
    "heroku config:set {env}={value} --app lager",
    "set {env}={value}\nstart.bat",
    "{key} => {value}\nhost => {host}",
    "   host | {host}\n   user | {user}\n   {key} | {value}",
)
_CODES = (
    "const cfg = {{\n  host: '{host}',\n  {camel}: '{value}',\n}};",
    "<?php\n$config['host'] = '{host}';\n$config['{key}'] = '{value}';",
    "define( 'DB_NAME', 'wp_live' );\ndefine( '{env}', '{value}' );\ndefine( 'DB_HOST', '{host}' );",
    'variable "{key}" {{\n  type    = string\n  default = "{value}"\n}}',
    'provider "app" {{\n  endpoint = "{host}"\n  {key}    = "{value}"\n}}',
    "settings = dict(\n    host={host!r},\n    {ident}='{value}',\n)",
    'private static final String {env} = "{value}";',
    '    {ident} := "{value}"\n    client, err := dial("{host}", {ident})',
)  # fmt: skip
_PASSWORDS = (
    "machine {host}\n  login {user}\n  password {value}",
    "{host}:5432:*:{user}:{value}",
    "CREATE USER '{user}'@'%' IDENTIFIED BY '{value}';\nGRANT ALL ON shop.* TO '{user}'@'%';",
    "ALTER ROLE {ident} WITH LOGIN PASSWORD '{value}';",
    "$sec = ConvertTo-SecureString '{value}' -AsPlainText -Force\n$cred = New-Object PSCredential('{user}', $sec)",
    "define('DB_USER', '{user}');\ndefine('DB_PASSWORD', '{value}');",
    "username={user}\npassword={value}\ndomain=TRANSCARGO",
    '<add key="SmtpPassword" value={attribute} />',
    "net user {user} {value} /add",
    "ldapsearch -x -D cn={user},dc=uni-nord,dc=example -w '{value}'",
)  # fmt: skip


def block(rng: random.Random, secret: Secret) -> str:
    """Settings or commands with the secret, in one of some forty syntaxes."""
    written = secret.written
    if "\n" in written:
        return rng.choice((_heredoc, _scalar, _bare))(secret)
    names = _names(rng, secret)
    if secret.topic == "password" and rng.random() < 0.35 and not set("&'") & set(written):
        return rng.choice(_PASSWORDS).format(**names)
    if rng.random() < 0.35 and not set("&<") & set(written):  # these would be spelt otherwise in XML
        return rng.choice(_STRUCTURED)(names)
    fits_code = "'" not in written and '"' not in written and "\\" not in written
    return rng.choice((*_FORMS, *_CODES) if fits_code else _FORMS).format(**names)


def _names(rng: random.Random, secret: Secret) -> dict[str, str]:
    words = re.findall(r"[A-Za-z0-9]+", secret.label) or ["person", "number"]  # a name in other letters
    lower = [word.lower() for word in words]
    return {
        "value": secret.written, "attribute": quoteattr(secret.written), "key": rng.choice(("-", "_", ".")).join(lower), "ident": "_".join(lower),
        "env": "_".join(words).upper(), "camel": lower[0] + "".join(word.capitalize() for word in lower[1:]), "host": secret.host or "app7.transcargo.example",
        "user": secret.user or "svc_app", "section": rng.choice(("mail", "storage", "remote", "gateway", "billing")),
    }  # fmt: skip


def _as_json(names: dict[str, str]) -> str:
    return json.dumps(
        {names["section"]: {"endpoint": names["host"], names["camel"]: names["value"], "timeoutMs": 5000}},
        indent=2,
        ensure_ascii=False,
    )


def _one_line(names: dict[str, str]) -> str:
    return json.dumps({"host": names["host"], names["ident"]: names["value"], "tls": True}, ensure_ascii=False)


def _as_xml(names: dict[str, str]) -> str:
    return f"<configuration>\n  <{names['section']}>\n    <endpoint>{escape(names['host'])}</endpoint>\n    <{names['ident']}>{names['value']}</{names['ident']}>\n  </{names['section']}>\n</configuration>"


def _as_secret(names: dict[str, str]) -> str:
    quoted = json.dumps(names["value"], ensure_ascii=False)
    return f"apiVersion: v1\nkind: Secret\nmetadata:\n  name: {names['section']}\ntype: Opaque\nstringData:\n  {names['ident']}: {quoted}"


def _as_toml(names: dict[str, str]) -> str:
    return (
        f'[{names["section"]}]\nendpoint = "{names["host"]}"\n{names["ident"]} = {json.dumps(names["value"], ensure_ascii=False)}'
    )


_STRUCTURED: tuple[Callable[[dict[str, str]], str], ...] = (_as_json, _one_line, _as_xml, _as_secret, _as_toml)


def _heredoc(secret: Secret) -> str:
    return f"cat > /etc/app/{secret.topic}.txt <<'END'\n{secret.written}\nEND\nchmod 600 /etc/app/{secret.topic}.txt"


def _scalar(secret: Secret) -> str:
    return f"{secret.label.lower()}: |\n{textwrap.indent(secret.written, '  ')}\nmode: '0600'"


def _bare(secret: Secret) -> str:
    return f"# {secret.topic}\n\n{secret.written}"
