"""A check of `pulse doctor`: models with calls without a price, and the price entry to add."""

from __future__ import annotations

import json
import time

from pulse_server.settings import Settings
from pulse_server.store import existing_store
from pulse_storage.queries.filters import UnpricedModel
from pulse_storage.rows import Project

_DAYS = 30
_DAY_NS = 86_400_000_000_000
#: Maximum number of models listed per project; further models are only counted.
_MAX_LISTED = 10


async def unpriced_calls(settings: Settings) -> list[str]:
    """Return a text for each model of each project with calls of the last 30 days without a cost.

    The store must exist, with its schema up to date. Raises StorageError.
    """
    now_ns = time.time_ns()
    texts: list[str] = []
    async with existing_store(settings) as storage:
        for project in await storage.list_projects():
            models = await storage.unpriced_models(project.id, now_ns - _DAYS * _DAY_NS, now_ns)
            texts += [_text(project, model) for model in models[:_MAX_LISTED]]
            if len(models) > _MAX_LISTED:
                texts.append(f"{project.name}: {len(models) - _MAX_LISTED} more models have no price")
    return texts


def _text(project: Project, model: UnpricedModel) -> str:
    tokens = model.input_tokens + model.output_tokens
    entry = ["[[prices]]", f"model = {json.dumps(model.model or '*')}"]
    if model.provider is not None:
        entry.append(f"provider = {json.dumps(model.provider)}")
    return "\n".join(
        [
            f"{project.name}: {model.calls:,} calls of {model.model or 'an unknown model'}"
            f" ({model.provider or 'unknown provider'}, {tokens:,} tokens) in {_DAYS} days have no price;"
            " add this entry with your prices to a prices file, then run `pulse reprice`:",
            *entry,
            "input =     # dollars per million tokens",
            "output =",
        ]
    )
