/** The labelled crashes: equal labels are the same bug, different labels are different ones. */
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { corpus, type CorpusEntry } from "../corpus/manifest.ts";
import { programsFolder } from "../corpus/make-core.ts";

export const parts = ["first", "second", "third", "fourth"] as const;
export type Part = (typeof parts)[number];
export type Source = "inventory.c" | "parcel.c" | "harbour.cpp" | "crane.c";

export interface Case {
  readonly label: string;
  /** The program's file. */
  readonly program: string;
  /** Handed to the program as `BUG`. */
  readonly bug: string | null;
  /** Nothing of the second ones was looked at before version 3 of the rules, which mended what they showed; nor of the third before version 4; the fourth ones were written after it. */
  readonly part: Part;
  /** What the program loads: the library, an extension module. */
  readonly built: readonly Source[];
  /** The program runs in this one, which embeds the interpreter; null for the interpreter itself. */
  readonly host: "pilot.c" | null;
  readonly from?: CorpusEntry["from"];
  readonly to?: CorpusEntry["to"];
}

export const casesFolder = fileURLToPath(new URL("./programs", import.meta.url));

const shop = [
  "cart_total",
  "cart_discount",
  "order_total",
  "cart_refund",
  "walk",
  "consume",
  "produce",
  "fold",
  "descend",
  "ping",
  "release",
  "load",
  "save",
  "copy",
  "give_up",
  "check",
  "divide",
  "trap",
  "free_twice",
  "os_abort",
  "kill",
  "fatal_stock",
  "fatal_price",
] as const;

const site = ["orders", "orders_detail", "users", "async"] as const;

const post = [
  "order_by",
  "look_up",
  "stamp",
  "leave",
  "registered",
  "express",
  "frank",
  "cancel",
  "address",
  "towns",
  "encode",
  "replaced",
  "deliver",
  "counter",
  "shut",
  "wait",
  "collect",
  "forgotten",
  "sort_weights",
  "weigh",
  "price",
  "unwrap",
  "wrap",
  "seal",
  "drop",
  "send",
] as const;

const harbour = [
  "lift",
  "load",
  "scrap",
  "swing",
  "release",
  "paint",
  "weld",
  "loosen",
  "borrow",
  "stored",
  "copied",
  "asked",
  "declared",
  "dispatched",
  "billed",
  "queried",
  "read",
  "followed",
  "generated",
  "ranked",
  "last_words",
  "dark",
  "watched",
  "wired",
  "rings",
  "unload",
  "steered",
  "timed",
  "queued",
  "parted",
  "mapped",
  "weighed",
  "moor",
  "berth",
  "berth_again",
  "refuse",
  "pier",
  "build",
  "stow_number",
  "stow_measure",
  "watch",
  "buoys",
  "share",
  "call",
  "name",
  "cut",
] as const;

const embedded = ["sounded", "night_watch", "ashore"] as const;

const station = [
  "schedule",
  "archive",
  "duplicate",
  "seat",
  "print_ticket",
  "arrivals",
  "group_wagons",
  "signal_value",
  "sell",
  "extend",
  "install_clock",
  "log_delay",
  "inspect",
  "parse_timetable",
  "announce_all",
  "replace_names",
  "fare",
  "guard",
  "collate",
  "shunt",
  "conduct",
  "depart",
  "close_gates",
  "transcribe",
  "fail_loudly",
  "sort_by_c",
  "whistle",
  "relay",
] as const;

/** Another way to the same defect: the function that fails, and who calls it, are the same. */
const sameBug: Readonly<Record<string, string>> = { async: "users", berth_again: "berth" };

/** On 3.14 and later the interpreter guards its own C stack and raises instead of overflowing. */
const overflows: ReadonlySet<string> = new Set(["descend", "ping"]);

const first = { part: "first", built: ["inventory.c"], host: null } as const;
const third = { part: "third", built: ["harbour.cpp", "crane.c"], host: null } as const;

const inFile = (file: string, bugs: readonly string[], some: Pick<Case, "part" | "built" | "host"> = first): Case[] =>
  bugs.map((bug) => ({
    label: `${file}:${sameBug[bug] ?? bug}`,
    program: join(casesFolder, file),
    bug,
    ...some,
    from: [3, 8],
    ...(overflows.has(bug) ? { to: [3, 13] as const } : {}),
  }));

export const cases: readonly Case[] = [
  ...inFile("shop.py", shop),
  ...inFile("site.py", site),
  ...inFile("post.py", post, { part: "second", built: ["parcel.c"], host: null }),
  ...inFile("harbour.py", harbour, third),
  ...inFile("station.py", station, { part: "fourth", built: [], host: null }),
  ...inFile("harbour.py", embedded, { ...third, host: "pilot.c" }),
  ...corpus
    .filter((entry) => entry.gcore !== true && entry.heavy !== true)
    .map(({ program, from, to }) => ({
      label: program,
      program: join(programsFolder, program),
      bug: null,
      ...first,
      ...(from === undefined ? {} : { from }),
      ...(to === undefined ? {} : { to }),
    })),
];
