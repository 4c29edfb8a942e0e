/**
 * Pairs of integers, numbered from 0 in the order in which they come.
 *
 * Open addressing in typed arrays: a million look-ups take some milliseconds, where a map of texts or objects takes a second.
 */
export class PairNumbers {
  #firsts = new Int32Array(256);
  #seconds = new Int32Array(256);
  /** Numbers + 1 by hash; 0 for none. At least half of them are free. */
  #slots = new Int32Array(512);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  first(number: number): number {
    return this.#firsts[number] ?? 0;
  }

  second(number: number): number {
    return this.#seconds[number] ?? 0;
  }

  numberOf(first: number, second: number): number {
    const mask = this.#slots.length - 1;
    for (let at = mixed(first, second) & mask; ; at = (at + 1) & mask) {
      const number = (this.#slots[at] ?? 0) - 1;
      if (number === -1) return this.#add(at, first, second);
      if (this.#seconds[number] === second && this.#firsts[number] === first) return number;
    }
  }

  #add(at: number, first: number, second: number): number {
    if (this.#size === this.#firsts.length) {
      this.#grow();
      return this.numberOf(first, second);
    }
    const number = this.#size;
    this.#firsts[number] = first;
    this.#seconds[number] = second;
    this.#size += 1;
    this.#slots[at] = this.#size;
    return number;
  }

  #grow(): void {
    const [firsts, seconds] = [new Int32Array(this.#size * 2), new Int32Array(this.#size * 2)];
    firsts.set(this.#firsts);
    seconds.set(this.#seconds);
    [this.#firsts, this.#seconds] = [firsts, seconds];
    this.#slots = new Int32Array(this.#size * 4);
    const mask = this.#slots.length - 1;
    for (let number = 0; number < this.#size; number += 1) {
      let at = mixed(firsts[number] ?? 0, seconds[number] ?? 0) & mask;
      while (this.#slots[at] !== 0) at = (at + 1) & mask;
      this.#slots[at] = number + 1;
    }
  }
}

function mixed(first: number, second: number): number {
  const both = Math.imul(first, 0x9e37_79b1) ^ Math.imul(second, 0x85eb_ca6b);
  return both ^ (both >>> 15);
}
