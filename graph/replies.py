"""What the offline agent does next in a conversation: which tools it wants, and how it words what they gave."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from . import arithmetic, phrases, rules, tools
from .language import Language
from .phrases import say


def wanted_tools(talk: Sequence[BaseMessage], language: Language) -> list[tuple[str, dict[str, Any]]]:
    """Names and arguments of the tools that the latest message asks for; empty when words alone answer it."""
    text = _questions(talk)[-1] if _questions(talk) else ""
    if answers_alone(text):
        return []
    wanted: list[tuple[str, dict[str, Any]]] = []
    if rules.asks_usage(text):
        wanted.append((tools.USAGE, {}))
    elif expression := rules.find_calculation(text, last_result(talk), language):
        wanted.append((tools.CALCULATOR, {"expression": _neutral(expression, language)}))
    if rules.asks_time(text):
        zone = rules.find_zone(text)
        wanted.append((tools.CLOCK, {"time_zone": zone} if zone else {}))
    return wanted or ([(tools.HANDBOOK, {"query": text})] if text.strip() else [])


def answers_alone(text: str) -> bool:
    return bool(rules.small_talk(text) or rules.is_about_conversation(text) or rules.asks_identity(text))


def direct(talk: Sequence[BaseMessage], language: Language) -> str:
    """The answer to a message that needs no tool."""
    questions = _questions(talk)
    text = questions[-1] if questions else ""
    if name := rules.told_name(text):
        return say("name_noted", language, name)
    if rules.asks_own_name(text):
        known = next((name for earlier in reversed(questions) if (name := rules.told_name(earlier))), None)
        return say("name_known", language, known) if known else say("name_unknown", language)
    if which := rules.asks_what_was_asked(text):
        earlier = [question for question in questions[:-1] if not rules.asks_what_was_asked(question)]
        if not earlier:
            return say("asked_nothing", language)
        return say("asked", language, earlier[0 if which == "first" else -1])
    if rules.asks_result(text):
        result = last_result(talk)
        return say("result", language, _local(result, language)) if result else say("no_result", language)
    if rules.asks_identity(text):
        return say("identity", language)
    return say(rules.small_talk(text) or ("unknown" if text.strip() else "greeting"), language)


def latest_results(talk: Sequence[BaseMessage]) -> list[ToolMessage]:
    """The tool results that came after the latest message of the person, in order."""
    results: list[ToolMessage] = []
    for message in reversed(talk):
        if isinstance(message, HumanMessage):
            break
        if isinstance(message, ToolMessage):
            results.insert(0, message)
    return results


def from_results(results: Sequence[ToolMessage], talk: Sequence[BaseMessage], language: Language) -> str:
    """One paragraph for each result."""
    arguments = {
        call["id"]: call["args"] for message in talk if isinstance(message, AIMessage) for call in message.tool_calls
    }
    return "\n\n".join(_worded(result, arguments.get(result.tool_call_id, {}), language) for result in results)


def last_result(talk: Sequence[BaseMessage]) -> str | None:
    """The latest number that the calculator gave in this conversation, with a decimal point."""
    for message in reversed(talk):
        if isinstance(message, ToolMessage) and message.name == tools.CALCULATOR and message.status == "success":
            return message.text
    return None


def _worded(result: ToolMessage, arguments: dict[str, Any], language: Language) -> str:
    text = result.text.strip()
    if result.status == "error":
        return say("failed", language, text.rstrip("."))
    if result.name == tools.CALCULATOR:
        expression = _pretty(str(arguments.get("expression", "")))
        return say("calculated", language, _local(expression, language), _local(text, language))
    if result.name == tools.CLOCK:
        return _time(text, language)
    if result.name == tools.HANDBOOK:
        sections = [section.partition("\n")[2].strip() for section in f"\n{text}".split("\n## ")[1:]]
        return sections[0] if sections else say("unknown", language)
    return text or say("unknown", language)


def _time(text: str, language: Language) -> str:
    moment, _, rest = text.partition(" ")
    now = datetime.fromisoformat(moment)
    return say(
        "time",
        language,
        time=f"{now:%H:%M}",
        weekday=phrases.weekday(now.weekday(), language),
        date=phrases.date(now.year, now.month, now.day, language),
        zone=rest.partition("(")[2].rstrip(")"),
    )


def _neutral(expression: str, language: Language) -> str:
    """Plain symbols with decimal points: what the calculator reads the same way in every language."""
    return arithmetic.to_symbols(expression, language)


def _pretty(symbols: str) -> str:
    symbols = re.sub(r"(?<![a-z0-9] )\( ([\d.]+) \)", r"\1", symbols)  # (5) * (3), but not sqrt(5)
    return re.sub(r"(?<=\() | (?=\))|(?<=[a-z0-9]) (?=\()", "", symbols).replace(" ** ", "^")


def _local(number: str, language: Language) -> str:
    return re.sub(r"(?<=\d)\.(?=\d)", ",", number) if language == "pt" else number


def _questions(talk: Sequence[BaseMessage]) -> list[str]:
    return [message.text[: rules.MAX_CHARS] for message in talk if isinstance(message, HumanMessage)]
