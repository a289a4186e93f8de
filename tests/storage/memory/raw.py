"""Raw rows in memory, for copies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import orjson
from tests.storage.memory.rows import BODIES, Stored

from pulse_storage import SpanRow
from pulse_storage.copying import ExpiredSums, RawBodies, RawEvents, RawRow, RawValue
from pulse_storage.latency import latency_bucket
from pulse_storage.reconciliation.skeletons import REFERENCES, OwnValue
from pulse_storage.retention import watermarks_at
from pulse_storage.rows import EventPart

if TYPE_CHECKING:
    from tests.storage.memory.store import MemoryStore

_PLAIN = tuple(set(SpanRow._fields) - {"project_id", "tags", *BODIES.values()})


class MemoryRaw:
    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def count_rows(self, project_id: str) -> int:
        return len(self._spans(project_id))

    async def read_rows(self, project_id: str, after: bytes, limit: int) -> list[RawRow]:
        return [_raw(span) for span in self._spans(project_id) if span.id > after][:limit]

    async def read_rows_until(self, project_id: str, after: bytes, last: bytes) -> list[RawRow]:
        return [_raw(span) for span in self._spans(project_id) if after < span.id <= last]

    async def sanitized(self, rows: Sequence[RawRow]) -> list[RawRow]:
        return list(rows)

    async def read_bodies(self, project_id: str, rows: Sequence[RawRow]) -> list[tuple[RawRow, RawBodies]]:
        spans = {span.id: span.row for span in self._spans(project_id)}
        return [(row, RawBodies(*(getattr(spans[row.id], name) for name in BODIES.values()))) for row in rows]

    async def put_rows(
        self, project_id: str, rows: Sequence[tuple[RawRow, RawBodies]], replaced: Mapping[bytes, RawRow]
    ) -> None:
        spans = [_stored(project_id, row, bodies) for row, bodies in rows]
        self._store.existing(project_id).spans.update({span.key: span for span in spans})
        self._store.existing(project_id).is_reconciled = False

    async def read_events(self, project_id: str, after: EventPart | None, limit: int) -> RawEvents:
        rows = self._store.existing(project_id)
        parts = sorted(part for of_span in rows.parts.values() for part in of_span.values())
        parts = [part for part in parts if after is None or part[:3] > after[:3]][:limit]
        return RawEvents(parts, {key: rows.contents[key] for key in {part[:2] for part in parts}})

    async def put_events(self, project_id: str, events: RawEvents) -> None:
        rows = self._store.existing(project_id)
        rows.add_events(events.parts, lambda parts: events.contents[parts[0][:2]])

    async def read_expired(self, project_id: str) -> ExpiredSums:
        return ExpiredSums(*self._store.existing(project_id).watermarks[:2])

    async def put_expired(self, project_id: str, sums: ExpiredSums) -> None:
        self._store.existing(project_id).watermarks = watermarks_at(sums.rows_from, sums.content_from)

    def _spans(self, project_id: str) -> list[Stored]:
        return self._store.existing(project_id).reconciled()


def _raw(span: Stored) -> RawRow:
    row, own = span.effective(), [name for name in span.overrides if name not in REFERENCES]
    columns: dict[str, RawValue] = {name: getattr(row, name) for name in _PLAIN}
    columns |= {name: cast("bytes | None", span.overrides.get(name)) for name in REFERENCES}
    columns |= {f"has_{name}": getattr(span.row, name) is not None for name in BODIES.values()}
    columns |= {"id": span.id, "latency_bucket": latency_bucket(row.latency_ms), "counted": span.counted}
    columns |= {"tags": _json(row.tags), "own": _json({name: getattr(span.row, name) for name in own})}
    return RawRow(span.id, columns)


def _json(value: object) -> str | None:
    return orjson.dumps(value).decode() if value else None


def _stored(project_id: str, raw: RawRow, bodies: RawBodies) -> Stored:
    values: dict[str, Any] = {name: raw.columns[name] for name in _PLAIN}
    values |= {"tags": tuple(orjson.loads(str(raw.columns["tags"] or "[]")))}
    own: dict[str, Any] = orjson.loads(str(raw.columns["own"] or "{}"))
    own |= {"tags": tuple(own["tags"])} if "tags" in own else {}
    overrides: dict[str, OwnValue] = {name: values[name] for name in own}
    overrides |= {name: raw.columns[name] for name in REFERENCES if raw.columns[name] is not None}
    row = SpanRow(project_id=project_id, **{**values, **own}, **bodies._asdict())
    return Stored(raw.id, row, bool(raw.columns["counted"]), overrides)
