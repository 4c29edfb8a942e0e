/** What was open when it died, without the standard streams unless bytes are lost in them; and the census, where one was asked for. */
import type { Report } from "../contract/report.ts";
import { safeCut } from "./safe-text.ts";

const shown = { files: 20, others: 20, types: 20 };
const standard = 2;

const left = (all: number, most: number, what: string) => (all > most ? [`  … ${all - most} more ${what}, in the JSON report`] : []);

/** Reports of older releases have none. */
export function openLines({ open_files }: Partial<Pick<Report, "open_files">>): readonly string[] {
  if (open_files == null) return [];
  const files = open_files.files.filter(({ fd, unflushed }) => fd > standard || (unflushed ?? 0) > 0);
  const told = [
    ...files.map(({ fd, mode, name, unflushed, allocated_at }) => {
      const lost = unflushed === null || unflushed === 0 ? "" : `, ${unflushed} bytes never flushed`;
      return {
        fd,
        text: `${safeCut(mode, 4).padEnd(4)} ${safeCut(name, 160)}${lost}${allocated_at === null ? "" : `, opened at ${safeCut(allocated_at, 120)}`}`,
      };
    }),
    ...open_files.sockets.map(({ fd, family, type, allocated_at }) => ({
      fd,
      text: `${safeCut(family, 20)} ${safeCut(type, 20)}${allocated_at === null ? "" : `, made at ${safeCut(allocated_at, 120)}`}`,
    })),
  ].toSorted((one, other) => one.fd - other.fd);
  const lines = told.slice(0, shown.files).map(({ fd, text }) => `  fd ${String(fd).padEnd(4)} ${text}`);
  const { children = [], maps = [], databases = [] } = open_files;
  const made = (at: string | null) => (at === null ? "" : `, made at ${safeCut(at, 120)}`);
  const others = [
    ...databases.map(
      ({ fd, name, allocated_at }) =>
        `  sqlite3 ${name === null ? "of no known file" : safeCut(name, 160)}${fd === null ? "" : ` (fd ${fd})`}${made(allocated_at)}`,
    ),
    ...maps.map(
      ({ name, size, start, allocated_at }) => `  mmap    ${name === null ? "anonymous" : safeCut(name, 160)}, ${size} bytes at ${start}${made(allocated_at)}`,
    ),
    ...children.map(({ pid, command, allocated_at }) => `  child   ${pid}${command === null ? "" : ` ${safeCut(command, 160)}`}${made(allocated_at)}`),
  ];
  const cut = open_files.whole || told.length + others.length === 0 ? [] : ["  … the search ended at its limits: there may be more"];
  return [
    ...lines,
    ...left(told.length, shown.files, "descriptors"),
    ...others.slice(0, shown.others),
    ...left(others.length, shown.others, "of these"),
    ...cut,
  ];
}

export function censusLines({ census }: Partial<Pick<Report, "census">>): readonly string[] {
  if (census == null) return [];
  const rows = census.by_type
    .slice(0, shown.types)
    .map(({ type, count, bytes }) => `  ${String(bytes).padStart(12)} bytes ${String(count).padStart(9)}  ${safeCut(type, 60)}`);
  const head = `  ${census.objects} objects of ${census.types} types${census.whole ? "" : "; the walk did not reach them all"}`;
  return [head, ...rows, ...left(census.types, shown.types, "types")];
}
