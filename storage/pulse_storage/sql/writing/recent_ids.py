"""Remember the response ids of recently stored calls, so that most new calls need no query for partners."""

from __future__ import annotations

from typing import cast

from pulse_storage.reconciliation.partner_keys import RESPONSE_ID_CHARS, slots_of
from pulse_storage.sql.connection import Connection
from pulse_storage.sql.tables.partners import request_response_ends

#: The bound of the memory, checked once per transaction: about 100 bytes per id or slot.
_MAX_ENTRIES = 50_000
#: A slot with more stored calls is not read into memory; its ids are looked up in the index.
_MAX_READ_IDS = 2_000


class RecentIds:
    """The response ids of all stored calls that start in some recent slots (`slots_of`), by project.

    Outlives transactions. It is used only while no other connection stores spans: call `begin` first in each
    transaction, and `forget` after a rollback.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._is_valid = False
        #: Ends of ids by project and slot; None for a slot with too many. The slot read first is first.
        self._slots: dict[tuple[int, int], set[str] | None] = {}
        self._entries = 0

    def begin(self, *, is_only_writer: bool) -> None:
        """Begin a transaction; `is_only_writer` is the result of `Connection.lock_spans`."""
        self._is_valid = is_only_writer
        if not is_only_writer:
            self.forget()
        while self._entries > _MAX_ENTRIES:
            ends = self._slots.pop(next(iter(self._slots)))
            self._entries -= 1 + len(ends or ())

    def forget(self) -> None:
        """Forget all ids."""
        self._slots.clear()
        self._entries = 0

    def may_be_stored(self, project: int, end: str, start_ns: int) -> bool:
        """Return False if no call with an id that has this end is stored in the slots of this start."""
        if not self._is_valid:
            return True
        for slot in slots_of(start_ns):
            known = self._slots.get((project, slot), _UNREAD)
            if known is _UNREAD:
                known = self._read(project, slot)
            if known is None or end in known:
                return True
        return False

    def add(self, project: int, response_id: str, start_ns: int) -> None:
        """Add a call that this transaction stores, or a stored call that takes this id from another span."""
        known = self._slots.get((project, slots_of(start_ns)[0]))
        if known is not None:
            before = len(known)
            known.add(response_id[-RESPONSE_ID_CHARS:])
            self._entries += len(known) - before

    def _read(self, project: int, slot: int) -> set[str] | None:
        rows = request_response_ends(self._connection, project, slot, _MAX_READ_IDS + 1).fetchall()
        known = None if len(rows) > _MAX_READ_IDS else {cast("str", end) for (end,) in rows}
        self._slots[project, slot] = known
        self._entries += 1 + len(known or ())
        return known


#: Stands for a slot that was not read.
_UNREAD: set[str] = set()
