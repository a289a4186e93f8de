from __future__ import annotations

import pytest
from tests.query_api.support import DAY_NS, SECOND_NS, Tenant, new_tenant

from pulse_storage.queries.facets import FACET_FIELDS


@pytest.fixture
def varied(tenant: Tenant) -> Tenant:
    """Store five calls: two of them failed, one of another model, one without a cost."""
    facts = [
        {"user_id": "ana", "tags": ("beta", "eu")},
        {"user_id": "ana", "tags": ("beta",), "cost_nano_usd": None, "cost_source": None},
        {"status": "error", "error_type": "Timeout"},
        {"status": "error", "error_type": "Timeout", "service": "shop"},
        {"provider": "anthropic", "model_used": "claude-5", "service": "shop"},
    ]
    tenant.store(
        tenant.call(number, start_ns=DAY_NS + number * SECOND_NS, **fact)
        for number, fact in enumerate(facts, start=1)
    )
    return tenant


def test_facets_count_values_of_requested_fields_most_frequent_first(varied: Tenant) -> None:
    assert varied.get("/v1/facets", fields="model,tag,user_id,cost,error_type") == {
        "model": {"values": [["gpt-5-mini-2026-08-07", 4], ["claude-5", 1]], "of": "all"},
        "tag": {"values": [[None, 3], ["beta", 2], ["eu", 1]], "of": "all"},
        "user_id": {"values": [[None, 3], ["ana", 2]], "of": "all"},
        "cost": {"values": [["computed", 4], ["unpriced", 1]], "of": "all"},
        "error_type": {"values": [[None, 3], ["Timeout", 2]], "of": "all"},
    }


def test_facets_without_fields_count_all_fields(varied: Tenant) -> None:
    assert list(varied.get("/v1/facets")) == list(FACET_FIELDS)


def test_facet_ignores_the_filter_of_its_own_field_only(varied: Tenant) -> None:
    found = varied.get("/v1/facets", fields="service,status", service="shop")
    assert found["service"]["values"] == [[None, 3], ["shop", 2]]
    assert found["status"]["values"] == [["error", 1], ["success", 1]]


def test_facets_apply_filters_and_times(varied: Tenant) -> None:
    found = varied.get("/v1/facets", fields="provider", date_from="2026-11-23T00:00:03Z", status="error")
    assert found == {"provider": {"values": [["openai", 2]], "of": "all"}}


def test_facets_do_not_show_other_projects(varied: Tenant) -> None:
    stranger = new_tenant(varied.client, varied.storage)
    assert stranger.get("/v1/facets", fields="tag") == {"tag": {"values": [], "of": "all"}}


@pytest.mark.parametrize(
    ("parameters", "path"),
    [({"fields": "model,colour"}, "fields"), ({"limit": 5}, "limit"), ({"cost": "free"}, "cost")],
)
def test_facets_refuse_wrong_parameters_as_problem(
    varied: Tenant, parameters: dict[str, str], path: str
) -> None:
    response = varied.request("/v1/facets", **parameters)
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    assert [error["path"] for error in response.json()["errors"]] == [path]
