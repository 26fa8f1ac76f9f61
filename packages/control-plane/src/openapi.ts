/** `npm run openapi`: prints the OpenAPI document. */
import { openApi } from "./http/system.ts";

process.stdout.write(`${JSON.stringify(openApi, null, 2)}\n`);
