"""Clients that read: lists by every filter, sessions, analytics by every group; some leave in the middle."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import cycle
from typing import get_args
from urllib.parse import urlencode

from tests.soak.ledger import Ledger
from tests.soak.server import Http, Target, send_and_leave
from tests.soak.traces import ENVIRONMENTS, MODELS, SERVICES, SESSIONS, TAGS, TOPICS, USERS

from pulse_storage.queries.filters import GroupBy

GROUPS: tuple[str, ...] = get_args(GroupBy)


def around_now() -> dict[str, str]:
    """A range of two days that holds all spans of a run."""
    now = datetime.now(UTC)
    return {
        "date_from": (now - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "date_to": (now + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def questions(dice: random.Random) -> list[tuple[str, dict[str, str]]]:
    """Each route that reads, with each of its filters and groups once."""
    dates = around_now()
    lists = [
        {},
        {"session_id": dice.choice(SESSIONS)},
        {"user_id": dice.choice(USERS)},
        {"tag": dice.choice(TAGS)},
        {"service": dice.choice(SERVICES)},
        {"environment": dice.choice(ENVIRONMENTS)},
        {"provider": dice.choice(MODELS)[0]},
        {"model": dice.choice(MODELS)[1]},
        {"status": dice.choice(("success", "error"))},
        {"operation": dice.choice(("model", "all", "chat", "embeddings", "execute_tool"))},
        {"counted": dice.choice(("true", "false", "all"))},
        {"min_latency_ms": "100"},
        {"min_cost_cents": "0.01"},
        {"otel_trace_id": "1" * 32},
        {"q": dice.choice(TOPICS)},
        {"q": dice.choice(TOPICS), "search_in": "bodies", "limit": "5"},
        {"date_from": dates["date_from"], "order": "asc"},
        {"date_to": dates["date_to"], "limit": "1000"},
        {"offset": str(dice.randrange(200)), "limit": "7"},
        {"user_id": dice.choice(USERS), "model": dice.choice(MODELS)[1], "status": "success"},
    ]
    sessions = [f"/v1/sessions/{session}" for session in dice.sample(SESSIONS, 3)]
    return [
        *(("/v1/traces", asked) for asked in lists),
        (sessions[0], {}),
        (sessions[1], {"bodies": "true"}),
        ("/v1/sessions/unknown", {}),
        *(("/v1/analytics", {**dates, "group_by": group}) for group in GROUPS),
        ("/v1/analytics", {**dates, "user_id": dice.choice(USERS), "group_by": "model"}),
    ]


class Reading:
    """Asks one question after the other on one connection, or on a fresh one for each."""

    def __init__(self, target: Target, ledger: Ledger, dice: random.Random, *, kept: bool) -> None:
        self.name = f"read {'kept' if kept else 'fresh'}"
        self._http = Http(target, kept=kept)
        self._ledger = ledger
        self._questions = _endless(dice)

    def step(self) -> None:
        """Ask the next question; of a list, one row of the answer in full too."""
        path, asked = next(self._questions)
        answer = self._http.get(path, **asked)
        self._ledger.answered(f"{self.name} {answer.status_code}")
        if answer.status_code != 200:
            self._ledger.fault(f"{self.name}: {path} {asked}: {answer.status_code} {answer.text[:200]}")
        elif path == "/v1/traces" and answer.json()["traces"]:
            whole = self._http.get(f"/v1/traces/{answer.json()['traces'][0]['trace_id']}")
            if whole.status_code != 200:
                self._ledger.fault(f"{self.name}: a row of a list is not found: {whole.status_code}")

    def close(self) -> None:
        """Close the connection."""
        self._http.close()


class ReadingAndLeaving:
    """Asks and leaves: before the answer, or after its first bytes."""

    name = "cancelled reads"

    def __init__(self, target: Target, ledger: Ledger, dice: random.Random) -> None:
        self._target = target
        self._ledger = ledger
        self._dice = dice
        self._questions = _endless(dice)

    def step(self) -> None:
        """Ask the next question and leave."""
        path, asked = next(self._questions)
        headers = f"Host: x\r\nAuthorization: Bearer {self._target.key}"
        request = f"GET {path}?{urlencode(asked)} HTTP/1.1\r\n{headers}\r\n\r\n"
        # Several at once: the server may be in the midst of one while the next waits.
        sent = request.encode() * self._dice.choice((1, 3))
        read_bytes = self._dice.choice((0, 0, 64))
        send_and_leave(self._target, sent, read_bytes=read_bytes, reset=self._dice.random() < 0.5)
        self._ledger.answered(self.name)

    def close(self) -> None:
        """Has nothing open."""


def _endless(dice: random.Random) -> Iterator[tuple[str, dict[str, str]]]:
    for _ in cycle((None,)):
        asked = questions(dice)
        dice.shuffle(asked)
        yield from asked
