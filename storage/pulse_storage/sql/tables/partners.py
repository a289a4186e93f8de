"""Queries of the `spans` table that find partners: rows by response id or partner key, of any trace."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set

from pulse_storage.ids import time_floor
from pulse_storage.reconciliation.partner_keys import RESPONSE_ID_CHARS, SLOT_BITS
from pulse_storage.sql.connection import Connection, Cursor, SqlValue, Values

#: The columns that are read of a partner, in the order of `PartnerSpan`.
_COLUMNS = (
    "otel_trace_id, otel_span_id, parent_span_id, start_ns, scope, service, provider_request_id, partner_key,"
    " output_tokens"
)
_MAX_ROWS = 5_000
_MS = 1_000_000


def request_by_response(
    connection: Connection, project: int, ends: Mapping[int, Sequence[str]]
) -> list[Iterable[Values]]:
    """Request the model calls that start in a slot and whose response ids have one of the slot's ends."""
    condition = "model_call AND provider_request_id IS NOT NULL"
    ids = _ids(min(ends) << SLOT_BITS, (max(ends) + 1) << SLOT_BITS)
    return connection.dialect.by_response(
        connection, _COLUMNS, f"{condition} AND {_IN_TIME}", (project, ends, ids)
    )


def request_response_ends(connection: Connection, project: int, slot: int, limit: int) -> Cursor:
    """Request the ends of the response ids of the model calls that start in a slot, up to a limit."""
    dialect = connection.dialect
    in_slot, bindings = dialect.in_slots(slot, slot)
    return connection.execute(
        f"SELECT {dialect.text_end('provider_request_id', RESPONSE_ID_CHARS)}"
        f" FROM spans{dialect.indexed_by('spans_by_response')} WHERE project = ? AND {in_slot}"
        f"model_call AND provider_request_id IS NOT NULL AND {_IN_TIME} LIMIT {limit:d}",
        (project, *bindings, *_ids(slot << SLOT_BITS, (slot + 1) << SLOT_BITS)),
    )


def request_by_output(
    connection: Connection, project: int, slots: tuple[int, int], outputs: Set[int | None]
) -> list[Iterable[Values]]:
    """Request the model calls with an id that begin a trace and have one of these numbers of output tokens.

    They start in one of the slots, of which the first and the last are given.
    """
    dialect = connection.dialect
    known = [output for output in outputs if output is not None]
    conditions: list[tuple[str, tuple[SqlValue, ...]]] = []
    if known:
        conditions.append((dialect.in_array("output_tokens"), (dialect.integers(known),)))
    if None in outputs:
        conditions.append(("output_tokens IS NULL", ()))
    in_slots, first_and_last = dialect.in_slots(*slots)
    times = slots[0] << SLOT_BITS, (slots[1] + 1) << SLOT_BITS
    return [
        connection.execute(
            f"SELECT {_COLUMNS} FROM spans{dialect.indexed_by('spans_by_response')} WHERE project = ?"
            f" AND {in_slots}model_call AND provider_request_id IS NOT NULL"
            f" AND {condition} AND parent_span_id IS NULL AND {_IN_TIME} LIMIT {_MAX_ROWS:d}",
            (project, *first_and_last, *bindings, *_ids(*times)),
        )
        for condition, bindings in conditions
    ]


def request_by_partner_key(
    connection: Connection, project: int, keys: Sequence[str], times: tuple[int, int]
) -> Iterable[Values]:
    """Request the rows with one of these partner keys that start in a range of time."""
    dialect = connection.dialect
    found = dialect.of_each_text(
        _COLUMNS, "spans_by_partner", f"project = ? AND partner_key = wanted.value AND {_IN_TIME}"
    )
    return connection.execute(found, (dialect.texts(keys), project, *_ids(*times)))


def request_any_key(connection: Connection, project: int, keys: tuple[str, str]) -> Cursor:
    """Request whether there is any partner key in a half-open range."""
    return connection.execute(
        f"SELECT 1 FROM spans{connection.dialect.indexed_by('spans_by_partner')}"
        " WHERE project = ? AND partner_key >= ? AND partner_key < ? LIMIT 1",
        (project, *keys),
    )


#: Ids begin with the time, so that PostgreSQL reads only the partitions of that time.
_IN_TIME = "id >= ? AND id <= ?"


def _ids(from_ns: int, to_ns: int) -> tuple[bytes, bytes]:
    return time_floor(from_ns - _MS), time_floor(to_ns + _MS)
