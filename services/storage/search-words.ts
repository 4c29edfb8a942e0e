/**
 * Words of free text: runs of letters, digits and underscores in lower case, and the parts of such a name.
 *
 * `PyDict_SetItem` is found as a whole and by `py`, `dict`, `set` and `item`. Words come out as they are compared: the same
 * on both databases, with no language's grammar in between, because names are no prose.
 */
import { storable } from "./search-text.ts";

/** Longer runs are data, not names. */
const longestWord = 64;
const longestText = 4_000;

const runs = /[\p{L}\p{N}_]+/gu;
/** Between a small letter and a capital, before the last capital of several (`HTTPServer`), and at underscores. */
const seams = /_+|(?<=[\p{Ll}\p{N}])(?=\p{Lu})|(?<=\p{Lu})(?=\p{Lu}\p{Ll})/u;

const fits = (word: string) => word.length > 0 && word.length <= longestWord;

/** Each run as a whole. */
export function wholeWords(text: string): string[] {
  return [...storable(text.slice(0, longestText)).toWellFormed().matchAll(runs)].map(([run]) => run.toLowerCase()).filter(fits);
}

export class Words {
  readonly #most: number;
  readonly #seen = new Set<string>();

  constructor(most: number) {
    this.#most = most;
  }

  get full(): boolean {
    return this.#seen.size >= this.#most;
  }

  get all(): string[] {
    return [...this.#seen];
  }

  add(text: string | null): void {
    if (text === null || this.full) return;
    for (const [run] of storable(text.slice(0, longestText)).toWellFormed().matchAll(runs)) {
      for (const word of [run, ...run.split(seams)]) {
        const lower = word.toLowerCase();
        if (this.full) return;
        if (fits(lower) && (lower.length > 1 || word === run)) this.#seen.add(lower);
      }
    }
  }
}

export interface WantedWord {
  readonly word: string;
  /** `pars*`: every word that begins so. */
  readonly beginning: boolean;
}

/** What a query asks for: all of these words. */
export function wantedWords(text: string): WantedWord[] {
  return text
    .split(/\s+/u)
    .filter((part) => part !== "")
    .flatMap((part) => {
      const words = wholeWords(part);
      return words.map((word, index) => ({ word, beginning: part.endsWith("*") && index === words.length - 1 }));
    });
}
