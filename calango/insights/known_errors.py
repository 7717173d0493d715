"""What error messages have in common, as data. Patterns are read without regard to upper and lower case."""

from __future__ import annotations

# What makes two messages of one error differ, most special first. `<…>` stands for it.
VARIABLE: tuple[tuple[str, str], ...] = (
    (r"[a-z][a-z0-9+.-]*://[^\s'\"<>)]+", "<url>"),
    (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "<id>"),
    (r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?", "<time>"),
    (r"\b0x[0-9a-f]+\b", "<address>"),
    (r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b", "<address>"),
    (r"\b(?:[a-z]+[-_])?(?=[0-9a-z]*\d)[0-9a-z]{16,}\b", "<id>"),
    (r"(?<![\w.])/(?:[\w.@-]+/)+[\w.@-]*", "<path>"),
    (r"'[^'\n]{1,200}'|\"[^\"\n]{1,200}\"", "<text>"),
    (r"(?<![\w])[+-]?\d+(?:[.,]\d+)*", "<number>"),
)

# Known errors: what the message holds, why it happens, what helps.
KNOWN: tuple[tuple[str, str, str], ...] = (
    (
        r"rate.?limit|too many requests|\b429\b",
        "The provider limits requests or tokens per minute.",
        "Send less at once, retry with a growing wait, or raise the limit with the provider.",
    ),
    (r"insufficient_quota|billing|payment", "The account has no credit left.", "Check the provider's billing page."),
    (
        r"invalid.{0,3}api.?key|incorrect api key|unauthorized|\b401\b|authenticat",
        "The key is missing, wrong or revoked.",
        "Check the provider's key in the environment.",
    ),
    (
        r"context.{0,3}(?:length|window)|maximum context|too many tokens|prompt is too long",
        "The conversation is longer than the model reads.",
        "Trim the history (CALANGO_CONTEXT_TOKENS) or take another model.",
    ),
    (
        r"model .{0,80}not found|no such model|model_not_found",
        "The model is not there.",
        "Pull it (`ollama pull NAME`) or correct its name.",
    ),
    (
        r"connection refused|connecterror|failed to connect|all connection attempts failed",
        "Nothing listens at the address.",
        "Start the service (`ollama serve`), or correct its address.",
    ),
    (
        r"name or service not known|getaddrinfo|nodename nor servname",
        "The host's name is not known.",
        "Check the address and the network.",
    ),
    (
        r"time.?out|timed out|deadline",
        "The answer took longer than was allowed.",
        "Look at what was slow in the trace; allow more time, or ask for less.",
    ),
    (
        r"recursion.?limit|GraphRecursionError",
        "The graph went in circles.",
        "Look at the loop in the trace; CALANGO_RECURSION_LIMIT is the bound.",
    ),
    (
        r"jsondecode|expecting value|output.?pars|validation error|pydantic",
        "The model's answer had another form than expected.",
        "Use structured output, or show the form in the prompt.",
    ),
    (
        r"out of memory|\boom\b|cuda error",
        "The machine has too little memory for the model.",
        "Take a smaller model or context.",
    ),
    (
        r"content.?filter|safety|content management policy",
        "The provider refused the content.",
        "Look at the input in the trace.",
    ),
    (
        r"overloaded|\b50[0234]\b|service unavailable|internal server error|bad gateway",
        "The provider failed.",
        "Retry later; a second provider helps.",
    ),
)
