"""Files of custom prices, read for a server or a command."""

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
    """The prices of PULSE_PRICES_FILE; None if it is not set. Raises SettingError."""
    path = settings.prices_file
    if path is None:
        return None
    try:
        return CustomPrices(read_prices(path), path.name)
    except WrongUsage as error:
        raise SettingError("PULSE_PRICES_FILE", str(error)) from error


def read_prices(path: Path) -> PriceDocument:
    """The document in a file: JSON if its name ends so, else TOML. Raises WrongUsage: file, line and mend."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_DOCUMENT_BYTES + 1)
        if len(content) > MAX_DOCUMENT_BYTES:
            raise WrongUsage(
                f"{path}: larger than {MAX_DOCUMENT_BYTES} bytes; name fewer models, by patterns"
            )
        text = content.decode()
        return read_json(text) if path.suffix == ".json" else read_toml(text)
    except OSError as error:
        raise WrongUsage(f"{path}: cannot be read ({error.strerror}); name a file of prices") from error
    except UnicodeDecodeError as error:
        raise WrongUsage(f"{path}: is not UTF-8; save it as such") from error
    except PriceDocumentError as error:
        raise WrongUsage(f"{path}: {error}") from error
