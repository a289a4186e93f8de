"""Queries of the `spans` table that find partners: rows by response id or partner key, of any trace."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pulse_storage.ids import time_floor
from pulse_storage.sql.connection import Connection, Values

#: What is read of a partner, in the order of `PartnerSpan`.
_COLUMNS = "otel_trace_id, otel_span_id, start_ns, scope, service, provider_request_id, partner_key"
_MAX_NS = (1 << 63) - 1
_MS = 1_000_000


def request_by_response(
    connection: Connection, project: int, keys: Sequence[str], times: tuple[int, int]
) -> Iterable[Values]:
    """Request the model calls that the index of response ids has under these keys, by `response_keys`."""
    dialect = connection.dialect
    return _request(
        connection,
        "spans_by_response",
        f"{dialect.one_of(dialect.response_key())} AND model_call AND provider_request_id IS NOT NULL",
        (project, keys, times),
    )


def request_by_partner_key(
    connection: Connection, project: int, keys: Sequence[str], times: tuple[int, int]
) -> Iterable[Values]:
    """Request the rows with one of these partner keys."""
    of_keys = connection.dialect.one_of("partner_key")
    return _request(connection, "spans_by_partner", of_keys, (project, keys, times))


def _request(
    connection: Connection, index: str, condition: str, wanted: tuple[int, Sequence[str], tuple[int, int]]
) -> Iterable[Values]:
    project, keys, (from_ns, to_ns) = wanted
    dialect = connection.dialect
    # The range of ids keeps PostgreSQL to the partitions of that time.
    return connection.ask(
        f"SELECT {_COLUMNS} FROM spans{dialect.indexed_by(index)}"
        f" WHERE project = ? AND {condition} AND start_ns BETWEEN ? AND ? AND id >= ? AND id <= ?",
        (
            project,
            dialect.texts(keys),
            max(from_ns, -_MAX_NS),
            min(to_ns, _MAX_NS),
            time_floor(from_ns - _MS),
            time_floor(to_ns + _MS),
        ),
    )
