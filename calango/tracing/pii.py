"""What counts as personal data or a key: a table of kinds, each a pattern and, where there is one, a proof.

Patterns are RE2's, so that finding candidates is linear whatever the text. What has check digits is verified by
python-stdnum, telephone numbers by phonenumbers, addresses by `ipaddress`: ordinary numbers stay. Pure.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import phonenumbers
from stdnum import iban as _iban
from stdnum import luhn as _luhn
from stdnum.br import cnpj as _cnpj
from stdnum.br import cpf as _cpf

from calango.patterns import Match, Pattern, compiled
from calango.tracing.pii_shapes import ESCAPED, NATIONAL, SHAPES

_stdnum: Any = {"cpf": _cpf, "cnpj": _cnpj, "luhn": _luhn, "iban": _iban}  # they have no types
WORK = 16_000  # for one text; what can't be looked at any more after that is withheld
_PROOF = 8  # a candidate's share of it
_REMEMBERED_CHARS = 2_000

Found = tuple[int, int, str]
"""Start and end within a candidate, and what it is the same as: two spellings of a number are one."""
Proof = Callable[[str, str, str], Found | None]
"""Gets the candidate, the two characters before it and the two after; None when it is ordinary text."""


@dataclass(frozen=True, slots=True)
class Hit:
    """Something to be masked. `identity` is equal for equal values, however they are written."""

    kind: str
    identity: str


Piece = str | Hit
"""A text is a sequence of pieces: what stays, and hits."""


WITHHELD = Hit("withheld", "")


@dataclass(slots=True)
class Budget:
    """How much may still be looked at in a text: proofs take time, and nobody may order too much of it."""

    left: int = WORK


@dataclass(frozen=True, slots=True)
class Recogniser:
    kind: str
    pattern: Pattern
    proof: Proof


# proofs


def _as_it_is(text: str, before: str, after: str) -> Found | None:  # noqa: ARG001
    return 0, len(text), text


def _email(text: str, before: str, after: str) -> Found | None:  # noqa: ARG001
    return 0, len(text), text.replace("%40", "@").lower()


def _key(text: str, before: str, after: str) -> Found | None:
    if text.startswith("://"):  # of an address with a password, only the user and the password
        return 3, len(text) - 1, text
    if before[-1:].isalnum() and not _is_escape(before):
        return None
    return _as_it_is(text, before, after)


def _number(check: str) -> Proof:
    """A number with check digits, alone: not a part of a longer number or of a fraction."""

    def proof(text: str, before: str, after: str) -> Found | None:
        start, end = _trimmed(text)
        left = (before + text[:start])[-2:]
        if _is_fraction(left) or (text[end:] + after)[:1].isdigit():
            return None
        for last in _ends(text, start, end):
            body = "".join(sign for sign in text[start:last] if sign.isalnum())
            if _stdnum[check].is_valid(body):
                return start, last, body
        return None

    return proof


def _iban_number(text: str, before: str, after: str) -> Found | None:  # noqa: ARG001
    for end in _ends(text, 0, len(text)):
        if _stdnum["iban"].is_valid(text[:end]):
            return 0, end, text[:end].replace(" ", "")
    return None


def _ip(text: str, before: str, after: str) -> Found | None:
    if before[-1:] in {".", ":"} or (before[-1:].isalnum() and not _is_escape(before)):
        return None
    if after[:1].isalnum() or (after[:1] in {".", ":"} and after[1:].isalnum()):
        return None
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if address.is_loopback or address.is_unspecified:  # every machine's, so nobody's
        return None
    if ":" in text and (len(text.partition(":")[0]) < 3 or not any(sign.isdigit() for sign in text)):
        return None  # more like the `a::b` of a program
    return 0, len(text), str(address)


def _phone(region: str) -> Proof:
    """With a plus or an area code in brackets a possible number is enough; without, it has to be one in use."""

    def proof(text: str, before: str, after: str) -> Found | None:
        start, end = _trimmed(text)
        if _is_fraction((before + text[:start])[-2:]) or (text[end:] + after)[:1].isdigit():
            return None
        for last in _ends(text, start, end):
            number = _telephone(text[start:last], region)
            if number is not None:
                return start, last, number
        return None

    return proof


def _telephone(text: str, region: str) -> str | None:
    written = "+" + text[2:] if text.startswith("00") else text
    try:
        number = phonenumbers.parse(written, region)
    except phonenumbers.NumberParseException:
        return None
    is_known = phonenumbers.is_possible_number if text[0] in "+(" else phonenumbers.is_valid_number
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) if is_known(number) else None


def _trimmed(text: str) -> tuple[int, int]:
    """Without the neighbours that the pattern took along to see where the number begins and ends."""
    start, end = 0, len(text)
    while start < end and not (text[start].isdigit() or text[start] in "+("):
        start += 1
    if text[start : start + 1] == "(" and not text[start + 1 : start + 2].isdigit():
        start += 1
    while end > start and not text[end - 1].isdigit():
        end -= 1
    return start, end


def _ends(text: str, start: int, end: int) -> Iterator[int]:
    """The end, and two earlier ones: the last groups may be no part of it, as a card's code after its number."""
    for _ in range(3):
        yield end
        end = text.rfind(" ", start, end)
        while end > start and not text[end - 1].isalnum():
            end -= 1
        if end <= start:
            return


