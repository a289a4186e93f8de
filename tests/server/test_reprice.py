"""`pulse reprice`: print the difference, apply it, and resume after a kill."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tests.support.rows import NOON_NS, project, span

from pulse_server.cli import main
from pulse_storage import Store, open_storage
from pulse_storage.queries.filters import AnalyticsQuery
from pulse_storage.rows import BILLED_BY_PREFIX, SpanRow

RANGE = ("--from", "2025-06-15", "--to", "2025-06-16")
PRICES = '[[prices]]\nmodel = "acme-*"\ninput = 10\noutput = 0\n'


@pytest.fixture(autouse=True)
def _environment(  # pyright: ignore[reportUnusedFunction]
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(os.environ):
        if name.startswith("PULSE_") or name in ("PORT", "DATABASE_URL", "ADMIN_KEY"):
            monkeypatch.delenv(name)
    (tmp_path / "prices.toml").write_text(PRICES)
    monkeypatch.setenv("PULSE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("PULSE_PRICES_FILE", str(tmp_path / "prices.toml"))


def unpriced(number: int, **columns: object) -> SpanRow:
    nothing = {"cost_nano_usd": None, "cost_source": None, "price_version": None}
    row = span(number, provider="acme", model_requested="acme-1", model_used="acme-1", **nothing)
    return row._replace(**columns)


def store(rows: list[SpanRow]) -> None:
    async def fill(storage: Store) -> None:
        await storage.create_project(*project("p"))
        await storage.create_project(*project("q"))
        await storage.ingest(rows)
        await storage.close()

    asyncio.run(fill(open_storage(os.environ["DATABASE_URL"])))


def cost_nano_usd(project_id: str = "p") -> int:
    async def ask(storage: Store) -> int:
        query = AnalyticsQuery(from_ns=NOON_NS, before_ns=NOON_NS + 10**14, group_by="day")
        summary = (await storage.analytics(project_id, query)).total
        await storage.close()
        return summary.cost_nano_usd

    return asyncio.run(ask(open_storage(os.environ["DATABASE_URL"])))


def reprice_json(capsys: pytest.CaptureFixture[str], *options: str) -> list[dict[str, Any]]:
    assert main(["reprice", *RANGE, "--json", *options]) == 0
    return json.loads(capsys.readouterr().out)["projects"]


def test_difference_is_printed_then_applied(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listed = {
        "model_used": "gpt-4o-mini",
        "model_requested": "gpt-4o-mini",
        "provider": "openai",
        "cost_nano_usd": 1,
        "cost_source": "computed",
    }
    reported = {"cost_nano_usd": 7, "cost_source": "reported", "reported_cost_nano_usd": 7}
    store(
        [
            *(unpriced(number) for number in (1, 2)),
            unpriced(3, **listed),
            unpriced(4, **reported),
            unpriced(5, model_used="other", model_requested="other"),
            unpriced(6, project_id="q"),
        ],
    )
    dry_run = reprice_json(capsys, "--dry-run")
    assert cost_nano_usd() == 8
    first, second = dry_run
    assert (first["projectId"], first["calls"], first["changed"]) == ("p", 5, 3)
    # 100 tokens at 10 dollars per million cost 0.1 cents; gpt-4o-mini's 100 and 20 tokens cost 0.0027 cents.
    assert first["models"] == [
        {
            "provider": "acme", "model": "acme-1", "calls": 3, "costBefore": 7e-07, "costAfter": 0.2000007,
            "difference": 0.2, "newlyPriced": 2, "unpriced": 0,
        },
        {
            "provider": "openai", "model": "gpt-4o-mini", "calls": 1, "costBefore": 1e-07,
            "costAfter": 0.0027, "difference": 0.0026999, "newlyPriced": 0, "unpriced": 0,
        },
        {
            "provider": "acme", "model": "other", "calls": 1, "costBefore": 0.0, "costAfter": 0.0,
            "difference": 0.0, "newlyPriced": 0, "unpriced": 1,
        },
    ]  # fmt: skip
    assert (second["projectId"], second["changed"]) == ("q", 1)
    assert reprice_json(capsys, "--project", "p") == [first]
    assert (cost_nano_usd(), cost_nano_usd("q")) == (2_000_007 + 27_000, 0)
    assert reprice_json(capsys) == [{**first, "changed": 0, "models": again(first["models"])}, second]
    assert cost_nano_usd("q") == 1_000_000


def again(models: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the models as reported by a second run: without differences, in the order of names."""
    same = [
        {**model, "costBefore": model["costAfter"], "difference": 0.0, "newlyPriced": 0} for model in models
    ]
    return sorted(same, key=lambda model: (model["provider"], model["model"]))


def test_output_without_json_is_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store([unpriced(1), unpriced(2, model_used="other", model_requested="other")])
    assert main(["reprice", *RANGE, "--dry-run"]) == 0
    heading, first, second, total, _, summary = capsys.readouterr().out.splitlines()
    assert heading.split() == [
        *("PROVIDER", "MODEL", "CALLS", "BEFORE", "AFTER", "DIFFERENCE", "NEWLY", "PRICED", "UNPRICED"),
    ]
    assert first.split() == ["acme", "acme-1", "1", "0.0000", "0.1000", "+0.1000", "1", "0"]
    assert second.split() == ["acme", "other", "1", "0.0000", "0.0000", "+0.0000", "0", "1"]
    assert total.split() == ["all", "2", "0.0000", "0.1000", "+0.1000", "1", "1"]
    assert summary == "read 2 rows of calls, would change 1; costs in cents"


