"""Numbers as people read them: bytes with their unit, things with their plural."""

_UNITS = ("B", "kB", "MB", "GB", "TB")


def count(number: int, what: str) -> str:
    """Return a number with what it counts: 1 file, 1,240 files."""
    return f"{number:,} {what}" + "s" * (number != 1)


def amount(size: float) -> str:
    """Return a number of bytes with its unit: 999 B, 1.2 kB, 12 MB."""
    for unit in _UNITS:
        if size < 1000 or unit == _UNITS[-1]:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 10 else f"{size:.1f} {unit}"
        size /= 1000
    return ""
