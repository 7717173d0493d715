from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from calango.errors import ConfigError
from calango.settings import Settings, env_names

ROOT = Path(__file__).parents[2]
EVERY_NAME = [name for field in Settings.model_fields for name in env_names(field)]


@pytest.fixture(autouse=True)
def clean(home: Path) -> None:
    """No setting comes from outside."""


@pytest.mark.parametrize(
    ("variable", "value", "field", "expected"),
    [
        ("LANGFUSE_HOST", "https://lf.example/", "base_url", "https://lf.example"),
        ("LANGFUSE_BASE_URL", "https://lf.example", "base_url", "https://lf.example"),
        ("LANGFUSE_ENABLED", "false", "tracing_enabled", False),
        ("LANGFUSE_TRACING_ENABLED", "0", "tracing_enabled", False),
        ("LANGFUSE_ENVIRONMENT", "staging", "environment", "staging"),
        ("LANGFUSE_TRACING_ENVIRONMENT", "staging", "environment", "staging"),
        ("OLLAMA_HOST", "0.0.0.0:11500", "ollama_base_url", "http://127.0.0.1:11500"),
        ("OLLAMA_HOST", "gpu-box", "ollama_base_url", "http://gpu-box"),
        ("OLLAMA_ENDPOINT", "http://gpu-box:1", "ollama_base_url", "http://gpu-box:1"),
        ("CALANGO_LOCALE", "pt-BR", "locale", "pt_BR"),
        ("CALANGO_PORT", "0", "port", 0),
        ("CALANGO_MODEL", "", "model", None),
        ("CALANGO_MASK", "true", "mask", "on"),
        ("CALANGO_MASK_KINDS", " CPF, email,cpf", "mask_kinds", "cpf,email"),
    ],
)
def test_a_variable_sets_its_field(monkeypatch, variable, value, field, expected):
    monkeypatch.setenv(variable, value)

    assert getattr(Settings.load(), field) == expected


def test_the_first_name_of_a_setting_wins_over_its_other_names(monkeypatch):
    monkeypatch.setenv("LANGFUSE_HOST", "http://second")
    monkeypatch.setenv("LANGFUSE_BASE_URL", "http://first")

    assert Settings.load().base_url == "http://first"


def test_a_dotenv_file_is_read_and_the_environment_wins_over_it(monkeypatch, tmp_path):
    (tmp_path / ".env").write_text("CALANGO_USER=from-file\nCALANGO_LOCALE=en\nSOMETHING_ELSE=1\n")
    monkeypatch.setenv("CALANGO_USER", "from-environment")
    settings = Settings.load()

    assert (settings.user, settings.locale) == ("from-environment", "en")


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("LANGFUSE_SAMPLE_RATE", "7", "LANGFUSE_SAMPLE_RATE must be less than or equal to 1"),
        ("LANGFUSE_ENABLED", "perhaps", "LANGFUSE_TRACING_ENABLED must be a valid boolean"),
        ("LANGFUSE_FLUSH_AT", "0", "LANGFUSE_FLUSH_AT must be greater than or equal to 1"),
        ("LANGFUSE_TRACING_ENVIRONMENT", "Langfuse!", "LANGFUSE_TRACING_ENVIRONMENT must be 1 to 40 of a-z"),
        ("LANGFUSE_HOST", "ftp://x", "LANGFUSE_BASE_URL must be an address"),
        ("OLLAMA_HOST", "http://x:port", "OLLAMA_BASE_URL must be an address"),
        ("CALANGO_PORT", "many", "CALANGO_PORT must be a valid integer"),
        ("CALANGO_LOCALE", "fr", "CALANGO_LOCALE must be pt_BR or en"),
        ("CALANGO_TIME_ZONE", "Mars/Base", "CALANGO_TIME_ZONE must be an IANA time zone"),
        ("CALANGO_MASK", "maybe", "CALANGO_MASK must be 'auto', 'on' or 'off'"),
        ("CALANGO_MASK_KINDS", "email,shoe-size", "CALANGO_MASK_KINDS must be some of email, phone"),
        ("CALANGO_MASK_PATTERNS", "Badge 7", "CALANGO_MASK_PATTERNS must be name=regex, with a name"),
        ("CALANGO_MASK_PATTERNS", "a=(?=x)", "'a' has an error: invalid perl operator"),
        ("CALANGO_MASK_PATTERNS", "a=x*", "'a' matches the empty text"),
        ("CALANGO_MASK_KEY", "short", "CALANGO_MASK_KEY must be"),
        ("CALANGO_THREADS_URL", "mysql://x", "CALANGO_THREADS_URL must start with postgresql://"),
        ("CALANGO_GPU_HOUR_USD", "0", "CALANGO_GPU_HOUR_USD must be greater than 0"),
        ("CALANGO_GPU_HOUR_USD", "NaN", "CALANGO_GPU_HOUR_USD must be a finite number"),
        ("CALANGO_KWH_USD", "0.15", "CALANGO_GPU_WATTS is not set, but its partner is"),
        ("CALANGO_GPU_WATTS", "350", "CALANGO_KWH_USD is not set, but its partner is"),
        ("CALANGO_CURRENCY", "BRL", "CALANGO_CURRENCY_RATE is not set, but its partner is"),
        ("CALANGO_CURRENCY_RATE", "5.4", "CALANGO_CURRENCY is not set, but its partner is"),
        ("CALANGO_CURRENCY", "reais", "CALANGO_CURRENCY must be an ISO 4217 code other than USD"),
        ("CALANGO_CURRENCY", "usd", "CALANGO_CURRENCY must be an ISO 4217 code other than USD"),
        ("CALANGO_CURRENCY_RATE", "-1", "CALANGO_CURRENCY_RATE must be greater than 0"),
    ],
)
def test_a_bad_value_is_told_by_name_and_rule(monkeypatch, variable, value, told):
    monkeypatch.setenv(variable, value)

    with pytest.raises(ConfigError, match=re.escape(told)):
        Settings.load()


