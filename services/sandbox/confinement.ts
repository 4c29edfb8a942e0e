/**
 * How the sandbox gets its powers to build itself, and how the command inside loses them.
 *
 * Where user namespaces are to be had, bubblewrap makes one and the command is nobody in it. The kernel refuses them to a process
 * whose root was changed by chroot(2), and some hosts forbid them; root needs none: there bubblewrap works with root's own
 * capabilities, and `setpriv` makes the command nobody (65534) before it starts, with the one capability to read the job's files.
 * A changed root is no mount point, which bubblewrap cannot work from, so it is first bound on a folder of a private mount namespace.
 *
 * A process that changes its user forgets with which parent it should die, and the bubblewrap outside has no right to kill nobody's
 * processes. So without user namespaces bubblewrap's own init is the PID namespace's first process, and takes the command with it.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

export interface Confinement {
  /** Words before `bwrap`. */
  readonly launcher: readonly string[];
  /** Options of bwrap's. */
  readonly namespaces: readonly string[];
  /** Programs that must be seen inside. */
  readonly programs: readonly string[];
  /** Whether the command is the first process of its PID namespace, or the child of bubblewrap's init. */
  readonly isFirst: boolean;
  /** Words before the command, inside. */
  readonly prefix: readonly string[];
  /** Who owns what the command may write; null: the one who started it. */
  readonly owner: number | null;
}

const nobody = 65_534;

const byUserNamespace: Confinement = {
  launcher: [],
  namespaces: ["--unshare-all", "--unshare-user", "--uid", String(nobody), "--gid", String(nobody), "--cap-drop", "ALL", "--as-pid-1"],
  programs: [],
  isFirst: true,
  prefix: [],
  owner: null,
};

// A private bind of an empty folder first: were it on a shared mount, the larger bind below would show outside and stay.
const changeRoot =
  'root=/run/inquest-root && mkdir -p -m 700 "$root" && mount --bind "$root" "$root" && mount --make-private "$root" && mount --rbind / "$root" && mount --make-rprivate "$root" && exec chroot "$root" "$@"';

const byRoot: Confinement = {
  launcher: ["/usr/bin/unshare", "--mount", "--propagation", "unchanged", "--", "/bin/sh", "-c", changeRoot, "sh"],
  namespaces: ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try", "--cap-drop", "ALL"].concat(
    ["CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP", "CAP_DAC_READ_SEARCH"].flatMap((name) => ["--cap-add", name]),
  ),
  programs: ["/usr/bin/setpriv"],
  isFirst: false,
  prefix: ["/usr/bin/setpriv", `--reuid=${nobody}`, `--regid=${nobody}`, "--clear-groups", "--no-new-privs"].concat([
    "--bounding-set=-all,+dac_read_search",
    "--inh-caps=-all,+dac_read_search",
    "--ambient-caps=-all,+dac_read_search",
    "--",
  ]),
  owner: nobody,
};

let chosen: Confinement | null = null;

/** Chosen once per process, by trying. Where neither way is open the first one is returned, and the probe reports its failure. */
export function confinement(): Confinement {
  if (chosen !== null) return chosen;
  const allowed = spawnSync("/usr/bin/unshare", ["--user", "/bin/true"], { stdio: "ignore" }).status === 0;
  const rootCan = process.getuid?.() === 0 && byRoot.programs.every((program) => existsSync(program));
  chosen = !allowed && rootCan ? byRoot : byUserNamespace;
  return chosen;
}
