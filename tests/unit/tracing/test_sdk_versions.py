"""What we stand on in every Langfuse SDK that we support."""

from __future__ import annotations

import subprocess
import sys

import langfuse
import pytest

WITHOUT_LANGCHAIN = """
import sys
sys.modules["langchain"] = None  # as if it were not installed
from calango.errors import ConfigError
try:
    import calango.tracing
except ConfigError as error:
    print(error)
"""


@pytest.mark.skipif(not langfuse.__version__.startswith("4."), reason="only SDK 4's handler needs langchain")
def test_sdk_4_without_langchain_says_what_to_install():
    done = subprocess.run([sys.executable, "-c", WITHOUT_LANGCHAIN], capture_output=True, text=True, check=True)

    assert "pip install langchain" in done.stdout


@pytest.mark.skipif(langfuse.__version__.startswith("4."), reason="SDK 4's handler needs langchain")
def test_sdk_5_needs_no_langchain():
    done = subprocess.run([sys.executable, "-c", WITHOUT_LANGCHAIN], capture_output=True, text=True, check=True)

    assert done.stdout == ""
