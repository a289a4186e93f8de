"""The partitions of tables that can be truncated as a whole."""

from __future__ import annotations

from typing import Literal, NamedTuple

from pulse_storage.retention import RetentionPolicy

Table = Literal["spans", "span_bodies"]


class PartitionRange(NamedTuple):
    """One partition: its table, its half-open range of ids, and the projects with rows in it."""

    table: Table
    from_id: bytes
    before_id: bytes
    #: Numbers of projects; empty if only the space of deleted rows is left.
    projects: tuple[int, ...]


class PartitionShare(NamedTuple):
    """The rows of a project in a partition that are expired, all of them."""

    policy: RetentionPolicy
    #: The number of rows when they were measured; 0 for partitions of bodies, which are not measured.
    rows: int
