"""Types of settings that check what was written. Each ValueError says what a value may be, never what it was."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from pydantic import AfterValidator, BeforeValidator, SecretStr

from calango import otlp_settings, patterns

MASK_KINDS = ("email", "phone", "cpf", "cnpj", "card", "iban", "ip", "key")

_ENVIRONMENT = re.compile(r"(?!langfuse)[a-z0-9_-]{1,40}")


def _http_url(value: object) -> object:
    """As the tools that own these names read them: `host:port` means http, `0.0.0.0` means this machine."""
    if not isinstance(value, str):
        return value
    text = value.strip().rstrip("/")
    if "://" not in text:
        text = f"http://{text}"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError("an address such as http://127.0.0.1:11434") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("an address such as http://127.0.0.1:11434")
    if parts.hostname in {"0.0.0.0", "::"}:  # noqa: S104 - an address to listen on is no address to call
        return f"{parts.scheme}://127.0.0.1:{port or 11434}"
    return text


def _environment_name(value: str) -> str:
    if not _ENVIRONMENT.fullmatch(value):
        raise ValueError("1 to 40 of a-z, 0-9, - and _, not starting with 'langfuse'")
    return value


def _currency(value: str) -> str:
    code = value.upper()
    if not re.fullmatch(r"[A-Z]{3}", code) or code == "USD":
        raise ValueError("an ISO 4217 code other than USD, such as BRL or EUR")
    return code


def _time_zone(value: str) -> str:
    if value not in available_timezones():
        raise ValueError("an IANA time zone such as America/Sao_Paulo or UTC")
    return value


def _locale(value: object) -> object:
    names = {"pt": "pt_BR", "pt_br": "pt_BR", "pt-br": "pt_BR", "en": "en", "en_us": "en", "en-us": "en"}
    if isinstance(value, str) and value.lower() in names:
        return names[value.lower()]
    raise ValueError("pt_BR or en")


def _mask_kinds(value: str) -> str:
    kinds = [kind.strip().lower() for kind in value.split(",") if kind.strip()]
    if not set(kinds) <= set(MASK_KINDS):
        raise ValueError(f"some of {', '.join(MASK_KINDS)}, separated by commas")
    return ",".join(dict.fromkeys(kinds))


def _mask_patterns(value: str | None) -> str | None:
    patterns.parse(value or "")
    return value


def _switch(value: object) -> object:
    words = {"true": "on", "1": "on", "yes": "on", "false": "off", "0": "off", "no": "off"}
    return words.get(str(value).lower(), value)


def _headers(value: SecretStr) -> SecretStr:
    otlp_settings.parse_headers(value.get_secret_value())
    return value


HttpUrl = Annotated[str, BeforeValidator(_http_url)]
EnvironmentName = Annotated[str, AfterValidator(_environment_name)]
Currency = Annotated[str, AfterValidator(_currency)]
TimeZone = Annotated[str, AfterValidator(_time_zone)]
Locale = Annotated[Literal["pt_BR", "en"], BeforeValidator(_locale)]
Switch = Annotated[Literal["auto", "on", "off"], BeforeValidator(_switch)]
MaskKinds = Annotated[str, AfterValidator(_mask_kinds)]
MaskPatterns = Annotated[str | None, AfterValidator(_mask_patterns)]
Collector = Annotated[HttpUrl, AfterValidator(otlp_settings.check_endpoint)]
Headers = Annotated[SecretStr, AfterValidator(_headers)]
