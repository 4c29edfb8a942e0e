/** Objects in the evidence of a finding: as `heap/object_state.py` describes one, and who refers to it (`heap/referrers.py`). */
import { type Static, Type } from "typebox";
import { Nullable } from "../../../services/contract/common.ts";

const text = Nullable(Type.String());

export const Seen = Type.Object({
  address: Type.String(),
  state: Type.String(),
  type: text,
  type_pointer: text,
  refcount: Nullable(Type.Number()),
  size: Nullable(Type.Integer()),
  bytes: text,
  text,
});
export type Seen = Static<typeof Seen>;

/** One step outwards; the last one is a module or a variable, which `name` tells. */
export const Owner = Type.Object({ address: text, type: text, where: Type.String(), name: text });
export type Owner = Static<typeof Owner>;

/** ` It is item 2 of list, which is value of 'queue' of module shop.` */
export function ownedBy(owners: readonly Owner[]): string {
  const steps = owners.map(({ type, where, name }) => (name !== null && type === null ? name : `${where} of ${name ?? type ?? "an object"}`));
  return steps.length === 0 ? "" : ` It is ${steps.join(", which is ")}.`;
}
