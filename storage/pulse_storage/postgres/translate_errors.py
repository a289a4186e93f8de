"""What PostgreSQL raises, in classes of what helps, and in our words."""

from __future__ import annotations

import psycopg
from psycopg import errors

from pulse_storage.errors import QueryTooSlow, StorageError, StoreUnavailable, StoreUnusable
from pulse_storage.rows import UnfitValue

#: What a row can do wrong (SQLSTATE 22 and 23, numbers beyond any column, lone surrogates).
DATA_ERRORS: tuple[type[Exception], ...] = (
    psycopg.DataError,
    psycopg.IntegrityError,
    OverflowError,
    UnicodeEncodeError,
    UnfitValue,
)
#: The server has undone the transaction because of another one: the same again will do (SQLSTATE 40).
CLASHES = (errors.SerializationFailure, errors.DeadlockDetected)
#: A lock or a statement took longer than the transaction would wait.
TOO_LONG = (errors.LockNotAvailable, errors.QueryCanceled, *CLASHES)

#: A pooler has put another server process behind the connection, which knows none of our statements.
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
    """Whether the connection is gone, or the server about to go: a new one may do."""
    if type(error) is psycopg.DatabaseError and error.sqlstate is None:
        # A message of libpq instead of the server.
        return True
    if not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return False
    return error.sqlstate is None or error.sqlstate[:2] == "08" or error.sqlstate[:4] == "57P0"


def unavailable(place: str, error: Exception) -> StorageError:
    """Our words for what went wrong while the store was in use."""
    if isinstance(error, StorageError):
        return error
    if isinstance(error, errors.QueryCanceled):
        return QueryTooSlow(f"{place}: a query took too long and was cut short")
    return StoreUnavailable(f"{place}: {_words(error)} ({_told(error)})")


def unusable(place: str, error: Exception) -> StoreUnusable:
    """Our words for why the store cannot be opened."""
    if isinstance(error, StoreUnusable):
        return error
    return StoreUnusable(f"cannot use {place}: {_words(error)} ({_told(error)})")


def _words(error: Exception) -> str:
    if not isinstance(error, psycopg.Error):
        return "the operation failed"
    if error.sqlstate is None:
        # What is refused while connecting comes without a class.
        if any(
            words in str(error)
            for words in ("too many connections", "too many clients", "slots are reserved")
        ):
            return _WORDS["53"]
        return "it cannot be reached; check that it runs, and DATABASE_URL"
    return _WORDS.get(error.sqlstate[:2], "the operation failed")


def _told(error: Exception) -> str:
    """The driver's words on one line; they never hold the password."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
