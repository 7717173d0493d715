"""Langfuse's JavaScript SDK against the local server: js/smoke.mjs, installed with npm into the user's cache."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import httpx
import pytest
from platformdirs import user_cache_path

from calango.local import LocalServer
from tests.support.servers import eventually

HERE = Path(__file__).parent / "js"
NODE = 20  # the oldest that the SDK supports
_OFFLINE = re.compile(r"\b(ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EAI_AGAIN|ENETUNREACH|ERR_SOCKET_TIMEOUT)\b")

pytestmark = [pytest.mark.js, pytest.mark.xdist_group("js")]  # one run of the script serves all


def node() -> str:
    """Its version; the test is skipped when it can't run."""
    for name in ("node", "npm"):
        if shutil.which(name) is None:
            pytest.skip(f"{name} is not on the PATH: install Node.js {NODE} or newer")
    found = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(found.lstrip("v").partition(".")[0]) < NODE:
        pytest.skip(f"node {found} is too old: install Node.js {NODE} or newer")
    return found


def installed() -> Path:
    """A folder with the script and what is locked; made once for each lock, and only kept whole."""
    version = node()
    files = [HERE / name for name in ("package.json", "package-lock.json")]
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files) + version.encode()).hexdigest()[:16]
    folder = user_cache_path("calango") / "tests" / f"js-{digest}"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(mkdtemp(dir=folder.parent, prefix="new-"))
        try:
            for file in files:
                shutil.copy(file, fresh)
            _install(fresh)
            fresh.rename(folder)
        except OSError:
            if not folder.exists():  # another run was faster
                raise
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return folder


def _install(folder: Path) -> None:
    options = ("--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1", "--fetch-timeout=20000")
    try:
        done = subprocess.run(
            ["npm", "ci", *options], cwd=folder, capture_output=True, text=True, timeout=180, check=False
        )
    except subprocess.TimeoutExpired:
        pytest.skip("npm did not get its packages within 180 s: no registry is in reach")
    if done.returncode and (code := _OFFLINE.search(done.stderr)):
        pytest.skip(f"npm has no registry in reach ({code.group()})")
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def said(shared: LocalServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the script printed."""
    folder = tmp_path_factory.mktemp("js")
    (folder / "node_modules").symlink_to(installed() / "node_modules")
    shutil.copy(HERE / "smoke.mjs", folder)
    keys = {
        "LANGFUSE_PUBLIC_KEY": shared.public_key,
        "LANGFUSE_SECRET_KEY": shared.secret_key,
        "LANGFUSE_BASE_URL": shared.base_url,
    }
    done = subprocess.run(
        ["node", "smoke.mjs"],
        cwd=folder,
        env={"PATH": os.environ["PATH"], **keys},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_the_javascript_sdk_reads_back_what_it_sent(said: dict[str, Any]):
    found = {one["name"]: one for one in said["observations"]}

    assert {name: one["type"] for name, one in found.items()} == {
        "root": "SPAN",
        "llm": "GENERATION",
        "search": "TOOL",
    }
    assert found["llm"]["parentObservationId"] == found["root"]["id"]
    assert (found["llm"]["usageDetails"]["total"], found["llm"]["promptName"]) == (7, "js")
    assert (found["search"]["level"], found["search"]["statusMessage"]) == ("ERROR", "boom")
    assert (found["root"]["sessionId"], found["root"]["userId"], found["root"]["tags"]) == ("s-js", "ana", ["js"])


def test_the_javascript_sdk_scores_a_trace_and_a_part_of_it(said: dict[str, Any], http: httpx.Client):
    params = {"traceId": said["traceId"]}
    found = eventually(lambda: http.get("/api/public/v2/scores", params=params).json()["data"])

    assert {score["name"]: score["value"] for score in found} == {"whole": 0.5, "part": 0}
    assert [score["stringValue"] for score in found if score["name"] == "part"] == ["good"]


def test_the_javascript_sdk_compiles_a_prompt_and_runs_an_experiment(said: dict[str, Any]):
    assert (said["prompt"], said["experiment"]) == ("Hi Ana", [[2, [1]]])
