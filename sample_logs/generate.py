"""The sample incident, written anew: `python sample_logs/generate.py [--out DIR] [--seed N]`.

Without `--out` it replaces the folder `incident/` beside this file. What is written, and why its bytes are the same on every
machine, is told in `generator/`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from generator.incident import SEED, incident


def main() -> None:
    """Read the command line, write every file of the incident, and tell how many there are."""
    parser = argparse.ArgumentParser(description="Write the sample incident.")
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent / "incident")
    parser.add_argument("--seed", type=int, default=SEED)
    chosen = parser.parse_args()
    files = incident(chosen.seed)
    for stale in (chosen.out / "postmark").rglob("*.json"):  # names depend on the seed
        stale.unlink()
    for path, content in sorted(files.items()):
        place = chosen.out / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    print(f"{len(files)} files, {sum(map(len, files.values())):,} bytes")


if __name__ == "__main__":
    main()
