#!/usr/bin/env python3
"""Writes a layout table from an interpreter that has DWARF. Run by hand; the tables are committed.

    generate_tables.py --version 3.8.18 --prefix PREFIX
    generate_tables.py --version 3.11.2 --variant debug --base 3.11 FILE...
    generate_tables.py --version 3.13.18 --patch --base 3.13 FILE...

gdb reads the types (so any DWARF version it knows, separate debug files included); this file is both the program and
what gdb sources. Several files are merged, first definition wins: libpython (or the executable), then ``_asyncio``,
``_datetime``, ``_decimal``. ``--check`` compares with the committed table and exits 1 on a difference instead of writing.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TABLES = os.path.join(HERE, "..", "inquest", "layout", "tables")
sys.path.insert(0, os.path.join(HERE, ".."))

MODULES = ("_asyncio", "_datetime", "_decimal", "_collections", "_functools")


def parse_version(text: str) -> list:
    """``3.15.0b2`` is ``[3, 15, 0]``."""
    major, minor, micro = text.split(".")[:3]
    digits = ""
    for character in micro:
        if not character.isdigit():
            break
        digits += character
    return [int(major), int(minor), int(digits or 0)]


def files_of_prefix(prefix: str, version: list) -> list:
    """The files of an installed interpreter that hold the catalogue's types."""
    short = "%d.%d" % (version[0], version[1])
    library = os.path.join(prefix, "lib")
    found = [
        os.path.join(library, name) for name in sorted(os.listdir(library)) if name.startswith("libpython" + short) and name.endswith(".so.1.0")
    ]
    found = found or [os.path.join(prefix, "bin", "python" + short)]
    dynload = os.path.join(library, "python" + short, "lib-dynload")
    for name in sorted(os.listdir(dynload)):
        if name.split(".")[0] in MODULES and name.endswith(".so"):
            found.append(os.path.join(dynload, name))
    return found


def read_types(gdb: str, path: str) -> dict:
    """The catalogue's structs and constants of one file, by a gdb of its own."""
    with tempfile.NamedTemporaryFile(suffix=".json") as answer:
        environment = dict(os.environ, INQUEST_TABLE_OUT=answer.name, INQUEST_TABLE_PATH=os.path.join(HERE, ".."))
        command = [gdb, "-batch", "-nx", "-iex", "set auto-load off", "-iex", "set language c", path, "-x", os.path.abspath(__file__)]
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
        with open(answer.name, encoding="utf-8") as source:
            return json.load(source)


def render(document: dict) -> str:
    """JSON with one struct a line, so that a difference can be read."""
    head = {key: value for key, value in document.items() if key != "structs"}
    lines = ["%s: %s" % (json.dumps(key), json.dumps(value)) for key, value in head.items()]
    structs = ",\n".join(
        "%s: %s" % (json.dumps(name), json.dumps(entry, separators=(",", ":"))) for name, entry in sorted(document["structs"].items())
    )
    return "{\n" + ",\n".join(lines) + ',\n"structs": {\n' + structs + "\n}\n}\n"


def resolve(name: str) -> dict:
    """The structs of a committed table, those of its base included."""
    with open(os.path.join(TABLES, name + ".json"), encoding="utf-8") as source:
        document = json.load(source)
    return {**(resolve(document["base"]) if "base" in document else {}), **document["structs"]}


