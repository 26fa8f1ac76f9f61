// What a value looks like, by media type. A value may say so itself, as notebooks for Deno have it: a method under
// Symbol.for("Jupyter.display") that returns content by media type.
import { inspect } from "node:util";

const FIELDS = {
  "text/plain": "text",
  "text/html": "html",
  "text/markdown": "markdown",
  "image/svg+xml": "svg",
  "image/png": "png",
  "image/jpeg": "jpeg",
  "application/pdf": "pdf",
  "text/latex": "latex",
  "application/json": "json",
  "application/javascript": "javascript",
};
const DISPLAY = Symbol.for("Jupyter.display");

export function represent(value) {
  const data = { "text/plain": inspect(value, { depth: 4, breakLength: 100 }) };
  if (value !== null && typeof value === "object") {
    if (typeof value[DISPLAY] === "function") return { ...data, ...value[DISPLAY]() };
    const prototype = Object.getPrototypeOf(value);
    if (Array.isArray(value) || prototype === null || prototype === Object.prototype) {
      try {
        data["application/json"] = JSON.parse(JSON.stringify(value));
      } catch {
        // Circles and big integers have no JSON.
      }
    }
  }
  return data;
}

/** Media types as fields of a result; those without a field under `extra`. */
export function toFields(data) {
  const fields = {};
  const extra = {};
  for (const [mediaType, given] of Object.entries(data)) {
    const content = given instanceof Uint8Array ? Buffer.from(given).toString("base64") : given;
    if (mediaType in FIELDS) fields[FIELDS[mediaType]] = content;
    else extra[mediaType] = content;
  }
  return Object.keys(extra).length === 0 ? fields : { ...fields, extra };
}
