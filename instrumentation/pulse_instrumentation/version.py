"""The version of this package, from the metadata of the installed distribution."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def _installed_version() -> str:
    """Return the version of the installed distribution; `0` if the package is used without installation."""
    try:
        return version("pulse-instrumentation")
    except PackageNotFoundError:
        return "0"


__version__ = _installed_version()
