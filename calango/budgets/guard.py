"""The guard that an engine asks before a turn: what is spent, by the store and by this process's own turns.

What the store said is kept for some seconds. Own turns come on top of it, exactly: those that run with what they have
cost so far (or what a turn costs on average, if that is more), those that have ended as long as the store does not have
them. So simultaneous turns do not slip through on the same old figure, and none counts twice.

Lives on one event loop; between two awaits nothing changes.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Protocol

from calango.budgets.ledger import Ledger
from calango.budgets.rules import Budget, Period
from calango.budgets.shares import refusal, share_of
from calango.budgets.told import Told
from calango.budgets.wire import MOST_KEYS, MOST_TRACES, Asked, Question, asked
from calango.budgets.wire import Told as Answer
from calango.errors import CalangoError
from calango.pricing import Cost
from calango.records import BudgetShare

FRESH_S = 5.0  # what the store said is good for so long
CLOSE_S = 0.5  # or only so long near a limit
NEAR = Decimal("0.8")
WAIT_S = 5.0  # that the first turn waits for the store, which may have to be started
DOWN_S = 10.0  # between two tries to reach a store that did not answer
_FORGET_S = 600.0
_ENOUGH = Decimal("0.999")  # of a turn's cost, and the store has all of it
_NONE = Decimal(0)


class Spending(Protocol):
    """A turn's meter."""

    cost: Cost | None
    unpriced_calls: int


@dataclass(frozen=True, slots=True)
class Slot:
    """One key's part of one budget in one period."""

    budget: Budget
    key: str | None
    period: Period


@dataclass(slots=True)
class _Known:
    """What the store said of a slot, and when (monotonic)."""

    usd: Decimal
    unpriced: int
    at: float


@dataclass(eq=False, slots=True)
class Held:
    """An own turn that the store may not have. `in_store`: what it has of its trace; None: nothing is known."""

    slots: tuple[Slot, ...]
    trace_id: str | None
    meter: Spending
    before: Decimal | None  # of a resumed turn: what its trace had cost until then
    runs: bool = True
    in_store: Decimal | None = None

    @property
    def cost(self) -> Decimal:
        return _NONE if self.meter.cost is None else self.meter.cost.total

    @property
    def missing(self) -> Decimal:
        """What the store does not have of it."""
        known = (self.in_store or _NONE) - (self.before or _NONE)
        return max(_NONE, self.cost - known)

    @property
    def is_stored(self) -> bool:
        return self.in_store is not None and self.in_store - (self.before or _NONE) >= self.cost * _ENOUGH


