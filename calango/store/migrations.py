"""The schema, as numbered steps. A step that was published is never edited: write the next one.

Each step runs in one transaction together with its own record in `schema_migrations`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import duckdb

from calango.errors import StoreError
from calango.store import computed, turns


@dataclass(frozen=True, slots=True)
class Migration:
    number: int
    name: str
    sql: str


MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        1,
        "projects, observations, traces and scores",
        """
        CREATE TABLE projects (id VARCHAR NOT NULL, name VARCHAR NOT NULL, created_ns BIGINT NOT NULL);
        CREATE TABLE api_keys (
            public_key VARCHAR NOT NULL, secret_sha256 VARCHAR NOT NULL, project_id VARCHAR NOT NULL,
            created_ns BIGINT NOT NULL
        );
        CREATE TABLE observations (
            project_id VARCHAR NOT NULL, trace_id VARCHAR NOT NULL, id VARCHAR NOT NULL, start_ns BIGINT NOT NULL,
            type VARCHAR NOT NULL, name VARCHAR NOT NULL, parent_id VARCHAR, end_ns BIGINT,
            completion_start_ns BIGINT, level VARCHAR NOT NULL, status_message VARCHAR,
            environment VARCHAR NOT NULL, version VARCHAR, release VARCHAR, trace_name VARCHAR, user_id VARCHAR,
            session_id VARCHAR, tags VARCHAR[], is_root BOOLEAN NOT NULL, public BOOLEAN NOT NULL,
            direct BOOLEAN NOT NULL, model VARCHAR, model_id VARCHAR, tier_id VARCHAR, tier_name VARCHAR,
            model_parameters_json VARCHAR, usage_json VARCHAR, cost_json VARCHAR, input_tokens BIGINT,
            output_tokens BIGINT, total_tokens BIGINT, input_cost DECIMAL(24, 12), output_cost DECIMAL(24, 12),
            total_cost DECIMAL(24, 12), prompt_name VARCHAR, prompt_version BIGINT, experiment_id VARCHAR,
            experiment_name VARCHAR, experiment_dataset_id VARCHAR, experiment_item_id VARCHAR,
            experiment_json VARCHAR, input VARCHAR, output VARCHAR, trace_input VARCHAR, trace_output VARCHAR,
            metadata_json VARCHAR, trace_metadata_json VARCHAR, attributes_json VARCHAR, source_json VARCHAR,
            created_ns BIGINT NOT NULL, updated_ns BIGINT NOT NULL
        );
        CREATE TABLE traces (
            project_id VARCHAR NOT NULL, id VARCHAR NOT NULL, timestamp_ns BIGINT NOT NULL, name VARCHAR,
            environment VARCHAR, user_id VARCHAR, session_id VARCHAR, release VARCHAR, version VARCHAR,
            tags VARCHAR[], public BOOLEAN, input VARCHAR, output VARCHAR, metadata_json VARCHAR,
            created_ns BIGINT NOT NULL, updated_ns BIGINT NOT NULL
        );
        CREATE TABLE scores (
            project_id VARCHAR NOT NULL, id VARCHAR NOT NULL, name VARCHAR NOT NULL, timestamp_ns BIGINT NOT NULL,
            data_type VARCHAR NOT NULL, value DOUBLE, string_value VARCHAR, trace_id VARCHAR,
            observation_id VARCHAR, session_id VARCHAR, dataset_run_id VARCHAR, environment VARCHAR NOT NULL,
            source VARCHAR NOT NULL, comment VARCHAR, metadata_json VARCHAR, config_id VARCHAR, queue_id VARCHAR,
            author_user_id VARCHAR, writes BIGINT NOT NULL, created_ns BIGINT NOT NULL, updated_ns BIGINT NOT NULL
        );
        """,
    ),
    Migration(
        2,
        "prompts, datasets and their runs, score configs, comments, models and media",
        """
        CREATE TABLE prompts (
            project_id VARCHAR NOT NULL, id VARCHAR NOT NULL, name VARCHAR NOT NULL, version BIGINT NOT NULL,
            type VARCHAR NOT NULL, prompt_json VARCHAR NOT NULL, config_json VARCHAR NOT NULL,
            labels VARCHAR[] NOT NULL, tags VARCHAR[] NOT NULL, commit_message VARCHAR,
            created_ns BIGINT NOT NULL, updated_ns BIGINT NOT NULL
        );
        CREATE TABLE datasets (
            project_id VARCHAR NOT NULL, id VARCHAR NOT NULL, name VARCHAR NOT NULL, description VARCHAR,
            metadata_json VARCHAR, input_schema_json VARCHAR, expected_output_schema_json VARCHAR,
            created_ns BIGINT NOT NULL, updated_ns BIGINT NOT NULL
        );
        CREATE TABLE dataset_items (
            project_id VARCHAR NOT NULL, id VARCHAR NOT NULL, dataset_id VARCHAR NOT NULL, status VARCHAR NOT NULL,
            input_json VARCHAR, expected_output_json VARCHAR, metadata_json VARCHAR, source_trace_id VARCHAR,
            source_observation_id VARCHAR, created_ns BIGINT NOT NULL, updated_ns BIGINT NOT NULL
        );
        CREATE TABLE dataset_runs (
            project_id VARCHAR NOT NULL, id VARCHAR NOT NULL, dataset_id VARCHAR NOT NULL, name VARCHAR NOT NULL,
            description VARCHAR, metadata_json VARCHAR, created_ns BIGINT NOT NULL, updated_ns BIGINT NOT NULL
        );
        CREATE TABLE dataset_run_items (
            project_id VARCHAR NOT NULL, id VARCHAR NOT NULL, run_id VARCHAR NOT NULL, item_id VARCHAR NOT NULL,
            trace_id VARCHAR NOT NULL, observation_id VARCHAR, created_ns BIGINT NOT NULL, updated_ns BIGINT NOT NULL
        );
        CREATE TABLE score_configs (
            project_id VARCHAR NOT NULL, id VARCHAR NOT NULL, name VARCHAR NOT NULL, data_type VARCHAR NOT NULL,
            is_archived BOOLEAN NOT NULL, description VARCHAR, min_value DOUBLE, max_value DOUBLE,
            categories_json VARCHAR, created_ns BIGINT NOT NULL, updated_ns BIGINT NOT NULL
        );
        CREATE TABLE comments (
            project_id VARCHAR NOT NULL, id VARCHAR NOT NULL, object_type VARCHAR NOT NULL, object_id VARCHAR NOT NULL,
            content VARCHAR NOT NULL, author_user_id VARCHAR, created_ns BIGINT NOT NULL, updated_ns BIGINT NOT NULL
        );
        CREATE TABLE models (
            project_id VARCHAR NOT NULL, id VARCHAR NOT NULL, model_name VARCHAR NOT NULL,
            match_pattern VARCHAR NOT NULL, start_ns BIGINT, unit VARCHAR, prices_json VARCHAR NOT NULL,
            tokenizer_id VARCHAR, tokenizer_config_json VARCHAR, created_ns BIGINT NOT NULL, updated_ns BIGINT NOT NULL
        );
        CREATE TABLE media (
            project_id VARCHAR NOT NULL, id VARCHAR NOT NULL, sha256 VARCHAR NOT NULL, content_type VARCHAR NOT NULL,
            content_length BIGINT NOT NULL, content BLOB, uploaded_ns BIGINT, upload_status BIGINT,
            upload_error VARCHAR, created_ns BIGINT NOT NULL, updated_ns BIGINT NOT NULL
        );
        CREATE TABLE media_uses (
            project_id VARCHAR NOT NULL, media_id VARCHAR NOT NULL, trace_id VARCHAR, observation_id VARCHAR,
            dataset_id VARCHAR, dataset_item_id VARCHAR, field VARCHAR NOT NULL
        );
        """,
    ),
    Migration(
        3,
        "a number that tells fast whether an observation is stored",
        """
        ALTER TABLE observations ADD COLUMN key UBIGINT;
        UPDATE observations SET key = md5_number_lower(trace_id || '/' || id);
        """,
    ),
    Migration(
        4,
        "what dataset items were before: a state began at updated_ns and ended at ended_ns",
        """
        CREATE TABLE dataset_items_before AS SELECT *, 0::BIGINT AS ended_ns FROM dataset_items WITH NO DATA;
        CREATE VIEW dataset_items_ever AS
            SELECT *, NULL::BIGINT AS ended_ns FROM dataset_items UNION ALL SELECT * FROM dataset_items_before;
        """,
    ),
    Migration(5, "one row per trace, for questions about turns", turns.SCHEMA),
    Migration(
        6,
        "alerts: incidents, mutes and messages",
        """
        CREATE TABLE alert_incidents (
            project_id VARCHAR NOT NULL, id VARCHAR NOT NULL, rule VARCHAR NOT NULL, opened_ns BIGINT NOT NULL,
            value DOUBLE NOT NULL, worst DOUBLE NOT NULL, subject VARCHAR, usual DOUBLE, told_ns BIGINT,
            reminded_ns BIGINT, closed_ns BIGINT, recovery_told_ns BIGINT, acknowledged_ns BIGINT
        );
        CREATE TABLE alert_mutes (project_id VARCHAR NOT NULL, rule VARCHAR NOT NULL, until_ns BIGINT NOT NULL);
        CREATE TABLE alert_messages (
            project_id VARCHAR NOT NULL, id VARCHAR NOT NULL, incident_id VARCHAR NOT NULL, news VARCHAR NOT NULL,
            target VARCHAR NOT NULL, title VARCHAR NOT NULL, body VARCHAR NOT NULL, created_ns BIGINT NOT NULL,
            due_ns BIGINT NOT NULL, attempts BIGINT NOT NULL, sent_ns BIGINT, error VARCHAR
        );
        """,
    ),
    Migration(
        7,
        "alert rules that were made in the UI; what an incident's rule was",
        """
        CREATE TABLE alert_rules (
            project_id VARCHAR NOT NULL, name VARCHAR NOT NULL, rule_json VARCHAR NOT NULL,
            created_ns BIGINT NOT NULL, updated_ns BIGINT NOT NULL
        );
        ALTER TABLE alert_incidents ADD COLUMN asked_json VARCHAR;
        """,
    ),
    Migration(8, "what was said, beside each turn, to be listed and searched", turns.TEXTS_SCHEMA),
    Migration(9, "which costs of a turn are estimates", turns.ESTIMATES),
    Migration(10, "what caches cost, so that it need not be read out of JSON at each question", computed.CACHE_SCHEMA),
)
LATEST = MIGRATIONS[-1].number


def version(db: duckdb.DuckDBPyConnection) -> int:
    """The number of the last step that `db` went through; 0 for an empty file."""
    found = db.execute(
        "SELECT count(*) FROM information_schema.tables WHERE table_name = 'schema_migrations'"
    ).fetchone()
    if not found or not found[0]:
        return 0
    row = db.execute("SELECT coalesce(max(number), 0) FROM schema_migrations").fetchone()
    return int(row[0]) if row else 0


def migrate(db: duckdb.DuckDBPyConnection, steps: tuple[Migration, ...] = MIGRATIONS) -> int:
    """Bring `db` to the last of `steps` and return its number.

    Raises StoreError when the file is already further: an older Calango would lose what a newer one wrote.
    """
    current, latest = version(db), steps[-1].number
    if current > latest:
        raise StoreError(
            f"The database has schema {current}; this version of Calango knows {latest}.",
            "Use the newer Calango that wrote it, or another CALANGO_HOME. Nothing was changed.",
        )
    for step in steps:
        if step.number > current:
            _apply(db, step)
    return latest


def _apply(db: duckdb.DuckDBPyConnection, step: Migration) -> None:
    db.execute("BEGIN")
    try:
        db.execute(
            "CREATE TABLE IF NOT EXISTS schema_migrations"
            " (number BIGINT NOT NULL, name VARCHAR NOT NULL, applied_ns BIGINT NOT NULL)"
        )
        db.execute(step.sql)
        db.execute("INSERT INTO schema_migrations VALUES (?, ?, ?)", [step.number, step.name, time.time_ns()])
        db.execute("COMMIT")
    except BaseException:
        db.execute("ROLLBACK")
        raise
