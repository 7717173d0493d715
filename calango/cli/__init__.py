"""The command line: `calango`. One file per family of commands."""

from __future__ import annotations

import sys


def main() -> None:
    """Entry point. Errors that Calango raises on purpose end with their own exit code and two lines on stderr."""
    from calango.cli.app import run

    sys.exit(run(sys.argv[1:]))
