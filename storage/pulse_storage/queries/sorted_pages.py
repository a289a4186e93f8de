"""Cursors of lists that are sorted by a value other than time."""

from __future__ import annotations

import base64
import binascii
import math
import struct
from dataclasses import dataclass
from itertools import product
from typing import cast, get_args

from pulse_storage.errors import InvalidCursor
from pulse_storage.ids import SORT_CURSOR_BYTES
from pulse_storage.queries.filters import Order, Sort

SortValue = int | float | None

_SORTS = tuple(product(get_args(Sort), get_args(Order)))
_HAS_LAST, _HAS_VALUE, _HAS_AFTER, _HAS_UNTIL = 1, 2, 4, 8
#: Number of sort and order, flags, value of the last row, three row ids.
_WHOLE = struct.Struct(">BBq16s16s16s")
_REAL = struct.Struct(">BBd16s16s16s")
_NO_ID = bytes(16)


@dataclass(frozen=True, slots=True, kw_only=True)
class SortCursor:
    """The position after a page of a sorted list.

    A list that cannot be read within its budget is sorted in parts, ranges of row ids, the newest first. The
    pages of a part read exactly the rows of the part again, so that none is skipped.
    """

    sort: Sort
    order: Order
    #: Value and id of the last row of the page; None at the beginning of a part.
    last: tuple[SortValue, bytes] | None = None
    #: The part has smaller row ids than this; None for the first part.
    after: bytes | None = None
    #: The smallest row id of the part; None if the part contains all older rows, or was not read yet.
    until: bytes | None = None

    def text(self) -> str:
        """Return the cursor as clients get it."""
        value, last_id = self.last or (None, _NO_ID)
        flags = (
            _HAS_LAST * (self.last is not None)
            | _HAS_VALUE * (value is not None)
            | _HAS_AFTER * (self.after is not None)
            | _HAS_UNTIL * (self.until is not None)
        )
        form = _REAL if self.sort == "latency" else _WHOLE
        number = _SORTS.index((self.sort, self.order))
        packed = form.pack(number, flags, value or 0, last_id, self.after or _NO_ID, self.until or _NO_ID)
        return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()

    @classmethod
    def first(cls, cursor: str | None, sort: Sort, order: Order) -> SortCursor:
        """Return the position in a cursor, or the beginning of the list. Raises InvalidCursor.

        A cursor of another sort or order is invalid.
        """
        if cursor is None:
            return cls(sort=sort, order=order)
        form = _REAL if sort == "latency" else _WHOLE
        try:
            packed = base64.b64decode(cursor + "==", altchars=b"-_", validate=True)
        except (binascii.Error, ValueError) as error:
            raise _refused(cursor, of_other_list=False) from error
        if len(packed) != SORT_CURSOR_BYTES:
            raise _refused(cursor, of_other_list=len(packed) == len(_NO_ID))
        number, flags, value, last_id, after, until = form.unpack(packed)
        if number != _SORTS.index((sort, order)) or not math.isfinite(value):
            raise _refused(cursor, of_other_list=True)
        known = cast("SortValue", value) if flags & _HAS_VALUE else None
        return cls(
            sort=sort,
            order=order,
            last=(known, last_id) if flags & _HAS_LAST else None,
            after=after if flags & _HAS_AFTER else None,
            until=until if flags & _HAS_UNTIL else None,
        )


def _refused(cursor: str, *, of_other_list: bool) -> InvalidCursor:
    return InvalidCursor(
        f"{cursor[:200]!r} is not a cursor of this list; omit it to begin with the first page",
        of_other_list=of_other_list,
    )
