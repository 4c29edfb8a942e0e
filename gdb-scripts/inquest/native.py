"""gdb's half of the report: C frames of every thread, registers and disassembly of the crashed one (``NativeAnswer``)."""

from __future__ import annotations

import time
from typing import Dict, List, Optional

import gdb

from inquest import native_machine
from inquest.folding import Fold
from inquest.native_bridge import Bridges, machine
from inquest.native_frames import FrameTeller
from inquest.native_load import load_missing
from inquest.native_modules import ModuleMap
from inquest.native_records import Records
from inquest.native_walk import Clock, Walk, Ways, walk_thread

# For all threads together; the innermost frames of a thread always come.
_WALK_SECONDS = 20.0
# Arguments cost as much as the rest of a frame: they are told of the crashed thread's innermost frames.
_FRAMES_WITH_ARGUMENTS = 64


def native_answer(manifest: dict) -> dict:
    """The answer for the core that gdb has loaded. What cannot be had is told in ``warnings``."""
    timings: Dict[str, float] = {}
    warnings: List[dict] = []

    started = time.perf_counter()
    modules = ModuleMap(manifest)
    load_missing(modules.all)
    timings["native_modules"] = _since(started)

    started = time.perf_counter()
    chosen = _choose_threads(manifest, warnings)
    clock = Clock(_WALK_SECONDS)
    teller = FrameTeller(modules)
    with Records(modules) if machine() == "aarch64" else Bridges(modules) as bridges:
        threads = [_thread(thread, manifest, teller, clock, bridges, warnings) for thread in chosen]
    timings["native_threads"] = _since(started)

    started = time.perf_counter()
    site = native_machine.CrashSite({}, [], {})
    if chosen and manifest.get("crashed_lwp") in (None, _lwp(chosen[0])):
        try:
            chosen[0].switch()
            site = native_machine.crash_site(gdb.newest_frame(), manifest)
        except (gdb.error, RuntimeError) as error:
            warnings.append({"code": "registers_unreadable", "detail": type(error).__name__})
    timings["native_machine"] = _since(started)
    return {
        "gdb": gdb.VERSION,
        "threads": threads,
        "registers": site.registers,
        "disassembly": site.disassembly,
        "modules": modules.told(),
        "warnings": warnings,
        "facts": site.facts,
        "timings_ms": timings,
    }


def _since(started: float) -> float:
    return round(1000 * (time.perf_counter() - started), 2)


def _lwp(thread: "gdb.InferiorThread") -> Optional[int]:
    pid, lwp, _ = thread.ptid
    return lwp or pid or None


def _choose_threads(manifest: dict, warnings: List[dict]) -> List["gdb.InferiorThread"]:
    """The crashed one first, since it must have its frames whatever the others cost; then in the core's order."""
    threads = sorted(gdb.selected_inferior().threads(), key=lambda thread: (_lwp(thread) != manifest.get("crashed_lwp"), thread.num))
    limit = manifest["threads"]
    if len(threads) > limit:
        warnings.append({"code": "threads_left_out", "detail": "%d of %d threads are told" % (limit, len(threads))})
    return threads[:limit]


def _thread(thread: "gdb.InferiorThread", manifest: dict, teller: FrameTeller, clock: Clock, bridges: Ways, warnings: List[dict]) -> dict:
    """One ``HelperNativeThread``. A thread that gdb cannot follow keeps the frames told so far."""
    lwp = _lwp(thread)
    walk = Walk()
    frames: List[dict] = []
    try:
        walk = walk_thread(thread, manifest["frames_per_thread"], clock, bridges)
        for item in walk.told(manifest["frames_per_thread"]):
            if isinstance(item, Fold):
                frames.append({"kind": "folded", "cycle": item.cycle, "count": item.count})
            else:
                frames.append(teller.tell(walk, item, lwp == manifest.get("crashed_lwp") and len(frames) < _FRAMES_WITH_ARGUMENTS))
    except (gdb.error, RuntimeError) as error:
        warnings.append({"code": "thread_unreadable", "detail": "LWP %s: %s" % (lwp, type(error).__name__)})
        return {"lwp": lwp, "frames": frames, "truncated": True, "stop_reason": walk.stop_reason}
    return {"lwp": lwp, "frames": frames, "truncated": walk.truncated, "stop_reason": walk.stop_reason}
