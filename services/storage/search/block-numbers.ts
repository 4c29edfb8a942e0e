/**
 * The jobs of one block, numbered by what they have in common: those with the same value of each field have the same number.
 *
 * Fields are taken one after the other. A block has at most 4,096 jobs and mostly few combinations, so numbering needs small tables
 * alone, and what is told of all blocks is asked once for a combination of the block instead of once for a job.
 */
import { type Bits, blockJobs, membersOf } from "./bit-block.ts";

/** Larger tables take longer to clear than the jobs to look up otherwise. */
const mostPairs = 32_768;
const slotBits = 14;
const slots = 2 ** slotBits;

type Places = Uint8Array | Uint16Array;

export class BlockNumbers {
  /** Where in the block the jobs are; those from `jobs` on are of no meaning. */
  readonly ordinals = new Uint16Array(blockJobs);
  jobs = 0;
  /** How many numbers there are. */
  size = 0;
  /** By number: the one before the last field was taken, and the place of the field's value. */
  readonly befores = new Uint16Array(blockJobs);
  readonly places = new Uint16Array(blockJobs);
  readonly #numbers = new Uint16Array(blockJobs);
  /** Numbers + 1, 0 for none: by pair of number and place where there are few of them, else by hash. */
  readonly #table = new Uint16Array(mostPairs);

  /** All of the jobs have one number. */
  begin(bits: Bits): void {
    this.jobs = membersOf(bits, this.ordinals);
    this.size = Math.min(this.jobs, 1);
    this.#numbers.fill(0, 0, this.jobs);
  }

  /** Tells apart jobs whose places differ; `width` is above all places. */
  take(places: Places, width: number): void {
    if (this.size * width <= mostPairs) this.#takeFew(places, width);
    else this.#takeMany(places, width);
  }

  #takeFew(places: Places, width: number): void {
    const [ordinals, numbers, table] = [this.ordinals, this.#numbers, this.#table];
    table.fill(0, 0, this.size * width);
    this.size = 0;
    for (let at = 0; at < this.jobs; at += 1) {
      const [before, place] = [numbers[at] ?? 0, places[ordinals[at] ?? 0] ?? 0];
      const pair = before * width + place;
      let number = table[pair] ?? 0;
      if (number === 0) {
        number = this.#add(before, place);
        table[pair] = number;
      }
      numbers[at] = number - 1;
    }
  }

  #takeMany(places: Places, width: number): void {
    const [ordinals, numbers, table] = [this.ordinals, this.#numbers, this.#table];
    table.fill(0, 0, slots);
    this.size = 0;
    for (let at = 0; at < this.jobs; at += 1) {
      const [before, place] = [numbers[at] ?? 0, places[ordinals[at] ?? 0] ?? 0];
      let slot = Math.imul(before * width + place, 0x9e37_79b1) >>> (32 - slotBits);
      let number = table[slot] ?? 0;
      while (number !== 0 && (this.befores[number - 1] !== before || this.places[number - 1] !== place)) {
        slot = (slot + 1) & (slots - 1);
        number = table[slot] ?? 0;
      }
      if (number === 0) {
        number = this.#add(before, place);
        table[slot] = number;
      }
      numbers[at] = number - 1;
    }
  }

  /** The new number + 1. */
  #add(before: number, place: number): number {
    this.befores[this.size] = before;
    this.places[this.size] = place;
    this.size += 1;
    return this.size;
  }

  /** How many jobs have each number. */
  count(counts: Uint16Array): void {
    counts.fill(0, 0, this.size);
    const numbers = this.#numbers;
    for (let at = 0; at < this.jobs; at += 1) {
      const number = numbers[at] ?? 0;
      counts[number] = (counts[number] ?? 0) + 1;
    }
  }
}
