import { z } from "zod";

export const Timestamp = z.iso.datetime({ offset: true }).describe("RFC 3339");
