/** How long until the next attempt: 5 s, doubled each time, at most six hours, with up to half of it more so that receivers are not hit in step. */
const first = 5_000;
const longest = 6 * 3_600_000;

/** `tries` that failed so far, from 1. `chance` from 0 to 1. */
export const pauseAfter = (tries: number, chance = Math.random()): number => Math.round(Math.min(first * 2 ** (tries - 1), longest) * (1 + chance / 2));
