"""JSON object of a project's prices, used by the admin routes and by `pulse prices --json`.

Apart from `json_objects`, since its imports (pydantic) would slow the start of the other commands.
"""

from __future__ import annotations

import orjson

from pulse_query_api.json_objects import FormatTime
from pulse_storage.price_document import project_version, read_json
from pulse_storage.rows import ProjectPrices
from pulse_storage.trace_json import rfc3339


def prices_object(
    project_id: str, prices: ProjectPrices | None, format_time: FormatTime = rfc3339
) -> dict[str, object]:
    """Return the JSON object of a project's own prices: their version, time and entries; None: no prices."""
    if prices is None:
        return {"projectId": project_id, "version": None, "updatedAt": None, "prices": []}
    return {
        "projectId": project_id,
        "version": project_version(read_json(prices.document)),
        "updatedAt": format_time(prices.updated_ns),
        **orjson.loads(prices.document),
    }
