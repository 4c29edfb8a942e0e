/** Which of the offered media types an `Accept` header asks for. (RFC 9110, 12.5.1) */
interface Range {
  readonly type: string;
  readonly quality: number;
}

function parse(header: string): Range[] {
  return header
    .slice(0, 1_000)
    .split(",")
    .map((part) => {
      const [type = "", ...parameters] = part.split(";").map((each) => each.trim().toLowerCase());
      const quality = Number(parameters.find((each) => each.startsWith("q="))?.slice(2) ?? 1);
      return { type, quality: Number.isFinite(quality) ? quality : 0 };
    })
    .filter(({ type }) => type !== "");
}

/** The most exact range that covers the type decides about it. */
function qualityOf(ranges: readonly Range[], type: string): { readonly quality: number; readonly exact: number } {
  const forms = [type, `${type.split("/", 1)[0]}/*`, "*/*"];
  for (const [index, form] of forms.entries()) {
    const range = ranges.find((each) => each.type === form);
    if (range !== undefined) return { quality: range.quality, exact: forms.length - index };
  }
  return { quality: 0, exact: 0 };
}

/** The best of the offered types; the first one when nothing was asked; null when none will do. */
export function negotiate<T extends string>(header: string | undefined, offered: readonly [T, ...T[]]): T | null {
  if (header === undefined || header.trim() === "") return offered[0];
  const ranges = parse(header);
  let best: { readonly type: T; readonly quality: number; readonly exact: number } | null = null;
  for (const type of offered) {
    const { quality, exact } = qualityOf(ranges, type);
    if (quality > 0 && (best === null || quality > best.quality || (quality === best.quality && exact > best.exact))) best = { type, quality, exact };
  }
  return best?.type ?? null;
}
