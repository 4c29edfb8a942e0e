/** A bad link: passes connections on to a server, and resets some of them once so many bytes of a request have gone over. */
import { once } from "node:events";
import { connect, createServer } from "node:net";

export interface Drops {
  readonly after: number;
  readonly drops: number;
  /** Only such requests. */
  readonly request?: RegExp;
}

export interface DroppingRelay extends AsyncDisposable {
  readonly url: string;
  /** Connections that were reset. */
  readonly dropped: number;
}

export async function startDroppingRelay(target: string, ...rules: readonly Drops[]): Promise<DroppingRelay> {
  const { hostname, port } = new URL(target);
  const left = rules.map((rule) => ({ ...rule }));
  let dropped = 0;
  const relay = createServer((near) => {
    const far = connect(Number(port), hostname);
    let seen = 0;
    let rule: (typeof left)[number] | undefined;
    near.on("error", () => undefined).on("close", () => far.destroy());
    far.on("error", () => undefined).on("close", () => near.destroy());
    near.on("data", (chunk: Buffer) => {
      const start = chunk.toString("latin1", 0, 200);
      if (/^[A-Z]+ \/\S* HTTP\/1/.test(start)) {
        rule = left.find(({ request, drops }) => drops > 0 && (request?.test(start) ?? true));
        seen = 0;
      }
      seen += chunk.length;
      if (rule === undefined || seen <= rule.after || rule.drops === 0 || near.destroyed) return;
      rule.drops -= 1;
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
