import dataclasses
from collections.abc import Generator

import duckdb
import pytest

from calango.errors import StoreError
from calango.store import computed, migrations
from calango.store.bulk import insert_observations
from calango.store.migrations import MIGRATIONS, Migration
from calango.store.rows import ObservationRow, ScoreRow, TraceRow


@pytest.fixture
def db() -> Generator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect()
    yield connection
    connection.close()


def test_an_empty_file_gets_every_step_with_its_record(db: duckdb.DuckDBPyConnection):
    migrations.migrate(db)

    recorded = db.execute("SELECT number, name FROM schema_migrations ORDER BY number").fetchall()
    assert recorded == [(step.number, step.name) for step in MIGRATIONS]


def test_migrating_again_changes_nothing(db: duckdb.DuckDBPyConnection):
    migrations.migrate(db)

    assert migrations.migrate(db) == MIGRATIONS[-1].number
    assert db.execute("SELECT count(*) FROM schema_migrations").fetchone() == (len(MIGRATIONS),)


def test_an_old_file_keeps_its_rows_through_later_steps(db: duckdb.DuckDBPyConnection):
    migrations.migrate(db, MIGRATIONS[:1])
    db.execute("INSERT INTO projects VALUES ('p', 'kept', 1)")

    migrations.migrate(db)

    assert db.execute("SELECT name FROM projects").fetchall() == [("kept",)]


def test_observations_of_an_old_file_are_still_replaced_when_they_are_sent_again(db: duckdb.DuckDBPyConnection):
    migrations.migrate(db, MIGRATIONS[:2])
    columns = "project_id, trace_id, id, start_ns, type, name, level, environment, is_root, public, direct"
    values = "'p', 't', 'a', 1, 'SPAN', 'old', 'DEFAULT', 'default', true, false, true, 1, 1"
    db.execute(f"INSERT INTO observations ({columns}, created_ns, updated_ns) VALUES ({values})")

    migrations.migrate(db)
    insert_observations(db, [ObservationRow("p", "t", "a", 1, name="new")])

    assert db.execute("SELECT name FROM observations").fetchall() == [("new",)]


def test_a_step_that_fails_leaves_neither_tables_nor_a_record(db: duckdb.DuckDBPyConnection):
    broken = Migration(MIGRATIONS[-1].number + 1, "broken", "CREATE TABLE half (a INTEGER); SELECT * FROM nowhere")
    with pytest.raises(duckdb.Error):
        migrations.migrate(db, (*MIGRATIONS, broken))

    assert migrations.version(db) == MIGRATIONS[-1].number
    assert not db.execute("SELECT 1 FROM information_schema.tables WHERE table_name = 'half'").fetchall()


def test_a_file_of_a_newer_version_is_refused(db: duckdb.DuckDBPyConnection):
    newer = Migration(MIGRATIONS[-1].number + 1, "from the future", "CREATE TABLE future (a INTEGER)")
    migrations.migrate(db, (*MIGRATIONS, newer))

    with pytest.raises(StoreError, match=f"schema {newer.number}"):
        migrations.migrate(db)


def test_steps_are_numbered_without_gaps():
    assert [step.number for step in MIGRATIONS] == list(range(1, len(MIGRATIONS) + 1))


@pytest.mark.parametrize(
    ("table", "kind"), [("observations", ObservationRow), ("traces", TraceRow), ("scores", ScoreRow)]
)
def test_a_row_has_the_columns_of_its_table(db: duckdb.DuckDBPyConnection, table: str, kind: type):
    migrations.migrate(db)

    columns = db.execute(f"SELECT column_name FROM information_schema.columns WHERE table_name = '{table}'").fetchall()
    more = set(computed.OF_OBSERVATIONS) if kind is ObservationRow else set()
    assert {name for (name,) in columns} == {field.name for field in dataclasses.fields(kind)} | more


def test_what_caches_cost_in_an_old_file_is_known_after_the_step(db: duckdb.DuckDBPyConnection):
    migrations.migrate(db, MIGRATIONS[:9])
    columns = "project_id, trace_id, id, start_ns, type, name, level, environment, is_root, public, direct"
    values = "'p', 't', 'a', 1, 'GENERATION', 'm', 'DEFAULT', 'default', true, false, true, 1, 1"
    usage, cost = '{"input": 4, "input_cache_read": 6, "cached": 1}', '{"input": 0.5, "input_cache_read": 0.25}'
    db.execute(
        f"INSERT INTO observations ({columns}, created_ns, updated_ns, usage_json, cost_json) VALUES ({values}, ?, ?)",
        [usage, cost],
    )

    migrations.migrate(db)

    found = db.execute("SELECT cache_tokens, CAST(cache_cost AS DOUBLE) FROM observations").fetchall()
    assert found == [(7, 0.25)]
