"""Collect the pages of the documentation site: `python -m docs.tools.pages FOLDER`.

The pages keep their relative places, so a link works in the site and where the repository is browsed.
Two pages are generated: the HTTP API reference from the OpenAPI document, and a page from which
mkdocstrings makes the reference of pulse_instrumentation.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from docs.tools.openapi_markdown import openapi_markdown

from pulse_query_api.openapi import openapi_document

ROOT = Path(__file__).parents[2]

#: Pages outside of docs/ that the site has.
OUTSIDE = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "instrumentation/README.md")

_INSTRUMENTATION = """# pulse_instrumentation reference

This page is generated from the docstrings. [The instrumentation](../instrumentation/README.md) is the guide.

::: pulse_instrumentation
"""


def collect(folder: Path) -> None:
    """Write every page of the site into the folder, after deleting what the folder contains."""
    shutil.rmtree(folder, ignore_errors=True)
    for page in [*(ROOT / name for name in OUTSIDE), *(ROOT / "docs").rglob("*.md")]:
        target = folder / page.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(page, target)
    (folder / "docs/api-reference.md").write_text(openapi_markdown(openapi_document()))
    (folder / "docs/instrumentation-reference.md").write_text(_INSTRUMENTATION)


if __name__ == "__main__":
    collect(Path(sys.argv[1]))
