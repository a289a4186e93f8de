"""The stores that the conformance suite holds to the contract."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.support.rows import DAY_NS, HOUR_NS

from pulse_storage import StorageAdapter, open_storage
from pulse_storage.bodies import unpack
from pulse_storage.ids import time_of


class Backend(Protocol):
    """One kind of store."""

    @property
    def name(self) -> str: ...

    def open(self, folder: Path) -> StorageAdapter:
        """The store that lives in this folder; an empty one at first."""
        ...

    def check(self, folder: Path) -> None:
        """Fail unless what is kept beside the rows agrees with the rows. The store is closed."""
        ...

    def execute(self, folder: Path, sql: str) -> None:
        """Change what is kept behind the store's back. The store is closed."""
        ...

    def blocks(self, folder: Path) -> list[bytes]:
        """What documents share, unpacked. The store is closed."""
        ...


@dataclass(frozen=True)
class SqliteBackend:
    name: str = "sqlite"

    def open(self, folder: Path) -> StorageAdapter:
        return open_storage(f"sqlite:///{folder / 'pulse.db'}")

    def check(self, folder: Path) -> None:
        # The stdlib's module is a second opinion on the file.
        connection = sqlite3.connect(folder / "pulse.db")
        try:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            for kept, recounted in _RECOUNTS:
                assert connection.execute(kept).fetchall() == connection.execute(recounted).fetchall()
            dropped_ns = _dropped_before_ns(connection)
            for unit_ns, kept, recounted in _RECOUNTED_SUMS:

                def is_complete(row: tuple[int, ...], unit_ns: int = unit_ns) -> bool:
                    return row[1] * unit_ns >= dropped_ns.get(row[0], row[1] * unit_ns)

                sums = filter(is_complete, connection.execute(kept).fetchall())
                assert list(sums) == list(filter(is_complete, connection.execute(recounted).fetchall()))
        finally:
            connection.close()

    def execute(self, folder: Path, sql: str) -> None:
        connection = sqlite3.connect(folder / "pulse.db")
        with connection:
            assert connection.execute(sql).rowcount
        connection.close()

    def blocks(self, folder: Path) -> list[bytes]:
        connection = sqlite3.connect(folder / "pulse.db")
        packed = connection.execute("SELECT packed FROM content_blocks").fetchall()
        connection.close()
        return [unpack(block) for (block,) in packed]


def _dropped_before_ns(connection: sqlite3.Connection) -> dict[int, int]:
    """By project, the time from which on retention has left every row."""
    marks = connection.execute("SELECT project, rows_from FROM retention WHERE length(rows_from) = 16")
    return {project: time_of(mark) + 245 for project, mark in marks}


_RECOUNTED_SUMS = (
    (
        HOUR_NS,
        "SELECT * FROM rollup_hour ORDER BY 1, 2, 3",
        """SELECT project, (start_ns - (start_ns % 3600000000000 + 3600000000000) % 3600000000000)
            / 3600000000000 AS hour, usage_key, count(*), count(latency_ms),
            CAST(total(CAST(latency_ms * 1000 + 0.5 AS INTEGER)) AS INTEGER),
            ifnull(sum(input_tokens), 0), ifnull(sum(output_tokens), 0), ifnull(sum(cost_nano_usd), 0),
            sum(cost_nano_usd IS NULL AND ifnull(input_tokens, 0) + ifnull(output_tokens, 0) > 0)
        FROM spans WHERE usage_key IS NOT NULL GROUP BY 1, 2, 3 ORDER BY 1, 2, 3""",
    ),
    (
        DAY_NS,
        "SELECT * FROM latency_day ORDER BY 1, 2, 3, 4",
        """SELECT project, (start_ns - (start_ns % 86400000000000 + 86400000000000) % 86400000000000)
            / 86400000000000 AS day, latency_bucket, usage_key, count(*)
        FROM spans WHERE usage_key IS NOT NULL AND latency_bucket IS NOT NULL
        GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4""",
    ),
)

_RECOUNTS = (
    (
        "SELECT key, calls FROM usage_keys WHERE calls > 0 ORDER BY 1",
        "SELECT usage_key, count(*) FROM spans WHERE usage_key IS NOT NULL GROUP BY 1 ORDER BY 1",
    ),
    (
        """SELECT spans.seq FROM spans INNER JOIN usage_keys ON key = usage_key
        WHERE (spans.project, spans.provider, spans.model_requested, spans.model_used, spans.operation,
            spans.status) IS NOT (usage_keys.project, usage_keys.provider, usage_keys.model_requested,
            usage_keys.model_used, usage_keys.operation, usage_keys.status)""",
        "SELECT 1 WHERE FALSE",
    ),
    (
        "SELECT seq FROM span_bodies ORDER BY seq",
        "SELECT seq FROM spans WHERE has_output_text OR has_request_body OR has_response_body ORDER BY seq",
    ),
    (
        "SELECT digest FROM content_parts ORDER BY digest",
        """SELECT digest FROM content_parts INNER JOIN content_blocks ON id = block
        WHERE content_parts.project = content_blocks.project AND content_parts.week = content_blocks.week
        ORDER BY digest""",
    ),
)

BACKENDS: tuple[Backend, ...] = (SqliteBackend(),)
