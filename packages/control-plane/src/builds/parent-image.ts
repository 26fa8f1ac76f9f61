import { Refusal } from "@pandastack/platform";
import type { ResolvedTemplate } from "../templates/resolve.ts";
import type { BuildImages } from "./images.ts";

/** What Dockerfiles say for nothing at all. */
const NOTHING = "scratch";

/** A name of which there is no template, as `error` says. */
export async function resolveAsImage(
  images: BuildImages,
  name: string,
  needsShell: boolean,
  error: Refusal,
): Promise<ResolvedTemplate> {
  if (name === NOTHING)
    throw new Refusal(
      "template.bad_image",
      `from: a sandbox needs /bin/sh, and ${NOTHING} has nothing; begin with a template or an image that has one`,
    );
  const image = images.named(name);
  if (image === undefined) throw error;
  try {
    return await images.resolve(image, needsShell);
  } catch (failure) {
    if (image === name || !(failure instanceof Refusal)) throw failure;
    // Both are said: the name may be one or the other.
    throw new Refusal(error.code, `${error.message}. As an image: ${failure.message}`, { details: error.details });
  }
}
