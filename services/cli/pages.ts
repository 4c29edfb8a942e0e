/** What the lists of the service have in common: filters given as options, and page after page. */
import type { Context } from "./context.ts";
import { UsageError } from "./usage-error.ts";

const mostOfPage = 200;

interface Page<T> {
  readonly items: readonly T[];
  readonly next_cursor: string | null;
}

/** `names` as the API has them; options have dashes. */
export function filtersOf({ text, texts }: Pick<Context, "text" | "texts">, names: readonly string[]): Readonly<Record<string, string>> {
  const query: Record<string, string> = {};
  for (const name of names) {
    const value = text(name.replaceAll("_", "-"));
    if (value !== null) query[name] = value;
  }
  for (const [name, value] of Object.entries(labelsOf(texts("label")))) query[`label.${name}`] = value;
  return query;
}

export async function eachPage<T>(
  { text, texts, words }: Pick<Context, "text" | "texts" | "words">,
  names: readonly string[],
  ask: (query: Readonly<Record<string, string>>) => Promise<Page<T>>,
  tell: (item: T) => void,
): Promise<void> {
  if (words.length > 0) throw new UsageError(`${words.join(" ")}: a list takes filters, such as --label host=web1`);
  const wanted = Number(text("limit") ?? 50);
  if (!Number.isInteger(wanted) || wanted < 1) throw new UsageError("--limit is a whole number from 1");
  const query = filtersOf({ text, texts }, names);
  let left = wanted;
  for (let cursor: string | null = null; left > 0; ) {
    const page: Page<T> = await ask({ ...query, limit: String(Math.min(left, mostOfPage)), ...(cursor === null ? {} : { cursor }) });
    for (const item of page.items) tell(item);
    left -= page.items.length;
    cursor = page.next_cursor;
    if (cursor === null) break;
  }
}

export function labelsOf(words: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    words.map((word): [string, string] => {
      const [, name, value] = /^([^=]+)=(.*)$/s.exec(word) ?? [];
      if (name === undefined || value === undefined) throw new UsageError(`${word} is not NAME=VALUE`);
      return [name, value];
    }),
  );
}
