"""Remember the response ids of recently stored calls, so that most new calls need no query for partners."""

from __future__ import annotations

from collections.abc import Sequence

from pulse_storage.reconciliation.partner_keys import RESPONSE_ID_CHARS, slots_of
from pulse_storage.reconciliation.skeletons import Skeleton
from pulse_storage.rows import SpanRow
from pulse_storage.sql.connection import Connection
from pulse_storage.sql.tables.partners import read_response_ends

#: The bound of the memory: about 100 bytes per id or slot.
_MAX_ENTRIES = 100_000
#: A slot with more stored calls is not read into memory; its ids are looked up in the index.
_MAX_READ_IDS = 10_000


class RecentIds:
    """The response ids of all stored calls that start in some recent slots (`slots_of`), by project.

    Outlives transactions. It is used only while no other connection stores spans: call `begin` first in each
    transaction, and `forget` after a rollback.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._is_valid = False
        #: Ends of ids by project and slot; None for a slot with too many.
        self._slots: dict[int, dict[int, set[str] | None]] = {}
        #: At most this many ids and slots are in memory.
        self._entries = 0

    def begin(self, *, is_only_writer: bool) -> None:
        """Begin a transaction; `is_only_writer` is the result of `Connection.lock_spans`."""
        self._is_valid = is_only_writer
        if not is_only_writer or self._entries > _MAX_ENTRIES:
            self.forget()

    def forget(self) -> None:
        """Forget all ids."""
        self._slots.clear()
        self._entries = 0

    def take(self, project: int, calls: Sequence[SpanRow | Skeleton]) -> dict[int, list[str]]:
        """Remember the response ids of calls; return the ends that stored calls may have too, by slot.

        Call it for all calls of a project before they are inserted.
        """
        slots = self._slots.setdefault(project, {})
        found: dict[int, list[str]] = {}
        self._entries += len(calls)
        for call in calls:
            response_id = call.provider_request_id
            if response_id is None:
                continue
            end = response_id[-RESPONSE_ID_CHARS:]
            slot, related = slots_of(call.start_ns)
            if self._is_valid:
                ids = slots[slot] if slot in slots else self._read(project, slot)
                others = slots[related] if related in slots else self._read(project, related)
                if ids is not None and others is not None and end not in ids and end not in others:
                    ids.add(end)
                    continue
                if ids is not None:
                    ids.add(end)
            found.setdefault(slot, []).append(end)
            found.setdefault(related, []).append(end)
        return found

    def add(self, project: int, response_id: str, start_ns: int) -> None:
        """Remember the id that a row takes from another span of its call."""
        ids = self._slots.get(project, _NO_SLOTS).get(slots_of(start_ns)[0])
        if ids is not None:
            ids.add(response_id[-RESPONSE_ID_CHARS:])

    def _read(self, project: int, slot: int) -> set[str] | None:
        found = read_response_ends(self._connection, project, slot, _MAX_READ_IDS + 1)
        ends = None if len(found) > _MAX_READ_IDS else set(found)
        self._slots[project][slot] = ends
        self._entries += 1 + len(ends or ())
        return ends


_NO_SLOTS: dict[int, set[str] | None] = {}
