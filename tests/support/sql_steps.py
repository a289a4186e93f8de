"""The steps of a SQL store's maintenance, for tests that stop between them."""

from __future__ import annotations

from pulse_storage import StorageAdapter
from pulse_storage.sql.maintenance.maintenance import SqlMaintenance
from pulse_storage.sql.maintenance.steps import MaintenanceSteps


def steps_of(storage: StorageAdapter) -> MaintenanceSteps:
    """Return the steps of a SQL store."""
    assert isinstance(storage.maintenance, SqlMaintenance)
    return storage.maintenance.steps
