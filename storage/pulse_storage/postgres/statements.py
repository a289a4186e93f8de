"""Runs statements through libpq itself: the driver's cursor takes longer than the server does for most."""

from __future__ import annotations

import select
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import count
from struct import pack
from typing import cast

import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus, Format
from psycopg.pq.abc import PGconn, PGresult

from pulse_storage.postgres.arrays import Bigints, Blobs, Texts
from pulse_storage.sql.connection import SqlValue, Values

#: A statement that was executed so often is prepared; so many are kept.
PREPARE_AFTER = 5
_MAX_PREPARED = 100
_ROWS_AT_ONCE = 200
_DONE = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK, ExecStatus.EMPTY_QUERY, ExecStatus.PIPELINE_SYNC)
#: Of types: the server tells by the statement what a text or a NULL is to be.
_UNKNOWN, _BYTEA, _INT8, _FLOAT8 = 0, 17, 20, 701

#: Bytes, type and form of each binding; psycopg's types know of no NULL where its code does.
_Bound = tuple[list[Buffer], tuple[int, ...], list[int]]


class Rows:
    """What a statement answers, as `sql.connection.Cursor`; it may have to be waited for."""

    def __init__(self, raw: psycopg.Connection[Values], result: Callable[[], PGresult]) -> None:
        self._raw = raw
        self._result = result
        #: Loads a range of rows, once they are there.
        self._read: Callable[[int, int], list[Values]] | None = None
        self._count = 0
        self._next = 0

    def __iter__(self) -> Iterator[Values]:
        while rows := self._load(_ROWS_AT_ONCE):
            yield from rows

    def fetchone(self) -> Values | None:
        """See Cursor."""
        rows = self._load(1)
        return rows[0] if rows else None

    def fetchall(self) -> list[Values]:
        """See Cursor."""
        return self._load(None)

    @property
    def get(self) -> SqlValue:
        """See Cursor."""
        row = self.fetchone()
        return None if row is None else row[0]

    def _load(self, most: int | None) -> list[Values]:
        read = self._read or self._reader()
        first = self._next
        self._next = self._count if most is None else min(first + most, self._count)
        if first == self._next:
            return []
        return read(first, self._next)

    def _reader(self) -> Callable[[int, int], list[Values]]:
        result = self._result()
        transformer = Transformer(self._raw)
        transformer.set_pgresult(result, format=Format.BINARY)
        self._count = result.ntuples

        def read(first: int, end: int) -> list[Values]:
            return cast("list[Values]", transformer.load_rows(first, end, tuple))

        self._read = read
        return read


class _Answer:
    """What a statement that was sent comes to."""

    __slots__ = ("result",)

    def __init__(self) -> None:
        self.result: PGresult | None = None


