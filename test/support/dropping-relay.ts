/** A bad link: passes connections on to a server, and resets so many of them once so many bytes have gone over. */
import { once } from "node:events";
import { connect, createServer } from "node:net";

export interface DroppingRelay extends AsyncDisposable {
  readonly url: string;
  /** Connections that were reset. */
  readonly dropped: number;
}

export async function startDroppingRelay(target: string, { after, drops }: { readonly after: number; readonly drops: number }): Promise<DroppingRelay> {
  const { hostname, port } = new URL(target);
  let dropped = 0;
  const relay = createServer((near) => {
    const far = connect(Number(port), hostname);
    let seen = 0;
    near.on("error", () => undefined).on("close", () => far.destroy());
    far.on("error", () => undefined).on("close", () => near.destroy());
    near.on("data", (chunk: Buffer) => {
      seen += chunk.length;
      if (seen <= after || dropped >= drops || near.destroyed) return;
      dropped += 1;
      near.resetAndDestroy();
      far.resetAndDestroy();
    });
    near.pipe(far).pipe(near);
  }).listen(0, "127.0.0.1");
  await once(relay, "listening");
  const address = relay.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    url: `http://127.0.0.1:${address.port}`,
    get dropped() {
      return dropped;
    },
    [Symbol.asyncDispose]: async () => {
      relay.close();
    },
  };
}
