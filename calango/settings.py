"""Every setting: its names in the environment, its default, its type, one sentence.

`.env.example` and the table in the README are checked against this class by tests.
Read once, by `Settings.load()`; nothing else looks at the environment.
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self
from zoneinfo import ZoneInfo

from platformdirs import user_data_path
from pydantic import AliasChoices, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from calango.errors import ConfigError
from calango.setting_types import (
    MASK_KINDS,
    Collector,
    Currency,
    EnvironmentName,
    Headers,
    HttpUrl,
    Locale,
    MaskKinds,
    MaskPatterns,
    Switch,
    TimeZone,
)

Mode = Literal["remote", "local", "off"]


def _names(*names: str) -> AliasChoices:
    return AliasChoices(*names)


class Settings(BaseSettings):
    """Everything that can be set, frozen. Build it with `Settings.load()`, which explains bad values."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        populate_by_name=True,
        hide_input_in_errors=True,
        case_sensitive=True,
    )

    # Langfuse
    public_key: str | None = Field(
        None,
        validation_alias=_names("LANGFUSE_PUBLIC_KEY"),
        description="Public key of a Langfuse project; with the secret key it selects the remote mode.",
    )
    secret_key: SecretStr | None = Field(
        None,
        validation_alias=_names("LANGFUSE_SECRET_KEY"),
        description="Secret key of the same project.",
    )
    base_url: HttpUrl = Field(
        "https://cloud.langfuse.com",
        validation_alias=_names("LANGFUSE_BASE_URL", "LANGFUSE_HOST"),
        description="Where the remote Langfuse answers.",
    )
    tracing_enabled: bool = Field(
        True,
        validation_alias=_names("LANGFUSE_TRACING_ENABLED", "LANGFUSE_ENABLED"),
        description="`false` sends nothing to Langfuse; feedback is then disabled.",
    )
    environment: EnvironmentName = Field(
        "default",
        validation_alias=_names("LANGFUSE_TRACING_ENVIRONMENT", "LANGFUSE_ENVIRONMENT"),
        description="Environment that traces and scores belong to, such as production or staging.",
    )
    release: str | None = Field(
        None,
        max_length=200,
        validation_alias=_names("LANGFUSE_RELEASE"),
        description="Version of your application, to compare releases.",
    )
    debug: bool = Field(
        False,
        validation_alias=_names("LANGFUSE_DEBUG"),
        description="Log what the tracing SDK does.",
    )
    sample_rate: float = Field(
        1.0,
        ge=0,
        le=1,
        validation_alias=_names("LANGFUSE_SAMPLE_RATE"),
        description="Share of traces that is kept, from 0 to 1; those with an error, a slow turn or a vote always are.",
    )
    flush_at: int = Field(
        512,
        ge=1,
        le=100_000,
        validation_alias=_names("LANGFUSE_FLUSH_AT"),
        description="Observations per batch that is sent.",
    )
    flush_interval_s: float = Field(
        1.0,
        gt=0,
        le=3600,
        validation_alias=_names("LANGFUSE_FLUSH_INTERVAL"),
        description="Seconds between two batches.",
    )
    timeout_s: int = Field(
        5,
        ge=1,
        le=600,
        validation_alias=_names("LANGFUSE_TIMEOUT"),
        description="Seconds that one request to Langfuse may take.",
    )

    # Ollama
    ollama_base_url: HttpUrl = Field(
        "http://127.0.0.1:11434",
        validation_alias=_names("OLLAMA_BASE_URL", "OLLAMA_HOST", "OLLAMA_ENDPOINT"),
        description="Where Ollama answers.",
    )
    ollama_model: str = Field(
        "llama3.1:8b",
        min_length=1,
        validation_alias=_names("OLLAMA_MODEL"),
        description="The Ollama model that is used when CALANGO_MODEL is not set and Ollama has it.",
    )

    # Calango
    home: Path = Field(
        default_factory=lambda: user_data_path("calango"),
        validation_alias=_names("CALANGO_HOME"),
        description="Folder for conversations, the outbox, keys and the local server's file.",
    )
    model: str | None = Field(
        None,
        min_length=1,
        validation_alias=_names("CALANGO_MODEL"),
        description="Model that answers, as provider:name (ollama:llama3.1:8b, openai:gpt-5-mini, offline).",
    )
    intent_model: str | None = Field(
        None,
        min_length=1,
        validation_alias=_names("CALANGO_INTENT_MODEL"),
        description="Model that classifies the intent; the answering model when not set.",
    )
    graph: str | None = Field(
        None,
        min_length=1,
        validation_alias=_names("CALANGO_GRAPH"),
        description="Your own graph, as module:attr or ./file.py:attr; Calango's own when not set.",
    )
    host: str = Field(
        "127.0.0.1",
        min_length=1,
        validation_alias=_names("CALANGO_HOST"),
        description="Address on which the local server listens.",
    )
    port: int = Field(
        4680,
        ge=0,
        le=65535,
        validation_alias=_names("CALANGO_PORT"),
        description="Port of the local server; 0 takes any free port.",
    )
    api_port: int = Field(
        4682,
        ge=0,
        le=65535,
        validation_alias=_names("CALANGO_API_PORT"),
        description="Port of the agent's HTTP API; 0 takes any free port.",
    )
    api_token: SecretStr | None = Field(
        None,
        min_length=16,
        validation_alias=_names("CALANGO_API_TOKEN"),
        description="Bearer token of the agent's HTTP API, 16 characters or more; needed to listen for others.",
    )
    ui_port: int = Field(
        4681,
        ge=1,
        le=65535,
        validation_alias=_names("CALANGO_UI_PORT"),
        description="Port of the chat UI.",
    )
    ui_url: str | None = Field(
        None,
        min_length=1,
        validation_alias=_names("CALANGO_UI_URL"),
        description="Address of the UI in links of messages; this machine's when not set.",
    )
    alerts: Path | None = Field(
        None,
        validation_alias=_names("CALANGO_ALERTS"),
        description="Your own file of alert rules; `alerts.toml` in CALANGO_HOME when not set.",
    )
    alerts_every_s: float = Field(
        600.0,
        ge=0,
        validation_alias=_names("CALANGO_ALERTS_EVERY"),
        description="Seconds between two evaluations of the alert rules in a running server; 0 means never.",
    )
    alerts_private: bool = Field(
        False,
        validation_alias=_names("CALANGO_ALERTS_PRIVATE"),
        description="Whether alerts may be sent to addresses in private networks.",
    )
    locale: Locale = Field(
        "pt_BR",
        validation_alias=_names("CALANGO_LOCALE"),
        description="Language of the UI and of the built-in agent: pt_BR or en.",
    )
    time_zone: TimeZone = Field(
        "America/Sao_Paulo",
        validation_alias=_names("CALANGO_TIME_ZONE"),
        description="IANA time zone of the agent's clock and of times that people see.",
    )
    user: str = Field(
        "local",
        min_length=1,
        max_length=200,
        validation_alias=_names("CALANGO_USER"),
        description="User id of turns for which the caller names none.",
    )
    threads_url: SecretStr | None = Field(
        None,
        validation_alias=_names("CALANGO_THREADS_URL"),
        description="postgresql:// address for conversations (extra `postgres`); SQLite in CALANGO_HOME when not set.",
    )
    model_timeout_s: float = Field(
        120.0,
        gt=0,
        le=3600,
        validation_alias=_names("CALANGO_MODEL_TIMEOUT"),
        description="Seconds of silence after which a model call is given up.",
    )
    context_tokens: int = Field(
        8192,
        ge=512,
        le=2_000_000,
        validation_alias=_names("CALANGO_CONTEXT_TOKENS"),
        description="The model's context in tokens; longer histories are trimmed to fit.",
    )
    max_message_chars: int = Field(
        100_000,
        ge=1,
        le=10_000_000,
        validation_alias=_names("CALANGO_MAX_MESSAGE_CHARS"),
        description="Longest message that is accepted, in characters.",
    )
    slow_ms: float = Field(
        10_000.0,
        ge=0,
        validation_alias=_names("CALANGO_SLOW_MS"),
        description="Milliseconds from which on a turn counts as slow, and its trace is kept whatever the sample rate.",
    )
    trace_detail: Literal["new", "full"] = Field(
        "new",
        validation_alias=_names("CALANGO_TRACE_DETAIL"),
        description="`new`: steps of the graph show what the turn added; `full`: the whole state each time.",
    )
    recursion_limit: int = Field(
        25,
        ge=2,
        le=1000,
        validation_alias=_names("CALANGO_RECURSION_LIMIT"),
        description="Steps after which a turn of the graph is stopped.",
    )
    server_idle_s: float = Field(
        1800.0,
        ge=0,
        validation_alias=_names("CALANGO_SERVER_IDLE"),
        description="Seconds without a request after which a background server ends itself; 0 means never.",
    )
    sync_every_s: float = Field(
        600.0,
        ge=0,
        validation_alias=_names("CALANGO_SYNC_EVERY"),
        description="Seconds between two copies of the remote project by `calango serve` with its keys; 0 means never.",
    )
    retention_days: float = Field(
        0.0,
        ge=0,
        validation_alias=_names("CALANGO_RETENTION_DAYS"),
        description="Days after which the local server lets go of traces; 0 keeps them.",
    )
    retention_mb: float = Field(
        0.0,
        ge=0,
        validation_alias=_names("CALANGO_RETENTION_MB"),
        description="Megabytes of local data above which the oldest traces go; 0 means no limit.",
    )
    outbox_max_mb: int = Field(
        256,
        ge=1,
        le=100_000,
        validation_alias=_names("CALANGO_OUTBOX_MAX_MB"),
        description="Size that undelivered traces may take on disk; the oldest go first.",
    )
    outbox_max_days: int = Field(
        30,
        ge=1,
        le=3650,
        validation_alias=_names("CALANGO_OUTBOX_MAX_DAYS"),
        description="Days after which undelivered traces are given up; votes stay until they are delivered.",
    )

    prices: Path | None = Field(
        None,
        validation_alias=_names("CALANGO_PRICES"),
        description="File with your own prices of models; `prices.toml` in CALANGO_HOME, if it is there, when not set.",
    )
    budgets: Path | None = Field(
        None,
        validation_alias=_names("CALANGO_BUDGETS"),
        description="File with budgets; `budgets.toml` in CALANGO_HOME, if it is there, when not set.",
    )
    gpu_hour_usd: Decimal | None = Field(
        None,
        gt=0,
        le=100_000,
        validation_alias=_names("CALANGO_GPU_HOUR_USD"),
        description="USD for an hour of the GPU that Ollama runs on: its models then have an estimated cost.",
    )
    kwh_usd: Decimal | None = Field(
        None,
        gt=0,
        le=1000,
        validation_alias=_names("CALANGO_KWH_USD"),
        description="USD for a kWh, in place of the price of an hour; together with CALANGO_GPU_WATTS.",
    )
    gpu_watts: Decimal | None = Field(
        None,
        gt=0,
        le=100_000,
        validation_alias=_names("CALANGO_GPU_WATTS"),
        description="Watts that the machine draws while Ollama's model works.",
    )
    currency: Currency | None = Field(
        None,
        validation_alias=_names("CALANGO_CURRENCY"),
        description="Second currency to show costs in, such as BRL; together with CALANGO_CURRENCY_RATE.",
    )
    currency_rate: Decimal | None = Field(
        None,
        gt=0,
        le=1_000_000_000,
        validation_alias=_names("CALANGO_CURRENCY_RATE"),
        description="Units of that currency for one USD.",
    )

    mask: Switch = Field(
        "auto",
        validation_alias=_names("CALANGO_MASK"),
        description="Mask personal data and keys in all that is traced: on, off, or auto (off for the local server).",
    )
    mask_kinds: MaskKinds = Field(
        ",".join(MASK_KINDS),
        validation_alias=_names("CALANGO_MASK_KINDS"),
        description="What is masked, separated by commas.",
    )
    mask_patterns: MaskPatterns = Field(
        None,
        validation_alias=_names("CALANGO_MASK_PATTERNS"),
        description="Your own patterns to mask, as name=regex, one per line or separated by `;` (RE2 syntax).",
    )
    mask_users: Literal["keep", "hash"] = Field(
        "keep",
        validation_alias=_names("CALANGO_MASK_USERS"),
        description="User ids that are traced while masking is on: keep, or hash (a keyed hash in their place).",
    )
    mask_key: SecretStr | None = Field(
        None,
        min_length=16,
        validation_alias=_names("CALANGO_MASK_KEY"),
        description="Key of that hash, at least 16 characters; a random one in CALANGO_HOME when not set.",
    )

    otlp_endpoint: Collector | None = Field(
        None,
        validation_alias=_names("CALANGO_OTLP_ENDPOINT"),
        description="OTLP/HTTP collector that gets the same spans (Phoenix, Arize, …): address, or its …/v1/traces.",
    )
    otlp_headers: Headers | None = Field(
        None,
        validation_alias=_names("CALANGO_OTLP_HEADERS"),
        description="Headers for that collector, such as its API key: name=value,name=value.",
    )

    @classmethod
    def load(cls, **overrides: Any) -> Self:
        """From the environment and `.env`; `overrides` win, by field name.

        Raises ConfigError naming the variable and what it may be, never what it was.
        """
        try:
            settings = cls(**overrides)
        except ValidationError as error:
            raise ConfigError(_explain(error), "See .env.example for every setting.") from None
        settings.check()
        return settings

    def check(self) -> None:
        if self.tracing_enabled and (self.public_key is None) != (self.secret_key is None):
            missing = "LANGFUSE_PUBLIC_KEY" if self.public_key is None else "LANGFUSE_SECRET_KEY"
            raise ConfigError(
                f"{missing} is not set, but its partner is.",
                "Set both keys for a remote Langfuse, or neither for the local server.",
            )
        if self.threads_url is not None and not re.match(r"postgres(ql)?://", self.threads_url.get_secret_value()):
            raise ConfigError("CALANGO_THREADS_URL must start with postgresql://.")
        self._check_pair("currency", "currency_rate")
        self._check_pair("kwh_usd", "gpu_watts")
        if self.gpu_hour_usd is not None and self.kwh_usd is not None:
            raise ConfigError(
                "CALANGO_GPU_HOUR_USD and CALANGO_KWH_USD are both set.",
                "Set the price of an hour, or that of a kWh with CALANGO_GPU_WATTS.",
            )

    def _check_pair(self, one: str, other: str) -> None:
        """Both or neither."""
        missing = [field for field in (one, other) if getattr(self, field) is None]
        if len(missing) == 1:
            names = [env_names(field)[0] for field in (one, other)]
            raise ConfigError(
                f"{env_names(missing[0])[0]} is not set, but its partner is.", f"Set {' and '.join(names)}, or neither."
            )

    @property
    def mode(self) -> Mode:
        if not self.tracing_enabled:
            return "off"
        return "remote" if self.public_key is not None and self.secret_key is not None else "local"

    def masks(self, is_remote: bool) -> bool:
        """Whether what goes to a destination goes through the privacy filter."""
        return self.mask == "on" or (self.mask == "auto" and is_remote)

    @cached_property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)


def env_names(field: str) -> list[str]:
    """The variables that set `field`; the first wins over the later ones."""
    alias = Settings.model_fields[field].validation_alias
    return [str(name) for name in alias.choices] if isinstance(alias, AliasChoices) else []


def _explain(error: ValidationError) -> str:
    lines: list[str] = []
    for problem in error.errors(include_input=False, include_url=False, include_context=False):
        place = str(problem["loc"][0]) if problem["loc"] else "settings"
        name = env_names(place)[0] if place in Settings.model_fields else place
        rule = problem["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
        lines.append(f"{name} must be {rule}.")
    return " ".join(lines)
