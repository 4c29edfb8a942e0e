/** Node's options stand in docker/run.sh, and once more in the images, which start a program without it. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

const textOf = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), "utf8");
const optionsIn = (text: string) => [...text.matchAll(/--[a-z-]+=\d+/g)].map(([option]) => option).toSorted();

/** By the line of its `case`, and what it gives every program. */
function optionsOf(pattern: RegExp): string[] {
  const script = textOf("docker/run.sh");
  const [own = ""] = pattern.exec(script) ?? [];
  const [every = ""] = /^ *exec .*$/m.exec(script) ?? [];
  return optionsIn(`${own} ${every}`);
}

test.each([
  ["docker/api.Dockerfile", /^ *\*\) options=.*$/m],
  ["docker/worker.Dockerfile", /^ *workers\/main\.ts\) options=.*$/m],
])("%s compiles and runs with the options of docker/run.sh", (file, pattern) => {
  const options = optionsOf(pattern);
  expect(options.length).toBeGreaterThan(1);
  const lines = textOf(file).match(/^(?:RUN|CMD) .*node_modules\/\.bin\/node.*$/gm) ?? [];
  expect(lines.map(optionsIn)).toEqual([options, options]);
});
