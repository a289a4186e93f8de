"""Classes of PostgreSQL errors by what the caller can do, and their translation to StorageError."""

from __future__ import annotations

import psycopg
from psycopg import errors

from pulse_storage.errors import QueryTooSlow, StorageError, StoreUnavailable, StoreUnusable
from pulse_storage.rows import UnfitValue

#: Errors caused by the data of a row: SQLSTATE 22 and 23, numbers beyond int64, lone surrogates.
DATA_ERRORS: tuple[type[Exception], ...] = (
    psycopg.DataError,
    psycopg.IntegrityError,
    OverflowError,
    UnicodeEncodeError,
    UnfitValue,
)
#: The server rolled back because of another transaction (SQLSTATE 40): repeat the transaction.
CLASHES = (errors.SerializationFailure, errors.DeadlockDetected)
#: A lock or a statement exceeded the timeouts of the transaction.
TOO_LONG = (errors.LockNotAvailable, errors.QueryCanceled, *CLASHES)

#: A pooler assigned another server process, which lacks the prepared statements of this connection.
LOST_PREPARED_STATEMENTS = (errors.InvalidSqlStatementName, errors.DuplicatePreparedStatement)

_WORDS = {
    "08": "the connection to it is lost",
    "25": "it takes no writes: it is a standby, or default_transaction_read_only is on;"
    " DATABASE_URL must name a primary",
    "28": "it does not accept this user or password",
    "3D": "it has no such database",
    "40": "other processes were in the way",
    "42": "it refused a statement of ours; this is a bug of Pulse, or its schema was changed by hand",
    "53": "it has no connections, memory or disk space left",
    "55": "another transaction holds a lock for too long",
    "57": "it is shutting down or starting",
    "58": "its machine failed it",
    "XX": "it is damaged; look at its log",
}


def is_lost(error: BaseException) -> bool:
    """Return whether the connection is lost or the server shuts down, so that a new connection may help."""
    if type(error) is psycopg.DatabaseError and error.sqlstate is None:
        # A message of libpq instead of the server.
        return True
    if not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return False
    return error.sqlstate is None or error.sqlstate[:2] == "08" or error.sqlstate[:4] == "57P0"


def unavailable(place: str, error: Exception) -> StorageError:
    """Return a StorageError with a message for an error that occurred while the store was in use."""
    if isinstance(error, StorageError):
        return error
    if isinstance(error, errors.QueryCanceled):
        return QueryTooSlow(f"{place}: a query took too long and was cut short")
    return StoreUnavailable(f"{place}: {_words(error)} ({_one_line(error)})")


def unusable(place: str, error: Exception) -> StoreUnusable:
    """Return a StoreUnusable with a message for an error that occurred while opening the store."""
    if isinstance(error, StoreUnusable):
        return error
    return StoreUnusable(f"cannot use {place}: {_words(error)} ({_one_line(error)})")


def _words(error: Exception) -> str:
    if not isinstance(error, psycopg.Error):
        return "the operation failed"
    if error.sqlstate is None:
        # Errors while connecting have no SQLSTATE.
        if any(
            words in str(error)
            for words in ("too many connections", "too many clients", "slots are reserved")
        ):
            return _WORDS["53"]
        return "it cannot be reached; check that it runs, and DATABASE_URL"
    return _WORDS.get(error.sqlstate[:2], "the operation failed")


def _one_line(error: Exception) -> str:
    """Return class and message of an error in one line. Messages of the driver never contain the password."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
