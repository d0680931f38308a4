"""What is known of a site to measure, here and in the servers that serve it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

DATABASE_URL_VARIABLE = "BENCHMARK_DATABASE_URL"
PRIVATE_KEY_FILE_VARIABLE = "BENCHMARK_PRIVATE_KEY_FILE"


@dataclass(frozen=True)
class Site:
    """What an app needs to serve a prepared database, and what a client needs to ask it."""

    database_url: str
    private_key_file: Path
    product_id: int
    secret: str

    @property
    def environment(self) -> dict[str, str]:
        """What the apps of this package read when a server starts them."""
        return {
            DATABASE_URL_VARIABLE: self.database_url,
            PRIVATE_KEY_FILE_VARIABLE: str(self.private_key_file),
        }

    @classmethod
    def from_environment(cls) -> Site:
        """Return the site that a server was started for; it asks nobody, so it has no API key."""
        url, file = os.environ[DATABASE_URL_VARIABLE], Path(os.environ[PRIVATE_KEY_FILE_VARIABLE])
        return cls(url, file, product_id=1, secret="")
