"""The prices in force for a project, for commands that work without a server."""

from __future__ import annotations

from pulse_collector.pricing.custom import CustomPrices
from pulse_collector.pricing.price_book import project_prices
from pulse_collector.pricing.prices import Prices
from pulse_server.arguments import CommandFailed
from pulse_storage.control_store import ControlStore
from pulse_storage.price_document import PriceDocumentError, read_json
from pulse_storage.rows import Project


async def prices_in_force(storage: ControlStore, project: Project, file: CustomPrices | None) -> Prices:
    """Return a project's prices: its own take precedence over those of `file`, then the published ones.

    Raises CommandFailed if the stored prices are invalid.
    """
    stored = await storage.project_prices(project.id)
    layers = [file] if file is not None else []
    if stored is not None:
        try:
            layers.insert(0, project_prices(read_json(stored.document)))
        except PriceDocumentError as error:
            raise CommandFailed(
                f"the prices of project '{project.name}' are invalid: {error}; set them again"
            ) from error
    return Prices(*layers)
