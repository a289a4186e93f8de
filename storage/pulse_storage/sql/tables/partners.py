"""Queries of the `spans` table that find partners: rows by response id or partner key, of any trace."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set

from pulse_storage.ids import time_floor
from pulse_storage.reconciliation.partner_keys import RESPONSE_ID_CHARS, SLOT_BITS
from pulse_storage.reconciliation.partners import PartnerSpan
from pulse_storage.sql.connection import Connection, SqlValue

#: The columns that are read of a partner, in the order of `PartnerSpan`.
_COLUMNS = (
    "otel_trace_id, otel_span_id, parent_span_id, start_ns, scope, service, provider_request_id, partner_key,"
    " output_tokens"
)
_MAX_ROWS = 5_000
_MS = 1_000_000


def read_by_response(
    connection: Connection, project: int, ends: Mapping[int, Sequence[str]]
) -> Iterator[PartnerSpan]:
    """Yield the model calls that start in a slot and whose response id has one of the slot's ends."""
    condition = "model_call AND provider_request_id IS NOT NULL"
    ids = _ids(min(ends) << SLOT_BITS, (max(ends) + 1) << SLOT_BITS)
    return map(
        PartnerSpan._make,
        connection.dialect.by_response(
            connection, _COLUMNS, f"{condition} AND {_IN_TIME}", (project, ends, ids)
        ),
    )


def read_response_ends(connection: Connection, project: int, slot: int, limit: int) -> list[str]:
    """Return the ends of the response ids of model calls that start in a slot, at most `limit`."""
    dialect = connection.dialect
    in_slot, bindings = dialect.in_slots(slot, slot)
    rows = connection.execute(
        f"SELECT {dialect.text_end('provider_request_id', RESPONSE_ID_CHARS)}"
        f" FROM spans{dialect.indexed_by('spans_by_response')} WHERE project = ? AND {in_slot}"
        f"model_call AND provider_request_id IS NOT NULL AND {_IN_TIME} LIMIT {limit:d}",
        (project, *bindings, *_ids(slot << SLOT_BITS, (slot + 1) << SLOT_BITS)),
    )
    return [end for (end,) in rows]


def read_by_output(
    connection: Connection, project: int, slots: tuple[int, int], outputs: Set[int | None]
) -> Iterator[PartnerSpan]:
    """Yield the model calls with a response id that begin a trace and have one of these output token counts.

    They start in `slots`, the first and the last one.
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
    for condition, bindings in conditions:
        rows = connection.execute(
            f"SELECT {_COLUMNS} FROM spans{dialect.indexed_by('spans_by_response')} WHERE project = ?"
            f" AND {in_slots}model_call AND provider_request_id IS NOT NULL"
            f" AND {condition} AND parent_span_id IS NULL AND {_IN_TIME} LIMIT {_MAX_ROWS:d}",
            (project, *first_and_last, *bindings, *_ids(*times)),
        )
        yield from map(PartnerSpan._make, rows)


def read_by_partner_key(
    connection: Connection, project: int, keys: Sequence[str], times: tuple[int, int]
) -> Iterator[PartnerSpan]:
    """Yield the rows with one of these partner keys that start between two times."""
    dialect = connection.dialect
    select = dialect.of_each_text(
        _COLUMNS, "spans_by_partner", f"project = ? AND partner_key = wanted.value AND {_IN_TIME}"
    )
    return map(PartnerSpan._make, connection.execute(select, (dialect.texts(keys), project, *_ids(*times))))


def has_partner_key(connection: Connection, project: int, keys: tuple[str, str]) -> bool:
    """Return True if any row has a partner key in a half-open range."""
    found = connection.execute(
        f"SELECT 1 FROM spans{connection.dialect.indexed_by('spans_by_partner')}"
        " WHERE project = ? AND partner_key >= ? AND partner_key < ? LIMIT 1",
        (project, *keys),
    ).get
    return found is not None


#: Ids begin with the time, so that PostgreSQL reads only the partitions of that time.
_IN_TIME = "id >= ? AND id <= ?"


def _ids(from_ns: int, to_ns: int) -> tuple[bytes, bytes]:
    return time_floor(from_ns - _MS), time_floor(to_ns + _MS)
