"""Read files of custom prices."""

from __future__ import annotations

from pathlib import Path

from pulse_collector.pricing.custom import CustomPrices
from pulse_server.arguments import WrongUsage
from pulse_server.settings import SettingError, Settings
from pulse_storage.price_document import (
    MAX_DOCUMENT_BYTES,
    PriceDocument,
    PriceDocumentError,
    read_json,
    read_toml,
)


def file_prices(settings: Settings) -> CustomPrices | None:
    """Read PULSE_PRICES_FILE; None if it is not set. Raises SettingError if it is invalid."""
    path = settings.prices_file
    if path is None:
        return None
    try:
        return CustomPrices(read_prices(path), path.name)
    except WrongUsage as error:
        raise SettingError("PULSE_PRICES_FILE", str(error)) from error


def read_prices(path: Path) -> PriceDocument:
    """Read a file of prices: JSON if its name ends in `.json`, else TOML.

    Raises WrongUsage with file, line and fix if it cannot be read or is invalid.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_DOCUMENT_BYTES + 1)
        if len(content) > MAX_DOCUMENT_BYTES:
            raise WrongUsage(
                f"{path}: larger than {MAX_DOCUMENT_BYTES} bytes; use patterns for groups of models"
            )
        text = content.decode()
        return read_json(text) if path.suffix == ".json" else read_toml(text)
    except OSError as error:
        raise WrongUsage(f"{path}: cannot be read ({error.strerror}); give a readable file") from error
    except UnicodeDecodeError as error:
        raise WrongUsage(f"{path}: is not UTF-8; save it as UTF-8") from error
    except PriceDocumentError as error:
        raise WrongUsage(f"{path}: {error}") from error
