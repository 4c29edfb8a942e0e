/** The page at `/`: what this is, and the lines that do it; as text for curl, as HTML for a browser. */
import { hash } from "node:crypto";

const intro = "Inquest takes core dumps of crashed Python processes and tells what happened: C and Python backtraces, merged, explained and grouped.";

function lines(base: string): readonly (readonly [what: string, command: string])[] {
  return [
    ["Send a core from the machine that crashed, with all that it needs, and read the report:", `curl -s ${base}/submit.py | python3 - core`],
    ["Or send a core, with the interpreter that crashed:", `curl -F core=@core -F binary=@/usr/bin/python3 ${base}/v1/jobs`],
    ["Read the report, as soon as it is there:", `curl -H 'Accept: text/plain' '${base}/v1/jobs/ID/report?wait=30'`],
  ];
}

const pages: readonly (readonly [path: string, what: string])[] = [
  ["/docs", "every call, to read and to try"],
  ["/openapi.json", "the same for programs"],
  ["/v1/limits", "the limits in force"],
  ["/readyz", "how the service is"],
];

export function homeText(base: string): string {
  const commands = lines(base).map(([what, command]) => `${what}\n\n    ${command}\n`);
  const links = pages.map(([path, what]) => `    ${path.padEnd(16)}${what}`);
  return `${intro}\n\n${commands.join("\n")}\nMore:\n\n${links.join("\n")}\n`;
}

const style = `:root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;max-width:46rem;margin:3rem auto;padding:0 1rem}pre{padding:.75rem 1rem;border:1px solid;border-radius:.4rem;overflow-x:auto}dt{float:left;min-width:9rem}`;

/** Nothing is loaded and nothing runs; the one style sheet is named by its digest. */
export const homePolicy = `default-src 'none'; style-src 'sha256-${hash("sha256", style, "base64")}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

const escaped = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");

export function homeHtml(base: string): string {
  const commands = lines(base).map(([what, command]) => `<p>${escaped(what)}</p>\n<pre tabindex="0">${escaped(command)}</pre>`);
  const links = pages.map(([path, what]) => `<dt><a href="${path}">${path}</a></dt><dd>${escaped(what)}</dd>`);
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Inquest</title><style>${style}</style></head>
<body>
<main>
<h1>Inquest</h1>
<p>${escaped(intro)}</p>
${commands.join("\n")}
<h2>More</h2>
<dl>
${links.join("\n")}
</dl>
</main>
</body>
</html>
`;
}
