"""The command line: parse, call one function of the API, print, exit."""

from __future__ import annotations

import sys
from pathlib import Path

from rich.text import Text

from forensics.cli import audit, cases, collect, custody, diff, hosts, notes, policy, triage  # noqa: F401  each enters its commands
from forensics.cli.app import app
from forensics.cli.console import EXIT_ERROR, EXIT_INTERRUPTED, talk

__all__ = ["app", "run"]


def run() -> None:
    """Entry point of the command; Ctrl-C ends with 130, an unexpected error with 1 and no mail in its words."""
    try:
        app()
    except KeyboardInterrupt:
        talk.print("Interrupted. What was read is kept: run the same command again to go on.", style="yellow")
        sys.exit(EXIT_INTERRUPTED)
    except Exception as error:  # noqa: BLE001  the last line of defence: a traceback's values may hold mail
        frames = []
        trace = error.__traceback__
        while trace is not None:
            frames.append(f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}")
            trace = trace.tb_next
        talk.print(
            Text(
                f"Unexpected {type(error).__name__} at {' > '.join(frames[-4:])}. Please report it; what was read is kept.",
                style="bold red",
            )
        )
        sys.exit(EXIT_ERROR)
