"""Print the OpenAPI document: `python -m pulse_query_api.openapi`."""

from __future__ import annotations

import json

from pulse_query_api.openapi import openapi_document

if __name__ == "__main__":
    print(json.dumps(openapi_document()))
