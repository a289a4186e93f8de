"""Base64 media are never exported: of any length, in text, JSON text and JSON text within it."""

from __future__ import annotations

import base64
import hashlib
import json
import random
from collections.abc import Callable
from typing import Any, cast

import pytest
from tests.instrumentation.api_cases import both_kinds, call
from tests.instrumentation.recorded import Recorded
from tests.support.llm_bodies import choice, completion, message, response
from tests.support.llm_clients import anthropic_client, openai_client, result_of
from tests.support.llm_http import FakeProvider, json_answer

from pulse_instrumentation.blob_fields import without_media
from pulse_instrumentation.content import Capture

# A minimal PNG, a JPEG whose base64 is mostly slashes, and bytes of no known file format.
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
JPEG = b"\xff\xd8\xff\xe0" + b"\xff\xf0" * 80
NOISE = random.Random(7).randbytes(400)
TINY = bytes(range(18))


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def note(content: bytes, kind: str = "base64") -> str:
    return f"[blob {kind} {len(content)} bytes sha256:{sha(content)}]"


def described(content: bytes, **kind: str) -> dict[str, Any]:
    return {"type": "blob", **kind, "size": len(content), "sha256": sha(content)}


def data_url(content: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{encoded(content)}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (encoded(PNG), described(PNG)),
        (encoded(PNG) + "\n", described(PNG)),
        (encoded(JPEG), described(JPEG)),
        (encoded(NOISE), described(NOISE)),
        (encoded(NOISE).rstrip("="), described(NOISE)),
        (base64.urlsafe_b64encode(NOISE).decode(), described(NOISE)),
        (base64.encodebytes(NOISE).decode(), described(NOISE)),
        (data_url(TINY), described(TINY, mime_type="image/png")),
        (data_url(TINY).replace("data:", "DATA:"), described(TINY, mime_type="image/png")),
        (f"data:audio/wav;rate=8000;base64,{encoded(TINY)}", described(TINY, mime_type="audio/wav")),
        (f"data:;base64,{encoded(TINY)}", described(TINY)),
        (
            data_url(NOISE).replace("+", "%2B").replace("/", "%2F").replace("image%2F", "image/"),
            described(NOISE, mime_type="image/png"),
        ),
        ("data:image/svg+xml,%3Csvg a='b c'%3E", described(b"<svg a='b c'>", mime_type="image/svg+xml")),
    ],
)
def test_string_that_is_all_media_becomes_its_digest(text: str, expected: dict[str, Any]) -> None:
    assert json.loads(without_media(text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"see ![x]({data_url(TINY)})!", f"see ![x]({note(TINY, 'image/png')})!"),
        (f'<img src="{data_url(TINY)}">', f'<img src="{note(TINY, "image/png")}">'),
        (
            f"url({data_url(PNG)}) url({data_url(TINY)})",
            f"url({note(PNG, 'image/png')}) url({note(TINY, 'image/png')})",
        ),
        (f"shot: {encoded(PNG)}, {encoded(NOISE)}.", f"shot: {note(PNG)}, {note(NOISE)}."),
        (f"shot: {base64.encodebytes(NOISE).decode()}", f"shot: {note(NOISE)}\n"),
        (repr({"a": encoded(NOISE)}), repr({"a": note(NOISE)})),
        ('So: {"a": "' + encoded(JPEG).replace("/", "\\/") + '"}', 'So: {"a": "' + note(JPEG) + '"}'),
    ],
)
def test_media_within_text_become_notes(text: str, expected: str) -> None:
    assert without_media(text) == expected


