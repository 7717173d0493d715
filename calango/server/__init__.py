"""The local Langfuse: its public API over one DuckDB file. Started by `serve` or `python -m calango.server`."""
