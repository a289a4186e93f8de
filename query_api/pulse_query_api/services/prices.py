"""Set, read and delete a project's own prices."""

from __future__ import annotations

import time

from pulse_query_api.errors import ApiError
from pulse_storage.control_store import ControlStore
from pulse_storage.price_document import PriceDocument
from pulse_storage.rows import ProjectPrices


async def set_prices(storage: ControlStore, project_id: str, document: PriceDocument) -> ProjectPrices:
    """Store a project's prices in place of its current ones. Raises ApiError 404 for an unknown project."""
    prices = ProjectPrices(document.text, time.time_ns())
    try:
        await storage.put_project_prices(project_id, prices)
    except KeyError as error:
        raise ApiError(404, "There is no project with this id.") from error
    return prices


async def get_prices(storage: ControlStore, project_id: str) -> ProjectPrices | None:
    """Return a project's own prices; None if it has none. Raises ApiError 404 for an unknown project."""
    prices = await storage.project_prices(project_id)
    if prices is None:
        await _check_known(storage, project_id)
    return prices


async def delete_prices(storage: ControlStore, project_id: str) -> None:
    """Delete a project's own prices, if it has any. Raises ApiError 404 for an unknown project."""
    if not await storage.delete_project_prices(project_id):
        await _check_known(storage, project_id)


async def _check_known(storage: ControlStore, project_id: str) -> None:
    if all(project.id != project_id for project in await storage.list_projects()):
        raise ApiError(404, "There is no project with this id.")
