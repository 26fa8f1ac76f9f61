import { Refusal } from "@pandastack/platform";

/** Of an archive or an image that somebody gave: what is wrong with it. */
export const badImage = (why: string): Refusal => new Refusal("template.bad_image", why);

/** Names are kept as bytes, one character each, since nothing says that they are UTF-8; people read them as if they were. */
export const shown = (name: string): string => JSON.stringify(Buffer.from(name, "latin1").toString("utf8"));
