/** Every bound of the proxy. */

/** Of one slot, at a time; the rest wait in the kernel's queue for a moment and are reset. */
export const MAX_CONNECTIONS_PER_SLOT = 512;
/** Of a connection until it has said its name: a ClientHello with post-quantum keys has 2 KiB, browsers' up to 4. */
export const MAX_HELLO_BYTES = 16_384;
export const MAX_HTTP_HEAD_BYTES = 16_384;
export const HEAD_TIMEOUT_MS = 10_000;
export const CONNECT_TIMEOUT_MS = 10_000;
/** Addresses of a name that are tried. */
export const MAX_ATTEMPTS = 3;
/** Between two bytes of an open connection, either way. */
export const IDLE_TIMEOUT_MS = 3_600_000;
