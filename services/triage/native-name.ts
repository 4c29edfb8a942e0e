/** Native names without what differs between builds of the same code: clones, processor variants, versions, template arguments. */

interface Fold {
  readonly why: string;
  readonly pattern: RegExp;
  readonly to: string;
}

const processors =
  "sse\\d?\\w*|ssse3\\w*|avx\\w*|evex\\w*|erms|unaligned\\w*|aligned|sve|neon|asimd|thunderx2?|falkor|kunpeng|a64fx|mops|generic|sandybridge|haswell|skylakex|cooperlake|sapphirerapids|nehalem|prescott|zen|bulldozer|piledriver|steamroller|excavator|armv8|neoverse\\w*|vsx|rvv|fma\\d?|xop|c|no_vzeroupper|rtm";

/** Applied in order, each once. */
export const nameFolds: readonly Fold[] = [
  { why: "the symbol's version", pattern: /@@?[\w.]+$/, to: "" },
  { why: "what the compiler appends to clones", pattern: /(\.(cold|constprop|isra|part|lto_priv|llvm|localalias|resolver|ifunc|\d+)(\.\d+)*)+$/, to: "" },
  { why: "the hash of a Rust symbol", pattern: /::h[0-9a-f]{16}$/, to: "" },
  { why: "the C library's internal alias", pattern: /^_*(GI|IO|libc|new|old)_+(?=[a-z])/, to: "" },
  {
    why: "leading underscores of the C library",
    pattern: /^_+(?=(mem|str|wcs|wmem|assert|chk_|fortify|stack_chk|libc_|raise|abort|pthread|kill|int_|malloc|free|calloc|realloc|assert_fail)[a-z_]*)/,
    to: "",
  },
  { why: "the processor that a variant is made for", pattern: new RegExp(`(?<=[a-z0-9])(_(${processors}))+$`, "i"), to: "" },
];

/** `std::vector<int, std::allocator<int> >::push_back(int&&)` to `std::vector<>::push_back`. */
function withoutArguments(name: string): string {
  let out = "";
  let angle = 0;
  let round = 0;
  // `operator<`, `operator->` and `operator()` are names.
  const text = name.replace(
    /\boperator\s*(\(\)|<=>|<<=?|>>=?|->\*?|[<>]=?)/g,
    (_whole, sign: string) => `operator${sign.replace(/[<>()]/g, (each) => operators[each] ?? each)}`,
  );
  for (const letter of text) {
    if (letter === "<") angle += 1;
    else if (letter === ">") angle -= 1;
    if (letter === "(" && angle === 0) {
      round += 1;
    }
    const inside = angle > 0 || round > 0;
    if (!inside && letter !== ">") out += letter;
    else if (letter === "<" && angle === 1) out += "<>";
    if (letter === ")" && angle === 0) round -= 1;
  }
  return angle === 0 && round === 0 && out !== "" ? out : name;
}

const operators: Readonly<Record<string, string>> = { "<": "lt", ">": "gt", "(": "call", ")": "" };

const longest = 200;

export function plainNativeName(raw: string): string {
  let name = unmangled(raw) ?? raw;
  if (/[<(]/.test(name) && !name.startsWith("<"))
    name = withoutArguments(name.replaceAll("(anonymous namespace)", "{anonymous}"))
      .replace(/\s+(const|volatile|&&?)$/, "")
      .trim();
  for (const { pattern, to } of nameFolds) name = name.replace(pattern, to);
  return name.length > longest ? name.slice(0, longest) : name;
}

/**
 * The qualified name of an Itanium-mangled symbol, without template arguments and parameters: `_ZN3foo3barIiE3bazEv` to `foo::bar<>::baz`.
 * Only plain nested names are read; null for the rest, which stay as they are.
 */
function unmangled(symbol: string): string | null {
  const head = /^_?_Z(N[KVrRO]*)?/.exec(symbol);
  if (head === null) return null;
  const parts: string[] = [];
  let at = head[0].length;
  const nested = head[1] !== undefined;
  if (symbol.startsWith("St", at)) {
    parts.push("std");
    at += 2;
  }
  for (;;) {
    const length = /^\d+/.exec(symbol.slice(at));
    if (length !== null) {
      const from = at + length[0].length;
      at = from + Number(length[0]);
      const part = symbol.slice(from, at);
      if (part.length !== Number(length[0])) return null;
      parts.push(part === "_GLOBAL__N_1" ? "{anonymous}" : part);
    } else if (/^[CD][0-5]/.test(symbol.slice(at))) {
      const of = parts.at(-1)?.replace("<>", "") ?? "";
      parts.push(symbol[at] === "D" ? `~${of}` : of);
      at += 2;
    } else if (symbol[at] === "I") {
      const end = endOfArguments(symbol, at);
      if (end === null || parts.length === 0) return null;
      parts[parts.length - 1] += "<>";
      at = end;
    } else break;
    if (!nested && symbol[at] !== "I") break;
  }
  return parts.length === 0 || (nested && symbol[at] !== "E") ? null : parts.join("::");
}

/** Behind the `E` that closes the template arguments which begin at `at`; identifiers are skipped by their length. */
function endOfArguments(symbol: string, at: number): number | null {
  let depth = 0;
  for (let place = at; place < symbol.length; ) {
    const length = /^\d+/.exec(symbol.slice(place, place + 6));
    if (length !== null) {
      place += length[0].length + Number(length[0]);
      continue;
    }
    const letter = symbol[place];
    if (letter === "I" || letter === "N" || letter === "J" || letter === "X" || letter === "F") depth += 1;
    if (letter === "L") return null;
    place += 1;
    if (letter === "E") {
      depth -= 1;
      if (depth === 0) return place;
    }
  }
  return null;
}

/** `/usr/lib/libfoo-1.2.so.3.4` to `libfoo`, `_json.cpython-311-x86_64-linux-gnu.so` to `_json`; the executable keeps its name. */
export function moduleName(path: string): string {
  const file = path.slice(path.lastIndexOf("/") + 1).replace(/ \(deleted\)$/, "");
  const stem = file.replace(/\.so(\.[\w.]+)*$/, "").replace(/\.(cpython-\d+\w*|abi3|pypy\d+-pp\d+)(-[\w-]+)?$/, "");
  // `libopenblas64_p-r0-0cf96a72.3.23.dev`: auditwheel's hash and the version differ with every build.
  const short = stem.replace(/-[0-9a-f]{8}(\.[\w.]+)?$/, "").replace(/-r\d+$/, "");
  return short.startsWith("lib") && !short.startsWith("libpython") ? short.replace(/[-_.]\d[\d.]*$/, "") : short;
}
