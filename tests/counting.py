"""What a job costs, counted and not timed: a busy machine changes no count."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


def lines_executed(job: Callable[[], object]) -> int:
    """Lines of rnnfast that a job executes in this thread, those of functions compiled by Numba apart."""
    count = 0

    def each_line(frame: FrameType, kind: str, argument: Any) -> Callable[..., Any]:
        nonlocal count
        count += kind == "line"
        return each_line

    def each_call(frame: FrameType, kind: str, argument: Any) -> Callable[..., Any] | None:
        return each_line if "rnnfast" in frame.f_code.co_filename.split("site-packages")[-1] else None

    before = sys.gettrace()
    sys.settrace(each_call)
    try:
        job()
    finally:
        sys.settrace(before)
    return count
