"""What an installation decides: read once from the environment (PEERCHART_...) or given by a door."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.places import default_data_dir, site_of

_RATE = re.compile(r"[1-9]\d{0,8} per (second|minute|hour)")


def _rate(text: str) -> str:
    """A rate; raises ValueError with the right form."""
    if not _RATE.fullmatch(text):
        raise ValueError("expected a rate such as '600 per minute' (per second, minute or hour)")
    return text


class Settings(BaseSettings):
    """The settings of one installation; every field may be set as PEERCHART_<FIELD> in the environment."""

    model_config = SettingsConfigDict(env_prefix="PEERCHART_", frozen=True, extra="forbid")

    data_dir: Path = Field(default_factory=default_data_dir)
    database_url: str = ""
    base_url: str = "http://127.0.0.1:8000"
    secret_file: Path | None = None
    site: Path | None = None
    idle_minutes: int = Field(default=15, ge=1)
    absolute_hours: int = Field(default=10, ge=1)
    deliver_every_seconds: int = Field(default=2, ge=1)
    # A clinic shares one address, and an office opens in the morning all at once: the address is let do much.
    person_limit: Annotated[str, AfterValidator(_rate)] = "600 per minute"
    person_limits: dict[str, Annotated[str, AfterValidator(_rate)]] = Field(default_factory=dict)
    address_limit: Annotated[str, AfterValidator(_rate)] = "12000 per minute"
    # How many proxies of ours stand before the application and write X-Forwarded-For.
    proxies: int = Field(default=0, ge=0)
    # What the registration sheet tells an EHR's app gallery of whoever runs this installation.
    operator_name: str = ""
    contact_name: str = ""
    contact_email: str = ""
    contact_phone: str = ""
    security_email: str = ""
    privacy_url: str = ""
    terms_url: str = ""

    @property
    def database(self) -> str:
        """The address of the database: `database_url`, or a SQLite file in `data_dir`."""
        return self.database_url or f"sqlite:///{self.data_dir / 'peerchart.sqlite3'}"

    @property
    def site_rules(self) -> Path | None:
        """What the site adds to the rules: `site`, or the folder `site` in `data_dir` where there is one."""
        return site_of(self.site, self.data_dir)

    @property
    def sites(self) -> Path:
        """Where the overlays of single EHRs lie, a folder for each issuer id."""
        return self.data_dir / "sites"

    @property
    def master_key_file(self) -> Path:
        """Where the master key for encryption at rest lies: `secret_file`, or a file in `data_dir`."""
        return self.secret_file or self.data_dir / "master.key"
