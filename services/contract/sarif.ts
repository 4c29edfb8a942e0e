/** The part of SARIF 2.1.0 (OASIS) that a crash needs: one run of one tool with one result. */
import { type Static, Type } from "typebox";

const text = Type.Object({ text: Type.String({ minLength: 1 }) });
const position = Type.Optional(Type.Integer({ minimum: 1 }));

const Location = Type.Object({
  physicalLocation: Type.Optional(
    Type.Object({
      artifactLocation: Type.Object({ uri: Type.String({ minLength: 1 }), uriBaseId: Type.Optional(Type.String()) }),
      region: Type.Optional(Type.Object({ startLine: Type.Integer({ minimum: 1 }), startColumn: position, endLine: position, endColumn: position })),
    }),
  ),
  logicalLocations: Type.Array(Type.Object({ fullyQualifiedName: Type.String(), kind: Type.Literal("function") })),
  message: Type.Optional(text),
});
export type SarifLocation = Static<typeof Location>;

const Result = Type.Object({
  ruleId: Type.String(),
  ruleIndex: Type.Integer({ minimum: 0 }),
  level: Type.Literal("error"),
  message: text,
  locations: Type.Array(Location),
  codeFlows: Type.Array(
    Type.Object({ threadFlows: Type.Array(Type.Object({ locations: Type.Array(Type.Object({ location: Location }), { minItems: 1 }) }), { minItems: 1 }) }),
  ),
  stacks: Type.Array(
    Type.Object({
      message: text,
      frames: Type.Array(Type.Object({ location: Location, module: Type.Optional(Type.String()), threadId: Type.Optional(Type.Integer()) })),
    }),
  ),
  partialFingerprints: Type.Record(Type.String(), Type.String()),
  occurrenceCount: Type.Integer({ minimum: 1 }),
});

export const Sarif = Type.Object(
  {
    $schema: Type.String(),
    version: Type.Literal("2.1.0"),
    runs: Type.Array(
      Type.Object({
        tool: Type.Object({
          driver: Type.Object({
            name: Type.Literal("Inquest"),
            semanticVersion: Type.String(),
            rules: Type.Array(Type.Object({ id: Type.String(), shortDescription: text }), { minItems: 1 }),
          }),
        }),
        columnKind: Type.Literal("unicodeCodePoints"),
        originalUriBaseIds: Type.Optional(Type.Record(Type.String(), Type.Object({ uri: Type.String() }))),
        results: Type.Array(Result),
      }),
    ),
  },
  { $id: "Sarif" },
);
export type Sarif = Static<typeof Sarif>;
