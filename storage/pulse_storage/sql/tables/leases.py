"""Leases: one of several processes does a task until a time, which it must extend."""

from __future__ import annotations

from pulse_storage.sql.connection import Connection


def hold(connection: Connection, name: str, holder: str, now_ns: int, until_ns: int) -> bool:
    """Take or extend a lease; return False while another process holds it."""
    held = connection.execute(
        "INSERT INTO leases (name, holder, until_ns) VALUES (?, ?, ?)"
        " ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until_ns = excluded.until_ns"
        " WHERE leases.holder = excluded.holder OR leases.until_ns <= ? RETURNING holder",
        (name, holder, until_ns, now_ns),
    ).fetchall()
    return bool(held)


def release(connection: Connection, name: str, holder: str, now_ns: int) -> None:
    """Release a lease, if this process still holds it. Its end time stays stored."""
    connection.execute("UPDATE leases SET until_ns = ? WHERE name = ? AND holder = ?", (now_ns, name, holder))


def last_held_ns(connection: Connection, name: str) -> int | None:
    """Return the end (Unix nanoseconds) of the current or last lease; None if there was none."""
    return connection.execute("SELECT until_ns FROM leases WHERE name = ?", (name,)).get
