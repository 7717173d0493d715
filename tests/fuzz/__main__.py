"""`make fuzz`: all that reads what comes from outside, for FUZZ_MINUTES; prints cases and failures per target."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.fuzz import decoders, routes
from tests.support.servers import client_of, running_server

CASES = 100  # of a decoder before the next one's turn
REQUESTS = 25  # to a route
EVERYTHING = list(HealthCheck)


def main() -> int:
    warnings.simplefilter("ignore")
    logging.disable()
    minutes = float(os.environ.get("FUZZ_MINUTES", "60"))
    number = int(os.environ.get("FUZZ_SEED", str(time.time_ns() % 2**32)))
    said(f"fuzzing for {minutes:g} minutes from seed {number}")
    campaign = Campaign(time.monotonic() + minutes * 60)
    with tempfile.TemporaryDirectory() as folder, running_server(Path(folder) / "home") as server:
        asked = [(operation, mode) for operation in routes.operations(server) for mode in routes.modes(operation)]
        while campaign.has_time:
            number += 1
            with client_of(server) as client:  # some rows were deleted
                routes.seeded(client)
            for name in decoders.TARGETS:
                campaign.run(name, decode, name, CASES, number, campaign.counts)
            for operation, mode in asked:
                name = f"{operation.label}, {mode.value}"
                campaign.run(name, routes.run, server, operation, mode, REQUESTS, number, campaign.counts)
    for name, count in sorted(campaign.counts.items()):
        said(f"{count:9,}  {name}")
    said(f"{campaign.counts.total():9,}  cases; failing targets: {', '.join(sorted(campaign.failures)) or 'none'}")
    return 1 if campaign.failures else 0


class Campaign:
    """Counts what was tried, and tells of each failing target once."""

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.counts: Counter[str] = Counter()
        self.failures: set[str] = set()

    @property
    def has_time(self) -> bool:
        return time.monotonic() < self.deadline

    def run(self, name: str, work: Callable[..., None], *arguments: object) -> None:
        if not self.has_time:
            return
        try:
            work(*arguments)
        except Exception:  # noqa: BLE001 - each is a finding
            if name not in self.failures:
                said(f"--- {name}\n{traceback.format_exc(limit=-6)}")
            self.failures.add(name)


def decode(name: str, examples: int, number: int, counts: Counter[str]) -> None:
    """Try one of the decoders."""
    target = decoders.TARGETS[name]

    @seed(number)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=EVERYTHING,
        phases=(Phase.generate, Phase.shrink),
    )
    @given(value=target.given)
    def check(value: object) -> None:
        counts[name] += 1
        target.check(value)

    check()


def said(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
