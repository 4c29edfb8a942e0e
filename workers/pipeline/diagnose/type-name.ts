/** Names of C++ types, from the form that `type_info` keeps (Itanium C++ ABI, 5.1). Only plain ones: of a template the mangled name says more than half a name. */

const builtin: Readonly<Record<string, string>> = {
  a: "signed char",
  b: "bool",
  c: "char",
  d: "double",
  e: "long double",
  f: "float",
  h: "unsigned char",
  i: "int",
  j: "unsigned int",
  l: "long",
  m: "unsigned long",
  s: "short",
  t: "unsigned short",
  v: "void",
  w: "wchar_t",
  x: "long long",
  y: "unsigned long long",
};

/** `St13runtime_error`, `N4shop10StockErrorE`, `11CustomError`: the parts; null for anything else. */
function parts(mangled: string): string[] | null {
  const nested = mangled.startsWith("N") && mangled.endsWith("E");
  let rest = nested ? mangled.slice(1, -1) : mangled;
  const found: string[] = [];
  if (rest.startsWith("St")) {
    found.push("std");
    rest = rest.slice(2);
  }
  while (rest !== "") {
    const [digits = ""] = /^\d+/.exec(rest) ?? [];
    const length = Number(digits);
    const name = rest.slice(digits.length, digits.length + length);
    if (digits === "" || length === 0 || name.length < length) return null;
    if (name === "_GLOBAL__N_1") found.push("(anonymous namespace)");
    // The inline namespace of libstdc++'s newer ABI: nobody writes it.
    else if (name !== "__cxx11") found.push(name);
    rest = rest.slice(digits.length + length);
  }
  return found.length > 0 && (nested || found.length <= (found[0] === "std" ? 2 : 1)) ? found : null;
}

/** As it is written in a program; the mangled name itself where it is none of the plain ones. */
export function typeName(mangled: string): string {
  if (mangled === "NSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE") return "std::string";
  // What std::throw_with_nested throws: nobody writes its name.
  const nested = /^St17_Nested_exceptionI(.+)E$/.exec(mangled)?.[1];
  if (nested !== undefined) return typeName(nested);
  const pointer = /^(P+)(K?)(.+)$/.exec(mangled);
  if (pointer !== null) {
    const [, stars = "", constant = "", target = ""] = pointer;
    const name = typeName(target);
    return name === target ? mangled : `${name}${constant === "" ? "" : " const"}${"*".repeat(stars.length)}`;
  }
  return builtin[mangled] ?? parts(mangled)?.join("::") ?? mangled;
}
