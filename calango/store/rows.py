"""The rows of the big tables, field for column. Times are integer nanoseconds since the epoch, money USD.

Fields named `*_json` hold JSON text as it will be stored: decoding waits until somebody asks for it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from decimal import Decimal
from typing import ClassVar


@dataclass(slots=True)
class ObservationRow:
    """One observation. What it says about its trace (name, user, tags ...) is repeated on every row.

    `metadata_json` and `trace_metadata_json` map a key to the text that was sent; `source_json` holds the
    resource and the instrumentation scope, `attributes_json` every attribute of a span that no SDK of
    Langfuse made. `direct` is true when a writer of the v4 protocol sent it (see `query.VISIBLE`).
    """

    project_id: str
    trace_id: str
    id: str
    start_ns: int
    type: str = "SPAN"
    name: str = ""
    parent_id: str | None = None
    end_ns: int | None = None
    completion_start_ns: int | None = None
    level: str = "DEFAULT"
    status_message: str | None = None
    environment: str = "default"
    version: str | None = None
    release: str | None = None
    trace_name: str | None = None
    user_id: str | None = None
    session_id: str | None = None
    tags: list[str] | None = None
    is_root: bool = False
    public: bool = False
    direct: bool = True
    model: str | None = None
    model_id: str | None = None
    tier_id: str | None = None
    tier_name: str | None = None
    model_parameters_json: str | None = None
    usage_json: str | None = None
    cost_json: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    input_cost: Decimal | None = None
    output_cost: Decimal | None = None
    total_cost: Decimal | None = None
    prompt_name: str | None = None
    prompt_version: int | None = None
    experiment_id: str | None = None
    experiment_name: str | None = None
    experiment_dataset_id: str | None = None
    experiment_item_id: str | None = None
    experiment_json: str | None = None
    input: str | None = None
    output: str | None = None
    trace_input: str | None = None
    trace_output: str | None = None
    metadata_json: str | None = None
    trace_metadata_json: str | None = None
    attributes_json: str | None = None
    source_json: str | None = None
    created_ns: int = 0
    updated_ns: int = 0

    COLUMNS: ClassVar[tuple[str, ...]]
    WIDE: ClassVar[frozenset[str]] = frozenset(
        {"input", "output", "trace_input", "trace_output", "metadata_json", "trace_metadata_json", "attributes_json"}
    )


@dataclass(slots=True)
class TraceRow:
    """What was said of a trace by itself, beside its observations (legacy ingestion). None: nothing was said."""

    project_id: str
    id: str
    timestamp_ns: int
    name: str | None = None
    environment: str | None = None
    user_id: str | None = None
    session_id: str | None = None
    release: str | None = None
    version: str | None = None
    tags: list[str] | None = None
    public: bool | None = None
    input: str | None = None
    output: str | None = None
    metadata_json: str | None = None
    created_ns: int = 0
    updated_ns: int = 0

    COLUMNS: ClassVar[tuple[str, ...]]


@dataclass(slots=True)
class ScoreRow:
    """One score of exactly one trace (or observation in it), session or dataset run.

    BOOLEAN has `value` 0 or 1; CATEGORICAL, TEXT and CORRECTION have `string_value`.
    `writes` counts how often it was sent.
    """

    project_id: str
    id: str
    name: str
    timestamp_ns: int
    data_type: str
    value: float | None = None
    string_value: str | None = None
    trace_id: str | None = None
    observation_id: str | None = None
    session_id: str | None = None
    dataset_run_id: str | None = None
    environment: str = "default"
    source: str = "API"
    comment: str | None = None
    metadata_json: str | None = None
    config_id: str | None = None
    queue_id: str | None = None
    author_user_id: str | None = None
    writes: int = 1
    created_ns: int = 0
    updated_ns: int = 0

    COLUMNS: ClassVar[tuple[str, ...]]


for _row in (ObservationRow, TraceRow, ScoreRow):
    _row.COLUMNS = tuple(field.name for field in fields(_row))
