"""A check of `pulse doctor`: models with calls whose tokens are unknown."""

from __future__ import annotations

import time

from pulse_server.settings import Settings
from pulse_server.store import opened_store
from pulse_storage.queries.filters import UnknownUsageModel
from pulse_storage.rows import Project

_DAYS = 30
_DAY_NS = 86_400_000_000_000
#: Maximum number of models listed per project; further models are only counted.
_MAX_LISTED = 10


async def unknown_usage_calls(settings: Settings) -> list[str]:
    """Return a text for each model of each project with calls of the last 30 days without known tokens.

    The store must exist, with its schema up to date. Raises StorageError.
    """
    now_ns = time.time_ns()
    texts: list[str] = []
    async with opened_store(settings) as storage:
        for project in await storage.list_projects():
            models = await storage.unknown_usage_models(project.id, now_ns - _DAYS * _DAY_NS, now_ns)
            texts += [_text(project, model) for model in models[:_MAX_LISTED]]
            if len(models) > _MAX_LISTED:
                rest = len(models) - _MAX_LISTED
                texts.append(f"{project.name}: {rest} more models have calls without known tokens")
    return texts


def _text(project: Project, model: UnknownUsageModel) -> str:
    return (
        f"{project.name}: {model.calls:,} calls of {model.model or 'an unknown model'}"
        f" ({model.provider or 'unknown provider'}) in {_DAYS} days have no known tokens and add none to the"
        ' totals; for streams of OpenAI-compatible servers set stream_options={"include_usage": true}'
    )
