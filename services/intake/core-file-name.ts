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