JSON_VALUES: list[tuple[Any, Any]] = [
    ({"image": encoded(PNG), "n": 1.5}, {"image": described(PNG), "n": 1.5}),
    ([data_url(TINY)], [described(TINY, mime_type="image/png")]),
    # In the forms of MCP, Gemini, OpenAI, Anthropic and the GitHub API.
    (
        [{"type": "audio", "data": encoded(TINY), "mimeType": "audio/pcm"}],
        [{"type": "audio", "data": described(TINY, mime_type="audio/pcm"), "mimeType": "audio/pcm"}],
    ),
    (
        {"inlineData": {"mimeType": "video/x", "data": encoded(TINY)}},
        {"inlineData": {"mimeType": "video/x", "data": described(TINY, mime_type="video/x")}},
    ),
    (
        {"input_audio": {"data": encoded(bytes(30)), "format": "pcm16"}},
        {"input_audio": {"data": described(bytes(30)), "format": "pcm16"}},
    ),
    ({"b64_json": encoded(TINY)}, {"b64_json": described(TINY)}),
    (
        {"type": "base64", "media_type": "application/pdf", "data": encoded(TINY)},
        {
            "type": "base64",
            "media_type": "application/pdf",
            "data": described(TINY, mime_type="application/pdf"),
        },
    ),
    ({"encoding": "base64", "content": encoded(NOISE)}, {"encoding": "base64", "content": described(NOISE)}),
    ({"imageBase64": encoded(TINY)}, {"imageBase64": described(TINY)}),
    (
        {"uri": "x://y", "blob": encoded(TINY), "mimeType": "image/x"},
        {"uri": "x://y", "blob": described(TINY, mime_type="image/x"), "mimeType": "image/x"},
    ),
]


