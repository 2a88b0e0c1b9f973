"""What a machine is: processor, memory, GPUs, system. What cannot be read is None, never a guess."""

import os
import platform
import re
import subprocess
from pathlib import Path
from typing import Any

CPUINFO, MEMINFO = Path("/proc/cpuinfo"), Path("/proc/meminfo")
QUERY = ("nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader")


def machine() -> dict[str, Any]:
    """The machine that this runs on: cores (those that this process may use), memory in GiB, GPUs by nvidia-smi."""
    return {
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "processor": processor(_text(CPUINFO)) or platform.processor() or None,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": memory(_text(MEMINFO)),
        "gpus": gpus(_said(QUERY)),
    }


def processor(cpuinfo: str) -> str | None:
    """The model in the text of /proc/cpuinfo."""
    found = re.search(r"^model name\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    return found[1].strip() if found else None


def memory(meminfo: str) -> float | None:
    """GiB, to a tenth, in the text of /proc/meminfo."""
    found = re.search(r"^MemTotal:\s*(\d+) kB", meminfo, re.MULTILINE)
    return round(int(found[1]) / 2**20, 1) if found else None


def gpus(said: str) -> list[dict[str, str]]:
    """Name, memory and driver of each GPU, from nvidia-smi's lines."""
    rows = [
        [part.strip() for part in line.split(",")] for line in said.splitlines() if line.count(",") == len(KEYS) - 1
    ]
    return [dict(zip(KEYS, row, strict=True)) for row in rows]


KEYS = ("name", "memory", "driver")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _said(words: tuple[str, ...]) -> str:
    try:
        return subprocess.run(words, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
