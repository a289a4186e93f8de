"""The prices that a project has of its own, as the operator sets and ends them."""

from __future__ import annotations

import time

from pulse_query_api.errors import ApiError
from pulse_storage.adapter import StorageAdapter
from pulse_storage.price_document import PriceDocument
from pulse_storage.rows import ProjectPrices


async def set_prices(storage: StorageAdapter, project_id: str, document: PriceDocument) -> ProjectPrices:
    """Set or replace a project's prices. Raises ApiError 404 if there is no such project."""
    prices = ProjectPrices(document.text, time.time_ns())
    try:
        await storage.put_project_prices(project_id, prices)
    except KeyError as error:
        raise ApiError(404, "There is no project with this id.") from error
    return prices


async def get_prices(storage: StorageAdapter, project_id: str) -> ProjectPrices:
    """A project's prices. Raises ApiError 404 if it has none."""
    prices = await storage.project_prices(project_id)
    if prices is None:
        raise _none()
    return prices


async def clear_prices(storage: StorageAdapter, project_id: str) -> None:
    """Forget a project's prices. Raises ApiError 404 if it has none."""
    if not await storage.delete_project_prices(project_id):
        raise _none()


def _none() -> ApiError:
    return ApiError(404, "There are no prices of a project with this id; PUT some here.")
