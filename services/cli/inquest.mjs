#!/usr/bin/env node
// The `inquest` command. Node strips types itself from 22.18 on, but never below node_modules; there, and before, tsx does it.
if (!process.features.typescript || import.meta.url.includes("/node_modules/")) (await import("tsx/esm/api")).register();
const { main } = await import("./main.ts");
process.exitCode = await main(process.argv.slice(2));
