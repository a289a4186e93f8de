from __future__ import annotations

import re
from typing import Any

import orjson
import pytest
from starlette.routing import Route
from starlette.testclient import TestClient
from tests.query_api.support import DAY_NS, Tenant, visible_id

from pulse_collector.receivers.batch_schema import BatchTrace
from pulse_query_api import params
from pulse_query_api.app import create_app
from pulse_query_api.chart_params import ERRORS, LATENCIES, TIMESERIES
from pulse_query_api.openapi import openapi_document
from pulse_query_api.openapi.ingest_paths import BATCH_TRACE
from pulse_storage.engines import Store
from pulse_storage.keys import KeyRing


def _document() -> dict[str, Any]:
    return orjson.loads(orjson.dumps(openapi_document()))


def test_openapi_document_is_public(client: TestClient) -> None:
    response = client.get("/openapi.json")
    assert (response.status_code, response.json()) == (200, _document())


def test_openapi_document_has_exactly_the_served_routes(storage: Store) -> None:
    app = create_app(storage, KeyRing(storage), admin_key=None)
    served = {
        (re.sub(r":\w+}", "}", route.path), method.lower())
        for route in app.routes
        if isinstance(route, Route)
        for method in route.methods or ()
        if method != "HEAD"
    }
    # Routes of the collector, which the server mounts in the same application.
    served |= {(f"/v1/{name}", "post") for name in ("explain", "traces", "traces/batch", "logs", "metrics")}
    served |= {("/sign-in", method) for method in ("post", "get", "delete")}
    served.add(("/v1/traces/{trace_id}/cost", "get"))
    described = {
        (path, method)
        for path, methods in _document()["paths"].items()
        for method in methods
        if method != "options"
    }
    assert described == served


def test_every_path_responds_to_options(client: TestClient) -> None:
    for path in _document()["paths"]:
        response = client.options(re.sub(r"{\w+}", "x", path))
        assert (response.status_code, "OPTIONS" in response.headers.get("Allow", "")) in (
            (204, True),
            (404, False),
        )


def test_batch_schema_equals_that_of_the_collector() -> None:
    described = orjson.loads(orjson.dumps(BATCH_TRACE))
    read = BatchTrace.model_json_schema()
    assert set(described["properties"]) == set(read["properties"])
    assert set(described["required"]) == set(read["required"])


def test_query_parameters_equal_those_that_are_parsed() -> None:
    paths = _document()["paths"]
    assert _query_parameters(paths["/v1/traces"]["get"]) == set(params.LIST)
    assert _query_parameters(paths["/v1/analytics"]["get"]) == set(params.ANALYTICS)
    assert _query_parameters(paths["/v1/facets"]["get"]) == set(params.FACETS)
    assert _query_parameters(paths["/v1/trees"]["get"]) == set(params.TREES)
    assert _query_parameters(paths["/v1/trees/{otel_trace_id}"]["get"]) == {"cursor"}
    assert _query_parameters(paths["/v1/timeseries"]["get"]) == set(TIMESERIES)
    assert _query_parameters(paths["/v1/latencies"]["get"]) == set(LATENCIES)
    assert _query_parameters(paths["/v1/errors"]["get"]) == set(ERRORS)
    assert _query_parameters(paths["/v1/trust"]["get"]) == set(params.FILTERS)
    assert _query_parameters(paths["/v1/sessions/{session_id}"]["get"]) == {"bodies"}


def test_response_fields_equal_the_schemas(tenant: Tenant) -> None:
    row = tenant.call(1, start_ns=DAY_NS)
    tenant.store([row])
    schemas = _document()["components"]["schemas"]
    shown = tenant.get(f"/v1/traces/{visible_id(row)}")
    bodies = set(schemas["Trace"]["allOf"][1]["properties"])
    assert set(shown) - bodies == set(schemas["TraceRow"]["properties"])
    assert bodies == {"request_body", "response_body"}
    sums = tenant.get("/v1/analytics", date_from="2026-11-23", date_to="2026-11-24")
    analytics = schemas["Analytics"]["properties"]
    assert set(sums) == set(analytics)
    [listed] = tenant.get("/v1/trees")["trees"]
    assert set(listed) == set(schemas["TreeSummary"]["required"])
    assert set(tenant.get(f"/v1/trees/{row.otel_trace_id.hex()}")) == set(schemas["Tree"]["required"])
    assert set(sums["costOverTime"][0]) == set(analytics["costOverTime"]["items"]["required"])


@pytest.mark.parametrize("route", ["timeseries", "latencies", "errors", "trust"])
def test_charts_have_the_fields_of_their_schema(tenant: Tenant, route: str) -> None:
    tenant.store([tenant.call(1, start_ns=DAY_NS, status="error")])
    query = {"date_from": "2026-11-23", "date_to": "2026-11-24"}
    if route == "timeseries":
        query["compare"] = "previous"
    found = tenant.get(f"/v1/{route}", **query)
    response = _document()["paths"][f"/v1/{route}"]["get"]["responses"]["200"]
    properties = response["content"]["application/json"]["schema"]["properties"]
    assert set(found) == set(properties)
    for name in ("series", "groups"):
        if name in found:
            assert set(found[name][0]) == set(properties[name]["items"]["required"])
    if "total" in found:
        assert set(found["total"]) == set(properties["total"]["required"])


def test_every_schema_reference_exists() -> None:
    document = _document()
    names = re.findall(r'"#/components/schemas/(\w+)"', orjson.dumps(document).decode())
    assert names
    assert set(names) <= set(document["components"]["schemas"])


def _query_parameters(operation: dict[str, Any]) -> set[str]:
    return {parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "query"}
