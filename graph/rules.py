"""How the offline agent understands a message: patterns, no model. Text in, facts out.

Patterns see the text as `language.plain` gives it: lower case, without accents.
"""

from __future__ import annotations

import re
from typing import Final

from .arithmetic import is_calculation
from .language import Language, plain
from .state import IntentName
from .tools import zones

MAX_CHARS = 2000  # what is looked at of one message

_GREETING = re.compile(
    r"(?:(?:me |pode me |preciso de |can you |i need )?(?:ajud\w+|help)(?: me)?$|"
    r"oi+|ola|opa|e ai|alo|bom dia|boa tarde|boa noite|hi|hey|hello|good (?:morning|afternoon|evening)|"
    r"tudo bem|como vai|how are you)\b"
)
_WELFARE = re.compile(r"\b(?:tudo bem|tudo bom|como vai|how are you|how is it going)\b")
_THANKS = re.compile(r"(?:muito |many )?(?:obrigad[oa]|valeu|brigad[oa]|thanks?|thank you|thx|agradeco)\b")
_GOODBYE = re.compile(r"(?:tchau|ate (?:logo|mais|amanha)|adeus|bye|goodbye|see you)\b")
_IDENTITY = re.compile(
    r"\b(?:quem (?:e|es) (?:voce|vc|tu)|(?:o )?que (?:e|es) (?:voce|vc|tu)$|qual (?:e )?(?:o )?seu (?:nome|modelo)|"
    r"(?:voce|vc) e (?:um|uma) |que modelo (?:e|voce)|o que (?:voce|vc) (?:sabe|pode|consegue) fazer|"
    r"who are you|what are you|are you (?:an?|chatgpt|human|real|gpt|claude|llama)|your name|which model are you|"
    r"what model are you|what can you do)\b|modelo de linguagem|language model|\bvoce e (?:o )?(?:chatgpt|gpt)"
)
_ASKED = re.compile(
    r"\b(?:(?:o )?que (?:foi que )?(?:eu )?(?:te )?(?:perguntei|disse|falei)|minha (?:ultima|primeira|pergunta)|"
    r"what (?:did|have) i (?:just )?(?:ask|say|said)|(?:my|the) (?:last|first|previous) (?:question|message))"
)
_FIRST = re.compile(r"\b(?:primeir[ao]|first)\b")
_RESULT = re.compile(
    r"\b(?:qual (?:foi|era) (?:o )?(?:ultimo )?(?:resultado|total)|what was the (?:last )?(?:result|answer|total))"
)
_MY_NAME = re.compile(
    r"(?i:meu nome (?:é|e)|me chamo|eu me chamo|pode me chamar de|my name is|my name's|call me|i am called)\s+"
    r"([^\W\d_][\w'’-]*(?:\s+[A-ZÀ-Ý][\w'’-]*){0,3})"
)
_NAME_ASKED = re.compile(
    r"\b(?:qual (?:e )?(?:o )?meu nome|como (?:eu )?me chamo|(?:voce )?lembra (?:d?o )?meu nome|"
    r"what(?: is|'s|s)? my name|who am i|quem sou eu|(?:do you )?(?:know|remember) my name)\b"
)
_CLOCK = re.compile(
    r"\b(?:que horas|horas sao|que dia|qual (?:e )?(?:a )?data|data (?:de hoje|atual)|dia (?:e )?hoje|"
    r"hora (?:certa|atual|em)|"
    r"what(?: is|'s|s)? the (?:time|date)|what time|what day|what date|current (?:time|date)|today'?s date|"
    r"time is it|day is (?:it|today)|time in|date today)\b"
)
_USAGE = re.compile(
    r"\b(?:quanto (?:eu )?(?:ja )?(?:gastei|usei|consumi|custou|custaram|gasto)|quantos? (?:tokens|turnos|mensagens)|"
    r"(?:meu|meus|minha) (?:uso|usos|gasto|gastos|consumo|custo|custos|tokens|conta)|tokens (?:eu )?(?:gastei|usei)|"
    r"how (?:much|many)(?: tokens| turns| money)? (?:have i|did i|i have|i|has this|did this)\b|"
    r"my (?:usage|spend|spending|costs?|tokens|bill)|i(?:'ve| have)? spent|how many tokens)"
)
_PREVIOUS = re.compile(
    r"\b(?:(?:d|n)?(?:isso|isto|ele|aquilo)|(?:(?:d|n)?(?:esse|este|o)|that|this|the|of that) "
    r"(?:ultimo |last |previous )?(?:valor|resultado|numero|total|value|result|number|answer)|that|it|this)\b"
)
_LEAD = re.compile(
    r"(?:e|eu|for|fosse|and|ok|entao|so|agora|now|por favor|please|pode|poderia|can|could|"
    r"you|voce|me|dizer|tell|diga|se|about|"
    r"quanto (?:e|da|fica|seria|sao|vale)|quanto|qual|quais|what(?: is|'s|s| are| would)?|how much(?: is| are| would)?|"
    r"(?:o |the )?(?:resultado|valor|result|value) (?:de|of)|calcul\w+|comput\w+|resolv\w+|solve|faca|faz|a conta|"
    r"conta|"
    r"be|is|are|sao|seria|o|a|os|as|the|hey|oi|ola|hi|hello)\b[\s,:;.!]*"
)
_TAIL = re.compile(r"(?:[\s?!.=,]|\b(?:por favor|please|obrigad[oa]|thanks|thank you|agora|now|equals?)\b)+$")
_OPERATION = re.compile(
    r"(?:sqrt|raiz)\s*\([^()]{1,40}\)|[-(]*\d[\d.,]*%?(?:\s*(?:[-+*/^×÷x]|\*\*|% d[eoa]s?|% of)\s*[-(]*\d[\d.,]*[%)]*)+"
)
_DATE = re.compile(r"\d{1,2}/\d{1,2}/\d{2,4}|\d+(?:-\d+){2,}")
_CONTINUES = re.compile(
    r"[-+*/^]|\*\*|(?:mais|menos|vezes|plus|minus|times)\b|dividid|divided|multiplicad|multiplied|elevad|"
    r"ao (?:quadrado|cubo)|squared|cubed"
)
_NEEDS_OPERAND = re.compile(
    r".*(?:dobro|double|twice|triplo|triple|metade|half|raiz(?: quadrada)?|square root)(?: d[eo]| of)?"
)
_MORE = re.compile(r"(?:soma|some|somar|adicione|add) (\d[\d.,]*)")
_NUMBERS: Final = {
    word: str(number)
    for names in (
        "zero um dois tres quatro cinco seis sete oito nove dez onze doze",
        "zero one two three four five six seven eight nine ten eleven twelve",
    )
    for number, word in enumerate(names.split())
} | {"cem": "100", "mil": "1000"}
_NUMBER_WORD = re.compile(rf"\b(?:{'|'.join(_NUMBERS)})\b")
_ORDERS: Final = tuple(
    (re.compile(pattern), formula)
    for pattern, formula in (
        (r"multipl(?:ica|ique|icar|y) (.+?) (?:por|by) (.+)", r"(\1)*(\2)"),
        (r"divi(?:de|da|dir) (.+?) (?:por|by) (.+)", r"(\1)/(\2)"),
        (r"(?:soma|some|somar|adicione|add) (.+?) (?:a|ao|com|e|to|and) (.+)", r"(\2)+(\1)"),
        (r"(?:subtraia|subtrair|tire|subtract|take) (.+?) (?:de|from) (.+)", r"(\2)-(\1)"),
    )
)


