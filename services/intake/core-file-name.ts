/**
 * What a core's file name says, as labels.
 *
 * The name was chosen by whoever configured `core_pattern`, or by an attacker: it is shown and searched, and the identity
 * in the core's own notes wins.
 */
export interface CoreFileName {
  /** Which habit the name follows. */
  readonly style: "core_pattern" | "valgrind" | "systemd" | "apport" | "gcore" | "qemu" | null;
  readonly executable_name: string | null;
  readonly pid: number | null;
  readonly uid: number | null;
  readonly signal: number | null;
  readonly hostname: string | null;
  /** RFC 3339 in UTC. */
  readonly timestamp: string | null;
}

const unknown: CoreFileName = { style: null, executable_name: null, pid: null, uid: null, signal: null, hostname: null, timestamp: null };

/** Larger than any pid_t; a longer run of digits is a time or something else. */
const MOST_PID = 4_194_304;

/** Seconds (10 digits), milliseconds (13) or microseconds (16) since 1970, as RFC 3339. */
function timeOf(digits: string | undefined): string | null {
  if (digits === undefined || !/^(?:\d{10}|\d{13}|\d{16})$/.test(digits)) return null;
  return new Date(Number(digits) / 10 ** (digits.length - 13)).toISOString();
}

const pidOf = (digits: string | undefined) => (digits !== undefined && /^\d{1,7}$/.test(digits) && Number(digits) <= MOST_PID ? Number(digits) : null);

/** systemd escapes what is no letter, digit, `:`, `-`, `_` in `%e` as `\x2e`. */
const unescapeUnit = (text: string) => text.replace(/\\x([0-9a-f]{2})/gi, (_all, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));

type Reader = (match: RegExpExecArray) => Partial<CoreFileName>;

/** The first that fits counts: the strict forms come first. */
const forms: readonly (readonly [form: RegExp, read: Reader])[] = [
  // systemd-coredump: core.COMM.UID.BOOTID.PID.TIMESTAMP(µs)
  [
    /^core\.(.+)\.(\d+)\.([0-9a-f]{32})\.(\d+)\.(\d{10,19})$/,
    ([, name = "", uid, , pid, time]) => ({
      style: "systemd",
      executable_name: unescapeUnit(name),
      uid: Number(uid),
      pid: pidOf(pid),
      timestamp: timeOf(time?.slice(0, 16)),
    }),
  ],
  // apport: core._usr_bin_python3_12.UID.BOOTID.PID.TIME(ticks), and the report's own _usr_bin_python3.12.UID.crash
  [
    /^core\.(_.+)\.(\d+)\.([0-9a-f-]{36})\.(\d+)\.(\d+)$/,
    ([, path = "", uid, , pid]) => ({ style: "apport", executable_name: lastPart(path), uid: Number(uid), pid: pidOf(pid) }),
  ],
  [/^(_.+)\.(\d+)\.crash$/, ([, path = "", uid]) => ({ style: "apport", executable_name: lastPart(path), uid: Number(uid) })],
  // valgrind: vgcore.PID, with a number behind it when that was taken
  [/^vgcore\.(\d+)(?:\.\d+)?$/, ([, pid]) => ({ style: "valgrind", pid: pidOf(pid) })],
  // qemu-user: qemu_NAME_YYYYMMDD-HHMMSS_PID.core, in local time, so the time is left out
  [/^qemu_(.+)_\d{8}-\d{6}_(\d+)\.core$/, ([, name, pid]) => ({ style: "qemu", executable_name: name ?? null, pid: pidOf(pid) })],
  // core, core.PID
  [/^core(?:[.-](\d{1,7}))?$/, ([, pid]) => ({ style: "core_pattern", pid: pidOf(pid) })],
  // core-%e-%s-%u-%g-%p-%t, which many guides tell
  [
    /^(?:core|coredump)[-_.](.+?)[-_.](\d{1,2})[-_.](\d+)[-_.]\d+[-_.](\d{1,7})(?:[-_.](\d{10}))?$/,
    ([, name, signal, uid, pid, time]) => ({
      style: "core_pattern",
      executable_name: name ?? null,
      signal: Number(signal),
      uid: Number(uid),
      pid: pidOf(pid),
      timestamp: timeOf(time),
    }),
  ],
  // core.%e.%p.%t, core-%e-%p-%t, core.%e.%p.%h.%t and coredump-… with the same
  [
    /^(?:core|coredump|dump)[-_.](.+?)[-_.](\d{1,7})(?:[-_.]([a-z][\w-]*(?:\.[a-z][\w-]*)*))?[-_.](\d{10}|\d{13})$/i,
    ([, name, pid, host, time]) => ({
      style: "core_pattern",
      executable_name: name ?? null,
      pid: pidOf(pid),
      hostname: host ?? null,
      timestamp: timeOf(time),
    }),
  ],
  // core.python3.11: the version of a program, not a PID
  [/^(?:core|coredump)[-_.](python(?:2\.7|3\.(?:[2-9]|1\d))[a-z]*)$/, ([, name]) => ({ style: "core_pattern", executable_name: name ?? null })],
  // coredump-%e.%p, core-%e.%p, core.%e.%p
  [/^(?:core|coredump|dump)[-_.](.+)[-_.](\d{1,7})$/, ([, name, pid]) => ({ style: "core_pattern", executable_name: name ?? null, pid: pidOf(pid) })],
  // %e.%p.core, %e.core, core.%e
  [/^(.+)[-_.](\d{1,7})\.core(?:dump)?$/, ([, name, pid]) => ({ style: "core_pattern", executable_name: name ?? null, pid: pidOf(pid) })],
  [/^(.+)\.core(?:dump)?$/, ([, name]) => ({ style: "core_pattern", executable_name: name ?? null })],
  [/^(?:core|coredump)[-_.]([a-z_].*)$/i, ([, name]) => ({ style: "core_pattern", executable_name: name ?? null })],
];

const LONGEST_NAME = 255;

/** `_usr_bin_python3.12` is a path with its slashes as underscores; the last part is a guess when the name has underscores. */
const lastPart = (path: string) => path.slice(path.lastIndexOf("_") + 1) || null;

/** All null when the name follows no habit that is known. Endings of compressed files are passed over. */
export function parseCoreFileName(filename: string | null): CoreFileName {
  const name = (filename?.split("/").at(-1) ?? "").slice(0, LONGEST_NAME).replace(/\.(?:zst|gz|xz|lz4|bz2)$/i, "");
  for (const [form, read] of forms) {
    const match = form.exec(name);
    if (match !== null) return { ...unknown, ...read(match) };
  }
  return unknown;
}
