"""Request documents of whole conversations, as different clients write them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pydoc_data.topics import topics
from random import Random
from typing import cast

#: Prose and code that every Python contains: some 600 KB of the language reference.
_PARAGRAPHS = [
    paragraph.strip()
    for topic in sorted(topics)
    for paragraph in topics[topic].split("\n\n")
    if len(paragraph.strip()) > 60
]


class Conversations:
    """Generates the documents of a conversation by turn. Sizes are in characters; a seed fixes the text."""

    def __init__(self, seed: int = 7, *, spaced: bool = False) -> None:
        self._random = Random(seed)
        self._separators = (", ", ": ") if spaced else (",", ":")

    def text(self, chars: float) -> str:
        """Return consecutive paragraphs of about this many characters."""
        size = max(20, int(chars * self._random.lognormvariate(0, 0.5)))
        at = self._random.randrange(len(_PARAGRAPHS) - 50)
        text = ""
        while len(text) < size:
            text += _PARAGRAPHS[at % len(_PARAGRAPHS)] + "\n\n"
            at += 1
        return text[:size]

    def tools(self, count: int = 12) -> list[object]:
        """Return tool definitions of about 900 characters each."""
        return [
            {
                "type": "function",
                "function": {
                    "name": f"tool_{number}",
                    "description": self.text(400),
                    "parameters": {
                        "type": "object",
                        "properties": {
                            name: {"type": "string", "description": self.text(80)}
                            for name in ("path", "query", "limit")
                        },
                        "required": ["path"],
                    },
                },
            }
            for number in range(count)
        ]

    def chat(
        self,
        turns: int = 20,
        *,
        user: int = 300,
        answer: int = 1500,
        system: int = 1500,
        tools: list[object] | None = None,
        window: int | None = None,
        changing_system: bool = False,
    ) -> Iterator[bytes]:
        """Yield requests of OpenAI's chat completions.

        `window` limits them to the last messages; `changing_system` puts the time into the system prompt.
        """
        instructions = self.text(system)
        messages: list[object] = []
        for turn in range(turns):
            messages.append({"role": "user", "content": self.text(user)})
            now = f" It is 12:{turn:02d}." if changing_system else ""
            asked = messages if window is None else messages[-window:]
            document: dict[str, object] = {
                "model": "gpt-5-mini",
                "messages": [{"role": "system", "content": instructions + now}, *asked],
                "temperature": 0.2,
            }
            yield self._dump(document if tools is None else {**document, "tools": tools})
            messages.append({"role": "assistant", "content": self.text(answer)})

    def responses(self, turns: int = 20, *, user: int = 300, answer: int = 1500) -> Iterator[bytes]:
        """Yield requests of OpenAI's responses: instructions and a list of input items."""
        instructions = self.text(1500)
        items: list[object] = []
        for _ in range(turns):
            items.append({"role": "user", "content": [{"type": "input_text", "text": self.text(user)}]})
            yield self._dump({"model": "gpt-5", "instructions": instructions, "input": items, "store": False})
            content = [{"type": "output_text", "text": self.text(answer), "annotations": list[object]()}]
            items.append({"type": "message", "id": self._id("msg"), "role": "assistant", "content": content})

    def agent(self, turns: int = 20, *, result: int = 1500) -> Iterator[bytes]:
        """Yield requests of Anthropic's messages: an agent, cache control on the newest message."""
        tools, system = self.tools(), self.text(3000)
        messages: list[dict[str, object]] = [
            {"role": "user", "content": [{"type": "text", "text": self.text(300)}]}
        ]
        for _ in range(turns):
            *before, last = messages
            marked = [{**_part(last), "cache_control": {"type": "ephemeral"}}]
            yield self._dump(
                {
                    "model": "claude-sonnet-4-5",
                    "max_tokens": 4096,
                    "system": system,
                    "messages": [*before, {**last, "content": marked}],
                    "tools": tools,
                }
            )
            call = self._id("toolu")
            use = {
                "type": "tool_use",
                "id": call,
                "name": "tool_1",
                "input": {"path": f"/src/{call[-2:]}.py"},
            }
            messages.append({"role": "assistant", "content": [{"type": "text", "text": self.text(120)}, use]})
            found = {"type": "tool_result", "tool_use_id": call, "content": self.text(result)}
            messages.append({"role": "user", "content": [found]})

    def _id(self, prefix: str) -> str:
        return f"{prefix}_{self._random.getrandbits(96):024x}"

    def _dump(self, document: object) -> bytes:
        return json.dumps(document, separators=self._separators, ensure_ascii=False).encode()


def _part(message: dict[str, object]) -> dict[str, object]:
    return cast("list[dict[str, object]]", message["content"])[0]
