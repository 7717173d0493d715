"""The shapes of personal data and keys, by kind, in RE2's syntax and in the order in which they are looked for.

Sources: Receita Federal (CPF; CNPJ, with letters since 2026), ISO/IEC 7812 (cards), ISO 13616 (IBAN), and the issuers'
own pages for the prefixes of their keys.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_EDGE = r"(?:\b|[^0-9])"  # RE2 looks neither ahead nor behind, so a neighbour may be taken along
_DASH = r"[\-\x{2010}-\x{2013}\x{2212}]"
SHAPES: Mapping[str, Sequence[str]] = {
    "key": (
        r"sk-[A-Za-z0-9_\-]{20,}",  # OpenAI, Anthropic, Langfuse and others
        r"(?:gh[pousr]_|github_pat_)[A-Za-z0-9_]{20,}",
        r"(?:glpat|xox[abeprs]|xapp)-[A-Za-z0-9_\-]{10,}",
        r"(?:AKIA|ASIA)[A-Z0-9]{16}",
        r"AIza[A-Za-z0-9_\-]{35}",
        r"(?:hf|gsk|npm|pypi|lsv2|xai|tvly|dop_v1)[_\-][A-Za-z0-9_\-]{20,}",
        r"(?:sk|rk|pk|whsec)_(?:live_|test_)?[A-Za-z0-9]{16,}",
        r"eyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}",  # a JSON web token
        r"(?i:bearer|basic) [A-Za-z0-9._~+/\-]{16,}=*",
        r"://[^\s/:@\"']+:[^\s/@\"']+@",
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?s:.*?)(?:-----END [A-Z ]*PRIVATE KEY-----|\z)",
    ),
    "email": (r"[\pL\pN._%+\-]+(?:@|%40)(?:[\pL\pN\-]+\.)+\pL{2,}",),
    "ip": (
        r"\b\d{1,3}(?:\.\d{1,3}){3}\b",
        r"(?:[0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}",
        r"[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4}){0,6}::(?:[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4}){0,6})?",
    ),
    "iban": (r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b",),
    "card": (
        rf"{_EDGE}(?:2[2-7]|[456]\d)\d\d[ \-]?\d{{4}}[ \-]?\d{{4}}[ \-]?\d{{4}}(?:[ \-]?\d{{3}})?{_EDGE}",
        rf"{_EDGE}3[47]\d\d[ \-]?\d{{6}}[ \-]?\d{{5}}{_EDGE}",
        rf"{_EDGE}3[068]\d\d[ \-]?\d{{6}}[ \-]?\d{{4}}{_EDGE}",
        rf"{_EDGE}4\d{{12}}{_EDGE}",
    ),
    "cnpj": (
        rf"{_EDGE}\d\d\.?\d{{3}}\.?\d{{3}}/?\d{{4}}{_DASH}?\d\d{_EDGE}",
        rf"\b[0-9A-Z]{{2}}\.[0-9A-Z]{{3}}\.[0-9A-Z]{{3}}/[0-9A-Z]{{4}}{_DASH}\d\d\b",
    ),
    "cpf": (rf"{_EDGE}\d{{3}}[. ]?\d{{3}}[. ]?\d{{3}}(?:{_DASH}|[ /.])?\d\d{_EDGE}",),
    "phone": (
        r"(?:\+|\b00)\(?\d{1,3}\)?(?:[ .()/\-]{0,2}\d){6,13}\b",
        r"\(0?\d{2,3}\)[ .\-]?(?:\d[ .]?)?\d{3,4}[ .\-]?\d{4}\b",
    ),
}
NATIONAL: Mapping[str, Sequence[str]] = {  # without a plus or brackets, as people of a country write them
    "BR": (rf"{_EDGE}0?[1-9]{{2}}(?:[ .\-]9?[ .]?\d{{4}}[ .\-]?\d{{4}}|9\d{{4}}[ .\-]?\d{{4}}){_EDGE}",),
    "US": (rf"{_EDGE}\d{{3}}[ .\-]\d{{3}}[ .\-]\d{{4}}{_EDGE}",),
}
ESCAPED = r"\\u00[2-7]|\\/"  # in JSON, ASCII that hides