def plain(value: Any) -> Any:
    """Return a JSON value with the digests in its strings decoded."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [plain(item) for item in cast("list[Any]", value)]
    if isinstance(value, str) and value.startswith(('{"', "[", '"')):
        return plain(json.loads(value))
    return value


@pytest.mark.parametrize(("value", "expected"), JSON_VALUES)
@pytest.mark.parametrize("nesting", [0, 1, 3])
@pytest.mark.parametrize("escaped", [False, True])
def test_media_within_json_text_become_digests(
    value: Any, expected: Any, nesting: int, escaped: bool
) -> None:
    text = json.dumps(value)
    for _ in range(nesting):
        text = json.dumps({"again": text, "and": "this"}, indent=1)
        expected = {"again": expected, "and": "this"}
    if escaped:
        text = text.replace("/", "\\/")
    assert plain(json.loads(without_media(text))) == expected


@pytest.mark.parametrize(("value", "expected"), JSON_VALUES)
def test_media_within_json_values_become_digests(value: Any, expected: Any) -> None:
    part = Capture("full").tool_response("t1", value)
    assert plain(part["response"]) == expected


@pytest.mark.parametrize(
    "text",
    [
        "The quick brown fox jumps over the lazy dog. " * 200,
        "/home/JohnDoe/Projects/MyApp2024/node_modules/@babel/plugin/lib/GetRuntimePath/Definitions/And/More/AtLast/Foo1",
        "sha512-" + hashlib.sha512(b"x").hexdigest(),
        NOISE.hex(),
        "-" * 300 + "\n" + "=" * 300,
        "\n".join(f"A1b2C3d4E5f6G7h8I9j0A1b2C3d4E5f6G7h8I9j0_{n}" for n in range(9)),
        "data: one, two; three",
        "data:text/plain,Hello world, this is a text",
        json.dumps({"type": "file", "data": "notes of the meeting", "format": "text"}),
        json.dumps({"content_type": "text/plain", "data": "finishedfinishedfinished"}),
        json.dumps({"mimeType": "application/json", "data": "abcdefghabcdefghabcdefgh"}),
        json.dumps({"image": "a-picture-of-a-cat-that-sits-on-a-mat"}),
        '{"type": "image", "data": ',
        "[" * 3000,
    ],
)
def test_text_without_media_is_unchanged(text: str) -> None:
    assert without_media(text) is text or without_media(text) == text


def test_redact_receives_the_digest_and_not_the_media() -> None:
    seen: list[str] = []

    def redact(text: str) -> str:
        seen.append(text)
        return text

    Capture("full", redact).tool_response("t1", f"shot: {encoded(PNG)}")
    assert seen == [f"shot: {note(PNG)}"]


def test_media_in_a_very_long_text_are_replaced_completely() -> None:
    picture = random.Random(1).randbytes(1_200_000)
    text = f"shot: {encoded(picture)} and {'so on ' * 300_000}"
    part = Capture("full").text_part(text)
    assert str(part["content"]).startswith(f"shot: {note(picture)}")
    assert part["truncated"] is True
    assert len(str(part["content"])) <= 32 * 1024


@pytest.mark.parametrize("media_type", ["the secret word", "image/png secret", "x" * 500, 7])
def test_invalid_media_type_is_omitted(media_type: Any) -> None:
    part = Capture("full").blob(encoded(TINY), media_type, "image")
    assert part == {**described(TINY), "modality": "image"}


@pytest.mark.parametrize("address", ["data:" + encoded(TINY), "data:secret word;base64," + encoded(TINY)])
def test_data_url_without_a_media_type_is_media(address: str) -> None:
    assert Capture("full").uri(address, "image") == {**described(TINY), "modality": "image"}


SHOT = encoded(PNG)
IN_JSON = json.dumps({"screenshot": SHOT, "deep": json.dumps([data_url(PNG)])})
CHAT_TOOL = {
    "role": "assistant",
    "tool_calls": [{"id": "t1", "type": "function", "function": {"name": "f", "arguments": IN_JSON}}],
}


def _chat(content: Any) -> Callable[[str], Any]:
    def run(kind: str) -> Any:
        answer = completion(choices=[choice(CHAT_TOOL, "tool_calls")])
        client = openai_client(FakeProvider(json_answer(answer)), kind)
        messages: list[Any] = [CHAT_TOOL, {"role": "tool", "tool_call_id": "t1", "content": content}]
        return call(kind, client.chat.completions.create, model="m", messages=messages)

    return run


def _responses(*given: Any) -> Callable[[str], Any]:
    def run(kind: str) -> Any:
        client = openai_client(FakeProvider(json_answer(response(IN_JSON))), kind)
        return call(kind, client.responses.create, model="m", input=list(given))

    return run


def _messages(content: Any) -> Callable[[str], Any]:
    def run(kind: str) -> Any:
        block = {"type": "tool_use", "id": "t1", "name": "f", "input": {"given": IN_JSON, "shot": SHOT}}
        client = anthropic_client(FakeProvider(json_answer(message(content=[block]))), kind)
        result = {"type": "tool_result", "tool_use_id": "t1", "content": content}
        messages: list[Any] = [
            {"role": "assistant", "content": [block]},
            {"role": "user", "content": [result]},
        ]
        return call(kind, client.messages.create, model="m", max_tokens=9, messages=messages)

    return run


ANTHROPIC_IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": SHOT}}
PLACES = {
    "chat text": _chat(f"Here: {SHOT}"),
    "chat JSON": _chat(IN_JSON),
    "chat parts": _chat(
        [{"type": "text", "text": IN_JSON}, {"type": "image_url", "image_url": {"url": data_url(PNG)}}]
    ),
    "responses text": _responses({"type": "function_call_output", "call_id": "t1", "output": SHOT}),
    "responses parts": _responses(
        {
            "type": "function_call_output",
            "call_id": "t1",
            "output": [
                {"type": "input_image", "image_url": data_url(PNG)},
                {"type": "input_file", "file_data": SHOT},
            ],
        }
    ),
    "responses computer": _responses(
        {
            "type": "computer_call_output",
            "call_id": "t1",
            "output": {"type": "computer_screenshot", "image_url": data_url(PNG)},
        }
    ),
    "responses MCP": _responses(
        {
            "type": "mcp_call",
            "id": "m",
            "name": "f",
            "server_label": "s",
            "arguments": IN_JSON,
            "output": IN_JSON,
        }
    ),
    "responses code": _responses(
        {"type": "code_interpreter_call", "id": "c", "outputs": [{"type": "image", "url": data_url(PNG)}]}
    ),
    "messages text": _messages(IN_JSON),
    "messages parts": _messages([{"type": "text", "text": IN_JSON}, ANTHROPIC_IMAGE]),
    "messages search": _messages(
        [
            {
                "type": "search_result",
                "source": data_url(PNG),
                "title": SHOT,
                "content": [{"type": "text", "text": IN_JSON}],
            }
        ]
    ),
}


@both_kinds
@pytest.mark.parametrize("place", PLACES)
def test_no_call_exports_media(instrumented: Recorded, place: str, kind: str) -> None:
    PLACES[place](kind)
    exported = json.dumps(instrumented.attributes)
    assert SHOT[:40] not in exported
    assert exported.count(sha(PNG)) >= 2


def test_error_that_quotes_media_does_not_export_them(instrumented: Recorded) -> None:
    refusal = json_answer({"error": {"message": f"no picture: {data_url(PNG)}"}}, status=400)
    client = openai_client(FakeProvider(refusal))
    with pytest.raises(Exception, match="no picture"):
        result_of(client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hi"}]))
    assert SHOT[:40] not in (instrumented.only.message or "")
