"""Which service a live run asks, and why it asks none.

In: options of the command line. Out: settings for the product's own session, or a reason in one
line.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gee.credentials import find_credentials
from gee.errors import CredentialsError
from gee.settings import EarthEngineSettings

HOW_TO = "docs/live.md tells how"


@dataclass(frozen=True)
class Target:
    """What to connect to, or the reason why nothing is asked."""

    settings: EarthEngineSettings | None
    reason: str = ""

    @property
    def where(self) -> str:
        """Say who was asked; the project is the user's own business."""
        if self.settings is None:
            return "nobody"
        return self.settings.url or "Earth Engine"


def target_of(project: str | None, key: str | None, url: str | None, folder: Path) -> Target:
    """Return what the options name; `folder` is what the key's path starts from.

    A url is asked without credentials, as everywhere in the product.
    """
    if url is not None:
        return Target(EarthEngineSettings(url=url))
    if project is None:
        return Target(None, f"the service is not asked: no --live-project is named; {HOW_TO}")
    try:
        find_credentials(None if key is None else folder / Path(key).expanduser())
    except CredentialsError as error:
        return Target(None, f"the service is not asked: {error}; {HOW_TO}")
    return Target(EarthEngineSettings(project=project, service_account_key=key))
