"""Scripted answers of the bundled provider, and its approximate token counts."""

from __future__ import annotations

import json
from dataclasses import dataclass

#: An approximation for English text; real tokenizers need to download their vocabularies.
_CHARS_PER_TOKEN = 4
_TOKENS_PER_MESSAGE = 4


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A function call in a model's answer."""

    name: str
    arguments: dict[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """A model's answer: text or a tool call."""

    text: str
    tool_call: ToolCall | None = None
    reasoning_tokens: int = 0

    @property
    def output_tokens(self) -> int:
        """Return the billed output tokens, including reasoning."""
        output = self.text if self.tool_call is None else json.dumps(self.tool_call.arguments)
        return tokens(output) + self.reasoning_tokens


#: Answers by a fragment of the last message; the first match is used.
_SCRIPT = (
    (
        "when does it arrive",
        Answer("", ToolCall("find_order", {"order_id": "1042"}), reasoning_tokens=64),
    ),
    (
        '"status": "shipped"',
        Answer("Order 1042 has shipped and arrives on Thursday, between 9:00 and 12:00."),
    ),
    (
        "late again",
        Answer(
            "I am sorry about that. If it has not arrived by Thursday noon, write to me: I will refund the "
            "delivery at once and send a replacement by courier, without any form to fill in."
        ),
    ),
    (
        "order number",
        Answer("Of course. I see order 1042, one espresso machine. What would you like to know?"),
    ),
    (
        "descale",
        Answer(
            "Fill the tank with one litre of water and the descaling agent, hold both buttons for three "
            "seconds, and let it run until the light is green. Then rinse twice.",
            reasoning_tokens=128,
        ),
    ),
    ("product page", Answer("Nine bars of pressure, ready in thirty seconds: coffee as your bar makes it.")),
    ("shorter", Answer("Nine bars. Thirty seconds. Your bar, at home.")),
    (
        "newsletter",
        Answer(
            "Hello! Winter is long, coffee is short. This month the compact espresso machine comes with a "
            "bag of our house blend, roasted on the day it ships. Drink it slowly."
        ),
    ),
    ("translate", Answer("Neun Bar. Dreißig Sekunden. Deine Bar, zu Hause.")),
)
_DEFAULT = Answer("I can help with orders, machines and texts about them. What do you need?")


def answer_to(last_message: str) -> Answer:
    """Return the scripted answer to the last message of a conversation, or a default answer."""
    for fragment, answer in _SCRIPT:
        if fragment in last_message:
            return answer
    return _DEFAULT


def tokens(text: str) -> int:
    """Return the approximate number of tokens of a text; 0 for an empty one."""
    return -(-len(text) // _CHARS_PER_TOKEN)


def prompt_tokens(texts: list[str]) -> int:
    """Return the tokens of a conversation: those of its texts, and a constant number per message."""
    return sum(tokens(text) + _TOKENS_PER_MESSAGE for text in texts)


def pieces(text: str) -> list[str]:
    """Split a text into words for a stream; joined they are the text again."""
    words = text.split(" ")
    return [word if index == 0 else f" {word}" for index, word in enumerate(words)]
