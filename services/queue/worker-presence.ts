/** Which workers are alive and what they can do, as each tells by its heartbeat. */
export interface WorkerInfo {
  readonly id: string;
  readonly pid: number;
  readonly started_at: string;
  readonly concurrency: number;
  /** Such as `gdb: "13.1"`, `sandbox: "bubblewrap 0.8.0"`, `gdb_multiarch: null`. */
  readonly capabilities: Readonly<Record<string, string | boolean | null>>;
}

/** The worker's side: told at once and then every few seconds, taken back when disposed. */
export interface Heartbeat extends AsyncDisposable {
  readonly info: WorkerInfo;
}

/** The API's side. */
export interface WorkerDirectory {
  /** Workers whose heartbeat was heard in the last 15 s. Rejects with `queue_unavailable`. */
  alive(): Promise<WorkerInfo[]>;
}
