"""OpenAPI path of the counts of the values of fields."""

from __future__ import annotations

from collections.abc import Mapping

from pulse_query_api.openapi.operations import operation, path
from pulse_query_api.openapi.vocabulary import COUNT, TEXT, Schema, fields, items, nullable
from pulse_query_api.params import FACETS
from pulse_storage.queries.facets import FACET_FIELDS

_VALUE: Schema = {
    "type": "array",
    "description": "A value (a text or null) and its number of rows.",
    "prefixItems": [nullable(TEXT), COUNT],
    "minItems": 2,
    "maxItems": 2,
}
_FACET = fields(
    values=items(_VALUE),
    of={"type": "string", "description": "The counted rows.", "pattern": "^(all|newest [0-9]+)$"},
)


def facet_paths() -> Mapping[str, object]:
    """Return the path of the route that counts the values of fields."""
    return path(
        "/v1/facets",
        get=operation(
            "Count the values of fields among matching rows",
            fields(dict.fromkeys(FACET_FIELDS, _FACET)),
            query=FACETS,
            security="key",
            errors=(400,),
        ),
    )
