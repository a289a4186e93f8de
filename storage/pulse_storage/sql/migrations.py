"""The migrations of this version: numbered SQL files for each engine, each applied once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources

from pulse_storage.errors import SchemaTooNew, StoreUnusable


@dataclass(frozen=True)
class Migration:
    """One numbered SQL file. A released file is never edited."""

    name: str
    sql: str

    @cached_property
    def checksum(self) -> str:
        """SHA-256 of the file in hexadecimal, as stored in `schema_migrations`."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


@cache
def known(engine: str) -> Sequence[Migration]:
    """Return the migrations of this version for an engine, in order of their numbers."""
    folder = resources.files("pulse_storage") / engine / "migrations"
    files = [file for file in folder.iterdir() if file.name.endswith(".sql")]
    return [
        Migration(file.name.removesuffix(".sql"), file.read_text(encoding="utf-8"))
        for file in sorted(files, key=lambda file: file.name)
    ]


def missing(engine: str, applied: Mapping[str, str], place: object) -> list[Migration]:
    """Return the migrations that a store lacks. `applied` has the checksum of each applied one by name.

    Raises SchemaTooNew for an applied migration that this version does not have, StoreUnusable for one whose
    checksum differs.
    """
    migrations = known(engine)
    ours = {migration.name: migration.checksum for migration in migrations}
    unknown = sorted(applied.keys() - ours.keys())
    if unknown:
        raise SchemaTooNew(
            f"cannot use {place}: its schema has {unknown[-1]}, which this version does not know; "
            "run the Pulse version that wrote it, or a newer one"
        )
    changed = sorted(name for name, checksum in applied.items() if ours[name] != checksum)
    if changed:
        raise StoreUnusable(
            f"cannot use {place}: {changed[0]} differs from the migration that was applied to it"
        )
    return [migration for migration in migrations if migration.name not in applied]
