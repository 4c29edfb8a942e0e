/** HTTP by hand, over a socket: for what no client library lets one see. */
import { connect, type Socket } from "node:net";
import { once } from "node:events";

export interface RawConnection extends AsyncDisposable {
  readonly socket: Socket;
  /** All that came so far. */
  text(): string;
  /** Resolves once `pattern` has come; rejects when the connection ends before. */
  until(pattern: RegExp): Promise<string>;
}

export async function openRaw(url: string): Promise<RawConnection> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  await once(socket, "connect");
  let received = "";
  let failure: Error | null = null;
  socket.setEncoding("latin1");
  socket.on("data", (chunk: string) => {
    received += chunk;
  });
  socket.on("error", (error) => {
    failure = error;
  });
  return {
    socket,
    text: () => received,
    async until(pattern) {
      while (!pattern.test(received)) {
        if (socket.closed) throw new Error(`the connection ended (${failure?.message ?? "closed"}) after ${JSON.stringify(received.slice(-500))}`);
        const woken = new AbortController();
        await Promise.race([once(socket, "data", { signal: woken.signal }), once(socket, "close", { signal: woken.signal })]).catch(() => undefined);
        woken.abort();
      }
      return received;
    },
    async [Symbol.asyncDispose]() {
      socket.destroy();
      if (!socket.closed) await once(socket, "close");
    },
  };
}

export const head = (method: string, path: string, headers: Readonly<Record<string, string | number>>) =>
  [`${method} ${path} HTTP/1.1`, "Host: localhost", ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`), "", ""].join("\r\n");
