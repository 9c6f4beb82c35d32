"""Peers that are programs of their own: looked for, and installed from Debian where that is possible."""

from __future__ import annotations

import os
import shutil
import subprocess

__all__ = ["at_hand"]

_WAIT = 300  # seconds


def at_hand(program: str, package: str, *, install: bool) -> bool:
    """Whether a program can be run; with `install` after an attempt to install its package where it is missing and we may."""
    if install and shutil.which(program) is None and os.geteuid() == 0 and shutil.which("apt-get"):
        for command in (["apt-get", "update", "-q"], ["apt-get", "install", "-qy", "--no-install-recommends", package]):
            subprocess.run(
                command, capture_output=True, timeout=_WAIT, check=False, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
            )
    return shutil.which(program) is not None
