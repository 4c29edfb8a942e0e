/** Who asks, and what they may do. A project is a tenant: nothing is ever found across projects. */
export type Scope = "submit" | "read" | "admin";

export interface Caller {
  readonly project: string;
  readonly scopes: ReadonlySet<Scope>;
}

/** `admin` holds the others. */
export const may = (caller: Caller, scope: Scope) => caller.scopes.has(scope) || caller.scopes.has("admin");
