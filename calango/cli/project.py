"""`project`: the projects of the local server and their keys."""

from __future__ import annotations

from typing import Any

import typer

from calango import local, local_api
from calango.cli import output
from calango.settings import Settings

project_app = typer.Typer(help="Projects of the local server: kept apart, each with keys.", no_args_is_help=True)
key_app = typer.Typer(help="Keys of a project.", no_args_is_help=True)
project_app.add_typer(key_app, name="key")


def register(app: typer.Typer) -> None:
    app.add_typer(project_app, name="project")


@project_app.command("create")
def create(
    name: str = typer.Argument(help="A name that no other project has, up to 60 characters."),
    json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Create a project on the local server with a key pair. The secret key is shown this once.

    Example: `calango project create support`
    """
    server = local.ensure(Settings.load())
    _show_pair(server, local_api.call(server, "POST", "/projects", {"name": name}), json)


@project_app.command("list")
def list_projects(json: bool = typer.Option(False, "--json", help="Print JSON.")) -> None:
    """List the projects of the local server with their keys' public halves.

    Example: `calango project list`
    """
    found = local_api.projects(local.ensure(Settings.load()))
    if json:
        output.print_json(found)
        return
    for project in found:
        keys = project["keys"]
        own = "  (this home's own)" if any(key["isHome"] for key in keys) else ""
        output.say(f"{project['id']}  {project['createdAt'][:10]}  keys: {len(keys)}  {project['name']}{own}")


@key_app.command("create")
def create_key(
    project: str = typer.Argument(help="Name or id of the project."),
    json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Create one more key pair for a project. The secret key is shown this once.

    Example: `calango project key create support`
    """
    server = local.ensure(Settings.load())
    project_id = local_api.project_named(server, project)["id"]
    _show_pair(server, local_api.call(server, "POST", f"/projects/{local_api.quoted(project_id)}/keys"), json)


@key_app.command("list")
def list_keys(
    project: str = typer.Argument(help="Name or id of the project."),
    json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """List a project's public keys. Secret keys can't be shown again: only their hashes are kept.

    Example: `calango project key list support`
    """
    keys = local_api.project_named(local.ensure(Settings.load()), project)["keys"]
    if json:
        output.print_json(keys)
        return
    for key in keys:
        output.say(f"{key['publicKey']}  {key['createdAt'][:10]}{'  (this home)' if key['isHome'] else ''}")


@key_app.command("revoke")
def revoke(public_key: str = typer.Argument(help="The public key of the pair: pk-lf-…")) -> None:
    """Revoke a key pair. It is refused from then on; what it wrote stays. This home's own key can't be revoked.

    Example: `calango project key revoke pk-lf-1f6b43d2-5f0e-4a6e-9a39-0e64f7c9f1a5`
    """
    hint = "`calango project key list` shows a project's keys."
    local_api.call(local.ensure(Settings.load()), "DELETE", f"/keys/{local_api.quoted(public_key)}", hint=hint)
    output.say("The key is revoked.")


def _show_pair(server: local.LocalServer, made: dict[str, Any], json: bool) -> None:
    if json:
        output.print_json(made | {"baseUrl": server.base_url})
        return
    output.say(f"LANGFUSE_PUBLIC_KEY={made['publicKey']}")
    output.say(f"LANGFUSE_SECRET_KEY={made['secretKey']}")
    output.say(f"LANGFUSE_BASE_URL={server.base_url}")
    output.note("Keep the secret key now: it is not stored and can't be shown again.")
