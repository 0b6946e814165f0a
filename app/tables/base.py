"""What every table shares."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import LargeBinary, Text
from sqlalchemy.orm import DeclarativeBase

from app.columns import IsoDay, Utc


class Table(DeclarativeBase):
    """The base of all tables."""

    type_annotation_map: Mapping[Any, Any] = {datetime: Utc, date: IsoDay, str: Text, bytes: LargeBinary}