@dataclass(slots=True)
class Guard:
    """`ledger` is None where nothing but this process knows its turns; `why` says so to people.

    `sent_user` gives a user id as the store has it.
    """

    budgets: Sequence[Budget]
    zone: tzinfo
    told: Told
    ledger: Ledger | None = None
    why: str | None = None
    sent_user: Callable[[str], str | None] = str
    now: Callable[[], datetime] | None = None
    _known: dict[Slot, _Known] = field(default_factory=dict[Slot, _Known])
    _used: dict[Slot, float] = field(default_factory=dict[Slot, float])
    _per_turn: dict[str, Decimal] = field(default_factory=dict[str, Decimal])
    _held: list[Held] = field(default_factory=list[Held])
    _own: dict[Slot, tuple[Decimal, int]] = field(default_factory=dict[Slot, tuple[Decimal, int]])
    _asking: asyncio.Task[None] | None = None
    _down_until: float = 0.0

    async def admit(
        self, about: Mapping[str, Sequence[str]], meter: Spending, trace_id: str | None, *, is_resume: bool = False
    ) -> Held:
        """Let a turn begin. `about`: name in rules.KNOWN_BEFORE -> its values. Raises BudgetExceeded."""
        now = datetime.now(self.zone) if self.now is None else self.now()
        slots = tuple(Slot(one, key, one.period(now)) for one in self.budgets for key in one.keys(about))
        if self.ledger is not None:
            await self._know(self.ledger, slots)
        for slot in slots:
            if slot.budget.then == "stop" and sum(self._counted(slot)) >= slot.budget.usd:
                raise refusal(self._share(slot))
        held = Held(slots, trace_id, meter, None if not is_resume else _NONE)
        if slots:
            self._held.append(held)
        return held

    def finish(self, held: Held) -> tuple[BudgetShare, ...]:
        """The turn is over: what is to be told of its budgets. The second call does nothing."""
        if not held.runs or not held.slots:
            return ()
        held.runs = False
        if self.ledger is None or held.trace_id is None or len(self._held) > MOST_TRACES:
            self._let_go(self._held[0] if len(self._held) > MOST_TRACES else held, keep=True)
        return tuple(share for slot in held.slots if (share := self._news(slot)) is not None)

    def close(self) -> None:
        if self.ledger is not None:
            self.ledger.close()

    def _news(self, slot: Slot) -> BudgetShare | None:
        """A share near its limit, past it, or not known in full; once for each."""
        share = self._share(slot)
        what = "unknown" if share.state == "ok" and self.ledger is not None and share.missing else share.state
        if what == "ok":
            return None
        start = "" if what == "unknown" else f"{slot.key} {slot.period.start} {slot.budget.usd}"
        return share if self.told.is_first(f"{slot.budget.name} {what} {start}") else None

    def _share(self, slot: Slot) -> BudgetShare:
        spent, running = self._counted(slot)
        known = self._known.get(slot)
        unpriced = (known.unpriced if known else 0) + self._own.get(slot, (_NONE, 0))[1]
        unpriced += sum(
            held.meter.unpriced_calls > 0 for held in self._held if slot in held.slots and held.in_store is None
        )
        missing = self.why
        if self.ledger is not None and self._is_down():
            missing = "the local server does not answer, so only the turns of this process count"
        return share_of(slot.budget, slot.key, slot.period, spent, unpriced=unpriced, running=running, missing=missing)

    def _counted(self, slot: Slot) -> tuple[Decimal, Decimal]:
        """What is spent, and what running turns are expected to cost yet."""
        known = self._known.get(slot)
        spent = (known.usd if known else _NONE) + self._own.get(slot, (_NONE, 0))[0]
        expected, usual = _NONE, self._per_turn.get(slot.budget.name, _NONE)
        for held in self._held:
            if slot in held.slots:
                spent += held.missing
                expected += max(_NONE, usual - held.cost) if held.runs else _NONE
        return spent, expected

    # what the store knows

    async def _know(self, ledger: Ledger, slots: Sequence[Slot]) -> None:
        """Wait for the store only where nothing is known yet, or a limit that stops is near."""
        now = time.monotonic()
        for slot in slots:
            self._used[slot] = now
        while any(self._must_wait(slot, now) for slot in slots) and not self._is_down():
            left = now + WAIT_S - time.monotonic()
            if left <= 0:
                self._down_until = time.monotonic() + DOWN_S
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._refresh(ledger)), left)
        if not self._is_down() and any(now - self._known[slot].at > FRESH_S for slot in slots if slot in self._known):
            self._refresh(ledger)

    def _must_wait(self, slot: Slot, now: float) -> bool:
        known = self._known.get(slot)
        if known is None:
            return True
        if slot.budget.then == "warn" or now - known.at <= CLOSE_S:
            return False
        return sum(self._counted(slot)) >= slot.budget.usd * NEAR

    def _is_down(self) -> bool:
        return time.monotonic() < self._down_until

    def _refresh(self, ledger: Ledger) -> asyncio.Task[None]:
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask(ledger))
        return self._asking

    async def _ask(self, ledger: Ledger) -> None:
        began = time.monotonic()
        self._forget(began)
        groups: dict[tuple[Budget, Period], list[Slot]] = {}
        for slot in self._used:
            groups.setdefault((slot.budget, slot.period), []).append(slot)
        wanted = [self._question(budget, period, slots) for (budget, period), slots in groups.items()]
        traces = [held.trace_id for held in self._held if held.trace_id is not None][:MOST_TRACES]
        try:
            answer = await asyncio.to_thread(ledger.ask, Question(wanted, traces))
        except (CalangoError, ValueError):  # or it answered what nobody here understands: another version
            self._down_until = time.monotonic() + DOWN_S
            return
        self._down_until = 0.0
        self._take(answer, list(groups.values()), set(traces), began)

    def _question(self, budget: Budget, period: Period, slots: Sequence[Slot]) -> Asked:
        filters = {name: self._sent(name, value) for name, value in budget.filters}
        keys = [self._sent(budget.each or "", slot.key) for slot in slots if slot.key is not None]
        return asked(budget, period, filters=filters, keys=keys, limit=MOST_KEYS)

    def _sent(self, name: str, value: str) -> str:
        return self.sent_user(value) or value if name == "user" else value

    def _take(self, answer: Answer, groups: Sequence[Sequence[Slot]], traces: set[str], began: float) -> None:
        for slots, spent, per_turn in zip(groups, answer.spent, answer.usd_per_turn, strict=True):
            by_key = {one.key: one for one in spent}
            for slot in slots:
                key = None if slot.key is None else self._sent(slot.budget.each or "", slot.key)
                found = by_key.get(key)
                self._known[slot] = _Known(found.usd, found.unpriced, began) if found else _Known(_NONE, 0, began)
                self._per_turn[slot.budget.name] = per_turn
        for held in [held for held in self._held if held.trace_id in traces]:
            held.in_store = answer.traces.get(held.trace_id or "", held.in_store)
            if held.before is not None and held.in_store is not None and not held.before:
                held.before = held.in_store
            elif not held.runs and held.is_stored:
                self._let_go(held)

    def _let_go(self, held: Held, *, keep: bool = False) -> None:
        """`keep` its cost where the store will never have it."""
        self._held.remove(held)
        for slot in held.slots if keep else ():
            usd, unpriced = self._own.get(slot, (_NONE, 0))
            self._own[slot] = usd + held.missing, unpriced + (held.meter.unpriced_calls > 0)

    def _forget(self, now: float) -> None:
        for slot in [slot for slot, at in self._used.items() if now - at > _FORGET_S]:
            del self._used[slot]
            self._known.pop(slot, None)
