"""`make bench-insights`: questions, reports, pages, exports and copies of a store with a million observations."""

from __future__ import annotations

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

from benchmarks import results
from benchmarks.server.targets import Calango, free_port

TURNS = int(os.environ.get("BENCH_TURNS", "107000"))  # 1,003,000 observations
COPIED = TURNS // 10
UNTIL, DAYS = "2026-11-20", 90
PERIOD = {"since": "2026-08-22", "until": UNTIL, "zone": "America/Sao_Paulo"}
ROUNDS = 9
CALANGO = str(Path(sys.executable).with_name("calango"))
BY = ("hour", "day", "week", "month", "model", "user", "session", "tag", "prompt", "tool", "environment", "release",
      "name", "outcome")  # fmt: skip
QUESTIONS: dict[str, dict[str, str]] = {
    "overview": {},
    **{f"breakdown by {by}": {"by": by} for by in BY},
    "errors": {}, "tools": {}, "satisfaction": {}, "conversations": {}, "values": {},
    "turns, the latest": {}, "turns, the slowest": {"order": "slowest"}, "turns, the dearest": {"order": "dearest"},
    "turns, voted down": {"scored": "down"}, "turns, page 20": {"offset": "950"},
    "turns with a text in many": {"text": "pedido"}, "turns with a text in none": {"text": "xyzzy"},
    "overview of one user": {"user": "user-0004"}, "breakdown of one model by day": {"by": "day", "model": "gpt-4o"},
}  # fmt: skip
PAGES = {
    "Overview": "overview", "Traces": "traces", "Traces, searched": "traces?text=pedido",
    "Conversations": "conversations", "Users": "users", "Errors": "errors", "Alerts": "alerts", "Health": "health",
}  # fmt: skip
RANGE = urlencode({"since": PERIOD["since"], "until": UNTIL})


def say(text: str) -> None:
    print(f"  {text}", file=sys.stderr)


