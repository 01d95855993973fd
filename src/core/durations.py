"""Durations and large counts, in a few words."""


def duration(seconds: float) -> str:
    """Return ``seconds`` to two units at most: 45 s, 3 min 20 s, 2 h 5 min, 3 d 4 h."""
    whole = max(round(seconds), 0)
    for size, unit, smaller, name in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {unit}" + (f" {rest} {name}" if rest else "")
    return f"{whole} s" if seconds >= 1 or whole else "under 1 s"


def about(seconds: float) -> str:
    """Return a remaining time as coarsely as it is known: 40 s, 4 min, 2 h 10 min."""
    if seconds < 60:
        return duration(max(-(-seconds // 10) * 10, 1))
    return duration(max(round(seconds / 60), 1) * 60) if seconds < 36000 else duration(round(seconds / 3600) * 3600)


def large(count: int) -> str:
    """Return a count of parameters: 812, 812 k, 4.9 M, 86 M."""
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if count >= size:
            return f"{count / size:.1f}{unit}" if count < 10 * size else f"{count / size:.0f}{unit}"
    return str(count)
