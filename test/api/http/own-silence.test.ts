/** Which silences of a connection are the server's own: seen by whether its clock is set back. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Socket } from "node:net";
import { IncomingMessage } from "node:http";
import { ownSilence } from "../../../services/api/http/own-silence.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** How often the clock was set back in a minute of work on the request. */
function setBack(prepare: (request: IncomingMessage) => void): number {
  const socket = new Socket();
  socket.setTimeout(120_000);
  const request = new IncomingMessage(socket);
  prepare(request);
  const clock = vi.spyOn(socket, "setTimeout");
  {
    using _working = ownSilence(request);
    vi.advanceTimersByTime(60_000);
  }
  const count = clock.mock.calls.filter(([milliseconds]) => milliseconds === 120_000).length;
  vi.advanceTimersByTime(60_000);
  expect(clock).toHaveBeenCalledTimes(count);
  socket.destroy();
  return count;
}

test("a client that stopped sending is silent itself", () => {
  expect(setBack((request) => request.on("data", () => undefined))).toBe(0);
});

test("work on a whole body, on bytes that wait and on a body that was told to wait is the server's", () => {
  expect(setBack((request) => Object.assign(request, { complete: true }))).toBe(6);
  expect(setBack((request) => request.push("waits"))).toBe(6);
  expect(setBack((request) => request.pause())).toBe(6);
});
