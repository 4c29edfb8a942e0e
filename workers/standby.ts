/**
 * gdbs that wait for the next job: started, in the sandbox, their helpers imported, before a job folder that is still empty.
 *
 * Still every gdb is fresh and serves one job: what is taken from here never comes back. Only the order is another one, for to start
 * gdb takes longer than to gather a job. Likewise what a job leaves behind, dead gdbs and its folder, is cleared away after its report.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { v7 as newId } from "uuid";
import type { Limits } from "../services/contract/limits.ts";
import type { Logger } from "../services/log/logger.ts";
import type { GdbSession, HelperName, OpenGdbOptions, Rung } from "./gdb/debugger.ts";
import { coreSize, giveJob, isOwnMachine, openGdb, type StartedGdb, startGdbAhead } from "./gdb/open-gdb.ts";
import { waitingFolder } from "./leftovers.ts";
import { type JobFolder, makeJobFolder, renameJobFolder } from "./pipeline/job-folder.ts";

export interface StandbyParts {
  readonly gdb: string;
  readonly helpers: string;
  readonly limits: Pick<Limits, "debug_seconds" | "debug_memory_bytes">;
  /** Where job folders are made. */
  readonly workDir: string;
  /** Whether a job uses two gdbs from its start, one for each half of the answer (python-beside.ts). */
  readonly atOnce: boolean;
  readonly log: Pick<Logger, "warn">;
}

/** Disposing it ends what waits and returns when everything is cleared away. */
export interface Standby extends AsyncDisposable {
  makeFolder(name: string): Promise<JobFolder>;
  /** One that waits before this job's folder, or else a new one. */
  openGdb(options: OpenGdbOptions): Promise<GdbSession>;
}

interface Place {
  readonly folder: JobFolder;
  readonly gdbs: Map<Rung, StartedGdb>;
}

/** What the helpers of each gdb import: to import both halves takes two to three times as long as the C half alone. */
const together: readonly (readonly [Rung, readonly HelperName[]])[] = [["dwarf", ["python", "native"]]];
const beside: typeof together = [
  ["dwarf", ["native"]],
  ["python-only", ["python"]],
];

/** A larger core gets a gdb of its own: the address space is limited at the start, and to start it is then the least. */
const roomForCore = 1 << 30;
/** After a job, for its report to be stored first. */
const pauseMs = 20;

async function leave({ folder, gdbs }: Place): Promise<void> {
  await Promise.all([...gdbs.values()].map(({ session }) => session[Symbol.asyncDispose]()));
  await folder[Symbol.asyncDispose]();
}

export function startStandby(parts: StandbyParts): Standby {
  const { gdb, helpers, limits, workDir, log } = parts;
  const places = new Map<string, Place>();
  const clearing = new Set<Promise<void>>();
  const stop = new AbortController();

  const prepare = async (): Promise<Place> => {
    const place: Place = { folder: await makeJobFolder(workDir, waitingFolder(newId())), gdbs: new Map() };
    try {
      for (const [rung, halves] of parts.atOnce ? beside : together) {
        place.gdbs.set(rung, await startGdbAhead({ jobDir: place.folder.path, rung, limits, gdb, helpers }, roomForCore, halves));
      }
      return place;
    } catch (error) {
      await leave(place);
      throw error;
    }
  };
  /** Nothing depends on it: a job for which nothing waits starts its own. */
  const prepared = (pause: number) =>
    sleep(pause, undefined, { signal: stop.signal })
      .then(prepare)
      .catch((error: unknown) => {
        if (!stop.signal.aborted) log.warn({ err: error }, "standby_failed");
        return null;
      });
  let next: Promise<Place | null> | null = prepared(0);

  const takeNext = async (name: string): Promise<Place | null> => {
    const waiting = await next;
    next = null;
    if (waiting === null) return null;
    const folder = await renameJobFolder(waiting.folder, name);
    // Another worker may have taken it for a dead one's.
    if (folder === null) await leave(waiting);
    return folder === null ? null : { ...waiting, folder };
  };
  const takeGdb = (folder: string, rung: Rung): StartedGdb | undefined => {
    const gdbs = places.get(folder)?.gdbs;
    const waiting = gdbs?.get(rung);
    gdbs?.delete(rung);
    return waiting;
  };
  const clear = (place: Place) => {
    places.delete(place.folder.path);
    const done = leave(place)
      .catch((error: unknown) => log.warn({ err: error }, "leftovers_kept"))
      .finally(() => clearing.delete(done));
    clearing.add(done);
    if (!stop.signal.aborted) next ??= prepared(pauseMs);
  };

  return {
    makeFolder: async (name) => {
      const place = (await takeNext(name)) ?? { folder: await makeJobFolder(workDir, name), gdbs: new Map() };
      places.set(place.folder.path, place);
      return { path: place.folder.path, [Symbol.asyncDispose]: async () => clear(place) };
    },
    openGdb: async (options) => {
      const fits = options.rung !== "readnever" && isOwnMachine(options.machine) && (await coreSize(options.jobDir)) <= roomForCore;
      const waiting = fits ? takeGdb(options.jobDir, options.rung) : undefined;
      if (waiting !== undefined && waiting.session.ended === null) {
        try {
          return await giveJob(waiting, options);
        } catch (error) {
          // It did not come up; a new one tells why, if that was no accident.
          if (options.signal.aborted) throw error;
        }
      }
      return openGdb({ ...options, helpers });
    },
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      const waiting = await next;
      if (waiting !== null) await leave(waiting);
      await Promise.all(clearing);
    },
  };
}
