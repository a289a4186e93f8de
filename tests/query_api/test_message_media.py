"""Images and files of every provider's form: base64 has a digest, anything else is only named."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import orjson
import pytest

from pulse_query_api.messages.conversation import RowContent, find_embedded, read_conversation

PNG = b"\x89PNG\r\n\x1a\n" + b"pixels" * 3
PDF = b"%PDF-1.7 pages"
TEXT = base64.b64encode(PNG).decode()
PDF_TEXT = base64.b64encode(PDF).decode()


def row(part: object) -> RowContent:
    return RowContent(request_body=orjson.dumps({"messages": [{"role": "user", "content": [part]}]}))


def media(part: object) -> dict[str, Any]:
    [message] = read_conversation(row(part)).messages
    parts: Any = message["parts"]
    assert len(parts) == 1, parts
    return parts[0]


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{TEXT}"}},
        {"type": "input_image", "image_url": f"data:image/png;base64,{TEXT}"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": TEXT}},
        {"inlineData": {"mimeType": "image/png", "data": TEXT}},
        {"image": {"format": "png", "source": {"bytes": TEXT}}},
        {"type": "image", "image": TEXT, "mediaType": "image/png"},
        {"type": "image", "image": {"image": {"url": f"data:image/png;base64,{TEXT}"}}},
        {"type": "blob", "modality": "image", "mime_type": "image/png", "content": TEXT},
        {"type": "image", "data": TEXT.rstrip("="), "mimeType": "image/png"},
        {"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": TEXT},
    ],
)
def test_embedded_image_of_each_form_has_its_digest(part: object) -> None:
    digest = hashlib.sha256(PNG).hexdigest()
    assert media(part) == {
        "type": "image",
        "media_type": "image/png",
        "name": None,
        "url": None,
        "digest": digest,
        "bytes": len(PNG),
    }
    found = find_embedded(row(part), digest)
    assert found is not None
    assert (found.data, found.media_type) == (PNG, "image/png")
    assert find_embedded(row(part), "0" * 64) is None


@pytest.mark.parametrize(
    "part",
    [
        {
            "type": "file",
            "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PDF_TEXT}"},
        },
        {"type": "input_file", "filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PDF_TEXT}"},
        {"type": "document", "title": "a.pdf", "source": {"media_type": "application/pdf", "data": PDF_TEXT}},
        {"document": {"name": "a.pdf", "format": "pdf", "source": {"bytes": PDF_TEXT}}},
        {"type": "file", "data": PDF_TEXT, "mediaType": "application/pdf", "filename": "a.pdf"},
    ],
)
def test_embedded_file_of_each_form_has_its_name(part: object) -> None:
    found = media(part)
    assert (found["type"], found["media_type"], found["name"]) == ("file", "application/pdf", "a.pdf")
    assert found["digest"] == hashlib.sha256(PDF).hexdigest()


@pytest.mark.parametrize(
    ("part", "named"),
    [
        (
            {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}},
            ("image", "https://x.example/a.png"),
        ),
        (
            {"type": "image", "source": {"type": "url", "url": "https://x.example/a"}},
            ("image", "https://x.example/a"),
        ),
        ({"type": "uri", "modality": "image", "uri": "gs://b/a.png"}, ("image", "gs://b/a.png")),
        ({"fileData": {"mimeType": "video/mp4", "fileUri": "gs://b/v.mp4"}}, ("file", "gs://b/v.mp4")),
        ({"type": "file", "modality": "image", "file_id": "file-1"}, ("image", None)),
        (
            {"type": "blob", "modality": "audio", "mime_type": "audio/wav", "size": 9, "sha256": "ab"},
            ("file", None),
        ),
    ],
)
def test_referenced_media_have_no_digest(part: object, named: tuple[str, str | None]) -> None:
    found = media(part)
    assert ((found["type"], found["url"]), found["digest"]) == (named, None)


def test_text_that_is_no_base64_is_kept_as_json() -> None:
    part = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "[cut …"}}
    assert media(part) == {"type": "json", "value": part}


def test_audio_answer_has_transcript_and_file() -> None:
    answer = {
        "choices": [
            {"message": {"role": "assistant", "audio": {"id": "a1", "data": PDF_TEXT, "transcript": "Hi"}}}
        ]
    }
    [message] = read_conversation(RowContent(response_body=orjson.dumps(answer))).messages
    parts: Any = message["parts"]
    assert [part["type"] for part in parts] == ["text", "file"]


def test_plain_text_document_is_a_file_with_its_text() -> None:
    source = {"type": "text", "media_type": "text/plain", "data": "Dunes."}
    [message] = read_conversation(row({"type": "document", "title": "d.txt", "source": source})).messages
    parts: Any = message["parts"]
    assert [(part["type"], part.get("name") or part.get("text")) for part in parts] == [
        ("file", "d.txt"),
        ("text", "Dunes."),
    ]
