"""Times and spans in the words of the pages. live.js says the same words while a page is looked at."""

from __future__ import annotations

from datetime import UTC, datetime

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()
MINUTE, HOUR, DAY = 60, 3600, 86400


def span(seconds: float, *, tenths: bool = True) -> str:
    """`4.9 s`, `3 min 05 s`, `2 h 05 min`. Under a minute with tenths, unless it still goes on."""
    seconds = max(0.0, seconds)
    if seconds < MINUTE:
        return f"{seconds:.1f} s" if tenths and seconds < MINUTE - 0.05 else f"{int(seconds)} s"
    if seconds < HOUR:
        return f"{int(seconds // MINUTE)} min {int(seconds % MINUTE):02} s"
    return f"{int(seconds // HOUR)} h {int(seconds % HOUR // MINUTE):02} min"


def distance(seconds: float) -> str:
    """How far away a moment is: `ago` of it, or `in` it when it is still to come."""
    far = abs(seconds)
    if far < 5:
        return "just now" if seconds >= 0 else "in a moment"
    units = ((DAY, "d"), (HOUR, "h"), (MINUTE, "min"), (1, "s"))
    size, unit = next((size, unit) for size, unit in units if far >= size)
    words = f"{int(far // size)} {unit}"
    return f"{words} ago" if seconds >= 0 else f"in {words}"


@register.filter
def moment(at: datetime | None) -> SafeString | str:
    """Relative, with the moment itself in the title."""
    if at is None:
        return ""
    utc = at.astimezone(UTC)
    return format_html(
        '<time datetime="{}" title="{} UTC">{}</time>',
        utc.isoformat(timespec="milliseconds"),
        f"{utc:%Y-%m-%d %H:%M:%S}",
        distance((timezone.now() - at).total_seconds()),
    )


def took(start: datetime | None, end: datetime | None) -> SafeString | str:
    """From start to end, nothing when it was over as it began; goes on counting on the page while there is no end."""
    if start is None or start == end:
        return ""
    if end is not None:
        return span((end - start).total_seconds())
    return format_html(
        '<span data-since="{}">{}</span>',
        start.astimezone(UTC).isoformat(timespec="milliseconds"),
        span((timezone.now() - start).total_seconds(), tenths=False),
    )


@register.simple_tag
def server_time() -> str:
    """By it the page knows how wrong its own clock is."""
    return timezone.now().isoformat(timespec="milliseconds")