def _is_fraction(left: str) -> bool:
    return len(left) == 2 and left[1] == "." and left[0].isdigit()


def _is_escape(before: str) -> bool:
    return len(before) == 2 and before[0] == "\\" and before[1] in "nrtbf"


_PROOFS: Mapping[str, Proof] = {
    "key": _key,
    "email": _email,
    "ip": _ip,
    "iban": _iban_number,
    "card": _number("luhn"),
    "cnpj": _number("cnpj"),
    "cpf": _number("cpf"),
}


class Recognisers:
    """The chosen kinds, people's own patterns before them. `region` (BR, US) reads telephone numbers without a plus."""

    def __init__(self, kinds: Sequence[str], own: Mapping[str, str], region: str) -> None:
        shapes = {kind: SHAPES[kind] for kind in SHAPES if kind in kinds}
        if "phone" in shapes:
            shapes["phone"] = (*shapes["phone"], *NATIONAL[region])
        joined = {**own} | {kind: "|".join(alternatives) for kind, alternatives in shapes.items()}
        proofs = dict.fromkeys(own, _as_it_is) | {**_PROOFS, "phone": _phone(region)}
        self._table = [Recogniser(kind, compiled(joined[kind]), proofs[kind]) for kind in joined]
        self._any = compiled("|".join(f"(?:{pattern})" for pattern in (*joined.values(), ESCAPED)))
        self._remembered = lru_cache(maxsize=4096)(self._counted)

    def candidates(self, data: bytes) -> Iterator[Match]:
        """Where in UTF-8 something may be that is to be masked, in one pass and without a proof."""
        return self._any.finditer(data)

    def may_hit(self, data: bytes) -> bool:
        return self._any.search(data) is not None

    def pieces(self, text: str, budget: Budget) -> tuple[Piece, ...]:
        """The text in pieces. Short ones are remembered, because they stand on every span of a trace."""
        if len(text) > _REMEMBERED_CHARS:
            return self._pieces(text, budget)
        if budget.left <= 0:
            return (WITHHELD,)
        pieces, unpaid = self._remembered(text)
        budget.left -= unpaid.pop() if unpaid else 0  # whoever meets a text first pays for it
        return pieces

    def _counted(self, text: str) -> tuple[tuple[Piece, ...], list[int]]:
        budget = Budget()
        pieces = self._pieces(text, budget)
        return pieces, [WORK - budget.left]

    def _pieces(self, text: str, budget: Budget) -> tuple[Piece, ...]:
        if not self.may_hit(text.encode()):
            return (text,)
        pieces: list[Piece] = [text]
        for recogniser in self._table:
            split: list[Piece] = []
            for piece in pieces:
                split += [piece] if isinstance(piece, Hit) else _split(recogniser, piece, budget)
            pieces = split
        return tuple(pieces)


def _split(recogniser: Recogniser, text: str, budget: Budget) -> list[Piece]:
    data = text.encode()
    pieces: list[Piece] = []
    done = looked = 0
    while (match := recogniser.pattern.search(data, looked)) is not None:
        start, end = match.span()
        looked = max(end, start + 1)
        if budget.left <= 0:
            return [*pieces, data[done:start].decode(), WITHHELD]
        budget.left -= _PROOF
        before = data[max(0, start - 8) : start].decode(errors="ignore")[-2:]
        after = data[end : end + 8].decode(errors="ignore")[:2]
        candidate = data[start:end].decode()
        if before[-1:] == "\\" and candidate[0] in "nrtbf":  # the end of an escape, in text that is no JSON
            candidate = candidate[1:]
            start += 1
        found = recogniser.proof(candidate, before, after) if candidate else None
        if found is None:
            continue
        first = start + len(candidate[: found[0]].encode())
        pieces += [data[done:first].decode(), Hit(recogniser.kind, found[2])]
        done = looked = start + len(candidate[: found[1]].encode())
    return [piece for piece in (*pieces, data[done:].decode()) if piece] if pieces else [text]
