"""What do figures depend on? The machine, in words that do not say whose it is."""

import os
import platform
from pathlib import Path


def machine() -> dict[str, str]:
    """Return the CPU, cores, memory, Python, kernel, and how busy the machine is already."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "CPU": cpu_model(Path("/proc/cpuinfo").read_text()) if Path("/proc/cpuinfo").exists() else platform.machine(),
        "cores": str(os.cpu_count()),
        "memory": f"{memory / 2**30:.0f} GiB",
        "Python": platform.python_version(),
        "kernel": f"{platform.system()} {platform.release().partition('-')[0]}",
        "load before the run": f"{os.getloadavg()[0]:.1f}",
    }


def cpu_model(cpuinfo: str) -> str:
    """Return the name of the CPU, or else of its architecture."""
    names = [line.partition(":")[2].strip() for line in cpuinfo.splitlines() if line.startswith("model name")]
    return names[0] if names else platform.machine()
