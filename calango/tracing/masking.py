"""One filter in front of everything that leaves: personal data and keys become placeholders such as `<email-1>`.

Within a trace equal values get equal placeholders, across its spans, batches and vote comments, for as long as this
process lives and the trace is among the last few hundred. The numbers say nothing about the values. A text that the
filter fails on is withheld as `<withheld>`.

Session and trace ids are keys and stay. User ids stay, or become keyed hashes (CALANGO_MASK_USERS=hash); then a session
id in which something would be masked becomes one, too.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import re
import secrets
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Self

import orjson

from calango import local, patterns
from calango.errors import HomeError
from calango.settings import Settings
from calango.tracing.pii import WITHHELD, Budget, Hit, Piece, Recognisers

logger = logging.getLogger("calango.tracing")
KEY = "mask.json"
WITHHELD_TEXT = "<withheld>"
_TRACES = 512
_REMEMBERED_CHARS = 200  # names, tags, ids: they stand on every span
_NUMBERED = 10_000  # values of one trace
_DEPTH = 4  # JSON in a string of JSON in a string ...
_REGIONS = {"pt_BR": "BR", "en": "US"}
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|-?\d[\d.eE+\-]*+', re.DOTALL)
_REST = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|-?\d[\d.eE+\-]{7,}+', re.DOTALL)
_WHOLE = re.compile(r"-?(\d+)(?:\.0+)?")


class Masker:
    """Thread-safe. Built with `Masker.of`; `withheld` counts the texts that the filter failed on."""

    def __init__(self, recognisers: Recognisers, user_key: bytes | None = None) -> None:
        self._recognisers = recognisers
        self._user_key = user_key
        self._numbers = _Numbers()
        self._is_ordinary = lru_cache(maxsize=8192)(self._has_nothing)
        self._failures: set[str] = set()
        self._clean_prompt = ""
        self.withheld = 0

    @classmethod
    def of(cls, settings: Settings) -> Self:
        return cls(recognisers_for(settings), _user_key(settings) if settings.mask_users == "hash" else None)

    def text(self, text: str, trace_id: str) -> str:
        """The text with placeholders; JSON stays JSON, but for a lone number. Never raises."""
        try:
            if self._is_ordinary(text) if len(text) <= _REMEMBERED_CHARS else self._has_nothing(text):
                return text
            data = text.encode("utf-8", "replace")
            return self._rendered(self._pieces(data, Budget()), trace_id)
        except Exception as error:  # noqa: BLE001 - whatever it is, the text must not leave
            return self.withhold(error)

    def preview(self, text: str) -> tuple[str, Counter[str]]:
        """The text as one trace would show it, and how often each kind was found."""
        pieces = self._pieces(text.encode("utf-8", "replace"), Budget())
        found = Counter(piece.kind for piece in pieces if isinstance(piece, Hit))
        return self._rendered(pieces, "preview"), found

    def user(self, user_id: str) -> str:
        """The user id as it is traced."""
        return user_id if self._user_key is None else f"user-{self._hashed(user_id)}"

    def session(self, session_id: str) -> str:
        """The session id as it is traced: one key for one session, whatever else."""
        if self._user_key is None or self.text(session_id, "") == session_id:
            return session_id
        return f"session-{self._hashed(session_id)}"

    def _has_nothing(self, text: str) -> bool:
        # A model's next prompt is its last one and a few messages more: what was looked at is not looked at again.
        # Nothing that is searched for can lie across the end of a JSON message.
        last = self._clean_prompt
        is_longer = bool(last) and text.startswith(last[:-1]) and text.startswith(",", len(last) - 1)
        rest = text[len(last) - 1 :] if is_longer else text
        has_nothing = not self._recognisers.may_hit(rest.encode("utf-8", "replace"))
        if has_nothing and len(text) > _REMEMBERED_CHARS and text.endswith('"}]'):
            self._clean_prompt = text
        return has_nothing

    def _hashed(self, text: str) -> str:
        return hmac.new(self._user_key or b"", text.encode("utf-8", "replace"), hashlib.sha256).hexdigest()[:32]

    def _rendered(self, pieces: list[Piece], trace_id: str) -> str:
        return "".join(
            [piece if isinstance(piece, str) else self._numbers.placeholder(piece, trace_id) for piece in pieces]
        )

    def withhold(self, error: Exception) -> str:
        """Count a failure, and give what leaves in place of the text."""
        self.withheld += 1
        name = type(error).__name__
        if name not in self._failures:  # once per kind of failure, and never the text
            self._failures.add(name)
            logger.warning("the privacy filter failed (%s): texts are withheld", name)
        return WITHHELD_TEXT

    def _pieces(self, data: bytes, budget: Budget, depth: int = 0) -> list[Piece]:
        if depth < _DEPTH and data[:64].lstrip()[:1] in {b"{", b"[", b'"'} and _is_json(data):
            return self._json_pieces(data, budget, depth)
        return list(self._recognisers.pieces(data.decode(), budget))

    def _json_pieces(self, data: bytes, budget: Budget, depth: int) -> list[Piece]:
        """Looks into the strings and numbers that a candidate overlaps; every other byte stays as it is.

        Strings are looked at decoded, because in `\\njoao@x.com` the n is no part of the address.
        """
        pieces: list[Piece] = []
        done = 0
        candidates = (match.span() for match in self._recognisers.candidates(data))
        candidate = next(candidates, None)
        for token in _TOKEN.finditer(data):
            start, end = token.span()
            while candidate is not None and candidate[1] <= start:
                candidate = next(candidates, None)
            if candidate is None:
                break
            if candidate[0] >= end:
                continue
            if budget.left <= 0:
                return [*pieces, data[done:start].decode(), _REST.sub(rb'"<withheld>"', data[start:]).decode()]
            budget.left -= 1
            inner = self._token_pieces(token[0], budget, depth)
            if inner is not None:
                pieces += [data[done:start].decode(), *inner]
                done = end
        pieces.append(data[done:].decode())
        return pieces

    def _token_pieces(self, token: bytes, budget: Budget, depth: int) -> list[Piece] | None:
        """Pieces in place of a JSON string or number; None when it stays."""
        if token[:1] != b'"':
            number = _WHOLE.fullmatch(token.decode())
            inner = self._recognisers.pieces(number[1], budget) if number is not None else ()
            hit = next((piece for piece in inner if isinstance(piece, Hit)), None)
            return ['"', hit, '"'] if hit is not None else None
        text: str = json.loads(token)
        inner = self._pieces(text.encode("utf-8", "replace"), budget, depth + 1)
        if not any(isinstance(piece, Hit) for piece in inner):
            return None
        is_ascii = token.isascii()
        quoted = [
            piece if isinstance(piece, Hit) else json.dumps(piece, ensure_ascii=is_ascii)[1:-1] for piece in inner
        ]
        return ['"', *quoted, '"']


class _Numbers:
    """Which placeholder a value has in a trace. Values are not kept, only their hashes of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._traces: OrderedDict[str, dict[int, str]] = OrderedDict()
        self._last: dict[str, Counter[str]] = {}

    def placeholder(self, hit: Hit, trace_id: str) -> str:
        if hit is WITHHELD:
            return WITHHELD_TEXT
        value = hash((hit.kind, hit.identity))
        with self._lock:
            known = self._traces.get(trace_id)
            if known is None:
                known = self._traces[trace_id] = {}
                self._last[trace_id] = Counter()
                if len(self._traces) > _TRACES:
                    del self._last[self._traces.popitem(last=False)[0]]
            else:
                self._traces.move_to_end(trace_id)
            if value not in known:
                if len(known) >= _NUMBERED:
                    return f"<{hit.kind}>"
                last = self._last[trace_id]
                last[hit.kind] += 1
                known[value] = f"<{hit.kind}-{last[hit.kind]}>"
            return known[value]


def recognisers_for(settings: Settings) -> Recognisers:
    own = patterns.parse(settings.mask_patterns or "")
    return Recognisers(settings.mask_kinds.split(","), own, _REGIONS[settings.locale])


def _user_key(settings: Settings) -> bytes:
    """The setting's, or this home's own; made at the first call. HomeError when it is damaged."""
    if settings.mask_key is not None:
        return settings.mask_key.get_secret_value().encode()
    path: Path = local.prepare_home(settings.home) / KEY
    if not path.exists():
        local.create_once(path, {"user_key": secrets.token_hex(32)})
    found: Mapping[str, object] = local.read_json(path) or {}
    key = found.get("user_key")
    if not isinstance(key, str) or not key:
        raise HomeError(f"{KEY} in CALANGO_HOME is damaged.", "Move it away to get a new key; hashes then change.")
    return key.encode()


def _is_json(data: bytes) -> bool:
    parsers: tuple[Callable[[bytes], object], ...] = (orjson.loads, json.loads)  # the latter takes all that is written
    for parse in parsers:
        try:
            parse(data)
        except ValueError:
            continue
        except RecursionError:
            return True  # so far it was, and it is deep
        return True
    return False
