/** A slow link: passes connections on to a server, no more than so many bytes a second towards it. */
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

export interface SlowRelay extends AsyncDisposable {
  /** Of a host that no client takes for this machine. */
  readonly url: string;
  /** Bytes that went towards the server. */
  readonly passed: number;
}

const pieceBytes = 64 * 1024;

export async function startSlowRelay(target: string, bytesPerSecond: number): Promise<SlowRelay> {
  const { hostname, port } = new URL(target);
  let passed = 0;
  const relay = createServer((near) => {
    const far = connect(Number(port), hostname);
    near.on("error", () => undefined).on("close", () => far.destroy());
    far.on("error", () => undefined).on("close", () => near.destroy());
    far.pipe(near);
    const pass = async () => {
      for await (const chunk of near.iterator({ destroyOnReturn: false })) {
        if (!Buffer.isBuffer(chunk)) continue;
        for (let at = 0; at < chunk.length; at += pieceBytes) {
          const piece = chunk.subarray(at, at + pieceBytes);
          passed += piece.length;
          far.write(piece);
          await sleep((piece.length / bytesPerSecond) * 1000);
        }
      }
      far.end();
    };
    pass().catch(() => far.destroy());
  }).listen(0, "0.0.0.0");
  await once(relay, "listening");
  const address = relay.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    url: `http://0.0.0.0:${address.port}`,
    get passed() {
      return passed;
    },
    [Symbol.asyncDispose]: async () => {
      relay.close();
    },
  };
}
