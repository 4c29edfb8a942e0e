import * as fc from "fast-check";
import { expect, test } from "vitest";
import { type CoreFileName, parseCoreFileName } from "../../services/intake/core-file-name.ts";

const boot = "0123456789abcdef0123456789abcdef";
const nothing = { style: null, executable_name: null, pid: null, uid: null, signal: null, hostname: null, timestamp: null };

const names: readonly (readonly [string, Partial<CoreFileName>])[] = [
  ["core", { style: "core_pattern" }],
  ["core.23861", { style: "core_pattern", pid: 23861 }],
  ["coredump-python3.23861", { style: "core_pattern", executable_name: "python3", pid: 23861 }],
  ["coredump-python3.11.23861", { style: "core_pattern", executable_name: "python3.11", pid: 23861 }],
  ["core-python3.23861", { style: "core_pattern", executable_name: "python3", pid: 23861 }],
  ["core.my-app.42", { style: "core_pattern", executable_name: "my-app", pid: 42 }],
  ["core.python3.11", { style: "core_pattern", executable_name: "python3.11" }],
  ["core.celery", { style: "core_pattern", executable_name: "celery" }],
  [
    "core.python3.4711.web1.1700000000",
    { style: "core_pattern", executable_name: "python3", pid: 4711, hostname: "web1", timestamp: "2023-11-14T22:13:20.000Z" },
  ],
  ["core-python3-4711-1700000000", { style: "core_pattern", executable_name: "python3", pid: 4711, timestamp: "2023-11-14T22:13:20.000Z" }],
  [
    "core-python3-11-1000-1000-4711-1700000000",
    { style: "core_pattern", executable_name: "python3", signal: 11, uid: 1000, pid: 4711, timestamp: "2023-11-14T22:13:20.000Z" },
  ],
  ["python3.4711.core", { style: "core_pattern", executable_name: "python3", pid: 4711 }],
  ["python3.core", { style: "core_pattern", executable_name: "python3" }],
  ["vgcore.991", { style: "valgrind", pid: 991 }],
  ["vgcore.991.2", { style: "valgrind", pid: 991 }],
  ["qemu_python3.13_20261123-040506_77.core", { style: "qemu", executable_name: "python3.13", pid: 77 }],
  [
    `core.python3.1000.${boot}.4711.1700000000123456`,
    { style: "systemd", executable_name: "python3", uid: 1000, pid: 4711, timestamp: "2023-11-14T22:13:20.123Z" },
  ],
  [
    `core.uwsgi\\x20worker.0.${boot}.4711.1700000000000000.zst`,
    { style: "systemd", executable_name: "uwsgi worker", uid: 0, pid: 4711, timestamp: "2023-11-14T22:13:20.000Z" },
  ],
  ["core._usr_bin_python3.12.1000.01234567-89ab-cdef-0123-456789abcdef.4711.123456", { style: "apport", executable_name: "python3.12", uid: 1000, pid: 4711 }],
  ["_usr_bin_python3.12.1000.crash", { style: "apport", executable_name: "python3.12", uid: 1000 }],
  ["dump.bin", {}],
  ["", {}],
  ["/tmp/cores/core.17", { style: "core_pattern", pid: 17 }],
];

test.each(names)("%s", (name, labels) => expect(parseCoreFileName(name)).toEqual({ ...nothing, ...labels }));

test("no name says nothing", () => expect(parseCoreFileName(null)).toEqual(nothing));

test("a number that can be no PID is none", () => expect(parseCoreFileName("core.9999999").pid).toBeNull());

test("any name is read without an error", () => {
  const part = fc.constantFrom("core", "coredump", "-", ".", "_", "python3", "1", "4711", "1700000000", boot, "vgcore", "qemu_", "\\x", "é");
  fc.assert(
    fc.property(fc.array(part, { maxLength: 40 }), (parts) => {
      expect(parseCoreFileName(parts.join(""))).toHaveProperty("style");
    }),
  );
});
