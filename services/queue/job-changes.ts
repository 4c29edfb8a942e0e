/**
 * News about jobs between processes: who changed a row says so, who waits for one (`?wait=`, server-sent events) is woken.
 *
 * News may be lost (Redis restarts, a process dies), so waiting always ends by itself after a while and the waiter reads
 * the database again: the news saves time, the database is the truth.
 */
export interface JobChanges extends AsyncDisposable {
  /** Call after every change of a job's row. Never rejects. */
  announce(jobId: string): Promise<void>;
  /** Resolves at the next news about this job, after `milliseconds`, or when the signal aborts; never rejects. Subscribe before reading the row: `const news = changes.next(id, 2_000)`, read, then `await news`. */
  next(jobId: string, milliseconds: number, signal?: AbortSignal): Promise<void>;
}
