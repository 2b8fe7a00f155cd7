"""What the page takes, and for how long it keeps it. All limits stand here."""

import math
import os
from pathlib import Path


def usable_cores(groups: Path = Path("/sys/fs/cgroup")) -> int:
    """Counts the cores that this process may keep busy: those that it may run on, within the quota of its container.

    Args:
        groups: Where the system shows the container's control group.
    """
    cores = len(os.sched_getaffinity(0))
    # Of the second version of control groups, and of the first.
    for names in (["cpu.max"], ["cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"]):
        files = [groups / name for name in names]
        if all(file.is_file() for file in files):
            quota, period = " ".join(file.read_text(encoding="ascii") for file in files).split()
            return cores if quota in ("max", "-1") else min(cores, math.ceil(int(quota) / int(period)))
    return cores


#: The longest video, in seconds.
LONGEST_SECONDS = 15

#: The largest file, in megabytes.
LARGEST_MEGABYTES = 100

#: The largest frame, in millions of pixels: 4K and a little more.
LARGEST_MEGAPIXELS = 9

#: Seconds after which a request is given up.
LONGEST_ANSWER = 120

#: Memory that the work on one video may take, in megabytes. A video in 4K takes less than half of it.
MOST_MEGABYTES = 2000

#: How many glosses are shown.
NUM_ANSWERS = 5

#: Requests that are worked on at a time, one a core. More wait, in a queue of this length.
AT_A_TIME = usable_cores()
QUEUE = 100

#: Visitors whose page is remembered, with its answer and in its language; a new one takes the place of whoever was away
#: longest. Gradio holds about 80 KB for each.
SESSIONS = 500

#: Visitors before their cameras at a time, one a core; the seconds of a session, and of a pause in which it ends; the
#: pictures that a browser sends a second; the signs that are shown.
LIVE_AT_A_TIME = AT_A_TIME
LIVE_SECONDS = 300
LIVE_IDLE = 5
LIVE_FRAME_RATE = 15
LIVE_SIGNS = 20

#: Visitors with a camera who are answered at a time, most of them that they must wait. Gradio answers 40 in all.
LIVE_VISITORS = 20

#: Seconds in which a picture must be answered: the first waits for the landmarker.
LIVE_PICTURE = 30

#: The largest request that is no upload, in megabytes: a picture of a camera.
LARGEST_REQUEST = 4

#: What is still there when its page is closed is deleted, in seconds: how often that is looked at, and the age it may
#: reach.
DELETE_CACHE = (300, 1500)
