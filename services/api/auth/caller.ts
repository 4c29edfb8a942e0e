/** Who asks, and what they may do. A project is a tenant: nothing is ever found across projects. */
export type Scope = "submit" | "read" | "admin";

export interface Caller {
  readonly project: string;
  readonly scopes: ReadonlySet<Scope>;
}

/** What a route asks for: one scope, or any of several. */
export type NeededScope = Scope | readonly [Scope, ...Scope[]];

export const scopesOf = (needed: NeededScope): readonly Scope[] => (typeof needed === "string" ? [needed] : needed);

/** `admin` holds the others. */
export const may = (caller: Caller, needed: NeededScope) => caller.scopes.has("admin") || scopesOf(needed).some((scope) => caller.scopes.has(scope));
