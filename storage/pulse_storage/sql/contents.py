"""What is kept apart from rows: long texts and bodies, the row's own or borrowed from another."""

from __future__ import annotations

from typing import Literal, NamedTuple, cast

from pulse_storage.sql.blocks import read_document
from pulse_storage.sql.connection import Connection, SqlValue, Values
from pulse_storage.sql.events import content_column

Column = Literal["output_text", "request_body", "response_body"]


class Whereabouts(NamedTuple):
    """Which contents a row has of its own, under its own key, and from which rows it borrows others."""

    has_output_text: SqlValue
    has_request_body: SqlValue
    has_response_body: SqlValue
    output_from: SqlValue
    request_from: SqlValue
    response_from: SqlValue
    #: The values of `Dialect.row_key`.
    row_key: Values


def output_text(connection: Connection, project: int, at: Whereabouts) -> bytes | None:
    """The text of the answer where it is longer than its preview (UTF-8)."""
    return _document(connection, project, "output_text", at, at.has_output_text, at.output_from)


def request_body(connection: Connection, project: int, at: Whereabouts) -> bytes | None:
    """The request as a JSON document; None if it is not kept."""
    return _document(connection, project, "request_body", at, at.has_request_body, at.request_from)


def response_body(connection: Connection, project: int, at: Whereabouts) -> bytes | None:
    """The response as a JSON document; None if it is not kept."""
    return _document(connection, project, "response_body", at, at.has_response_body, at.response_from)


def _document(
    connection: Connection, project: int, column: Column, at: Whereabouts, has: SqlValue, lender: SqlValue
) -> bytes | None:
    names = connection.dialect.row_key
    select = f"SELECT {column} FROM span_bodies WHERE {' AND '.join(f'{name} = ?' for name in names)}"
    packed: SqlValue = None
    if lender is not None:
        of_lender = f"SELECT {', '.join(names)} FROM spans WHERE project = ? AND id = ?"
        lender_key = connection.execute(of_lender, (project, lender)).fetchone()
        if lender_key is not None:
            packed = connection.execute(select, lender_key).get
        if packed is None:
            packed = content_column(connection, project, column, lender)
    elif has:
        packed = connection.execute(select, at.row_key).get
    if packed is None:
        return None
    row = " and ".join(f"{name} {value!r}" for name, value in zip(names, at.row_key, strict=True))
    return read_document(connection, project, cast("bytes", packed), f"the {column} of the row with {row}")
