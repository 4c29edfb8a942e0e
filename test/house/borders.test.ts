/** The arrows between the rooms, as docs/architecture.md draws them. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");

const files = (folder: string, ending: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));

const sources = [...files("services", ".ts"), ...files("workers", ".ts")];
const textOf = (file: string) => readFileSync(join(root, file), "utf8");

/** The composition roots wire everything and are imported by nobody. */
const roots = ["services/server.ts", "services/all-in-one.ts", "workers/main.ts"];

/** The room of a file: `services/api`, `workers/gdb`, or `workers` itself; a composition root is a room of its own. */
const roomOf = (file: string) => (roots.includes(file) ? file : dirname(file).split("/").slice(0, 2).join("/"));

const arrows = sources.flatMap((file) =>
  [...textOf(file).matchAll(/^(?:import|export)\s[^;]*?from\s+"(\.[^"]+)"|\bimport\("(\.[^"]+)"\)/gm)].map((match) => {
    const target = relative(root, resolve(root, dirname(file), match[1] ?? match[2] ?? ""));
    return { file, target, from: roomOf(file), to: roomOf(target) };
  }),
);

/** What a room may import besides itself. A room that is not listed here fails the test: draw its arrows first. */
const allowed: Record<string, readonly string[]> = {
  "services/contract": [],
  "services/config": ["services/contract"],
  "services/log": ["services/contract"],
  "services/sandbox": ["services/contract"],
  "services/storage": ["services/contract", "services/log"],
  "services/queue": ["services/contract", "services/log", "services/storage"],
  "services/logs": [],
  "services/intake": ["services/contract", "services/log", "services/logs", "services/sandbox", "services/storage"],
  "services/text": ["services/contract"],
  "services/notify": ["services/contract", "services/log", "services/storage", "services/queue"],
  "services/triage": ["services/contract", "services/log", "services/storage"],
  "services/api": [
    "services/contract",
    "services/config",
    "services/log",
    "services/storage",
    "services/queue",
    "services/intake",
    "services/triage",
    "services/notify",
    "services/text",
    "services/web",
  ],
  "services/web": ["services/contract"],
  "services/client": ["services/contract"],
  // The command reads its user's environment, and process.env is read by the configuration alone.
  "services/cli": ["services/contract", "services/client", "services/config"],
  "services/supervisor": ["services/contract", "services/config", "services/log"],
  workers: [
    "services/contract",
    "services/log",
    "services/sandbox",
    "services/storage",
    "services/queue",
    "services/intake",
    "workers/pipeline",
    "workers/gdb",
  ],
  "workers/gdb": ["services/contract", "services/log", "services/sandbox"],
  "workers/pipeline": [
    "services/contract",
    "services/log",
    "services/storage",
    "services/intake",
    "services/logs",
    "services/text",
    "services/triage",
    "services/queue",
    "workers/gdb",
  ],
  "workers/indexing": ["services/contract", "services/log", "services/sandbox", "services/storage", "workers/gdb", "workers/pipeline"],
};

describe("the rooms", () => {
  it("import only along the arrows that the architecture draws", () => {
    const wrong = arrows
      .filter(({ from, to }) => from !== to && !roots.includes(from) && !(allowed[from] ?? []).includes(to))
      .map(({ file, target }) => `${file} imports ${target}`);
    expect(wrong).toEqual([]);
    expect(arrows.length).toBeGreaterThan(10);
  });

  it("of the services never import the workers", () => {
    expect(arrows.filter(({ from, to }) => from.startsWith("services/") && to.startsWith("workers/"))).toEqual([]);
  });

  it("leave the environment to the configuration", () => {
    const readers = sources.filter((file) => /\bprocess\.env\b/.test(textOf(file)));
    expect(readers).toEqual(["services/config/environment.ts"]);
  });

  it("leave gdb to the modules that need it", () => {
    const importers = files("gdb-scripts/inquest", ".py").filter((file) => /^\s*(import gdb\b|from gdb\b)/m.test(textOf(file)));
    expect(importers.filter((file) => !/^gdb-scripts\/inquest\/(commands|layout\/from_gdb|native(_\w+)?)\.py$/.test(file))).toEqual([]);
    expect(importers).toContain("gdb-scripts/inquest/native.py");
  });

  it("hold no default export, enum or parameter property", () => {
    const wrong = sources.filter((file) => /^export default\b|^(export )?(const )?enum\b|constructor\([^)]*\b(private|public|readonly) /m.test(textOf(file)));
    expect(wrong).toEqual([]);
  });
});
