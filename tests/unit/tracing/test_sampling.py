"""Sampling leaves a trace out whole or keeps it whole, and keeps every trace that matters."""

from __future__ import annotations

import random
import time
from collections.abc import Generator
from pathlib import Path

import pytest
from opentelemetry.trace import Status, StatusCode

from calango.ids import trace_id_for
from calango.tracing import Tracing, feedback
from calango.tracing import attributes as at
from calango.tracing.sampling import Sampling
from tests.support.tracing import sent_spans, unsent_tracing

LEFT_OUT = "f" * 32  # its lower 64 bits are the largest there are


@pytest.fixture
def tracing(home: Path) -> Generator[Tracing]:
    """Keeps half of the traces, and every one whose root takes a minute."""
    made = unsent_tracing(home, sample_rate=0.5, slow_ms=60_000)
    yield made
    made.close(0)


def trace(tracing: Tracing, trace_id: str, *, is_error: bool = False, took_s: float = 0.0) -> None:
    """A root with a child, stored in two batches, child first."""
    start = time.time_ns()
    root = tracing.start_span("root", {at.TYPE: "span"}, trace_id=trace_id, start_ns=start)
    child = tracing.start_span("child", {at.TYPE: "span"}, parent=root.get_span_context(), start_ns=start)
    child.end()
    tracing.store()
    if is_error:
        root.set_status(Status(StatusCode.ERROR, "boom"))
    root.end(start + int(took_s * 1e9))
    tracing.store()


def names(tracing: Tracing) -> list[str]:
    return sorted(span.name for span in sent_spans(tracing))


def test_a_trace_that_is_left_out_is_not_sent(tracing):
    trace(tracing, LEFT_OUT)

    assert (names(tracing), tracing.outbox.is_empty()) == ([], True)


def test_a_trace_that_is_kept_is_sent_whole(tracing):
    trace(tracing, "0" * 31 + "1")

    assert names(tracing) == ["child", "root"]


@pytest.mark.parametrize("reason", [{"is_error": True}, {"took_s": 61.0}], ids=["an error", "a slow turn"])
def test_a_reason_that_shows_only_at_the_end_brings_the_whole_trace_back(tracing, reason):
    trace(tracing, LEFT_OUT, **reason)

    assert names(tracing) == ["child", "root"]


def test_a_vote_that_comes_later_brings_the_whole_trace_back(tracing):
    trace(tracing, LEFT_OUT)
    feedback.vote(tracing, LEFT_OUT, thumbs=True)

    assert names(tracing) == ["child", "root"]


def test_a_vote_that_comes_before_the_end_keeps_what_follows_too(tracing):
    feedback.vote(tracing, LEFT_OUT, thumbs=True)
    trace(tracing, LEFT_OUT)

    assert names(tracing) == ["child", "root"]


def test_what_is_held_is_neither_shown_nor_dropped_with_the_rest(tracing):
    trace(tracing, LEFT_OUT)

    assert tracing.outbox.depth().spans == 0
    assert tracing.outbox.drop(parked_only=False) == 0


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 1.0])
def test_about_the_wanted_share_is_kept(rate):
    sampling, numbers = Sampling(rate, 1000), random.Random(1)
    kept = sum(sampling.keeps(numbers.getrandbits(128)) for _ in range(10_000))

    assert abs(kept / 10_000 - rate) < 0.02


def test_derived_trace_ids_are_sampled_as_evenly_as_random_ones():
    kept = sum(Sampling(0.5, 1000).keeps(int(trace_id_for("session", f"m{n}"), 16)) for n in range(10_000))

    assert abs(kept / 10_000 - 0.5) < 0.02
