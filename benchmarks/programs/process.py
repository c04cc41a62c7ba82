"""How much memory has this process? As the kernel counts it; ``ru_maxrss`` would not do, since a child inherits its parent's peak."""

from pathlib import Path

_STATUS = Path("/proc/self/status")


def memory_mib() -> tuple[float, float] | None:
    """Return the resident memory, now and at its peak, in MiB; None where there is no /proc."""
    if not _STATUS.exists():
        return None
    lines = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines() if ":" in line)
    now, peak = (int(lines[key].split()[0]) / 1024 for key in ("VmRSS", "VmHWM"))
    return now, peak
