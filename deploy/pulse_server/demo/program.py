"""The demo's application: an assistant of a coffee shop, written with the openai and anthropic clients.

For Pulse it calls `pulse.init()`, observes the OpenRouter client, and sets a session for each conversation.
It prints one line per step.
"""

from __future__ import annotations

import json
import os

import anthropic
import openai
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolUnionParam

import pulse_instrumentation as pulse

_FIND_ORDER: ChatCompletionToolUnionParam = {
    "type": "function",
    "function": {
        "name": "find_order",
        "description": "Looks up an order.",
        "parameters": {
            "type": "object",
            "properties": {"order_id": {"type": "string"}},
            "required": ["order_id"],
        },
    },
}
_GUIDES = (
    "Descaling: one litre of water with the agent, hold both buttons for three seconds.",
    "Grinding: set the dial to four for espresso, to eleven for the French press.",
    "Warranty: two years from the day of delivery, on every part that moves.",
)
_HOUSE_STYLE = (
    "You write for a coffee shop. Plain words, short sentences, no exclamation marks.\n"
    + "\n".join(
        f"Product {number}: espresso machine, model {number}, {900 + 20 * number} watts, "
        f"{10 + number % 7} decilitres, in black, white and steel."
        for number in range(1, 61)
    )
)


def main() -> None:
    """Run three sessions of two users, then flush the spans."""
    provider = os.environ["DEMO_PROVIDER_URL"]
    pulse.init(service_name="coffee-shop", environment="demo", release="1.4.2")
    shop = openai.OpenAI(base_url=f"{provider}/openai/v1", api_key="demo", max_retries=0)
    writer = anthropic.Anthropic(base_url=f"{provider}/anthropic", api_key="demo", max_retries=0)
    router = pulse.observe(
        openai.OpenAI(base_url=f"{provider}/openrouter/api/v1", api_key="demo", max_retries=0), "openrouter"
    )
    with pulse.session("support-1042", user_id="ana", tags=["support"], metadata={"plan": "pro"}):
        help_with_order(shop)
    with pulse.session("machines-7", user_id="ben", tags=["search"]):
        answer_from_guides(shop)
    with pulse.session("campaign-winter", user_id="ana", tags=["writing"]):
        write_campaign(writer)
        translate(router)
    pulse.flush()


def help_with_order(client: openai.OpenAI) -> None:
    """Run a conversation of three turns: the second calls a tool, the third is streamed."""
    messages: list[ChatCompletionMessageParam] = [
        {"role": "system", "content": "You help the customers of a coffee shop. Be brief and kind."},
        {"role": "user", "content": "Hello, my order number is 1042."},
    ]
    _say(messages, client, "gpt-5-mini")
    _done("Ana asks about an order")

    messages.append({"role": "user", "content": "Good. So when does it arrive?"})
    answer = client.chat.completions.create(model="gpt-5-mini", messages=messages, tools=[_FIND_ORDER])
    calls = answer.choices[0].message.tool_calls or []
    for call in calls:
        assert call.type == "function"
        found = {
            "order": json.loads(call.function.arguments)["order_id"],
            "status": "shipped",
            "day": "Thursday",
        }
        messages.append(
            {
                "role": "assistant",
                "tool_calls": [
                    {
                        "id": call.id,
                        "type": "function",
                        "function": {"name": call.function.name, "arguments": call.function.arguments},
                    }
                ],
            }
        )
        messages.append({"role": "tool", "tool_call_id": call.id, "content": json.dumps(found)})
    _say(messages, client, "gpt-5-mini")
    _done("The model calls a tool and reads its result")

    messages.append({"role": "user", "content": "And if it is late again?"})
    stream = client.chat.completions.create(
        model="gpt-5-mini", messages=messages, stream=True, stream_options={"include_usage": True}
    )
    for _ in stream:
        pass
    _done("An answer is streamed")


def answer_from_guides(client: openai.OpenAI) -> None:
    """Create embeddings, then make a call that fails once with 429 and succeeds when repeated."""
    client.embeddings.create(model="text-embedding-3-small", input=list(_GUIDES))
    client.embeddings.create(model="text-embedding-3-small", input="How do I descale it?")
    _done("Guides are embedded and searched")

    messages: list[ChatCompletionMessageParam] = [
        {"role": "system", "content": f"Answer from this guide: {_GUIDES[0]}"},
        {"role": "user", "content": "It is urgent: how do I descale it?"},
    ]
    try:
        _say(messages, client, "gpt-4.1")
    except openai.RateLimitError:
        _done("The provider refuses a call: 429")
        _say(messages, client, "gpt-4.1")
    _done("Ben tries again, and the call succeeds")


def write_campaign(client: anthropic.Anthropic) -> None:
    """Make three calls with a long prompt, which the first call caches for the others."""
    system: list[anthropic.types.TextBlockParam] = [
        {"type": "text", "text": _HOUSE_STYLE, "cache_control": {"type": "ephemeral"}}
    ]
    for question in ("Write one sentence for the product page of model 7.", "The same, but shorter."):
        client.messages.create(
            model="claude-sonnet-4-5",
            max_tokens=300,
            system=system,
            messages=[{"role": "user", "content": question}],
        )
    _done("A long prompt is cached, then read from the cache")
    with client.messages.stream(
        model="claude-sonnet-4-5",
        max_tokens=300,
        system=system,
        messages=[{"role": "user", "content": "Now the newsletter for this winter."}],
    ) as stream:
        stream.until_done()
    _done("A message is streamed")


def translate(client: openai.OpenAI) -> None:
    """Make a call through OpenRouter, whose response reports its cost."""
    messages: list[ChatCompletionMessageParam] = [
        {
            "role": "user",
            "content": "Please translate to German: Nine bars. Thirty seconds. Your bar, at home.",
        }
    ]
    _say(messages, client, "mistralai/mistral-small-3.2-24b-instruct")
    _done("OpenRouter translates, and reports its price")


def _say(messages: list[ChatCompletionMessageParam], client: openai.OpenAI, model: str) -> None:
    answer = client.chat.completions.create(model=model, messages=messages)
    messages.append({"role": "assistant", "content": answer.choices[0].message.content or ""})


def _done(step: str) -> None:
    print(step, flush=True)


if __name__ == "__main__":
    main()
