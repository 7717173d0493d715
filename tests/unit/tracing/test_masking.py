"""The privacy filter: what it finds, what it leaves alone, what it costs."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calango.setting_types import MASK_KINDS
from calango.tracing.masked_spans import MaskedLog
from calango.tracing.masking import Masker
from calango.tracing.pii import Recognisers
from tests.support.hostile import MEGABYTES
from tests.support.servers import settings_for

KEY = "sk-proj-abcdefghijklmnopqrstuvwx"


def masker(*kinds: str, own: dict[str, str] | None = None, region: str = "BR") -> Masker:
    return Masker(Recognisers(kinds or MASK_KINDS, own or {}, region))


def masked(text: str, **options: Any) -> str:
    return masker(**options).text(text, "t")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("fale com ana.b+c@exemplo.com.br.", "fale com <email-1>."),
        ("joão@exemplo.com.br", "<email-1>"),
        ("https://x.com/?to=ana%40x.com&a=1", "https://x.com/?to=<email-1>&a=1"),
        ("mailto:ana@x.com?subject=oi", "mailto:<email-1>?subject=oi"),
        ("ligue (11) 98765-4321 já", "ligue <phone-1> já"),
        ("ligue +55 (11) 98765-4321", "ligue <phone-1>"),
        ("ligue 11 98765-4321 ou 11987654321", "ligue <phone-1> ou <phone-1>"),
        ("ligue 0055 11 98765 4321", "ligue <phone-1>"),
        ("call +1 (415) 555-2671", "call <phone-1>"),
        ("CPF 111.444.777-35 ou 11144477735", "CPF <cpf-1> ou <cpf-1>"),
        ("CPF11144477735,52998224725;x_11144477735_", "CPF<cpf-1>,<cpf-2>;x_<cpf-1>_"),
        ("CPF 111.444.777–35", "CPF <cpf-1>"),
        ("CNPJ 11.222.333/0001-81, 11222333000181", "CNPJ <cnpj-1>, <cnpj-1>"),
        ("CNPJ 12.ABC.345/01DE-35", "CNPJ <cnpj-1>"),
        ("4111 1111 1111 1111 4111-1111-1111-1111", "<card-1> <card-1>"),
        ("4111 1111 1111 1111 123 12/29", "<card-1> 123 12/29"),
        ("+551133334444 11 98765-4321 0", "<phone-1> <phone-2> 0"),
        ("378282246310005 ou 3782 822463 10005", "<card-1> ou <card-1>"),
        ("IBAN DE89 3704 0044 0532 0130 00 BANK", "IBAN <iban-1> BANK"),
        ("BR1500000000000010932840814P2", "<iban-1>"),
        ("de 192.168.0.7 a 2001:db8::1.", "de <ip-1> a <ip-2>."),
        (f"OPENAI_API_KEY={KEY}", "OPENAI_API_KEY=<key-1>"),
        ("token ghp_abcdefghijklmnopqrstuvwxyz0123456789", "token <key-1>"),
        ("AKIAIOSFODNN7EXAMPLE", "<key-1>"),
        ("Authorization: Bearer abcdefghij0123456789==", "Authorization: <key-1>"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dBjftJeZ4CVPmB92K27u", "<key-1>"),
        ("postgresql://app:s3cret@db.example/x", "postgresql://<key-1>@db.example/x"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY----- fim", "<key-1> fim"),
        (r"repr: 'a\njoao@x.com\n11144477735'", r"repr: 'a\n<email-1>\n<cpf-1>'"),
    ],
)
def test_personal_data_and_keys_become_placeholders(text, expected):
    assert masked(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Em 2026 foram 1.234.567 itens por R$ 12.345,67 (10% de 123)",
        "2026-11-20 10:35:24.123456, 2026-11-20T10:35:24Z",
        "1732098924 1732098924123 1732098924123456 1732098924123456789",  # moments in s, ms, µs and ns
        "CPF 111.444.777-36 e 11144477736",
        "4111 1111 1111 1112",
        "DE00 3704 0044 0532 0130 00",
        "416f61933039b6c9165696a6cb333574 call_1a2b3c4d5e6f7a8b 123e4567-e89b-12d3-a456-426614174000",
        "0.11144477735 3.14159265358979",
        "127.0.0.1 0.0.0.0 ::1 1.2.3.4.5 999.1.1.1",
        "std::cout << a::b[::2]",
        "@ana, x@y, a@ b.com, pip install calango@latest",
        "risk-management-and-other-things-of-note, sk-learn",
        "17 * 23 = 391; (11) 22; 55 11 4",
        "um texto comum, com acentuação — e símbolos ✓",
    ],
)
def test_ordinary_text_stays(text):
    assert masked(text) == text


def test_telephone_numbers_without_a_plus_are_read_as_of_the_region():
    assert masked("call 415-555-2671", region="US") == "call <phone-1>"
    assert masked("call 415-555-2671") == "call 415-555-2671"


def test_a_kind_that_is_not_chosen_stays():
    assert masker("cpf").text("ana@x.com 11144477735", "t") == "ana@x.com <cpf-1>"
    assert masker("email").text("ana@x.com 11144477735", "t") == "<email-1> 11144477735"


def test_own_patterns_are_masked_under_their_name_and_before_all_else():
    own = {"badge": r"B-\d{6}", "house": r"[\w.]+@home\.example"}

    assert masked("B-123456 ana@home.example ana@x.com", own=own) == "<badge-1> <house-1> <email-1>"


def test_with_nothing_to_look_for_everything_stays():
    assert Masker(Recognisers([""], {}, "BR")).text('"a@b.co"', "t") == '"a@b.co"'


# placeholders


def test_equal_values_have_equal_placeholders_within_a_trace_however_they_are_written():
    filter_ = masker()

    assert filter_.text("Ana@X.com 111.444.777-35", "t") == "<email-1> <cpf-1>"
    assert filter_.text("bob@x.com ana@x.com 11144477735", "t") == "<email-2> <email-1> <cpf-1>"


def test_another_trace_counts_for_itself():
    filter_ = masker()
    filter_.text("ana@x.com", "one")

    assert filter_.text("bob@x.com", "two") == "<email-1>"


def test_a_masked_text_is_masked_no_further():
    once = masked(f"ana@x.com 11144477735 (11) 98765-4321 {KEY} 10.0.0.1")

    assert masked(once) == once


# JSON


def test_json_is_looked_at_decoded_and_stays_json():
    given = {
        "text": "oi\njoao@x.com",
        "cpf": 11144477735,
        "as a float": 11144477735.0,
        "ana@x.com": [1, -2.5e10, True, None],
        "within": json.dumps({"mail": "a\tjoao@x.com", "cpf": 11144477735}),
    }

    assert json.loads(masked(json.dumps(given))) == {
        "text": "oi\n<email-1>",
        "cpf": "<cpf-1>",
        "as a float": "<cpf-1>",
        "<email-2>": [1, -2.5e10, True, None],
        "within": '{"mail": "a\\t<email-1>", "cpf": "<cpf-1>"}',
    }


@pytest.mark.parametrize("text", [r'"ana\u0040x.com"', r'["\u0061na\u0040x\u002ecom"]', r'{"a":"http:\/\/u:p@h"}'])
def test_what_json_escapes_hide_is_found(text):
    assert "-1>" in masked(text)


def test_of_json_only_what_is_masked_changes():
    assert masked('{ "a" : 1.50, "b":"\\u00e3", "c": "ana@x.com" }') == (
        '{ "a" : 1.50, "b":"\\u00e3", "c": "<email-1>" }'
    )


PERSONAL = st.sampled_from(
    ["ana@x.com", "111.444.777-35", "11144477735", "+5511987654321", "10.1.2.3", KEY, "4111111111111111"]
)
LEAF: Any = st.one_of(
    st.text(max_size=20),
    st.tuples(st.text(max_size=5), PERSONAL, st.text(max_size=5)).map("".join),
    st.tuples(
        st.sampled_from(['"', "\\", "\n", "{", "[", "\\n", "\\\\"]), PERSONAL, st.sampled_from(['"', "\\", "\n"])
    ).map("".join),
    st.sampled_from([11144477735, -11144477735, 11144477735.0, 4111111111111111, 3, 1.5, None, True]),
)
JSON: Any = st.recursive(
    LEAF,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(LEAF.map(str), inner, max_size=4), inner.map(json.dumps)
    ),
    max_leaves=12,
)


@given(JSON, st.booleans())
def test_masking_json_gives_json_and_masking_it_again_changes_nothing(value, ascii_only):
    text = json.dumps([value], ensure_ascii=ascii_only)
    filter_ = masker()
    once = filter_.text(text, "t")

    json.loads(once)
    assert filter_.text(once, "t") == once
    assert filter_.withheld == 0


@given(st.text(), PERSONAL, st.text())
def test_whatever_stands_around_it_nothing_raises_and_what_is_set_apart_is_masked(before, personal, after):
    filter_ = masker()

    assert personal not in filter_.text(f"{before} {personal} {after}", "t")
    assert filter_.withheld == 0


@given(st.text(st.sampled_from('a1@.+(-) :/sk\\n"{[,]}é'), max_size=200))
def test_no_text_makes_the_filter_fail(text):
    filter_ = masker()
    filter_.text(text, "t")

    assert filter_.withheld == 0


# failures and cost


class Broken(Recognisers):
    def may_hit(self, data: bytes) -> bool:
        raise ValueError(f"about {data!r}")


def test_a_text_that_the_filter_fails_on_is_withheld_and_not_logged(caplog):
    filter_ = Masker(Broken(MASK_KINDS, {}, "BR"))

    assert filter_.text("ana@x.com", "t") == "<withheld>"
    assert filter_.text("bob@x.com", "t") == "<withheld>"
    assert filter_.withheld == 2
    assert [record.getMessage() for record in caplog.records] == [
        "the privacy filter failed (ValueError): texts are withheld"
    ]


def test_what_is_too_much_to_look_at_is_withheld_and_json_stays_json():
    text = "".join(f"a{number}@x.com " for number in range(5000))
    as_json = json.dumps([f"a{number}@x.com" for number in range(50_000)])

    assert masked(text).endswith("<email-2000> <withheld>")
    found = json.loads(masked(as_json))
    assert (found[0], found[-1], len(found)) == ("<email-1>", "<withheld>", 50_000)


def test_a_long_conversation_that_repeats_in_every_turn_is_looked_at_once():
    filter_ = masker()
    messages = [json.dumps([f"a{number}@x.com" for number in range(start, start + 900)]) for start in (0, 900, 1800)]
    for message in messages:
        filter_.text(message, "t")

    assert "<withheld>" not in filter_.text("[" + ",".join(messages) + "]", "t")


@given(
    st.lists(st.sampled_from(["oi", "ana@x.com", "111.444.777-35", '"}]', "x" * 300, "," * 5]), min_size=2, max_size=6)
)
def test_a_prompt_that_goes_on_is_masked_as_if_it_were_new(contents):
    going_on = masker()
    for count in range(1, len(contents) + 1):
        messages = [{"role": "user", "content": f"{content} {'y' * 100}"} for content in contents[:count]]
        prompt = json.dumps(messages, separators=(",", ":"))
        assert going_on.text(prompt, "t").count("<") == masker().text(prompt, "t").count("<")


@pytest.mark.parametrize("name", MEGABYTES)
def test_a_hostile_megabyte_is_worked_through_to_its_end(name):
    filter_ = masker()
    filter_.text(MEGABYTES[name], name)

    assert filter_.withheld == 0


# users, sessions, settings, logs


def test_user_and_session_ids_stay_unless_they_are_to_be_hashed(home):
    kept = Masker.of(settings_for(home))

    assert (kept.user("ana@x.com"), kept.session("ana@x.com-1")) == ("ana@x.com", "ana@x.com-1")


def test_hashed_ids_are_the_same_in_every_process_of_a_home_and_elsewhere_with_the_same_key(home, tmp_path):
    values = {"mask_users": "hash"}
    one, two = (Masker.of(settings_for(home, **values)) for _ in range(2))
    other = Masker.of(settings_for(tmp_path / "other", **values))
    keyed = [Masker.of(settings_for(tmp_path / name, **values, mask_key="k" * 16)) for name in ("a", "b")]

    assert one.user("ana") == two.user("ana") != one.user("bob")
    assert one.user("ana") != other.user("ana")
    assert keyed[0].user("ana") == keyed[1].user("ana")
    assert (home / "mask.json").stat().st_mode & 0o077 == 0


def test_with_hashed_users_a_session_id_that_tells_somebody_is_hashed_too(home):
    hashing = Masker.of(settings_for(home, mask_users="hash"))

    assert hashing.session("thread-7") == "thread-7"
    assert hashing.session("ana@x.com-7").startswith("session-")
    assert "ana" not in hashing.user("ana@x.com")


def test_a_log_line_and_its_traceback_are_masked(caplog):
    logger = logging.getLogger("calango.tracing.of_a_test")
    MaskedLog(masker()).attach(logger.name)
    MaskedLog(masker()).attach(logger.name)
    try:
        raise ValueError("no such user: ana@x.com")
    except ValueError:
        logger.warning("lost %s", "ana@x.com", exc_info=True)

    assert len(logger.filters) == 1
    assert "lost <email-1>" in caplog.text
    assert "no such user: <email-1>" in caplog.text
    assert "ana@x.com" not in caplog.text
