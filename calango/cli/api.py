"""`api`: the agent over HTTP."""

from __future__ import annotations

from importlib.util import find_spec

import typer

from calango.cli import output
from calango.errors import ConfigError
from calango.settings import Settings


def register(app: typer.Typer) -> None:
    app.command()(api)


def api(
    host: str = typer.Option("127.0.0.1", "--host", help="Address to listen on; others need CALANGO_API_TOKEN."),
    port: int | None = typer.Option(None, "--port", "-p", min=0, max=65535, help="Port; CALANGO_API_PORT if left out."),
) -> None:
    """Serve the agent over HTTP in the foreground, until Ctrl-C: messages, conversations, votes, metrics.

    Example: `calango api --port 4682`
    """
    if find_spec("fastapi") is None:
        raise ConfigError("The API's packages are not installed.", 'Run `pip install "calango[api]"`.')
    from calango.api.serve import serve

    settings = Settings.load()
    serve(settings, host=host, port=port, on_ready=lambda url: output.say(f"Calango API: {url}  (Ctrl-C ends)"))
