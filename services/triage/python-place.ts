/**
 * Which module a Python frame is of, told by its file's path: the same on every machine.
 *
 * What lies below `site-packages`, a `lib/pythonX.Y`, a zip or the folder of the program that was started is named from
 * there; of any other file only the name counts, because the folders above it belong to the machine.
 */
import type { PythonFrame, Thread } from "../contract/thread.ts";

export interface PythonPlace {
  readonly module: string;
  /** Whose code it is. */
  readonly of: "user" | "package" | "standard library";
}

const packagesFolder = /^.*\/(?:site|dist)-packages\/(.+)$/;
const standardFolder = /^.*\/(?:lib(?:32|64)?|pypy[\d.]*)\/(?:[\w-]+\/)?(?:python|pypy)\d(?:\.\d+)?[a-z]*\/(.+)$/i;
const standardZip = /^.*\/python\d+\.zip\/(.+)$/;
const archive = /^.*\.(?:zip|pyz|egg|whl|par|pex|xar)\/(.+)$/;

const dotted = (path: string): string => {
  const parts = path
    .replace(/\.(pyc|pyw?|pyx|pxd|so)$/, "")
    .split("/")
    .filter((part) => part !== "" && part !== ".");
  if (parts.length > 1 && parts.at(-1) === "__init__") parts.pop();
  return parts.join(".");
};

const baseName = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

/** `root` is the folder of the program, with its slash; null when it is not known. */
export function pythonPlace(file: string | null, root: string | null): PythonPlace {
  if (file === null || file === "") return { module: "?", of: "user" };
  const frozen = /^<frozen (.+)>$/.exec(file);
  if (frozen !== null) return { module: frozen[1] ?? file, of: "standard library" };
  // `<string>`, `<stdin>`, `<template>`; what IPython and attrs number is one place.
  if (file.startsWith("<")) return { module: file.replace(/[-_ ]?(0x)?[0-9a-f]*\d[0-9a-f]*(?=[-_ >])/gi, ""), of: "user" };
  const packages = packagesFolder.exec(file);
  if (packages !== null) return { module: dotted(packages[1] ?? file), of: "package" };
  const standard = standardFolder.exec(file) ?? standardZip.exec(file);
  if (standard !== null) return { module: dotted(standard[1] ?? file), of: "standard library" };
  const archived = archive.exec(file);
  if (archived !== null) return { module: dotted(archived[1] ?? file), of: "user" };
  if (root !== null && file.startsWith(root)) return { module: dotted(file.slice(root.length)), of: "user" };
  const parts = file.split("/");
  const own = /^__(init|main)__\.pyc?$/.test(baseName(file)) ? parts.slice(-2).join("/") : baseName(file);
  return { module: dotted(own), of: "user" };
}

/** The folder of the program: of the outermost module that is the user's own, in the thread that runs it. */
export function programRoot(threads: readonly Thread[], pid: number | null): string | null {
  const mainFirst = threads.toSorted((one, other) => Number(other.lwp === pid) - Number(one.lwp === pid));
  for (const thread of mainFirst) {
    const frames = thread.python_frames.filter((frame): frame is PythonFrame => frame.kind === "python");
    const module = frames.findLast(
      (frame) => frame.function === "<module>" && frame.file?.startsWith("/") === true && pythonPlace(frame.file, null).of === "user",
    );
    if (module?.file == null) continue;
    const folder = module.file.slice(0, module.file.lastIndexOf("/") + 1);
    // `python -m package` runs package/__main__.py: the package's name is part of the module's.
    return baseName(module.file) === "__main__.py" ? folder.slice(0, folder.slice(0, -1).lastIndexOf("/") + 1) : folder;
  }
  return null;
}

/** `Cart.total`, `outer.inner`: the qualified name; up to 3.10 that of methods whose class was found, the plain name of the rest. */
export const pythonName = ({ qualname, defined_as: method, function: plain }: Pick<PythonFrame, "function" | "qualname" | "defined_as">): string =>
  // Reports from before have no such field.
  (qualname ?? method ?? plain).replaceAll(".<locals>", "");
