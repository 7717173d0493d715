"""Runs turns and votes until it is killed or done, and writes down what it was promised is safe.

    python -m tests.faults.worker LEDGER NAME TURNS VOTES

A line of the ledger is written after the turn's spans are on disk, or after the vote was accepted.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from calango.engine import CalangoEngine
from calango.loader import bundled_attr, load_graph
from calango.settings import Settings
from calango.tracing import connect, feedback


def main(ledger: Path, name: str, turns: int, votes: int) -> None:
    settings = Settings.load()
    tracing = connect(settings)
    assert tracing is not None
    graph = load_graph(None, {"models": bundled_attr("models:Models")("offline")})
    with CalangoEngine(graph, settings, tracing=tracing) as engine, ledger.open("a") as book:

        def note(line: str) -> None:
            book.write(f"{line}\n")
            book.flush()
            os.fsync(book.fileno())

        for number in range(turns):
            result = engine.run(f"quanto é {number}+1?", session_id=f"{name}-{number % 5}", user_id=name)
            tracing.store()
            note(f"turn {result.trace_id}")
            if number < votes:
                for value in (False, True):  # every vote is changed once
                    receipt = feedback.vote(tracing, result.trace_id or "", thumbs=value, user_id=name)
                    note(f"vote {result.trace_id} {receipt.score_id} {int(value)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
