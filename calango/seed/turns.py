"""Draws turns: who asked what and when, what happened, what it took. Pure; the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import accumulate
from zoneinfo import ZoneInfo

from calango.seed import profile
from calango.seed.profile import Failure, Intent, Model

ZONE = ZoneInfo("America/Sao_Paulo")
RELEASES = 4
PROMPTS = 3


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a model or a tool inside a turn; times are ms after the turn's start."""

    name: str
    start_ms: float
    end_ms: float
    first_token_ms: float | None = None
    tokens_input: int = 0
    tokens_output: int = 0
    tokens_cached: int = 0
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Vote:
    thumb: bool | None
    stars: int | None
    comment: str | None


@dataclass(frozen=True, slots=True)
class DrawnTurn:
    trace_id: bytes
    start_ns: int
    user: str
    session: str
    tags: tuple[str, ...]
    environment: str
    release: str
    prompt_version: int
    intent: Intent
    model: Model
    question: str
    answer: str
    outcome: str
    error: str | None
    classify: Call
    calls: list[Call] = field(default_factory=list[Call])
    tools: list[Call] = field(default_factory=list[Call])
    end_ms: float = 0
    vote: Vote | None = None


def drawn(turns: int, days: int, until: date, seed: int) -> Generator[DrawnTurn]:
    """`turns` turns in the `days` before `until`, conversation after conversation."""
    luck = random.Random(seed)
    users = max(5, turns // 50)
    weights = list(accumulate(1 / (rank + 3) ** 0.7 for rank in range(users)))
    calendar = [until - timedelta(days=number + 1) for number in range(days)][::-1]
    busy = list(accumulate(profile.WEEKDAYS[day.weekday()] * (0.7 + 0.6 * n / days) for n, day in enumerate(calendar)))
    left, number = turns, 0
    while left > 0:
        length = min(left, 12, 1 + int(luck.expovariate(1 / 2.2)))
        user = luck.choices(range(users), cum_weights=weights)[0]
        (day,) = luck.choices(range(days), cum_weights=busy)
        yield from _conversation(luck, f"seed-{seed}-{number:06}", user, calendar[day], day / days, length)
        left -= length
        number += 1


def _conversation(
    luck: random.Random, session: str, user: int, day: date, age: float, length: int
) -> Generator[DrawnTurn]:
    (hour,) = luck.choices(range(24), profile.HOURS)
    moment = datetime.combine(day, time(hour, luck.randrange(60), luck.randrange(60)), ZONE)
    start_ns = int(moment.timestamp()) * 1_000_000_000 + luck.randrange(1_000_000_000)
    (channel,) = luck.choices(profile.CHANNELS, profile.CHANNEL_SHARES)
    tags = ("chat", channel, luck.choice(("variant_A", "variant_B")))
    if luck.random() < profile.ESCALATED:
        tags = (*tags, "escalated")
    environment = "staging" if luck.random() < profile.STAGING else "production"
    (model,) = luck.choices(profile.MODELS, [model.share for model in profile.MODELS])
    (intent,) = luck.choices(profile.INTENTS, [intent.share for intent in profile.INTENTS])
    for turn in range(length):
        made = _turn(luck, session, f"user-{user:04}", tags, environment, age, intent, model, start_ns, history=turn)
        yield made
        start_ns += int(made.end_ms * 1e6 + luck.lognormvariate(10.3, 0.8) * 1e6)
        intent = _next(luck, intent)


def _next(luck: random.Random, intent: Intent) -> Intent:
    if not intent.followed_by or luck.random() < 0.45:
        return intent
    name = luck.choice(intent.followed_by)
    return next(one for one in profile.INTENTS if one.name == name)


def _turn(
    luck: random.Random, session: str, user: str, tags: tuple[str, ...], environment: str, age: float,
    intent: Intent, model: Model, start_ns: int, *, history: int,
) -> DrawnTurn:  # fmt: skip
    release = min(RELEASES - 1, int(age * RELEASES))
    slowness = luck.lognormvariate(0, 0.35) * (profile.SLOW_RELEASE if release == RELEASES - 2 else 1)
    outcome, failure = _outcome(luck, intent)
    clock = luck.uniform(3, 9)
    classify = _model_call(luck, model, clock, slowness, tokens=(180, 6))
    clock = classify.end_ms + luck.uniform(1, 4)
    calls: list[Call] = []
    tools: list[Call] = []
    tokens = 420 + 260 * history
    if intent.tools and luck.random() < 0.75:
        calls.append(_model_call(luck, model, clock, slowness, tokens=(tokens, 24)))
        clock = calls[-1].end_ms + luck.uniform(1, 4)
        for name in intent.tools[: luck.randint(1, len(intent.tools))]:
            tools.append(_tool_call(luck, name, clock, failure if failure and failure.where == "tool" else None))
            clock = tools[-1].end_ms + luck.uniform(1, 3)
    error = _filled(luck, failure.message) if failure else None
    if failure is None or failure.where == "model":
        calls.append(_model_call(luck, model, clock, slowness, tokens=(tokens + 120 * len(tools), 90), error=error))
        clock = calls[-1].end_ms
    number = str(luck.randrange(1000, 99999))
    return DrawnTurn(
        trace_id=luck.randbytes(16),
        start_ns=start_ns,
        user=user,
        session=session,
        tags=tags,
        environment=environment,
        release=f"2026.{release + 1}",
        prompt_version=min(PROMPTS, 1 + int(age * PROMPTS)),
        intent=intent,
        model=model,
        question=luck.choice(intent.questions).format(n=number),
        answer=luck.choice(intent.answers).format(n=number) if outcome == "ok" else "",
        outcome=outcome,
        error=error or (tools[-1].error if outcome == "error" and tools else None),
        classify=classify,
        calls=calls,
        tools=tools,
        end_ms=clock + luck.uniform(2, 6),
        vote=_vote(luck, outcome, clock, tags) if luck.random() < profile.RATED else None,
    )


def _outcome(luck: random.Random, intent: Intent) -> tuple[str, Failure | None]:
    drawn = luck.random()
    if drawn < profile.ERRORS:
        possible = [one for one in profile.FAILURES if one.where == "model" or intent.tools]
        return "error", luck.choices(possible, [one.weight for one in possible])[0]
    drawn -= profile.ERRORS
    if drawn < profile.CANCELLED:
        return "cancelled", None
    return ("interrupted" if drawn < profile.CANCELLED + profile.INTERRUPTED else "ok"), None


def _model_call(
    luck: random.Random, model: Model, start_ms: float, slowness: float, *, tokens: tuple[int, int],
    error: str | None = None,
) -> Call:  # fmt: skip
    sent, said = (max(1, int(count * luck.lognormvariate(0, 0.3))) for count in tokens)
    first = start_ms + model.first_token_ms * slowness * luck.lognormvariate(0, 0.25)
    if error is not None:
        return Call("model", start_ms, first + luck.uniform(0, 8000), error=error)
    cached = int(sent * profile.CACHED_INPUT) if model.caches and luck.random() < profile.CACHED else 0
    return Call("model", start_ms, first + said * model.token_ms * slowness, first, sent, said, cached)


def _tool_call(luck: random.Random, name: str, start_ms: float, failure: Failure | None) -> Call:
    broken = failure is not None or luck.random() < profile.TOOL_FAILURES
    message = failure.message if failure else "ToolException: o serviço respondeu HTTP 50{n}"
    error = _filled(luck, message) if broken else None
    return Call(name, start_ms, start_ms + luck.lognormvariate(5.0, 0.7), error=error)


def _filled(luck: random.Random, message: str) -> str:
    return message.format(n=luck.randrange(1, 250), id=luck.randbytes(10).hex())


def _vote(luck: random.Random, outcome: str, took_ms: float, tags: tuple[str, ...]) -> Vote:
    chance = 0.86 - 0.06 * (took_ms > 4000) - 0.05 * ("variant_A" in tags) if outcome == "ok" else 0.12
    happy = luck.random() < chance
    comment = luck.choice(profile.COMMENTS_UP if happy else profile.COMMENTS_DOWN)
    stars = luck.randint(4, 5) if happy else luck.randint(1, 3)
    starred = luck.random() < profile.STARRED / profile.RATED
    return Vote(happy, stars if starred else None, comment if luck.random() < profile.COMMENTED else None)
