"""The generated tables: sound in themselves, and the right one for each build."""

from __future__ import annotations

import os
import re
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import dead_processes  # noqa: E402, F401  (puts gdb-scripts on the path)
from inquest.layout import catalogue, tables, variants  # noqa: E402
from inquest.layout.model import LayoutMissing  # noqa: E402

MINORS = [(2, 7)] + [(3, minor) for minor in range(6, 16)]


class Soundness(unittest.TestCase):
    def test_every_version_that_is_read_has_a_table(self) -> None:
        self.assertEqual(sorted(tables.minors()), MINORS)

    def test_no_struct_is_larger_than_a_megabyte_and_no_field_lies_outside_its_struct(self) -> None:
        for name in tables.available():
            layouts = tables.load_named(name)
            for struct in layouts.structs.values():
                self.assertLess(struct.size, 1 << 20, (name, struct.name))
                for path, field in struct.fields.items():
                    # A flexible array's one declared item may reach into padding, never past it.
                    self.assertGreaterEqual(field.offset, 0, (name, struct.name, path))
                    self.assertLessEqual(field.offset + field.size, struct.size, (name, struct.name, path))
                    self.assertLessEqual(field.bit + field.bits, 8 * field.size, (name, struct.name, path))

    def test_nested_fields_lie_inside_their_parents(self) -> None:
        for name in tables.available():
            for struct in tables.load_named(name).structs.values():
                for path, field in struct.fields.items():
                    parent = struct.fields.get(path.rpartition(".")[0])
                    if parent is not None:
                        self.assertLessEqual(parent.offset, field.offset, (name, struct.name, path))
                        self.assertLessEqual(field.offset + field.size, parent.offset + parent.size, (name, struct.name, path))

    def test_every_struct_is_in_the_catalogue(self) -> None:
        for name in tables.available():
            self.assertEqual(set(tables.load_named(name).structs) - set(catalogue.STRUCTS), set(), name)

    def test_every_table_has_what_a_stack_needs(self) -> None:
        for name in tables.available():
            layouts = tables.load_named(name)
            for struct in ("PyInterpreterState", "PyThreadState", "PyFrameObject", "PyCodeObject", "PyObject", "PyTypeObject", "PyDictObject"):
                self.assertTrue(layouts.has(struct), (name, struct))
            self.assertEqual(layouts.has("_PyInterpreterFrame"), layouts.version >= (3, 11), name)
            self.assertEqual(layouts.has("_Py_DebugOffsets"), layouts.version >= (3, 13), name)
            self.assertEqual(layouts.has("_PyRuntimeState"), layouts.version >= (3, 7), name)

    def test_pointers_are_as_wide_as_the_table_says(self) -> None:
        for name in tables.available():
            layouts = tables.load_named(name)
            self.assertEqual(layouts.field("PyThreadState", "interp").size, layouts.pointer_size, name)
            self.assertEqual(layouts.pointer_size, 4 if re.search("i386|arm$", name) else 8, name)


class Choice(unittest.TestCase):
    def test_a_patch_release_that_differs_gets_its_own_table(self) -> None:
        self.assertFalse(tables.load((3, 13, 0)).has("PyThreadState", "datastack_cached_chunk"))
        self.assertFalse(tables.load((3, 13, 14)).has("PyThreadState", "datastack_cached_chunk"))
        for free_threaded in (False, True):
            self.assertTrue(tables.load((3, 13, 15), free_threaded=free_threaded).has("PyThreadState", "datastack_cached_chunk"))
        self.assertTrue(tables.load((3, 13, 99)).has("PyThreadState", "datastack_cached_chunk"))
        self.assertEqual(tables.load((3, 11, 99)).version, tables.load((3, 11)).version)

    def test_a_variant_gets_its_own_table(self) -> None:
        self.assertTrue(tables.load((3, 12), debug=True).debug_build)
        free = tables.load((3, 14), free_threaded=True)
        self.assertTrue(free.free_threaded)
        self.assertEqual(free.offset("PyObject", "ob_type"), 24)
        self.assertEqual(free.offset("defdictobject", "default_factory"), free.size("PyDictObject"))
        self.assertEqual(tables.load((3, 11), machine="i386").pointer_size, 4)

    def test_an_unknown_version_has_no_table(self) -> None:
        with self.assertRaises(tables.NoTable):
            tables.load((3, 5))

    def test_what_a_version_does_not_have_is_missing_and_not_zero(self) -> None:
        layouts = tables.load((3, 11))
        with self.assertRaises(LayoutMissing):
            layouts.offset("_PyRuntimeState", "debug_offsets.cookie")
        with self.assertRaises(LayoutMissing):
            layouts.offset("PyStringObject", "ob_sval")
        self.assertIsNone(layouts.constant("FRAME_OWNED_BY_CSTACK"))
        self.assertEqual(tables.load((3, 13)).constant("FRAME_OWNED_BY_CSTACK"), 3)


class Rules(unittest.TestCase):
    """Layouts that follow by rule agree with those that were read, wherever both are there."""

    def test_the_aarch64_rule_gives_what_was_read_on_aarch64(self) -> None:
        for minor, base in (("3.9", "3.9"), ("3.11", "3.11"), ("3.13", "3.13.18"), ("3.14", "3.14"), ("3.15", "3.15")):
            ruled, read = variants.for_aarch64(tables.load_named(base)), tables.load_named(minor + "-aarch64")
            for name in ("_PyRuntimeState", "PyInterpreterState", "PyThreadState", "_gil_runtime_state"):
                for path, field in read.struct(name).fields.items():
                    if "condattr" in path or path == "_main_interpreter":
                        continue
                    self.assertEqual(ruled.field(name, path), field, (minor, name, path))

    def test_trace_refs_puts_two_pointers_before_every_object(self) -> None:
        for minor in ((2, 7), (3, 6), (3, 7)):
            plain, traced = tables.load(minor), variants.with_trace_refs(tables.load(minor))
            self.assertEqual(traced.offset("PyObject", "ob_refcnt"), 16)
            for struct, path in (("PyTypeObject", "tp_flags"), ("PyDictObject", "ma_keys"), ("PyCodeObject", "co_name"), ("PyHeapTypeObject", "ht_name")):
                if plain.has(struct, path):
                    self.assertEqual(traced.offset(struct, path), plain.offset(struct, path) + 16, (minor, struct, path))
            self.assertEqual(traced.offset("PyThreadState", "interp"), plain.offset("PyThreadState", "interp"))
            self.assertEqual(traced.size("PyTupleObject"), plain.size("PyTupleObject") + 16)

    def test_free_threaded_objects_all_have_the_longer_header(self) -> None:
        for minor in (13, 14, 15):
            free, plain = tables.load((3, minor), free_threaded=True), tables.load((3, minor))
            for struct, path in (("PyTupleObject", "ob_item"), ("TaskObj", "task_coro"), ("dequeobject", "leftblock"), ("PyFloatObject", "ob_fval")):
                self.assertEqual(free.offset(struct, path), plain.offset(struct, path) + 16, (minor, struct, path))


if __name__ == "__main__":
    unittest.main()
