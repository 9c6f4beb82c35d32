"""Secrets in the blocks that programs and careful people write: settings, notes, forms."""

from __future__ import annotations

import json
import random

from benchmarks.leaks.planted import Secret

__all__ = ["block"]


def _settings(rng: random.Random, secret: Secret) -> str:
    rows = [("url", secret.host), ("user", secret.user), (secret.label, secret.written)]
    joint = rng.choice(("=", ": ", " = ", " : ", "\t", " -> "))
    return "\n".join(f"{name}{joint}{value}" for name, value in rows if value)


def _note(_rng: random.Random, secret: Secret) -> str:
    named = f"{secret.named} " if secret.named else ""
    lines = [f"# {secret.host}" if secret.host else "# ---", secret.user, f"{named}{secret.label}:", secret.written]
    return "\n".join(line for line in lines if line)


def _json(_rng: random.Random, secret: Secret) -> str:
    held = {"host": secret.host, "login": secret.user, secret.label: secret.written}
    return json.dumps({name: value for name, value in held.items() if value}, indent=2, ensure_ascii=False)


def _ini(_rng: random.Random, secret: Secret) -> str:
    rows = [("host", secret.host), ("user", secret.user), (secret.label, f'"{secret.written}"')]
    return f"[{secret.service or 'record'}]\n" + "\n".join(f"{name} = {value}" for name, value in rows if value not in {"", '""'})


def _exports(_rng: random.Random, secret: Secret) -> str:
    label = secret.label.upper().replace(".", "_").replace(" ", "_").replace("-", "_")
    return f"export {label}='{secret.written}'"


def block(rng: random.Random, secret: Secret) -> str:
    """The secret as a block; what has lines of its own stands as it is."""
    if "\n" in secret.written:
        return f"{secret.label}:\n{secret.written}"
    if secret.described:
        return _settings(rng, secret)
    named = secret.service not in {"", "generic"}
    shapes = [_settings, _settings, _note, _json, *([_ini, _exports] if named else [])]
    return rng.choice(shapes)(rng, secret)