def completed(structs: dict, constants: dict, name: str) -> tuple:
    """The structs and constants, with what only the table ``name`` has; its objects get the object header of ``structs``."""
    from inquest.layout.model import from_json
    from inquest.layout.tables import load_named
    from inquest.layout.variants import with_header

    table = load_named(name)
    own = from_json({"version": [0, 0, 0], "structs": structs}, "table")
    for missing in sorted(set(table.structs) - set(structs)):
        struct = table.structs[missing]
        struct = with_header(struct, table.structs["PyObject"], own.structs["PyObject"]) or struct
        fields = {
            path: [field.offset, field.size] + ([field.bit, field.bits] if field.bits else []) for path, field in struct.fields.items()
        }
        structs[missing] = {"size": struct.size, "fields": fields}
    return structs, {**table.constants, **constants}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--version", required=True)
    parser.add_argument("--variant", default="", help="debug, t (free-threaded), or a machine: becomes part of the file's name")
    parser.add_argument("--prefix", help="an installed interpreter")
    parser.add_argument("--base", help="the table that this one only differs from, such as 3.11; only the difference is written")
    parser.add_argument("--patch", action="store_true", help="a patch release whose structs differ from the minor version's table: named 3.13.18")
    parser.add_argument("--objects-like", help="a table: objects that FILES do not define are taken from it, with the object header of FILES")
    parser.add_argument("--gdb", default="gdb")
    parser.add_argument("--out", help="where to write; the committed table by default")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("files", nargs="*")
    options = parser.parse_args()
    version = parse_version(options.version)
    files = options.files or files_of_prefix(options.prefix, version)
    structs: dict = {}
    constants: dict = {}
    pointer_size = 8
    for path in files:
        found = read_types(options.gdb, path)
        structs = {**found["structs"], **structs}
        constants = {**found["constants"], **constants}
        pointer_size = found["pointer_size"]
    if options.objects_like:
        structs, constants = completed(structs, constants, options.objects_like)
    variants = options.variant.split("-") if options.variant else []
    if options.base:
        base = resolve(options.base)
        structs = {struct: entry for struct, entry in structs.items() if base.get(struct) != entry}
    document = {
        **({"base": options.base} if options.base else {}),
        "version": version,
        "pointer_size": pointer_size,
        "debug_build": "debug" in variants,
        "free_threaded": "t" in variants,
        "constants": constants,
        "structs": structs,
    }
    name = "-".join([".".join(map(str, version if options.patch else version[:2]))] + variants) + ".json"
    out = options.out or os.path.join(TABLES, name)
    text = render(document)
    if options.check:
        with open(out, encoding="utf-8") as committed:
            same = json.load(committed)["structs"] == structs
        print("%s: %s" % (name, "agrees" if same else "DIFFERS"))
        return 0 if same else 1
    with open(out, "w", encoding="utf-8") as sink:
        sink.write(text)
    print("%s: %d structs, %d bytes" % (name, len(structs), len(text)))
    return 0


def inside_gdb() -> None:
    """What runs when gdb sources this file."""
    import gdb  # type: ignore[import-not-found]

    sys.path.insert(0, os.environ["INQUEST_TABLE_PATH"])
    from inquest.layout import catalogue

    composite = (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION)

    def collect(kind, base: int, prefix: str, fields: dict) -> None:
        for member in kind.fields():
            if not hasattr(member, "bitpos") or (member.name or "").startswith("__"):
                continue  # a static member, or the inside of a pthread type
            inner = member.type.strip_typedefs()
            offset = base + member.bitpos // 8
            if member.bitsize:
                size = inner.sizeof
                start = member.bitpos // 8 // size * size
                if member.name:
                    fields[prefix + member.name] = [base + start, size, member.bitpos - 8 * start, member.bitsize]
                continue
            if member.name:
                fields[prefix + member.name] = [offset, inner.sizeof]
                if inner.code in composite and member.name not in catalogue.OPAQUE:
                    collect(inner, offset, prefix + member.name + ".", fields)
            elif inner.code in composite:
                collect(inner, offset, prefix, fields)

    structs = {}
    for name, candidates in catalogue.STRUCTS.items():
        for candidate in candidates:
            try:
                kind = gdb.lookup_type(candidate).strip_typedefs()
            except gdb.error:
                continue
            if kind.code not in composite or not kind.sizeof or not kind.fields():
                continue
            fields: dict = {}
            collect(kind, 0, "", fields)
            structs[name] = {"size": kind.sizeof, "fields": fields}
            break
    constants = {}
    for name in catalogue.CONSTANTS:
        try:
            constants[name] = int(gdb.parse_and_eval("(long)" + name))
        except gdb.error:
            pass
    pointer_size = gdb.lookup_type("char").pointer().sizeof
    with open(os.environ["INQUEST_TABLE_OUT"], "w", encoding="utf-8") as sink:
        json.dump({"structs": structs, "constants": constants, "pointer_size": pointer_size}, sink)


if os.environ.get("INQUEST_TABLE_OUT"):
    inside_gdb()
elif __name__ == "__main__":
    sys.exit(main())
