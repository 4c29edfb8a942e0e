/** The first thing that happens to a request: who asks, and whether the route is theirs to call. */
import type { FastifyReply, FastifyRequest } from "fastify";
import { Failure } from "../../contract/failure.ts";
import type { Authenticate } from "./authenticate.ts";
import { type Caller, may, type NeededScope, scopesOf } from "./caller.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** What the caller needs; routes without it are open to everyone. */
    scope?: NeededScope;
  }
}

const nobody: Caller = { project: "", scopes: new Set() };

const callers = new WeakMap<FastifyRequest, Caller>();

/** `request.caller`: nobody, who owns nothing, until the guard has looked. */
export const callerOfRequest = {
  getter(this: FastifyRequest): Caller {
    return callers.get(this) ?? nobody;
  },
  setter(this: FastifyRequest, caller: Caller): void {
    callers.set(this, caller);
  },
};

export function guard(authenticate: Authenticate) {
  return async (request: FastifyRequest, _reply: FastifyReply): Promise<void> => {
    const { scope } = request.routeOptions.config;
    if (scope === undefined) return;
    const caller = authenticate(request);
    if (!may(caller, scope))
      throw new Failure(
        "forbidden",
        `${request.method} ${request.routeOptions.url ?? ""} needs the scope ${scopesOf(scope).join(" or ")}; the token has ${[...caller.scopes].join(", ")}.`,
      );
    request.caller = caller;
  };
}
