"""Searches bodies for a text, row by row in the order of lists, within a budget."""

from __future__ import annotations

import time

from pulse_storage.content.search import Needle
from pulse_storage.ids import decode_cursor, encode_cursor
from pulse_storage.queries.filters import Page, ScanBudget, TraceFilter, TracePage
from pulse_storage.rows import TraceRecord
from pulse_storage.sql.connection import Connection
from pulse_storage.sql.reading.contents import ContentLocation, request_body, response_body
from pulse_storage.sql.reading.records import (
    MAX_PAGE_CHARS,
    content_location,
    record,
    select_records,
    text_chars,
)
from pulse_storage.sql.reading.scan import matching_rows


def page_of_found(
    connection: Connection, project: int, project_id: str, where: TraceFilter, text: str, page: Page
) -> TracePage:
    """Return rows whose content contains a text, within the budget. Raises InvalidCursor."""
    after = None if page.cursor is None else decode_cursor(page.cursor)
    search = _Search(connection, project, text, page.budget)
    found: list[TraceRecord] = []
    chars = 0
    for id, values in matching_rows(connection, project, select_records(connection), where, page, after):
        if values is not None:
            row = record(connection, project, project_id, values, bodies=False)
            if search.finds(row, content_location(values)):
                found.append(row)
                chars += text_chars(row)
        if len(found) == page.limit or chars > MAX_PAGE_CHARS or search.is_over():
            return TracePage(found, encode_cursor(id))
    return TracePage(found, None)


class _Search:
    """The text to find, and the remaining budget."""

    def __init__(self, connection: Connection, project: int, text: str, budget: ScanBudget) -> None:
        self._connection = connection
        self._project = project
        self._needle = Needle(text)
        self._deadline_s = time.monotonic() + budget.seconds
        self._bytes_left = budget.content_bytes

    def is_over(self) -> bool:
        """Return whether the budget is used up."""
        return self._bytes_left < 0 or time.monotonic() > self._deadline_s

    def finds(self, row: TraceRecord, at: ContentLocation) -> bool:
        """Return whether the content of a row contains the text."""
        texts = (row.input_preview, row.output_preview, row.output_text)
        if any(self._needle.in_text(self._taken(text.encode())) for text in texts if text):
            return True
        for read in (response_body, request_body):
            document = read(self._connection, self._project, at)
            if document is not None and self._needle.in_document(self._taken(document)):
                return True
        return False

    def _taken(self, content: bytes) -> bytes:
        self._bytes_left -= len(content)
        return content