def test_own_prices_of_a_project_are_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store([unpriced(1), unpriced(1, project_id="q")])
    (tmp_path / "own.toml").write_text(PRICES.replace("10", "20"))
    assert main(["prices", "set", "p", str(tmp_path / "own.toml")]) == 0
    capsys.readouterr()
    reprice_json(capsys)
    assert (cost_nano_usd(), cost_nano_usd("q")) == (2_000_000, 1_000_000)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--from", "yesterday", "--to", "2025-06-16"), 2),
        (("--from", "2025-06-16", "--to", "2025-06-16"), 2),
        (("--from", "2025-06-15"), 2),
        ((*RANGE, "--project", "unknown"), 1),
    ],
)
def test_wrong_usage_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], code: int
) -> None:
    store([])
    assert exit_code("reprice", *options) == code
    assert capsys.readouterr().err.count("\n") == 1


def exit_code(*command: str) -> object:
    try:
        return main(command)
    except SystemExit as ended:
        return ended.code


@pytest.mark.slow
def test_killed_repricing_resumes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [unpriced(number) for number in range(1, 6001)]
    store(rows)
    command = [sys.executable, "-m", "pulse_server", "reprice", *RANGE, "--project", "p"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and not 0 < cost_nano_usd() < 6000 * 1_000_000:
            pass
        process.send_signal(signal.SIGKILL)
    [found] = reprice_json(capsys, "--project", "p")
    assert cost_nano_usd() == 6000 * 1_000_000
    # The report includes the changes of the killed process.
    assert (found["calls"], found["changed"]) in {(6000, 6000), (6000, 0)}
    assert sum(model["calls"] for model in found["models"]) == 6000


def test_doctor_lists_models_without_a_price_with_the_entry_to_add(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    now_ns = time.time_ns()
    store(
        [unpriced(1, start_ns=now_ns, model_used="other"), unpriced(2, start_ns=now_ns - 40 * 86400 * 10**9)],
    )
    assert main(["doctor", "--json"]) in (0, 1)
    findings = json.loads(capsys.readouterr().out)["findings"]
    [text] = [
        finding["text"]
        for finding in findings
        if finding["level"] == "warning" and finding["about"] == "prices"
    ]
    sentence, *entry = text.splitlines()
    assert sentence == (
        "project p: 1 calls of other (acme, 120 tokens) in 30 days have no price;"
        " add this entry with your prices to a prices file, then run `pulse reprice`:"
    )
    assert entry[:3] == ["[[prices]]", 'model = "other"', 'provider = "acme"']
    (tmp_path / "prices.toml").write_text(
        text.partition("\n")[2].replace("=  ", "= 1 ").replace("output =", "output = 1")
    )
    assert main(["reprice", "--from", "2025-01-01", "--to", "2100-01-01"]) == 0
    capsys.readouterr()
    assert main(["doctor", "--json"]) in (0, 1)
    findings = json.loads(capsys.readouterr().out)["findings"]
    assert [finding["level"] for finding in findings if finding["about"] == "prices"] == ["ok"]


def test_doctor_names_attributes_that_no_dialect_reads(capsys: pytest.CaptureFixture[str]) -> None:
    metadata = json.dumps({"unread": ["acme.prompt", "acme.usage.input_tokens"]})
    store(
        [
            span(1),
            span(2, metadata=metadata),
            span(3, metadata=json.dumps({"unread": ["acme.prompt"]}), operation=None, model_call=False),
        ],
    )
    assert main(["doctor", "--json"]) in (0, 1)
    findings = json.loads(capsys.readouterr().out)["findings"]
    assert [finding["text"] for finding in findings if finding["about"] == "dialects"] == [
        "project p: 2 of the newest 1,000 spans have attributes that look like usage or messages and that no"
        " dialect reads: acme.prompt (2), acme.usage.input_tokens (1); see docs/dialects.md, A new dialect"
    ]


def test_doctor_lists_models_of_calls_without_known_tokens(capsys: pytest.CaptureFixture[str]) -> None:
    unknown = {"model_used": "other", "input_tokens": None, "output_tokens": None}
    store([unpriced(1, start_ns=time.time_ns(), **unknown), unpriced(2, **unknown)])
    assert main(["doctor", "--json"]) in (0, 1)
    findings = json.loads(capsys.readouterr().out)["findings"]
    assert [finding["text"] for finding in findings if finding["about"] == "usage"] == [
        "project p: 1 calls of other (acme) in 30 days have no known tokens and add none to the totals;"
        ' for streams of OpenAI-compatible servers set stream_options={"include_usage": true}'
    ]


def test_calls_without_a_known_price_keep_no_cost(
    capsys: pytest.CaptureFixture[str],
) -> None:
    listed = {"model_used": "gpt-4o-mini", "model_requested": "gpt-4o-mini", "provider": "openai"}
    version = f"{BILLED_BY_PREFIX}service_tier flex"
    store([unpriced(1, **listed, price_version=version), unpriced(2, price_version=version)])
    [p, _] = reprice_json(capsys)
    # A custom price takes precedence.
    assert {model["model"]: model["newlyPriced"] for model in p["models"]} == {"gpt-4o-mini": 0, "acme-1": 1}
    assert cost_nano_usd() == 1_000_000
    [again, _] = reprice_json(capsys)
    assert again["changed"] == 0
