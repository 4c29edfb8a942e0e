/** The bubblewrap sandbox that gdb runs in. */

/** Whether the sandbox works on this machine; `reason` says why it does not. */
export type SandboxProbe = { readonly ok: true } | { readonly ok: false; readonly reason: string };

export async function probeSandbox(): Promise<SandboxProbe> {
  await Promise.resolve();
  return { ok: false, reason: "not built yet" };
}
