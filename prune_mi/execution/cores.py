"""How many cores this process may use."""

import math
import os
from pathlib import Path

_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_OLDER_QUOTA = (
    Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"),
    Path("/sys/fs/cgroup/cpu/cpu.cfs_period_us"),
)


def usable_cores() -> int:
    """Those that it may run on, but no more than a container's share of time comes to."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    share = _container_share()
    return max(1, cores if share is None else min(cores, math.ceil(share)))


def _container_share() -> float | None:
    """Cores that a container's quota of time comes to; None without one."""
    try:
        if _QUOTA.exists():
            quota, period = _QUOTA.read_text(encoding="ascii").split()
        else:
            quota, period = (each.read_text(encoding="ascii").strip() for each in _OLDER_QUOTA)
        share = int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):  # "max" is no number: no quota
        return None
    return share if share > 0 else None
