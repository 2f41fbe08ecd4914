"""Times as they are asked for: an instant, or a whole year, month, day, minute or second, in UTC."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from jobmon_server.db.search.query import InvalidQuery

FORMS = (
    "must be a year, month or day (2026, 2026-11, 2026-11-26, in UTC),"
    " or a time with Z or an offset (2026-11-26T10:30Z, 2026-11-26T10:30:05.25+01:00)"
)
_TIME = re.compile(
    r"(?P<year>\d{4})(-(?P<month>\d\d)(-(?P<day>\d\d)"
    r"([T ](?P<hour>\d\d):(?P<minute>\d\d)(:(?P<second>\d\d)(\.(?P<fraction>\d{1,6}))?)?"
    r"(?P<zone>Z|[+-]\d\d:\d\d)?)?)?)?",
    re.ASCII,
)
_LENGTHS = {
    "day": timedelta(days=1),
    "minute": timedelta(minutes=1),
    "second": timedelta(seconds=1),
    "fraction": timedelta(microseconds=1),
}
#: Years that both databases can hold, one to spare on either side for offsets and ends.
_EARLIEST, _LATEST = 1001, 9998


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` until, not including, `end`: naive UTC, as the database holds times. An instant is a microsecond."""

    start: datetime
    end: datetime
    resolution: str


def parse_period(text: str) -> Period:
    """Read a time; raises `Wrong` for what is none, and for a time of day that does not say of which zone."""
    match = _TIME.fullmatch(text)
    if match is None:
        raise InvalidQuery(FORMS)
    parts = {name: part for name, part in match.groupdict().items() if part is not None}
    zone = parts.pop("zone", None)
    if "hour" in parts and zone is None:
        raise InvalidQuery(f"a time of day needs Z or an offset; {FORMS}")
    resolution = next(
        name for name in ("fraction", "second", "minute", "day", "month", "year") if name in parts
    )
    try:
        start = _start(parts, zone)
    except ValueError:
        raise InvalidQuery(f"is no date of the calendar; {FORMS}") from None
    if not _EARLIEST <= start.year <= _LATEST:
        raise InvalidQuery(f"must be in the years {_EARLIEST} to {_LATEST}")
    return Period(start, _end(start, resolution), resolution)


def _start(parts: dict[str, str], zone: str | None) -> datetime:
    numbers = {name: int(part) for name, part in parts.items() if name != "fraction"}
    microsecond = int(parts.get("fraction", "0").ljust(6, "0"))
    start = datetime(**{"month": 1, "day": 1, **numbers}, microsecond=microsecond, tzinfo=UTC)
    if zone is not None and len(zone) > 1:
        hours, minutes = int(zone[1:3]), int(zone[4:])
        if hours > 23 or minutes > 59:
            raise ValueError(zone)
        offset = timedelta(hours=hours, minutes=minutes)
        start = start - offset if zone[0] == "+" else start + offset
    return start.replace(tzinfo=None)


def _end(start: datetime, resolution: str) -> datetime:
    if resolution == "year":
        return start.replace(year=start.year + 1)
    if resolution == "month":
        months = start.year * 12 + start.month
        return start.replace(year=months // 12, month=months % 12 + 1)
    return start + _LENGTHS[resolution]