def classify(text: str, *, previous: str | None = None, language: Language = "pt") -> IntentName:
    """The intent that the rules below would act on."""
    words = plain(text)
    if small_talk(text) or _IDENTITY.search(words) or is_about_conversation(text):
        return "chat"
    if _USAGE.search(words):
        return "usage"
    if find_calculation(text, previous, language):
        return "calculation"
    if asks_time(text):
        return "time"
    return "question" if words.strip(" ?!.") else "other"


def small_talk(text: str) -> str | None:
    """The key of the phrase that answers a greeting, thanks or goodbye; None when the message says more than that."""
    words = plain(text).strip(" !?.,")
    if len(words.split()) > 6 or re.search(r"\d", words):
        return None
    for pattern, key in ((_THANKS, "thanks"), (_GOODBYE, "goodbye")):
        if pattern.match(words):
            return key
    match = _GREETING.match(words)
    if match is None or len(words[match.end() :].split()) > 3 or asks_time(text) or _IDENTITY.search(words):
        return None
    return "fine" if _WELFARE.search(words) else "greeting"


def asks_identity(text: str) -> bool:
    return bool(_IDENTITY.search(plain(text).strip(" ?!.")))


def asks_usage(text: str) -> bool:
    return bool(_USAGE.search(plain(text)))


