"""The command line, run as a person runs it, against a real local server in a home of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import pytest
from langfuse.api import LangfuseAPI

from calango import local
from calango.local import LocalServer
from calango.reader import LangfuseReader
from calango.records import TurnResult
from calango.settings import Settings
from calango.tracing.outbox import Outbox
from tests.support.collector import Collector
from tests.support.ollama import OllamaServer, Reply
from tests.support.servers import eventually

FIELDS = "core,basic,time,io,metadata,model,usage,metrics,trace_context"


def sdk_of(server: LocalServer) -> LangfuseAPI:
    return LangfuseAPI(base_url=server.base_url, username=server.public_key, password=server.secret_key)


def test_ask_prints_the_answer_and_nothing_else_on_stdout(calango):
    ended = calango("ask", "quanto é 17*23?")

    assert (ended.code, ended.out) == (0, "17 * 23 = 391\n")


def test_ask_tells_beside_the_answer_what_it_took_and_where_its_trace_is(calango):
    told = calango("ask", "quanto é 17*23?").err

    assert "calango-offline" in told
    assert re.search(r"\d+\+\d+ tokens", told)
    assert re.search(r"trace [0-9a-f]{32} +http://127\.0\.0\.1:\d+/project/\S+/traces/[0-9a-f]{32}", told)


def test_ask_json_has_the_fields_of_a_turn_result(calango):
    told = calango("ask", "--json", "quanto é 17*23?").json

    assert set(told) == set(TurnResult.__dataclass_fields__)
    assert (told["content"], told["status"], told["model"]) == ("17 * 23 = 391", "ok", "calango-offline")


def test_a_turn_asked_on_the_command_line_is_one_whole_trace_for_the_sdks_own_client(calango, home):
    trace_id = calango("ask", "--json", "quanto é 17*23?", "-s", "s1", "-u", "ana", "-t", "x").json["trace_id"]

    server = local.find(home)
    assert server is not None
    found = sdk_of(server).observations.get_many(trace_id=trace_id, fields=FIELDS, limit=100).data
    assert len(found) == 13
    assert {(o.session_id, o.user_id, *sorted(o.tags or [])) for o in found} == {("s1", "ana", "calango", "x")}
    generations = [o for o in found if o.type == "GENERATION"]
    assert [(o.model, bool(o.usage_details)) for o in generations] == [("calango-offline", True)] * 3


def test_ask_reads_a_message_from_standard_input(calango):
    assert calango("ask", "-", given="quanto é 2+2?").out == "2 + 2 = 4\n"


def test_ask_goes_on_with_a_session(calango):
    calango("ask", "quanto é 17*23?", "--session", "s")

    assert calango("ask", "e o dobro?", "--session", "s").out == "2 * 391 = 782\n"


def test_a_failed_turn_ends_with_1_says_why_and_has_a_trace(calango, monkeypatch):
    with OllamaServer(replies=[Reply(status=404, error="not found")]) as ollama:
        monkeypatch.setenv("OLLAMA_BASE_URL", ollama.base_url)
        ended = calango("ask", "oi", "--model", "ollama:nope")

    assert ended.code == 1
    assert "ollama pull nope" in ended.err
    assert re.search(r"trace [0-9a-f]{32}", ended.err)


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["ask", ""], 2, "message is empty"),
        (["ask", "oi", "--session", "a\nb"], 2, "session_id contains the control character"),
        (["feedback", "nonsense", "--thumbs", "up"], 2, "trace id is malformed"),
        (["feedback", "a" * 32], 2, "no vote to give"),
        (["feedback", "a" * 32, "--comment", "x"], 2, "no vote to give"),
        (["feedback", "a" * 32, "--thumbs", "up"], 5, "There is no trace"),
        (["trace", "show", "xyz"], 2, "trace id is malformed"),
        (["ask"], 2, "Missing argument"),
        (["dance"], 2, "No such command"),
    ],
)
def test_bad_input_ends_with_its_own_code_and_says_what_was_wrong(calango, arguments, code, told):
    ended = calango(*arguments)

    assert ended.code == code
    assert told in " ".join(ended.err.split())


def test_a_bad_setting_ends_with_2_and_names_the_variable(calango, monkeypatch):
    monkeypatch.setenv("CALANGO_UI_PORT", "many")
    ended = calango("status")

    assert (ended.code, "CALANGO_UI_PORT" in ended.err) == (2, True)


def test_a_message_that_is_refused_starts_no_server(calango, home):
    calango("ask", "")

    assert not (home / "server.log").exists()


def test_chat_holds_a_conversation_and_takes_votes(calango, home):
    typed = "quanto é 17*23?\n/up certo\n/feedback 4 bom\ne o dobro?\n/trace\nexit\n"
    ended = calango("chat", "--user", "ana", given=typed)

    assert "17 * 23 = 391" in ended.out
    assert "2 * 391 = 782" in ended.out
    assert re.search(r"TOOL +calculator", ended.out)
    assert ended.err.count("Received. Thank you!") == 2
    scores = calango("trace", "show", re.findall(r"trace ([0-9a-f]{32})", ended.err)[0], "--json").json["scores"]
    assert sorted((score["name"], score["value"], score["comment"]) for score in scores) == [
        ("user-feedback", 1.0, "certo"),
        ("user-rating", 4.0, "bom"),
    ]


def test_chat_survives_a_wrong_command(calango):
    ended = calango("chat", given="/dance\n/up\n/feedback x\nquanto é 2+2?\nexit\n")

    assert "There is no command /dance" in ended.err
    assert "no answer yet" in ended.err
    assert "2 + 2 = 4" in ended.out


def test_chat_starts_a_new_conversation_on_demand(calango):
    ended = calango("chat", given="quanto é 17*23?\n/new\ne o dobro?\nexit\n")

    assert "782" not in ended.out


def test_feedback_is_given_changed_and_taken_back(calango):
    trace_id = calango("ask", "--json", "oi").json["trace_id"]

    def votes() -> list[tuple[str, float, str | None]]:
        scores = calango("trace", "show", trace_id, "--json").json["scores"]
        return sorted((score["name"], score["value"], score["comment"]) for score in scores)

    calango("feedback", trace_id, "--thumbs", "down", "--comment", "ruim")
    assert votes() == [("user-feedback", 0.0, "ruim")]
    calango("feedback", trace_id, "--thumbs", "up", "--comment", "bom", "--stars", "5")
    assert votes() == [("user-feedback", 1.0, "bom"), ("user-rating", 5.0, None)]
    calango("feedback", trace_id, "--thumbs", "none", "--stars", "0")
    assert votes() == []


def test_a_vote_given_while_the_server_was_stopped_is_there_after_it_starts(calango, home):
    trace_id = calango("ask", "--json", "oi").json["trace_id"]
    local.stop(home)
    (home / "server.lock").unlink(missing_ok=True)
    (home / "server.lock").mkdir()  # nobody can start the server now
    given = calango("feedback", trace_id, "--thumbs", "up")
    (home / "server.lock").rmdir()

    assert given.code == 0
    assert "kept on disk" in given.err
    calango("outbox", "retry", "--wait", "20")
    assert [s["value"] for s in calango("trace", "show", trace_id, "--json").json["scores"]] == [1.0]


def test_trace_list_shows_the_newest_first_and_can_be_narrowed(calango):
    first = calango("ask", "--json", "primeira", "--user", "ana").json["trace_id"]
    second = calango("ask", "--json", "segunda", "--user", "bob").json["trace_id"]

    assert [line[:32] for line in calango("trace", "list").out.splitlines()] == [second, first]
    assert [trace["id"] for trace in calango("trace", "list", "--user", "ana", "--json").json] == [first]


def test_trace_show_prints_type_name_tokens_and_level_of_every_observation(calango):
    trace_id = calango("ask", "--json", "quanto é 17*23?").json["trace_id"]
    shown = calango("trace", "show", trace_id).out

    assert re.search(r"AGENT +calango-turn +\d", shown)
    assert re.search(r"GENERATION OfflineChatModel .* calango-offline +\d+\+\d+ tokens", shown)
    assert len(shown.splitlines()) == 14


def test_status_starts_nothing(calango, home):
    told = calango("status", "--json").json

    assert (told["mode"], told["model"], told["backend"]) == ("local", "offline", "local server, not running")
    assert local.find(home) is None


def test_status_sends_nothing_of_what_waits(calango, home):
    settings = Settings.load()
    keys = local.keys(home)
    waiting = Outbox(home, f"local#{keys.project_id}")
    waiting.put_spans([("a" * 32, b"x")])
    waiting.close()

    assert calango("status", "--json").json["outbox"]["spans"] == 1
    assert local.find(settings.home) is None


def test_status_shows_the_mode_and_where_traces_go(calango, monkeypatch):
    monkeypatch.setenv("LANGFUSE_PUBLIC_KEY", "pk-lf-cli-status")
    monkeypatch.setenv("LANGFUSE_SECRET_KEY", "sk-lf-very-secret")
    monkeypatch.setenv("LANGFUSE_HOST", "http://127.0.0.1:9")
    ended = calango("status")

    assert re.search(r"mode +remote", ended.out)
    assert "http://127.0.0.1:9" in ended.out
    assert "very-secret" not in ended.out + ended.err


def test_doctor_finds_everything_in_order(calango):
    results = calango("doctor", "--json").json

    assert [r["check"] for r in results] == [
        "home", "agent", "backend", "turn", "trace", "session and user", "tokens", "score", "outbox",
    ]  # fmt: skip
    assert all(result["ok"] for result in results)


def test_doctor_names_a_langfuse_that_does_not_answer_and_the_fix(calango, monkeypatch):
    monkeypatch.setenv("LANGFUSE_PUBLIC_KEY", "pk-lf-cli-doctor")
    monkeypatch.setenv("LANGFUSE_SECRET_KEY", "sk")
    monkeypatch.setenv("LANGFUSE_HOST", "http://127.0.0.1:9")
    ended = calango("doctor", "--json")

    assert ended.code == 1
    assert (ended.json[-1]["check"], ended.json[-1]["ok"]) == ("backend", False)
    assert "does not answer" in ended.json[-1]["detail"]
    assert ended.json[-1]["fix"]


@pytest.mark.parametrize(("status", "ok"), [(200, True), (401, False)])
def test_doctor_asks_the_collector_too_also_when_it_is_alone(calango, monkeypatch, status, ok):
    with Collector(status) as collector:
        monkeypatch.setenv("LANGFUSE_TRACING_ENABLED", "false")
        monkeypatch.setenv("CALANGO_OTLP_ENDPOINT", collector.url)
        last = calango("doctor", "--json").json[-1]

    assert (last["check"], last["ok"]) == ("collector", ok)
    assert f"{collector.url}/v1/traces" in last["detail"]
    assert len(collector.spans) == (13 if ok else 0)


def test_doctor_names_wrong_keys(calango, server, monkeypatch):
    monkeypatch.setenv("LANGFUSE_PUBLIC_KEY", server.public_key + "x")
    monkeypatch.setenv("LANGFUSE_SECRET_KEY", "sk-wrong")
    monkeypatch.setenv("LANGFUSE_HOST", server.base_url)
    last = calango("doctor", "--json").json[-1]

    assert (last["check"], last["ok"]) == ("backend", False)
    assert "refused the keys (401)" in last["detail"]
    assert "LANGFUSE_SECRET_KEY" in last["fix"]


def test_outbox_lists_what_waits_retries_it_and_drops_it(calango, monkeypatch):
    monkeypatch.setenv("LANGFUSE_PUBLIC_KEY", "pk-lf-cli-outbox")
    monkeypatch.setenv("LANGFUSE_SECRET_KEY", "sk")
    monkeypatch.setenv("LANGFUSE_HOST", "http://127.0.0.1:9")
    asked = calango("ask", "oi")

    assert "kept on disk" in asked.err
    assert [row["kind"] for row in calango("outbox", "list", "--json").json] == ["spans"]
    assert calango("outbox", "retry", "--wait", "0.2").code == 1
    assert "1 deleted" in calango("outbox", "drop", "--all", "--yes").out
    assert "Nothing waits" in calango("outbox", "list").out


def test_env_lets_another_sdk_use_the_local_server(calango, home):
    exports = dict(re.findall(r"export (\w+)=(\S+)", calango("env").out))

    api = LangfuseAPI(
        base_url=exports["LANGFUSE_BASE_URL"],
        username=exports["LANGFUSE_PUBLIC_KEY"],
        password=exports["LANGFUSE_SECRET_KEY"],
    )
    assert api.projects.get().data[0].name


def test_env_refuses_when_a_remote_langfuse_is_set(calango, monkeypatch):
    monkeypatch.setenv("LANGFUSE_PUBLIC_KEY", "pk-lf-cli-env")
    monkeypatch.setenv("LANGFUSE_SECRET_KEY", "sk")

    assert "mode is remote" in calango("env").err


def test_stop_ends_the_server_and_says_whether_one_ran(calango, home):
    local.ensure(Settings.load())

    assert "has ended" in calango("stop").out
    assert "No local server runs" in calango("stop").out


def test_demo_holds_its_conversation_and_reads_everything_back(calango):
    ended = calango("demo")

    assert ended.code == 0
    for part in ("17 * 23 = 391", "2 * 391 = 782", "user-feedback = True", "user-rating = 5", "TOOL       calculator"):
        assert part in ended.out


def test_off_mode_answers_and_says_that_nothing_can_be_read(calango, monkeypatch):
    monkeypatch.setenv("LANGFUSE_ENABLED", "false")

    assert calango("ask", "quanto é 2+2?").out == "2 + 2 = 4\n"
    ended = calango("trace", "list")
    assert (ended.code, "Tracing is off" in ended.err) == (5, True)


def test_serve_runs_in_the_foreground_until_it_is_asked_to_end(home):
    command = [sys.executable, "-m", "calango", "serve", "--port", "0", "--home", str(home)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    process.send_signal(signal.SIGINT)

    assert line.startswith("Calango server: http://127.0.0.1:")
    assert process.wait(20) == 0
    assert local.find(home) is None


@pytest.mark.parametrize(("ending", "expected"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_an_answer_comes_keeps_its_partial_trace(home, ending, expected):
    from threading import Event

    gate = Event()
    with OllamaServer(replies=[Reply(["Era ", "uma vez"], gate=gate)], intents=["chat"]) as ollama:
        environment = os.environ | {"OLLAMA_BASE_URL": ollama.base_url, "PYTHONUNBUFFERED": "1"}
        command = [sys.executable, "-m", "calango", "ask", "conte", "-m", "ollama:llama3.1:8b", "-s", "s"]
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert eventually(lambda: ollama.chats, within_s=30)
        process.send_signal(ending)
        code = process.wait(30)
        gate.set()

    assert code == expected
    found = local.ensure(Settings.load())
    try:
        with LangfuseReader(found.base_url, found.public_key, found.secret_key) as reader:
            assert eventually(lambda: [trace.name for trace in reader.traces(session_id="s")]) == ["calango-turn"]
    finally:
        local.stop(home)
