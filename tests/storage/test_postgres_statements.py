"""What runs through libpq itself answers, fails and is prepared as it should."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import cast

import psycopg
import pytest
from tests.support.postgres import Server, execute

from pulse_storage.postgres.arrays import BytesArray, Int8Array
from pulse_storage.postgres.connection import PostgresConnection, connect
from pulse_storage.postgres.translate_errors import is_lost
from pulse_storage.sql.connection import SqlValue

_SETTINGS = "statement_timeout = 10000; enable_seqscan = off"
_PREPARED = "SELECT statement FROM pg_prepared_statements"


@pytest.fixture
def connection(server: Server) -> Iterator[PostgresConnection]:
    connection = connect(server.url(), prepares=True)
    yield connection
    connection.close()


def test_a_read_begins_with_its_first_statement_and_sees_one_snapshot(
    server: Server, connection: PostgresConnection
) -> None:
    execute(server.url(), "CREATE TABLE seen (number bigint)")
    connection.begin_reading(_SETTINGS)
    assert not connection.in_transaction
    assert connection.execute("SELECT count(*) FROM seen").get == 0
    assert connection.in_transaction
    execute(server.url(), "INSERT INTO seen VALUES (1)")
    assert connection.execute("SELECT count(*) FROM seen").get == 0
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        connection.execute("INSERT INTO seen VALUES (2)")
    connection.roll_back()
    connection.begin_reading(_SETTINGS)
    assert connection.execute("SELECT count(*) FROM seen").get == 1
    assert connection.execute("SHOW statement_timeout").get == "10s"


def test_a_first_statement_that_fails_leaves_the_connection_usable(connection: PostgresConnection) -> None:
    connection.begin_reading(_SETTINGS)
    with pytest.raises(psycopg.errors.DivisionByZero):
        connection.execute("SELECT 1 / ?::bigint", (0,))
    connection.roll_back()
    connection.begin_reading(_SETTINGS)
    assert connection.execute("SELECT 1 / ?::bigint", (1,)).get == 1


@pytest.mark.parametrize("begins", [True, False])
def test_what_is_bound_comes_back(connection: PostgresConnection, begins: bool) -> None:
    values: list[SqlValue] = [None, -(1 << 63), (1 << 63) - 1, 0.1, "a\x00ü💥?%", b"\x00\xff" * 2_000_000]
    if begins:
        connection.begin_reading(_SETTINGS)
    found = connection.execute(
        "SELECT ?::bigint, ?::bigint, ?::bigint, ?::float8, ?::text, ?::bytea", values
    ).fetchone()
    assert found == (None, -(1 << 63), (1 << 63) - 1, 0.1, "a\ufffdü💥?%", b"\x00\xff" * 2_000_000)


@pytest.mark.parametrize("blobs", [[b""], [b"\x00", b"{}", b'"\\', b"x" * 100_000]])
def test_arrays_of_bytes_come_back_in_their_order(
    connection: PostgresConnection, blobs: Sequence[bytes]
) -> None:
    bound = cast("SqlValue", BytesArray(blobs))
    assert [blob for (blob,) in connection.execute("SELECT unnest(?::bytea[])", (bound,))] == blobs


@pytest.mark.parametrize("numbers", [[], [0], [3, -(1 << 63), (1 << 63) - 1, -1], list(range(5000))])
def test_arrays_of_numbers_come_back_in_their_order(
    connection: PostgresConnection, numbers: Sequence[int]
) -> None:
    bound = cast("SqlValue", Int8Array(numbers))
    assert [number for (number,) in connection.execute("SELECT unnest(?::bigint[])", (bound,))] == numbers


@pytest.mark.parametrize("bound", [1 << 63, cast("SqlValue", Int8Array([1, -(1 << 63) - 1]))])
def test_numbers_that_no_column_holds_are_the_fault_of_their_row(
    connection: PostgresConnection, bound: SqlValue
) -> None:
    with pytest.raises(connection.dialect.data_errors):
        connection.execute("SELECT ?", (bound,))


def test_a_binding_of_no_known_type_is_not_taken_for_the_fault_of_a_row(
    connection: PostgresConnection,
) -> None:
    with pytest.raises(psycopg.ProgrammingError, match="cannot adapt type 'object'") as caught:
        connection.execute("SELECT ?::bigint[]", (cast("SqlValue", object()),))
    assert not isinstance(caught.value, connection.dialect.data_errors)


def test_rows_may_be_read_while_other_statements_run(connection: PostgresConnection) -> None:
    squares = [
        (number, connection.execute("SELECT ?::bigint * ?::bigint", (number, number)).get)
        for (number,) in connection.execute("SELECT generate_series(1::bigint, 1000)")
    ]
    assert squares == [(number, number * number) for number in range(1, 1001)]


def test_a_statement_is_prepared_once_for_small_numbers_and_large(connection: PostgresConnection) -> None:
    for number in range(20):
        assert connection.execute("SELECT ?::bigint + 7", (1 << 3 * number,)).get == (1 << 3 * number) + 7
    prepared = [sql for (sql,) in connection.execute(_PREPARED) if "+ 7" in str(sql)]
    assert prepared == ["SELECT $1::bigint + 7"]


def test_few_statements_stay_prepared_however_many_there_are(connection: PostgresConnection) -> None:
    for number in range(300):
        for _ in range(6):
            assert connection.execute(f"SELECT {number}").get == number
    assert len(connection.execute(_PREPARED).fetchall()) <= 101


def _insert_and_fail(connection: PostgresConnection, divisor: int) -> None:
    connection.execute("INSERT INTO kept VALUES (2)")
    connection.execute("SELECT 1 / ?::bigint", (divisor,))


@pytest.mark.parametrize("error", [psycopg.errors.DivisionByZero, OverflowError])
def test_savepoint_undoes_its_block_whatever_error_leaves_it(
    connection: PostgresConnection, error: type[Exception]
) -> None:
    connection.begin("", _SETTINGS)
    connection.execute("CREATE TEMPORARY TABLE kept (number bigint) ON COMMIT DROP")
    connection.execute("INSERT INTO kept VALUES (1)")
    with pytest.raises(error), connection.savepoint():
        _insert_and_fail(connection, 1 << 63 if error is OverflowError else 0)
    with connection.savepoint():
        connection.execute("INSERT INTO kept VALUES (3)")
    assert connection.execute("SELECT number FROM kept").fetchall() == [(1,), (3,)]
    connection.roll_back()


def _alone(connection: PostgresConnection) -> None:
    connection.execute("SELECT 1")


def _behind_a_command(connection: PostgresConnection) -> None:
    connection.begin_reading(_SETTINGS)
    connection.execute("SELECT 1")


def _command(connection: PostgresConnection) -> None:
    connection.begin("", _SETTINGS)


@pytest.mark.parametrize("use", [_alone, _behind_a_command, _command])
def test_connection_that_the_server_ended_is_reported_as_lost(
    server: Server, connection: PostgresConnection, use: Callable[[PostgresConnection], None]
) -> None:
    connection.begin_reading(_SETTINGS)
    process = connection.execute("SELECT pg_backend_pid()").get
    connection.roll_back()
    execute(server.url(), f"SELECT pg_terminate_backend({process}, 10000)")
    with pytest.raises(psycopg.OperationalError) as caught:
        use(connection)
    assert is_lost(caught.value)
    assert connection.raw.closed
