"""Arithmetic as people write it, to a number. Bounded in length, size and time; names and attributes never resolve.

Two steps: `to_symbols` turns Portuguese or English notation into plain symbols, `evaluate` lets simpleeval compute
them with the operators and functions below and nothing else.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable
from typing import Any, Final, Literal

import simpleeval

from .language import Language, plain

MAX_CHARS = 200
MAX_DIGITS = 1000

Problem = Literal["empty", "long", "unknown", "malformed", "zero", "large", "domain"]

_PROBLEMS: Final[dict[Problem, tuple[str, str]]] = {
    "empty": ("não há nada para calcular", "there is nothing to calculate"),
    "long": (f"a expressão passa de {MAX_CHARS} caracteres", f"the expression is longer than {MAX_CHARS} characters"),
    "unknown": ("não conheço “{}”", "“{}” is not something I can calculate with"),
    "malformed": ("a expressão está incompleta ou malformada", "the expression is incomplete or malformed"),
    "zero": ("não se divide por zero", "division by zero is not defined"),
    "large": ("o resultado é grande demais", "the result is too large"),
    "domain": ("a operação não é definida para esse número", "the operation is not defined for that number"),
}


class CalculationError(ValueError):
    """`problem` is one of a fixed list; `explain` says it in a language."""

    def __init__(self, problem: Problem, detail: str = "") -> None:
        super().__init__(_PROBLEMS[problem][1].format(detail))
        self.problem: Problem = problem
        self.detail = detail

    def explain(self, language: Language) -> str:
        return _PROBLEMS[self.problem][language == "en"].format(self.detail)


_WORDS: Final = tuple(
    (re.compile(pattern), symbol)
    for pattern, symbol in (
        (r"\braiz(?: quadrada)?(?: d[eo]s?)?\b|\bsquare root(?: of)?\b", " sqrt "),
        (r"\belevad[oa] a\b|\b(?:raised )?to the power of\b", "^"),
        (r"\b(?:o )?quadrado d[eo] (\d[\d.,]*)|\b(?:the )?square of (\d[\d.,]*)", r"(\1\2)^2"),
        (r"\bao quadrado\b|\bsquared\b", "^2"),
        (r"\bao cubo\b|\bcubed\b", "^3"),
        (r"\bmultiplicad[oa] por\b|\bmultiplied by\b|\bvezes\b|\btimes\b", "*"),
        (r"\bdividid[oa] por\b|\bdivided by\b", "/"),
        (r"\bmais\b|\bplus\b", "+"),
        (r"\bmenos\b|\bminus\b", "-"),
        (r"\bpor cento\b|\bper ?cent\b", "%"),
        (r"\b(?:o )?dobro(?: d[eo])?\b|\b(?:the )?double(?: of)?\b|\btwice\b", " 2*"),
        (r"\b(?:o )?triplo(?: d[eo])?\b|\b(?:the )?triple(?: of)?\b", " 3*"),
        (r"\b(?:a )?metade(?: d[eo])?\b|\bhalf(?: of)?\b", " 0.5*"),
        (r"(\d)\s*%\s*(?:d[eo]s?|das?|of)\b", r"\1/100*"),
        (r"(?<=[\d)%])\s*[x×·]\s*(?=[\d(.a-z-])", "*"),
        (r"÷", "/"),
        (r"[−–]", "-"),
        (r"\^", "**"),
        (r"\b(sqrt|raiz)\s+(\d+(?:[.,]\d+)*)", r"\1(\2)"),
    )
)
_TOKEN: Final = re.compile(r"\s*(?:(\d+(?:\.\d+)?(?:e[+-]?\d+)?|\.\d+)|([a-z_]\w*)|(\*\*|//|[-+*/%()]))")
_SURCHARGE: Final = re.compile(r"(.+\S)\s*([+-])\s*(\d+(?:\.\d+)?)\s*%")


def _power(base: float, exponent: float) -> float:
    if abs(exponent) * math.log10(max(abs(base), 10)) > MAX_DIGITS:
        raise CalculationError("large")
    result: Any = base**exponent
    return result


_FUNCTIONS: Final[dict[str, Callable[[float], float]]] = {
    "abs": abs,
    "ceil": math.ceil,
    "cos": math.cos,
    "exp": math.exp,
    "floor": math.floor,
    "ln": math.log,
    "log10": math.log10,
    "log2": math.log2,
    "raiz": math.sqrt,
    "round": round,
    "sin": math.sin,
    "sqrt": math.sqrt,
    "tan": math.tan,
}
_NAMES: Final = {"pi": math.pi, "e": math.e}
# neither simpleeval nor the operators of unlike numbers are annotated
_untyped: Any = simpleeval
_division: Any = operator
_OPERATORS: Final[dict[type[ast.AST], Callable[..., Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: _division.truediv,
    ast.FloorDiv: _division.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: _power,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}


def to_symbols(expression: str, language: Language = "en") -> str:
    """`17 x 23` to `17 * 23`, `15% de 200` to `15 / 100 * 200`, `1,5` to `1.5`.

    In Portuguese `1.234` is a thousand; in English `1,234` is. CalculationError: empty, long, unknown.
    """
    if len(expression) > MAX_CHARS:
        raise CalculationError("long")
    text = plain(expression).strip(" =?!.")
    for pattern, symbol in _WORDS:
        text = pattern.sub(symbol, text)
    text = re.sub(r"\d+(?:[.,]\d+)+", lambda number: _decimal_point(number[0], language), text).strip()
    if surcharge := _SURCHARGE.fullmatch(text):
        text = "({})*(1{}{}/100)".format(*surcharge.groups())
    tokens = _tokens(text)
    if not tokens:
        raise CalculationError("empty")
    return " ".join(tokens)


def _decimal_point(number: str, language: Language) -> str:
    decimal, grouping = (",", ".") if language == "pt" else (".", ",")
    if re.fullmatch(rf"\d{{1,3}}(\{grouping}\d{{3}})+(\{decimal}\d+)?", number):
        return number.replace(grouping, "").replace(decimal, ".")
    if re.fullmatch(r"\d+[.,]\d+", number):
        return number.replace(",", ".")
    if re.fullmatch(r"\d{1,3}([.,])\d{3}(\1\d{3})*([.,]\d+)?", number):  # the other language's grouping, unmistakable
        head, mark, tail = number.rpartition("." if number.rfind(".") > number.rfind(",") else ",")
        whole = re.sub(r"[.,]", "", head)
        return f"{whole}{tail}" if mark in head else f"{whole}.{tail}"
    raise CalculationError("unknown", number)


def _tokens(text: str) -> list[str]:
    tokens: list[str] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise CalculationError("unknown", text[position:].strip()[:20])
        number, name, symbol = match.groups()
        if name and name not in _FUNCTIONS and name not in _NAMES:
            raise CalculationError("unknown", name)
        token = number or name or symbol
        value_ends = bool(tokens) and (tokens[-1][-1].isalnum() or tokens[-1] == ")") and tokens[-1] not in _FUNCTIONS
        if value_ends and (name or symbol == "(" or (number and tokens[-1] == ")")):
            tokens.append("*")  # 2(3+4), 2pi
        rest = text[match.end() :].lstrip()
        if symbol == "%" and not re.match(r"[\d(a-z.]", rest):
            tokens += ["/", "100"]
        else:
            tokens.append(token)
        position = match.end()
    return tokens


def is_calculation(expression: str, language: Language = "en") -> bool:
    """Whether it reads as arithmetic with something to do: one operator or function at least."""
    try:
        tree = ast.parse(to_symbols(expression, language), mode="eval")
    except (CalculationError, SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return any(isinstance(node, ast.BinOp | ast.Call) for node in ast.walk(tree))


def evaluate(expression: str, language: Language = "en") -> int | float:
    """The value of `expression`, finite and of at most 1,000 digits. CalculationError otherwise."""
    symbols = to_symbols(expression, language)
    evaluator: Any = _untyped.SimpleEval(operators=_OPERATORS, functions=_FUNCTIONS, names=_NAMES)
    try:
        value: object = evaluator.eval(symbols)
    except CalculationError:
        raise
    except ZeroDivisionError:
        raise CalculationError("zero") from None
    except OverflowError:
        raise CalculationError("large") from None
    except (simpleeval.InvalidExpression, SyntaxError, TypeError, RecursionError, MemoryError, AttributeError):
        raise CalculationError("malformed") from None
    except ValueError:
        raise CalculationError("domain") from None
    if isinstance(value, int):
        if value.bit_length() > MAX_DIGITS * math.log2(10):
            raise CalculationError("large")
        return value
    if not isinstance(value, float) or math.isnan(value):
        raise CalculationError("domain")
    if math.isinf(value):
        raise CalculationError("large")
    return value


def show(value: float) -> str:
    """Twelve significant digits with a decimal point; whole numbers in full."""
    if isinstance(value, int) or (value.is_integer() and abs(value) < 1e15):
        return str(int(value))
    return f"{value:.12g}"
