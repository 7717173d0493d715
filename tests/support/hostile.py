"""Texts of about a megabyte that make a careless search for personal data slow. Also used by the benchmarks."""

from __future__ import annotations

import json

N = 1_000_000
MEGABYTES = {
    "a@": "a@" * (N // 2),
    "digits": "1" * N,
    "+55": "+55" * (N // 3),
    "1.1.1.": "1." * (N // 2),
    "addresses": "1.1.1.1 " * (N // 8),
    "colons": "a:" * (N // 2),
    "brackets": "(" * N,
    "json brackets": "[" * N,
    "e-mails": "a@b.co " * (N // 7),
    "long domain": "a@b.co" + "-" * N,
    "numbers": "".join(f"{number:011d} " for number in range(N // 12)),
    "telephones": "".join(f"(11) 9{number:04d}-{number % 10_000:04d} " for number in range(N // 16)),
    "almost IBAN": "AB12 " * (N // 5),
    "private keys": "-----BEGIN PRIVATE KEY-----" * (N // 27),
    "hidden in a rejected key": "ask-" + "11144477735-" * (N // 12),
    "JSON of e-mails": json.dumps([f"a{number}@b.co" for number in range(N // 12)]),
    "JSON of numbers": json.dumps([11144477735 + number for number in range(N // 13)]),
    "JSON of escapes": '["' + '","'.join([r"\/"] * (N // 6)) + '"]',
    "JSON in JSON": json.dumps(json.dumps(json.dumps(json.dumps(["a@b.co"] * 40_000)))),
    "backslashes": '"' + "\\\\" * (N // 2) + 'a@b.co"',
}
