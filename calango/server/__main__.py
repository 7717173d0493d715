"""`python -m calango.server`: how `calango.local` starts a server in the background."""

from __future__ import annotations

import sys

from calango.server.main import background_main

if __name__ == "__main__":
    sys.exit(background_main())
