"""Outlines of stored spans, and updates of inheriting rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from tests.support.rows import NOON_NS, project, span, step

from pulse_storage import SpanRow
from pulse_storage.reconciliation.inheritance import Outline, Overrides
from pulse_storage.runtime.writer import WriteRequest
from pulse_storage.sql.tables.projects import insert_project
from pulse_storage.sql.writing.outlines import read_outlines, update_inheriting_rows
from pulse_storage.sqlite import schema
from pulse_storage.sqlite.apsw_connection import ApswConnection
from pulse_storage.sqlite.connection import open_writer
from pulse_storage.sqlite.database import SqliteDatabase

_CALL = span(1, trace=9, session_id=None, user_id="u", tags=("a",), provider_request_id="r1")


class _Store:
    def __init__(self, path: Path) -> None:
        self.connection: ApswConnection = open_writer(path)
        schema.apply_to(self.connection, path)
        self._database = SqliteDatabase(self.connection, path)
        self._database.transact(lambda connection: insert_project(connection, *project()))

    def keep(self, rows: Sequence[SpanRow]) -> None:
        self._database.store([WriteRequest(rows, keep_all=True, size_bytes=0)])

    def outlines(self, *traces: int, frozen_before_ns: int = 0) -> dict[bytes, dict[bytes, Outline]]:
        ids = [trace.to_bytes(16, "big") for trace in traces]
        return read_outlines(self.connection, 1, ids, 501, frozen_before_ns)

    def outline(self, row: SpanRow, frozen_before_ns: int = 0) -> Outline:
        outlines = self.outlines(int.from_bytes(row.otel_trace_id, "big"), frozen_before_ns=frozen_before_ns)
        return outlines[row.otel_trace_id][row.otel_span_id]

    def shown(self, column: str) -> list[object]:
        return [value for (value,) in self.connection.execute(f"SELECT {column} FROM spans ORDER BY seq")]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[_Store]:
    store = _Store(tmp_path / "pulse.db")
    yield store
    store.connection.close()


def test_outline_contains_own_and_inherited_values(store: _Store) -> None:
    store.keep([_CALL])
    own = (None, "u", ("a",), None)
    outline = store.outline(_CALL)
    assert outline == Outline(None, True, True, "r1", _CALL.scope, own, {}, 1)
    store.keep([step(2, trace=9, session_id="s", user_id="other", environment="prod")])
    inherited: Overrides = {"session_id": "s", "environment": "prod"}
    assert store.outline(_CALL) == outline._replace(overrides=inherited)


@pytest.mark.parametrize(
    "change",
    [
        "partner_key = 'stream:k'",
        "usage_key = NULL",
        "model_call = 0",
        "output_from = x'01'",
        "request_from = x'01'",
        "response_from = x'01'",
        """own = '{"finish_reason":null}'""",
        """own = '{"status":"success"}'""",
        """own = '{"session_id":null,"input_tokens":null}'""",
        """own = '{"session_id":"own"}'""",
        f"""own = '{{"error_message":"{"x" * 100}"}}'""",
        f"start_ns = {NOON_NS - 1}",
    ],
)
def test_outline_of_a_row_that_needs_reconcile_has_no_overrides(store: _Store, change: str) -> None:
    row = _CALL._replace(start_ns=NOON_NS)
    store.keep([row])
    assert store.outline(row, NOON_NS).overrides == {}
    store.connection.execute(f"UPDATE spans SET {change}")
    assert store.outline(row, NOON_NS).overrides is None


def test_update_writes_changed_columns_of_inheriting_rows_only(store: _Store) -> None:
    calls = [span(n, trace=9, session_id=None, user_id="u", tags=("a",)) for n in range(1, 21)]
    store.keep(calls)
    rows = list(store.outlines(9)[_CALL.otel_trace_id].values())
    update_inheriting_rows(store.connection, 1, [(row, {"session_id": "s"}) for row in rows[:19]])
    assert store.shown("session_id") == ["s"] * 19 + [None]
    assert store.shown("own") == ['{"session_id":null}'] * 19 + [None]
    assert store.shown("user_id") == ["u"] * 20
    rows = list(store.outlines(9)[_CALL.otel_trace_id].values())
    update_inheriting_rows(
        store.connection, 1, [(rows[0], {"session_id": "t", "tags": ("b",)}), (rows[1], {})]
    )
    assert store.shown("session_id")[:3] == ["t", None, "s"]
    assert store.shown("own")[:3] == ['{"session_id":null,"tags":[]}', None, '{"session_id":null}']
    assert store.shown("tags")[:2] == ['["b"]', '["a"]']


def test_outlines_of_many_traces_include_every_span(store: _Store) -> None:
    sizes = {1: 700, 2: 450, **{trace: 3 for trace in range(3, 130)}}
    for trace, size in sizes.items():
        store.keep([step(1_000 * trace + n, trace=trace) for n in range(size)])
    outlines = store.outlines(*sizes)
    found = {int.from_bytes(trace_id, "big"): len(trace) for trace_id, trace in outlines.items()}
    assert found[1] > 500
    assert {**found, 1: 700} == sizes
