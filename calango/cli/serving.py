"""`serve`, `stop`, `ui`, `up`: processes that stay."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import typer

from calango import bundled, local
from calango.cli import output
from calango.errors import ConfigError, LocalServerError
from calango.settings import Settings

_ENDS_S = 10.0


def register(app: typer.Typer) -> None:
    app.command()(serve)
    app.command()(stop)
    app.command()(ui)
    app.command()(up)


def serve(
    host: str | None = typer.Option(None, "--host", help="Address to listen on; CALANGO_HOST if left out."),
    port: int | None = typer.Option(None, "--port", "-p", min=0, max=65535, help="Port; CALANGO_PORT if left out."),
    home: Path | None = typer.Option(None, "--home", help="Folder of the data; CALANGO_HOME if left out."),
) -> None:
    """Run the local server in the foreground, until Ctrl-C.

    It speaks Langfuse's API over one DuckDB file. Without this command it is started in the background when needed.

    Example: `calango serve --port 4680`
    """
    from calango.server.main import serve as run_server

    settings = Settings.load(**({"home": home} if home is not None else {}))
    if local.find(settings.home) is not None:
        raise LocalServerError("A local server of this home runs already.", "`calango stop` ends it.")
    run_server(settings, host=host, port=port, on_ready=lambda url: output.say(f"Calango server: {url}  (Ctrl-C ends)"))


def stop() -> None:
    """End the local server of this home, in order.

    Example: `calango stop`
    """
    ended = local.stop(Settings.load().home)
    output.say("The local server has ended." if ended else "No local server runs.")


def ui(
    port: int | None = typer.Option(None, "--port", "-p", min=1, max=65535, help="CALANGO_UI_PORT if left out."),
    host: str = typer.Option("127.0.0.1", "--host", help="Address to listen on."),
) -> None:
    """Run the chat UI in the foreground, until Ctrl-C.

    Example: `calango ui --port 4681`
    """
    settings = Settings.load()
    process = _start_ui(settings, host, port or settings.ui_port)
    raise typer.Exit(_until_end([process]))


def up(
    port: int | None = typer.Option(None, "--port", "-p", min=1, max=65535, help="Port of the UI."),
    host: str = typer.Option("127.0.0.1", "--host", help="Address of the UI."),
) -> None:
    """Run local server and chat UI together in the foreground; Ctrl-C stops both.

    With a remote Langfuse only the UI runs. A server that runs in the background is replaced by this one.

    Example: `calango up`
    """
    settings = Settings.load()
    _check_ui()
    processes: list[subprocess.Popen[bytes]] = []
    try:
        if settings.mode == "local":
            local.stop(settings.home)
            processes.append(_spawn("-m", "calango", "serve"))
            _wait_for_server(settings, processes[0])
        processes.append(_start_ui(settings, host, port or settings.ui_port))
        raise typer.Exit(_until_end(processes))
    finally:
        _end(processes)


def _check_ui() -> None:
    if find_spec("streamlit") is None:
        raise ConfigError("The UI's packages are not installed.", 'Run `pip install "calango[ui]"`.')


def _start_ui(settings: Settings, host: str, port: int) -> subprocess.Popen[bytes]:
    _check_ui()
    where = {"remote": settings.base_url, "local": "the local server", "off": "nowhere (tracing is off)"}
    output.say(f"Chat UI: http://{host}:{port}  (Ctrl-C ends)")
    output.note(f"Traces go to {where[settings.mode]}.")
    options = {
        "server.address": host,
        "server.port": port,
        "server.headless": "true",
        "browser.gatherUsageStats": "false",
        "server.fileWatcherType": "none",
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "none",
        "runner.fastReruns": "false",  # else a click anywhere stops the script as the stop button does
        "theme.baseRadius": "large",
        "theme.showWidgetBorder": "true",
        "theme.light.primaryColor": "#24734a",
        "theme.light.linkColor": "#1f6b43",
        "theme.light.secondaryBackgroundColor": "#f3f6f3",
        "theme.dark.primaryColor": "#2e8b57",
        "theme.dark.linkColor": "#7fd3a2",
        "logger.level": "warning",
    }
    flags = [f"--{name}={value}" for name, value in options.items()]
    return _spawn("-m", "streamlit", "run", str(bundled.folder("ui") / "app.py"), *flags)


def _spawn(*arguments: str) -> subprocess.Popen[bytes]:
    # In a group of its own, so that Ctrl-C reaches only us and we end the children in order.
    return subprocess.Popen([sys.executable, *arguments], start_new_session=True, stdin=subprocess.DEVNULL)


def _wait_for_server(settings: Settings, process: subprocess.Popen[bytes], timeout_s: float = 20.0) -> None:
    deadline = time.monotonic() + timeout_s
    while local.find(settings.home) is None:
        if process.poll() is not None:
            raise LocalServerError("The local server did not start.", "What it said stands above.")
        if time.monotonic() > deadline:
            raise LocalServerError("The local server did not start in time.", f"See {local.LOG} in CALANGO_HOME.")
        time.sleep(0.05)


def _until_end(processes: list[subprocess.Popen[bytes]]) -> int:
    """Wait until a process ends or we are asked to; end the others. 0 when we were asked."""
    asked: list[int] = []
    previous = {
        number: signal.signal(number, lambda n, _: asked.append(n)) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        while not asked and all(process.poll() is None for process in processes):
            time.sleep(0.1)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    _end(processes)
    if asked:
        output.note("Stopped.")
        return 0
    return max(process.returncode or 0 for process in processes) or 1


def _end(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in reversed(processes):
        if process.poll() is None:
            os.kill(process.pid, signal.SIGTERM)
    for process in processes:
        try:
            process.wait(_ENDS_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
