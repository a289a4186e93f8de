"""Raw rows in memory, for copies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import orjson
from tests.storage.memory.rows import BODIES, Stored

from pulse_storage import SpanRow
from pulse_storage.copying import ExpiredSums, RawBodies, RawEvents, RawRow, RawValue
from pulse_storage.latency import latency_bucket
from pulse_storage.reconciliation.skeletons import OVERRIDABLE, REFERENCES
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
        bodies = [tuple(getattr(spans[row.id], name) for name in BODIES.values()) for row in rows]
        return [(row, RawBodies(*of_row)) for row, of_row in zip(rows, bodies, strict=True)]

    async def put_rows(
        self, project_id: str, rows: Sequence[tuple[RawRow, RawBodies]], replaced: Mapping[bytes, RawRow]
    ) -> None:
        stored = self._store.existing(project_id).rows
        for row, bodies in rows:
            span = _stored(project_id, row, bodies)
            stored.spans[span.key] = span
        stored.changed()

    async def read_events(self, project_id: str, after: EventPart | None, limit: int) -> RawEvents:
        rows = self._store.existing(project_id).rows
        parts = sorted(part for of_span in rows.parts.values() for part in of_span.values())
        parts = [part for part in parts if after is None or part[:3] > after[:3]][:limit]
        return RawEvents(parts, {key: rows.contents[key] for key in {part[:2] for part in parts}})

    async def put_events(self, project_id: str, events: RawEvents) -> None:
        rows = self._store.existing(project_id).rows
        for part in events.parts:
            rows.parts.setdefault(part[:2], {}).setdefault(part.digest, part)
        rows.contents.update(events.contents)
        rows.changed()

    async def read_expired(self, project_id: str) -> ExpiredSums:
        at = self._store.existing(project_id).rows.watermarks
        return ExpiredSums(at.rows_from, at.content_from)

    async def put_expired(self, project_id: str, sums: ExpiredSums) -> None:
        self._store.existing(project_id).rows.watermarks = watermarks_at(sums.rows_from, sums.content_from)

    def _spans(self, project_id: str) -> list[Stored]:
        return self._store.existing(project_id).rows.reconciled()


def _raw(span: Stored) -> RawRow:
    row = span.effective()
    own = {name: getattr(span.row, name) for name in span.overrides if name not in REFERENCES}
    columns: dict[str, RawValue] = {name: getattr(row, name) for name in _PLAIN}
    columns |= {reference: cast("bytes | None", span.overrides.get(reference)) for reference in REFERENCES}
    columns |= {f"has_{name}": getattr(span.row, name) is not None for name in BODIES.values()}
    columns |= {
        "id": span.id,
        "tags": orjson.dumps(row.tags).decode() if row.tags else None,
        "latency_bucket": latency_bucket(row.latency_ms),
        "counted": span.counted,
        "own": orjson.dumps(own).decode() if own else None,
    }
    return RawRow(span.id, columns)


def _stored(project_id: str, raw: RawRow, bodies: RawBodies) -> Stored:
    values = {name: raw.columns[name] for name in _PLAIN}
    tags = tuple(orjson.loads(str(raw.columns["tags"]))) if raw.columns["tags"] else ()
    row = SpanRow(project_id=project_id, tags=tags, **values, **bodies._asdict())  # pyright: ignore[reportArgumentType]
    own: dict[str, Any] = orjson.loads(str(raw.columns["own"] or "{}"))
    overrides = {name: getattr(row, name) for name in OVERRIDABLE if name in own}
    overrides |= {name: raw.columns[name] for name in REFERENCES if raw.columns[name] is not None}
    own |= {"tags": tuple(own["tags"])} if "tags" in own else {}
    return Stored(raw.id, row._replace(**own), bool(raw.columns["counted"]), overrides)
