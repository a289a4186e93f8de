"""A check of `pulse doctor`: attributes of stored spans that no dialect reads."""

from __future__ import annotations

from collections import Counter

from pulse_collector.mapping.unread import unread_names
from pulse_server.settings import Settings
from pulse_server.store import existing_store
from pulse_storage.adapter import StorageAdapter
from pulse_storage.queries.filters import ALL_OPERATIONS, Page, TraceFilter
from pulse_storage.rows import Project

#: Number of spans examined per project, newest first.
_SPANS = 1000
#: Maximum number of attributes listed per project; further ones are only counted.
_MAX_LISTED = 20


async def unread_attributes(settings: Settings) -> list[str]:
    """Return a text for each project whose newest spans have usage or messages that no dialect reads.

    The store must exist, with its schema up to date. Raises StorageError.
    """
    texts: list[str] = []
    async with existing_store(settings) as storage:
        for project in await storage.list_projects():
            spans, names = await _unread(storage, project)
            if names:
                texts.append(_text(project, spans, names))
    return texts


async def _unread(storage: StorageAdapter, project: Project) -> tuple[int, Counter[str]]:
    where = TraceFilter(operation=ALL_OPERATIONS, counted=None)
    page = await storage.list_traces(project.id, where, Page(limit=_SPANS))
    found = [names for row in page.rows if (names := unread_names(row.metadata))]
    return len(found), Counter(name for names in found for name in names)


def _text(project: Project, spans: int, names: Counter[str]) -> str:
    listed = [f"{name} ({times:,})" for name, times in names.most_common(_MAX_LISTED)]
    more = f" and {len(names) - _MAX_LISTED} more" if len(names) > _MAX_LISTED else ""
    return (
        f"{project.name}: {spans:,} of the newest {_SPANS:,} spans have attributes that look like usage"
        f" or messages and that no dialect reads: {', '.join(listed)}{more};"
        " see docs/dialects.md, A new dialect"
    )