class Statements:
    """The statements of one connection; those that are executed often stay prepared if it `prepares`.

    Statements may be asked for without waiting for what they answer; any other call waits for it first.
    """

    def __init__(self, raw: psycopg.Connection[Values], *, prepares: bool) -> None:
        self._raw = raw
        self._pgconn: PGconn = raw.pgconn
        self._prepares = prepares
        self._waits = select.poll()
        self._names = count()
        #: What was asked and is not answered yet, in the order in which it was sent.
        self._asked: list[_Answer] = []
        #: By statement and the types of its bindings: how often it was executed, or its name.
        self._known: OrderedDict[tuple[str, tuple[int, ...]], int | bytes] = OrderedDict()

    def command(self, sql: str) -> None:
        """Run statements that bind and answer nothing."""
        self.sync()
        self._pgconn.send_query(sql.encode())
        results: list[PGresult] = []
        try:
            while (result := self._result()) is not None:
                results.append(result)
        finally:
            # The first tells why the server closed the connection; that it is lost is told last.
            for result in results:
                self._checked(result)

    def execute(self, sql: str, bindings: Sequence[SqlValue], *, behind: bytes | None = None) -> Rows:
        """Run one statement; each `?` takes the next of the bindings.

        `behind` a command that is sent with it, in one round trip; if that fails, the statement is not run.
        """
        if behind is not None or self._asked:
            rows = self.enqueue(sql, bindings, behind=behind)
            self.sync()
            return rows
        values, types, forms = _bound(bindings)
        name = self._prepared(sql, types)
        if name is not None:
            self._pgconn.send_query_prepared(name, values, forms, Format.BINARY)
        else:
            self._pgconn.send_query_params(_numbered(sql), values, types, forms, Format.BINARY)
        result = self._only_result()
        return Rows(self._raw, lambda: result)

    def enqueue(self, sql: str, bindings: Sequence[SqlValue], *, behind: bytes | None = None) -> Rows:
        """Queue one statement; the server runs it as soon as it is sent, and nobody waits for that.

        If one fails, those behind it are not run, and whoever waits for any of them next is told why.
        """
        values, types, forms = _bound(bindings)
        name = self._prepared(sql, types)
        if not self._asked:
            self._pgconn.enter_pipeline_mode()
        if behind is not None:
            self._pgconn.send_query_params(behind, None)
            self._asked.append(_Answer())
        if name is not None:
            self._pgconn.send_query_prepared(name, values, forms, Format.BINARY)
        else:
            self._pgconn.send_query_params(_numbered(sql), values, types, forms, Format.BINARY)
        answer = _Answer()
        self._asked.append(answer)
        return Rows(self._raw, lambda: self._answered(answer))

    def leave(self, sql: str) -> None:
        """Have a command run that binds nothing, at once; its answer is waited for by whoever waits next.

        Does not wait, so it is not prepared either.
        """
        if not self._asked:
            self._pgconn.enter_pipeline_mode()
        self._pgconn.send_query_params(sql.encode(), None)
        # By itself: the server, or a pooler before it, need not wait for what will be asked next.
        self._pgconn.pipeline_sync()
        self._asked += _Answer(), _Answer()
        self._pgconn.flush()

    def flush(self) -> None:
        """Let the server begin with what was asked, as much of it as it takes at once. Does not wait."""
        if self._asked:
            self._pgconn.flush()

    def sync(self) -> None:
        """Wait for the answers of all that was asked."""
        if not self._asked:
            return
        asked, self._asked = self._asked, []
        self._pgconn.pipeline_sync()
        results: list[PGresult] = []
        while len(results) <= len(asked) or results[-1].status != ExecStatus.PIPELINE_SYNC:
            # Each statement's results end with None.
            if (result := self._result()) is not None:
                results.append(result)
            elif self._pgconn.status == ConnStatus.BAD:
                raise psycopg.OperationalError(self._pgconn.get_error_message())
        self._pgconn.exit_pipeline_mode()
        for answer, result in zip(asked, results, strict=False):
            answer.result = result
        for answer in asked:
            self._answered(answer)

    def _answered(self, answer: _Answer) -> PGresult:
        if answer.result is None:
            self.sync()
        if answer.result is None:
            raise psycopg.OperationalError("the connection is lost")
        return self._checked(answer.result)

    def _result(self) -> PGresult | None:
        """The next result of what was sent. Other threads run meanwhile; libpq's own waiting lets none."""
        pgconn = self._pgconn
        # Bindings may be more than the socket takes at once.
        while pgconn.flush():
            self._wait(select.POLLIN | select.POLLOUT)
        while pgconn.is_busy():
            self._wait(select.POLLIN)
        return pgconn.get_result()

    def _only_result(self) -> PGresult:
        """The result of a statement that was sent by itself."""
        result = self._result()
        if result is None:
            raise psycopg.OperationalError(self._pgconn.get_error_message())
        while self._result() is not None:
            pass
        return self._checked(result)

    def _wait(self, events: int) -> None:
        self._waits.register(self._pgconn.socket, events)
        self._waits.poll()
        self._pgconn.consume_input()

    def _prepared(self, sql: str, types: tuple[int, ...]) -> bytes | None:
        """The name of a prepared statement, or None for one that is executed seldom."""
        if not self._prepares:
            return None
        key = sql, types
        known = self._known.get(key, 0)
        self._known[key] = known
        self._known.move_to_end(key)
        if isinstance(known, bytes):
            return known
        name = None
        if known + 1 < PREPARE_AFTER:
            self._known[key] = known + 1
        else:
            # By themselves: a statement that fails in between would leave it unprepared.
            self.sync()
            name = b"pulse_%d" % next(self._names)
            self._pgconn.send_prepare(name, _numbered(sql), types)
            self._only_result()
            self._known[key] = name
        if len(self._known) > _MAX_PREPARED:
            _, oldest = self._known.popitem(last=False)
            if isinstance(oldest, bytes):
                self.sync()
                self.command("DEALLOCATE " + oldest.decode())
        return name

    def _checked(self, result: PGresult) -> PGresult:
        """The result. Raises psycopg.Error; an OperationalError without SQLSTATE: the connection is lost."""
        if result.status in _DONE:
            return result
        error = error_from_result(result)
        if error.sqlstate is None:
            raise psycopg.OperationalError(str(error) or "the connection is lost")
        raise error


def _bound(bindings: Sequence[SqlValue]) -> _Bound:
    values: list[Buffer] = []
    types: list[int] = []
    forms: list[int] = []
    for value in bindings:
        data, kind, form = _binding(value)
        values.append(cast("Buffer", data))
        types.append(kind)
        forms.append(form)
    return values, tuple(types), forms


def _binding(value: object) -> tuple[Buffer | None, int, int]:
    """Whole numbers are always of one type: a statement is prepared once for small ones and large."""
    if value is None:
        return None, _UNKNOWN, Format.TEXT
    if isinstance(value, str):
        # There is no text with NUL: its place is taken by U+FFFD, where rows are stored as well.
        return value.replace("\x00", "\ufffd").encode(), _UNKNOWN, Format.TEXT
    if isinstance(value, bytes):
        return value, _BYTEA, Format.BINARY
    if isinstance(value, int):
        return value.to_bytes(8, "big", signed=True), _INT8, Format.BINARY
    if isinstance(value, (Blobs, Bigints, Texts)):
        return value.array(), value.oid, Format.BINARY
    if isinstance(value, float):
        return pack("!d", value), _FLOAT8, Format.BINARY
    raise psycopg.ProgrammingError(f"a {type(value).__name__} cannot be bound; arrays are of `arrays`")


@lru_cache(maxsize=1024)
def _numbered(sql: str) -> bytes:
    """The statement with $1, $2, … in place of question marks."""
    first, *rest = sql.split("?")
    return "".join((first, *(f"${number}{part}" for number, part in enumerate(rest, 1)))).encode()
