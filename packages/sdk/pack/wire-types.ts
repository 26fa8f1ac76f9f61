import * as contracts from "@pandastack/contracts";
import * as host from "@pandastack/contracts/host";
import { z } from "zod";
import { typeOf } from "./schema-types.ts";

const schemas: Readonly<Record<string, unknown>> = { ...host, ...contracts };

/** Names that the SDK's sources take from the contracts, by file: `import type { A, B as C } from "@pandastack/contracts"`. */
export function contractNames(source: string): string[] {
  return [...source.matchAll(/(?:import|export) type \{([^}]*)\} from "@pandastack\/contracts(?:\/host)?"/g)].flatMap(
    ([, names = ""]) =>
      names
        .split(",")
        .map((name) => name.trim().split(" as ")[0])
        .filter((name): name is string => name !== undefined && name !== ""),
  );
}

/** The contracts' types as plain declarations: what a consumer needs of them, without zod. */
export function declareTypes(names: readonly string[]): string {
  return [...new Set(names)]
    .toSorted()
    .map((name) => `export type ${name} = ${typeNamed(name)};\nexport declare const ${name}: { _output: ${name} };\n`)
    .join("\n");
}

function typeNamed(name: string): string {
  if (name === "ErrorCode") return unionOf(Object.keys(contracts.errorRegistry));
  if (name === "SandboxState") return unionOf(contracts.sandboxStates);
  const schema = schemas[name];
  if (!(schema instanceof z.ZodType)) throw new Error(`the contracts have no shape named ${name}`);
  const printed = z.toJSONSchema(schema, { io: "output", unrepresentable: "any" }) as Record<string, unknown>;
  return typeOf(printed, printed);
}

const unionOf = (values: readonly string[]): string => values.map((value) => JSON.stringify(value)).join(" | ");
