"""Runs the server: opens the store, listens, tells where, and ends in order."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import logging
import logging.handlers
import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

try:
    import resource
except ImportError:  # Windows, which has no such limit
    resource = None

from calango import __version__, local
from calango.alerts.setup import watch_of
from calango.errors import CalangoError, HomeError, LocalServerError
from calango.price_file import prices_of
from calango.pricing import Prices
from calango.server import word
from calango.server.app import create_app
from calango.server.auth import Keyring, secret_hash
from calango.server.costs import PriceBook
from calango.server.http import Context
from calango.server.syncing import Syncing, project_of
from calango.server.upkeep import Keeping, Upkeep, clear_copies
from calango.settings import Settings
from calango.store import Store, StoreLocked
from calango.store.projects import put_project
from calango.web.connections import LIMITS, Limits
from calango.web.hosts import base_url as base_url_of
from calango.web.hosts import is_loopback
from calango.web.run import OrderlyServer, bound

log = logging.getLogger("calango.server")
PROJECT_NAME = "calango"
LOG_BYTES = 1_000_000
FILES = 4096  # that may be open: BACKLOG, Limits.connections, and what else is open stay below it
PATIENCE_S = 8.0
M_ARENA_MAX = -8  # malloc.h
GARBAGE = 100_000  # new objects between two collections: a request of 450 spans makes tens of thousands, none in cycles
SWITCH_S = 0.001  # the writer comes back from DuckDB many times a commit; Python's 5 ms each would be most of its time


def serve(
    settings: Settings,
    *,
    host: str | None = None,
    port: int | None = None,
    background: bool = False,
    on_ready: Callable[[str], None] | None = None,
    limits: Limits = LIMITS,
) -> None:
    """Serve until SIGTERM or SIGINT; returns after everything that was accepted is stored.

    `on_ready` gets the base URL once requests are answered. In the background another port is taken when
    the wanted one is occupied, and the server ends itself after `settings.server_idle_s` without a request.
    Raises LocalServerError, StoreError, HomeError or ConfigError (prices) when it can't start.
    """
    _tune_process()
    home = local.prepare_home(settings.home)
    keys = local.keys(home)
    prices = prices_of(settings)
    address = host or settings.host
    _allow_files()
    listener = _listen(address, settings.port if port is None else port, fall_back=background)
    try:
        store = _open(home / local.DATABASE, patience_s=PATIENCE_S if background else 0)
    except BaseException:
        listener.close()
        raise
    try:
        with contextlib.closing(listener):
            copies = settings.mode == "remote" and settings.sync_every_s > 0
            project_id = project_of(settings, store) if copies else keys.project_id
            context = _context(store, keys, address, prices)
            context.syncing = Syncing(settings) if copies else None
            base_url = base_url_of(address, listener.getsockname()[1])
            context.watch = watch_of(settings, store, project_id)
            clear_copies(home)
            upkeep = Upkeep(
                context,
                Keeping(settings.retention_days, settings.retention_mb),
                alerts_every_s=settings.alerts_every_s,
                sync_every_s=settings.sync_every_s,
            )
            server = Server(context, settings.server_idle_s if background else 0, limits)

            def ready() -> None:
                word.announce(home, base_url=base_url, instance_id=context.instance_id, version=__version__)
                log.info("listening on %s", base_url)
                if on_ready is not None:
                    on_ready(base_url)

            server.on_ready = ready
            upkeep.start()
            try:
                server.run(sockets=[listener])
            finally:
                upkeep.stop()
    finally:
        store.close()
        word.withdraw(home)


def _open(path: Path, *, patience_s: float) -> Store:
    """The store; waits that long for a server that is just ending to let go of the file."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return Store.open(path)
        except StoreLocked:
            if time.monotonic() >= deadline:
                raise
            time.sleep(0.05)


def _tune_process() -> None:
    """For one writer, one decoder, and memory that goes back when it is quiet."""
    sys.setswitchinterval(SWITCH_S)
    gc.collect()
    gc.freeze()  # what was imported stays; looking through it again and again costs a tenth of the ingest rate
    gc.set_threshold(GARBAGE, 50, 100)
    with contextlib.suppress(OSError, AttributeError):  # glibc: an arena per thread would keep what each once needed
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 2)


def _allow_files() -> None:
    """Many systems start with 256 or 1,024, which a crowd of connections uses up."""
    if resource is None:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _context(store: Store, keys: local.Keys, address: str, known: Prices) -> Context:
    project = {"project_id": keys.project_id, "name": PROJECT_NAME, "public_key": keys.public_key}
    hashed = secret_hash(keys.secret_key)
    store.write(lambda db: put_project(db, **project, secret_sha256=hashed)).result()
    prices = PriceBook(known)
    with store.read() as db:
        keyring = Keyring.load(db)
        prices.reload(db)
    return Context(
        store=store,
        keyring=keyring,
        home_key=keys.public_key,
        prices=prices,
        instance_id=uuid4().hex,
        version=__version__,
        hosts=frozenset({address.lower()}),
        loopback=is_loopback(address),
    )


def _listen(address: str, port: int, *, fall_back: bool) -> socket.socket:
    try:
        return bound(address, port)
    except OSError as error:
        if not fall_back or port == 0:
            raise LocalServerError(
                f"Can't listen on {address}:{port} ({error.strerror}).",
                "Choose another port with CALANGO_PORT or --port; 0 takes any free one.",
            ) from error
    try:
        listener = bound(address, 0)
    except OSError as error:
        raise LocalServerError(f"Can't listen on {address} ({error.strerror}).", "Check CALANGO_HOST.") from error
    log.warning("port %d is in use; took %d", port, listener.getsockname()[1])
    return listener


class Server(OrderlyServer):
    """Ends itself after `idle_s` without a request; 0 means never."""

    def __init__(self, context: Context, idle_s: float, limits: Limits = LIMITS) -> None:
        super().__init__(create_app(context), limits)
        self.context = context
        self.idle_s = idle_s
        self.on_ready: Callable[[], None] = lambda: None

    def when_ready(self) -> None:
        self.on_ready()
        if self.idle_s > 0:
            self._watcher = asyncio.create_task(self._end_when_idle())

    async def _end_when_idle(self) -> None:
        while not self.should_exit:
            quiet_s = 0.0 if self.context.active else time.monotonic() - self.context.last_request
            if quiet_s >= self.idle_s:
                log.info("no request for %.0f s: ending", quiet_s)
                self.should_exit = True
                return
            await asyncio.sleep(max(0.05, self.idle_s - quiet_s))


def background_main() -> int:
    """The child that `calango.local` started: reports how the start went, then serves."""
    os.umask(0o077)
    report = word.StartReport.from_environment()
    try:
        settings = Settings.load()
        _log_to(local.prepare_home(settings.home) / local.LOG)
        serve(settings, background=True, on_ready=lambda _url: report.ready())
    except CalangoError as error:
        log.error("%s", error)
        report.failed(error)
        return error.exit_code
    except OSError as error:
        report.failed(HomeError(f"The server could not start ({error.strerror}).", "Check CALANGO_HOME."))
        return HomeError.exit_code
    return 0


def _log_to(path: Path) -> None:
    """At most two files of LOG_BYTES, readable by their owner only."""
    handler = logging.handlers.RotatingFileHandler(path, maxBytes=LOG_BYTES, backupCount=1, encoding="utf-8")
    path.chmod(0o600)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