def asks_time(text: str) -> bool:
    return bool(_CLOCK.search(plain(text)))


def asks_what_was_asked(text: str) -> str | None:
    """`first` or `last`: which of their own questions the person wants to hear; None when they do not ask that."""
    words = plain(text)
    if not _ASKED.search(words):
        return None
    return "first" if _FIRST.search(words) else "last"


def asks_result(text: str) -> bool:
    return bool(_RESULT.search(plain(text)))


def asks_own_name(text: str) -> bool:
    return bool(_NAME_ASKED.search(plain(text)))


def told_name(text: str) -> str | None:
    """The name in “meu nome é Ana Lima” or “my name is Ana”."""
    match = None if asks_own_name(text) else _MY_NAME.search(text)
    return match[1].strip() if match else None


def is_about_conversation(text: str) -> bool:
    return bool(asks_what_was_asked(text) or asks_result(text) or asks_own_name(text) or told_name(text))


def find_zone(text: str) -> str | None:
    """The IANA name of the place in “que horas são em Tóquio?”."""
    match = re.search(r"\b(?:em|no|na|in|at|for)\s+(.+)$", plain(text).strip(" ?!."))
    words = match[1].split() if match else []
    for size in range(min(len(words), 4), 0, -1):
        if zone := zones().get(" ".join(words[:size])):
            return zone
    return None


def find_calculation(text: str, previous: str | None, language: Language) -> str | None:
    """The arithmetic in a message, ready for the calculator; None when there is none.

    `previous` is the last result of the conversation: “e o dobro disso?” and “and divided by 2?” go on from it.
    """
    words = _NUMBER_WORD.sub(lambda word: _NUMBERS[word[0]], plain(text).strip())
    if previous is not None and language == "pt":
        previous = previous.replace(".", ",")  # as a person would write it in the same sentence
    whole = _without_fillers(words)
    candidates = [whole]
    if previous is not None and len(whole.split()) <= 8:
        candidates = [*_continued(whole, previous), whole]
    for candidate in map(_as_formula, candidates):
        if re.search(r"\d", candidate) and is_calculation(candidate, language) and not _DATE.fullmatch(candidate):
            return candidate
    for match in _OPERATION.finditer(words):
        fragment = match[0].strip()
        if is_calculation(fragment, language) and not _DATE.fullmatch(fragment):
            return fragment
    return None


def _without_fillers(words: str) -> str:
    words = _TAIL.sub("", words)
    while match := _LEAD.match(words):
        words = words[match.end() :]
    return words.strip()


def _continued(words: str, previous: str) -> list[str]:
    operand = f"({previous})" if previous.startswith("-") else previous
    candidates: list[str] = []
    if _PREVIOUS.search(words):
        candidates.append(_PREVIOUS.sub(lambda match: f"de {operand}" if match[0][0] == "d" else operand, words))
    if _CONTINUES.match(words) and not (words[0] in "+-" and is_calculation(words)):
        candidates.append(f"{operand} {words}")
    if more := _MORE.fullmatch(words):
        candidates.append(f"{operand} + {more[1]}")
    if _NEEDS_OPERAND.fullmatch(words):
        candidates.append(f"{words} {operand}")
    return candidates


def _as_formula(words: str) -> str:
    for pattern, formula in _ORDERS:
        if match := pattern.fullmatch(words):
            return match.expand(formula)
    return words
