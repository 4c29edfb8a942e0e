"""The MI commands, ``-inquest-python MANIFEST OUT``, ``-inquest-native MANIFEST OUT``, ``-inquest-confirm VERSION TABLE`` and ``-inquest-import HALF …`` (gdb 12+).

The third says whether DWARF bears out the table that a ``-inquest-python`` without DWARF has used: ``{"confirmed": true, false or null}``,
null where there is no DWARF to ask. The fourth imports what ``python`` or ``native`` need, for a gdb that waits for its job. Each of the first two
writes its answer as JSON to OUT and returns one field, ``json``: ASCII, short. Only one, because gdb flattens values to strings, cuts
them at a NUL and dies of deep nesting. An expected failure is a ``gdb.GdbError`` with the text ``CODE: what``;
any other exception is told by its type and place alone, for its message may hold the inferior's memory.
"""

from __future__ import annotations

import json
import os
import time
from typing import Callable, Dict, List

import gdb

Answer = Dict[str, object]


def _native(manifest: dict) -> Answer:
    from inquest import native

    return native.native_answer(manifest)


def _python(manifest: dict) -> Answer:
    from inquest import report
    from inquest.layout import from_gdb

    return report.python_answer(manifest, from_gdb.layouts_from_gdb)


def _read_manifest(path: str) -> dict:
    try:
        with open(path, "rb") as file:
            manifest = json.loads(file.read(64 << 20))
    except (OSError, ValueError) as error:
        raise gdb.GdbError("manifest_invalid: the manifest cannot be read (%s)" % type(error).__name__)
    if not isinstance(manifest, dict):
        raise gdb.GdbError("manifest_invalid: the manifest is no object")
    return manifest


def _check_out(manifest_path: str, out: str) -> None:
    """Answers go to ``out/`` beside the manifest and nowhere else."""
    folder = os.path.join(os.path.dirname(os.path.realpath(manifest_path)), "out")
    if os.path.dirname(os.path.realpath(out)) != os.path.realpath(folder) or os.path.islink(out):
        raise gdb.GdbError("out_invalid: the answer belongs into out/ beside the manifest")


def _write(out: str, answer: Answer) -> int:
    text = json.dumps(answer, separators=(",", ":"))
    partial = out + ".part"
    with open(partial, "w", encoding="ascii") as file:
        file.write(text)
    os.replace(partial, out)
    return len(text)


def _place(error: BaseException) -> str:
    """``native.py:123`` of the innermost frame of the traceback."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "?"
    return "%s:%d" % (os.path.basename(trace.tb_frame.f_code.co_filename), trace.tb_lineno)


def run(helper: Callable[[dict], Answer], arguments: List[str]) -> Dict[str, object]:
    """What both commands do: manifest in, answer out, a summary back."""
    if len(arguments) != 2:
        raise gdb.GdbError("usage: MANIFEST OUT")
    manifest_path, out = arguments
    started = time.perf_counter()
    try:
        _check_out(manifest_path, out)
        answer = helper(_read_manifest(manifest_path))
        timings = answer["timings_ms"]
        if isinstance(timings, dict):
            # Of this whole gdb, from its start on.
            timings["cpu"] = round(1000 * time.process_time(), 1)
        size = _write(out, answer)
    except (gdb.GdbError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise gdb.GdbError("helper_failed: %s at %s" % (type(error).__name__, _place(error)))
    summary = {
        "bytes": size,
        "threads": _length(answer.get("threads")),
        "warnings": _length(answer.get("warnings")),
        "ms": round(1000 * (time.perf_counter() - started), 1),
    }
    return {"json": json.dumps(summary)}


def _length(value: object) -> int:
    return len(value) if isinstance(value, list) else 0


def confirm(arguments: List[str]) -> Dict[str, object]:
    """What ``-inquest-confirm`` does."""
    from inquest.layout import from_gdb

    try:
        version, table = arguments
        major, minor, micro = map(int, version.split("."))
    except ValueError:
        raise gdb.GdbError("usage: MAJOR.MINOR.MICRO TABLE")
    try:
        confirmed = from_gdb.confirms((major, minor, micro), table)
    except (gdb.GdbError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise gdb.GdbError("helper_failed: %s at %s" % (type(error).__name__, _place(error)))
    return {"json": json.dumps({"confirmed": confirmed})}


class _ConfirmCommand(gdb.MICommand):
    def __init__(self) -> None:
        super().__init__("-inquest-confirm")

    def invoke(self, arguments: List[str]) -> Dict[str, object]:
        return confirm(arguments)


class _ImportCommand(gdb.MICommand):
    def __init__(self) -> None:
        super().__init__("-inquest-import")

    def invoke(self, arguments: List[str]) -> None:
        if "python" in arguments:
            from inquest import report  # noqa: F401
        if "native" in arguments:
            from inquest import native  # noqa: F401
            from inquest.layout import from_gdb  # noqa: F401


class _InquestCommand(gdb.MICommand):
    def __init__(self, name: str, helper: Callable[[dict], Answer]) -> None:
        super().__init__(name)
        self._helper = helper

    def invoke(self, arguments: List[str]) -> Dict[str, object]:
        return run(self._helper, arguments)


def register() -> None:
    """Makes the commands known to gdb."""
    _InquestCommand("-inquest-python", _python)
    _InquestCommand("-inquest-native", _native)
    _ConfirmCommand()
    _ImportCommand()
