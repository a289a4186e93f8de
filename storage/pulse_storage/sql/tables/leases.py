"""Leases: who of several processes does a piece of work, until a time that he must move on."""

from __future__ import annotations

from pulse_storage.sql.connection import Connection


def hold(connection: Connection, name: str, holder: str, now_ns: int, until_ns: int) -> bool:
    """Take a lease or keep it; False while another holds it."""
    held = connection.execute(
        "INSERT INTO leases (name, holder, until_ns) VALUES (?, ?, ?)"
        " ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until_ns = excluded.until_ns"
        " WHERE leases.holder = excluded.holder OR leases.until_ns <= ? RETURNING holder",
        (name, holder, until_ns, now_ns),
    ).fetchall()
    return bool(held)


def release(connection: Connection, name: str, holder: str, now_ns: int) -> None:
    """Give a lease back, if it is still held; when that was stays known."""
    connection.execute("UPDATE leases SET until_ns = ? WHERE name = ? AND holder = ?", (now_ns, name, holder))


def last_held_ns(connection: Connection, name: str) -> int | None:
    """Until when a lease was held, or is; None if it never was."""
    return connection.execute("SELECT until_ns FROM leases WHERE name = ?", (name,)).get