def calango(home: Path, *arguments: str, **more: str) -> tuple[float, float, str]:
    """Seconds, the process's peak RSS in MB, and what it printed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("LANGFUSE_", "CALANGO_"))}
    environment |= {"CALANGO_HOME": str(home), "CALANGO_PORT": "0", **more}
    started = time.perf_counter()
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        child = subprocess.Popen([CALANGO, *arguments], env=environment, stdout=out, stderr=err)
        _, status, used = os.wait4(child.pid, 0)
        took = time.perf_counter() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        if child.returncode:
            raise RuntimeError(f"calango {arguments[0]} ended with {child.returncode}: {err.read()[-2000:]}")
        return took, used.ru_maxrss / 1024, out.read()


def question_ms(server: Calango, name: str, options: dict[str, str]) -> float:
    kind = re.split(r"[ ,]", name)[0]
    path = f"/api/calango/insights/{kind}?{urlencode(PERIOD | options)}"
    taken: list[float] = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        server.get(path)
        taken.append((time.perf_counter() - started) * 1000)
    return statistics.median(taken)


def page_ms(home: Path, address: str) -> dict[str, float]:
    page, _, query = address.partition("?")
    environment = os.environ | {"CALANGO_HOME": str(home), "CALANGO_MODEL": "offline"}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.insights.page", page, f"{RANGE}&{query}".rstrip("&")],
        env=environment, capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])


@contextmanager
def ui(home: Path) -> Generator[str]:
    port = free_port()
    environment = os.environ | {"CALANGO_HOME": str(home), "CALANGO_MODEL": "offline"}
    process = subprocess.Popen([CALANGO, "ui", "--port", str(port)], env=environment, stdout=subprocess.DEVNULL)
    url, deadline = f"http://127.0.0.1:{port}", time.perf_counter() + 60
    try:
        while True:
            try:
                urllib.request.urlopen(url, timeout=5).close()
                break
            except OSError:
                if time.perf_counter() > deadline:
                    raise
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait()


def drawn_s(home: Path) -> dict[str, float]:
    """Seconds from asking Chromium for a page until its script has ended and nothing is drawn anew."""
    from playwright.sync_api import sync_playwright

    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    found: dict[str, float] = {}
    with ui(home) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
        page = browser.new_page(service_workers="block")
        for number, (name, address) in enumerate([("", "overview"), *PAGES.items()]):  # the first warms up both sides
            taken: list[float] = []
            for second in range(3):  # a period of its own each time: answers are kept for some seconds
                since = urlencode(
                    {"since": f"{PERIOD['since']}T00:0{number % 10}:{10 + number + second}", "until": UNTIL}
                )
                started = time.perf_counter()
                page.goto(f"{url}/{address}{'&' if '?' in address else '?'}{since}")
                page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')
                page.wait_for_selector('[data-testid="stMain"] [data-testid="stHeading"]')
                page.wait_for_function('!document.querySelector(\'[data-stale="true"], [data-testid="stSkeleton"]\')')
                taken.append(time.perf_counter() - started)
            if name:
                found[name] = statistics.median(taken)
        browser.close()
    return found


def exports(home: Path, server: Calango, folder: Path) -> dict[str, float]:
    since, until = ("--since", PERIOD["since"]), ("--until", UNTIL)
    before = server.peak_rss_mb()
    few = calango(home, "export", "costs", "--since", "2026-11-19", *until, "-o", str(folder / "few.csv"))
    many = calango(home, "export", "costs", *since, *until, "-o", str(folder / "costs.csv"))
    turns = calango(home, "export", "traces", *since, *until, "-o", str(folder / "turns.csv"))
    rows = sum(1 for _ in (folder / "costs.csv").open()) - 1
    say(f"{rows} calls in {many[0]:.1f} s, {TURNS} turns in {turns[0]:.1f} s")
    return {
        "export of every call, rows a second": rows / many[0],
        "export of every turn, rows a second": TURNS / turns[0],
        "peak memory of an export of every call, of one of a day": many[1] / few[1],
        "peak RSS of the server, more after exports (MB)": server.peak_rss_mb() - before,
    }


def copied(root: Path) -> float:
    """Observations a second by `calango sync` from one server to another."""
    source = Calango(root / "source")
    source.start()
    try:
        calango(source.home, "seed", "--turns", str(COPIED), "--until", UNTIL)
        keys = json.loads((source.home / "keys.json").read_text())
        took, _, said = calango(
            root / "copy", "sync", "--json", LANGFUSE_BASE_URL=source.base_url,
            LANGFUSE_PUBLIC_KEY=keys["public_key"], LANGFUSE_SECRET_KEY=keys["secret_key"],
        )  # fmt: skip
        calango(root / "copy", "stop")
        count = json.loads(said)["observations"]
        say(f"{count} observations copied in {took:.1f} s")
        return count / took
    finally:
        source.stop()


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="calango-bench-") as folder:
        root = Path(folder)
        rate = copied(root)
        server = Calango(root / "store")
        server.start()
        try:
            say(f"{TURNS} turns")
            calango(server.home, "seed", "--turns", str(TURNS), "--days", str(DAYS), "--until", UNTIL)
            started = time.perf_counter()
            question_ms(server, "overview", {})
            first = time.perf_counter() - started
            server.stop()  # what came is folded into the file, as a quiet server does
            server.start()
            asked = {name: question_ms(server, name, options) for name, options in QUESTIONS.items()}
            say("report")
            arguments = ("report", "--since", PERIOD["since"], "--until", UNTIL, "--format", "html", "--output")
            report_s = statistics.median(
                calango(server.home, *arguments, str(root / f"{number}.html"))[0] for number in range(3)
            )
            say("pages")
            pages = {name: page_ms(server.home, address) for name, address in PAGES.items()}
            drawn = drawn_s(server.home)
            found = exports(server.home, server, root)
            observations = server.stored()
        finally:
            server.stop()
    report(observations, first, asked, report_s, pages, drawn, found, rate)


def report(
    observations: int, first: float, asked: dict[str, float], report_s: float, pages: dict[str, dict[str, float]],
    drawn: dict[str, float], found: dict[str, float], rate: float,
) -> None:  # fmt: skip
    questions = results.table([
        ["question", "median, ms"], ["---", "---:"], *([name, f"{ms:.0f}"] for name, ms in asked.items()),
    ])  # fmt: skip
    of_pages = results.table([
        ["page", "server, ms", "script, ms", "in Chromium, s"], ["---", "---:", "---:", "---:"],
        *([name, f"{ms['server_ms']:.0f}", f"{ms['script_ms']:.0f}", f"{drawn[name]:.2f}"]
          for name, ms in pages.items()),
    ])  # fmt: skip
    slowest = max(asked, key=lambda name: asked[name])
    bars = [
        (f"slowest question ({slowest}), ms", asked[slowest], "≤", 150.0),
        ("the whole report as HTML, start of the command included, s", report_s, "≤", 3.0),
        ("slowest page, server time, ms", max(ms["server_ms"] for ms in pages.values()), "≤", 300.0),
        ("slowest page in Chromium, s", max(drawn.values()), "≤", 1.5),
        ("sync, observations a second", rate, "≥", 5000.0),
        ("peak memory of an export of every call, of one of a day",
         found["peak memory of an export of every call, of one of a day"], "≤", 1.5),
    ]  # fmt: skip
    results.write(
        "Questions",
        f"{results.measured('make bench-insights')}\n\n"
        f"{observations:,} observations in {TURNS:,} turns of {TURNS // 50:,} users over {DAYS} days"
        f" (`calango seed`). The first question took {first:.1f} s: it adds them up, as a quiet server does.\n\n"
        f"{questions}\n\n{of_pages}\n\n"
        "A page's server time is that in which it waits for the server; several questions are asked at once.\n\n"
        f"Exports: {found['export of every call, rows a second']:,.0f} calls and"
        f" {found['export of every turn, rows a second']:,.0f} turns a second as CSV; the server's peak grew by"
        f" {found['peak RSS of the server, more after exports (MB)']:.0f} MB.\n\n"
        f"{results.bars(bars)}\n",
    )


if __name__ == "__main__":
    main()
