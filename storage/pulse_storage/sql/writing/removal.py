"""Delete spans of a user or session within a transaction, and reconcile the remaining spans again."""

from __future__ import annotations

from collections.abc import Sequence

from pulse_storage.maintenance import Removed
from pulse_storage.reconciliation.reconcile import Reason, reconcile, with_spans_of_same_calls
from pulse_storage.reconciliation.skeletons import SpanKey
from pulse_storage.sql.tables.events import delete_events
from pulse_storage.sql.tables.spans import StoredSpan, delete
from pulse_storage.sql.writing.row_updates import RowUpdates


def remove(updates: RowUpdates, keys: Sequence[SpanKey], column: str, value: str) -> Removed:
    """Delete these spans and all spans of their traces with this user or session; return what was deleted.

    `column` is `user_id` or `session_id`. Remaining spans of the traces no longer inherit the value. Other
    spans of the same calls are deleted too, unless they have another user or session.
    """
    related, connection, project = updates.related, updates.connection, updates.project
    related.load_around(keys)
    removed = [related.take(*key) for key in _keys_to_delete(updates, keys, column, value)]
    shown = [span for stored in removed if (span := updates.uncount(stored)) is not None]
    log_events = delete_events(connection, project, [stored.skeleton.key for stored in removed])
    delete(connection, project, removed)
    related.leave_large_traces()
    updates.update(updates.reconciled([]))
    return Removed.of(len(removed), shown, log_events)


def _keys_to_delete(updates: RowUpdates, keys: Sequence[SpanKey], column: str, value: str) -> list[SpanKey]:
    """Return the keys of the loaded spans to delete, sorted."""
    related = updates.related
    keys_to_delete = {key for key in keys if related.has_loaded(*key)}
    whose = {stored.skeleton.key: _shown(stored, column) for stored in related.spans()}
    keys_to_delete.update(key for key, shown in whose.items() if shown == value)
    reasons: dict[SpanKey, Reason] = {}
    skeletons = [stored.skeleton for stored in related.spans()]
    reconcile(skeletons, related.all_contents(), partial=related.large, reasons=reasons)
    return sorted(with_spans_of_same_calls(keys_to_delete, reasons, whose))


def _shown(stored: StoredSpan, column: str) -> object:
    return stored.overrides.get(column, getattr(stored.skeleton, column))
