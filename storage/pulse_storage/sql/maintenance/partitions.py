"""The parts of tables that an engine keeps apart, so that each can be emptied at once."""

from __future__ import annotations

from typing import Literal, NamedTuple

from pulse_storage.retention import RetentionPolicy

Table = Literal["spans", "span_bodies"]


class PartitionRange(NamedTuple):
    """A half-open range of ids that a table keeps apart, and the projects that have rows in it."""

    table: Table
    from_id: bytes
    before_id: bytes
    #: By their keys; none where only the space of dropped rows is left.
    projects: tuple[int, ...]


class PartitionShare(NamedTuple):
    """What a project has in a part, if all of it is to go."""

    policy: RetentionPolicy
    #: Rows that were counted; of bodies, nobody counts them before.
    rows: int
