/** Reads the instructions that the project's Dockerfiles use; anything else is refused, so that no step is passed over in silence. */

export interface Copy {
  readonly from: string | null;
  readonly sources: readonly string[];
  readonly target: string;
}

export type Step = { readonly run: string; readonly directory: string } | { readonly copy: Copy; readonly directory: string };

export interface Stage {
  readonly name: string | null;
  readonly base: string;
  readonly steps: readonly Step[];
  readonly user: string;
  readonly directory: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly command: readonly string[];
}

function isWords(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((word) => typeof word === "string");
}

function copyOf(words: readonly string[]): Copy {
  const [first = ""] = words;
  const from = first.startsWith("--from=") ? first.slice("--from=".length) : null;
  const paths = from === null ? words : words.slice(1);
  const target = paths.at(-1);
  if (target === undefined || paths.length < 2 || paths.some((path) => path.startsWith("--"))) throw new Error(`COPY ${words.join(" ")}`);
  return { from, sources: paths.slice(0, -1), target };
}

export function stagesOf(dockerfile: string): Stage[] {
  const stages: { -readonly [Key in keyof Stage]: Stage[Key] }[] = [];
  const lines = dockerfile
    .split("\n")
    .filter((line) => !line.trimStart().startsWith("#"))
    .join("\n")
    .replace(/\\\n/g, " ")
    .split("\n");
  for (const line of lines.filter((text) => text.trim() !== "")) {
    const [, instruction = "", rest = ""] = /^(\w+)\s+(.*)$/.exec(line) ?? [];
    const words = rest.trim().split(/\s+/);
    if (instruction === "FROM") {
      const [base = "", as, name] = words;
      stages.push({ name: as === undefined ? null : (name ?? null), base, steps: [], user: "root", directory: "/", environment: {}, command: [] });
      continue;
    }
    const stage = stages.at(-1);
    if (stage === undefined) throw new Error(`${instruction} before FROM`);
    const { directory } = stage;
    if (instruction === "RUN") stage.steps = [...stage.steps, { run: rest, directory }];
    else if (instruction === "COPY") stage.steps = [...stage.steps, { copy: copyOf(words), directory }];
    else if (instruction === "WORKDIR") stage.directory = rest.trim();
    else if (instruction === "USER") stage.user = rest.trim();
    else if (instruction === "ENV") {
      const [name = "", ...value] = rest.trim().split("=");
      stage.environment = { ...stage.environment, [name]: value.join("=") };
    } else if (instruction === "CMD") {
      const command: unknown = JSON.parse(rest);
      if (!isWords(command)) throw new Error(`CMD ${rest}`);
      stage.command = command;
    } else if (instruction !== "EXPOSE") throw new Error(`the instruction ${instruction} is not known here`);
  }
  return stages;
}
