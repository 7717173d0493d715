"""The packages that travel with Calango without being top-level names: `graph` and `ui`.

In a checkout they lie beside `calango`, in the wheel inside it. They are found by their place and imported under names
of their own (`calango_default_graph`, `calango_default_ui`), so that no package of a user's can be taken for them.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from threading import RLock
from types import ModuleType

import calango
from calango.errors import ConfigError

PREFIX = "calango_default_"
_lock = RLock()


def folder(package: str) -> Path:
    """Where the files of `graph` or `ui` are. ConfigError when the installation lacks them."""
    home = Path(calango.__file__).parent
    for place in (home / package, home.parent / package):
        if (place / "__init__.py").is_file():
            return place
    raise ConfigError(f"The part {package!r} that comes with Calango is missing.", "Install calango again.")


def module(package: str, name: str) -> ModuleType:
    """A module of a bundled package: `module("graph", "build")`."""
    top = PREFIX + package
    with _lock:
        if top not in sys.modules:
            place = folder(package)
            plan = importlib.util.spec_from_file_location(
                top, place / "__init__.py", submodule_search_locations=[str(place)]
            )
            if plan is None or plan.loader is None:
                raise ConfigError(f"The part {package!r} that comes with Calango can't be imported.")
            made = importlib.util.module_from_spec(plan)
            sys.modules[top] = made
            try:
                plan.loader.exec_module(made)
            except BaseException:
                del sys.modules[top]
                raise
        return importlib.import_module(f"{top}.{name}")