def test_a_bad_value_is_never_repeated(monkeypatch):
    monkeypatch.setenv("LANGFUSE_FLUSH_AT", "sk-lf-secret")

    with pytest.raises(ConfigError) as caught:
        Settings.load()
    assert "sk-lf-secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "missing"),
    [("LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY"), ("LANGFUSE_SECRET_KEY", "LANGFUSE_PUBLIC_KEY")],
)
def test_one_key_without_the_other_names_the_one_that_is_missing(monkeypatch, given, missing):
    monkeypatch.setenv(given, "x-lf-1")

    with pytest.raises(ConfigError, match=missing):
        Settings.load()


def test_an_hours_price_and_a_kwhs_price_exclude_each_other(monkeypatch):
    for name in ("CALANGO_GPU_HOUR_USD", "CALANGO_KWH_USD", "CALANGO_GPU_WATTS"):
        monkeypatch.setenv(name, "1")

    with pytest.raises(ConfigError, match="CALANGO_GPU_HOUR_USD and CALANGO_KWH_USD are both set"):
        Settings.load()


@pytest.mark.parametrize(
    ("values", "mode"),
    [
        ({}, "local"),
        ({"LANGFUSE_PUBLIC_KEY": "pk", "LANGFUSE_SECRET_KEY": "sk"}, "remote"),
        ({"LANGFUSE_PUBLIC_KEY": "pk", "LANGFUSE_SECRET_KEY": "sk", "LANGFUSE_ENABLED": "false"}, "off"),
        ({"LANGFUSE_ENABLED": "false"}, "off"),
    ],
)
def test_the_mode_follows_from_the_keys_and_the_switch(monkeypatch, values, mode):
    for name, value in values.items():
        monkeypatch.setenv(name, value)

    assert Settings.load().mode == mode


def test_settings_are_frozen():
    with pytest.raises(ValidationError):
        Settings.load().port = 1


def test_a_secret_is_in_no_representation(monkeypatch):
    monkeypatch.setenv("LANGFUSE_PUBLIC_KEY", "pk-lf-1")
    monkeypatch.setenv("LANGFUSE_SECRET_KEY", "sk-lf-very-secret")

    assert "very-secret" not in repr(Settings.load()) + str(Settings.load().model_dump())


def test_the_example_file_lists_every_setting_with_its_default():
    lines = re.findall(r"^#([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE)

    assert dict(lines) == {env_names(name)[0]: _written(name) for name in Settings.model_fields}


def test_the_example_file_names_every_other_name_too():
    text = (ROOT / ".env.example").read_text()

    assert [name for name in EVERY_NAME if name not in text] == []


def test_the_example_file_changes_nothing_when_it_is_taken_as_it_is(tmp_path):
    before = Settings.load()
    (tmp_path / ".env").write_text(
        (ROOT / ".env.example").read_text().replace("\n#LANG", "\nLANG").replace("\n#CAL", "\nCAL")
    )
    changed = {name for name in Settings.model_fields if getattr(before, name) != getattr(Settings.load(), name)}

    assert changed == set()


def test_every_setting_has_a_sentence():
    without = [name for name, field in Settings.model_fields.items() if not (field.description or "").endswith(".")]

    assert without == []


def _written(name: str) -> str:
    default = Settings.model_fields[name].default
    if default is None or name == "home":
        return ""
    if isinstance(default, bool):
        return str(default).lower()
    return f"{default:g}" if isinstance(default, float) else str(default)
