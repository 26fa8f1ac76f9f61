/** Limits of the public API that a caller can meet. Each is a promise: raising one is fine, lowering one breaks someone. */

/** Largest JSON body. Files have their own routes and no limit. */
export const JSON_BODY_LIMIT_BYTES = 1024 * 1024;
/** Output that `POST …/exec` keeps of each stream; the rest is read and dropped, and the reply says so. Streams have no limit. */
export const EXEC_OUTPUT_LIMIT_BYTES = 16 * 1024 * 1024;
/** Longest `timeout_seconds` of a command. */
export const EXEC_TIMEOUT_LIMIT_SECONDS = 86_400;
/** Commands in flight on one `exec/ws` socket. */
export const EXEC_SOCKET_COMMANDS_LIMIT = 64;
/** Largest message on any WebSocket. */
export const SOCKET_MESSAGE_LIMIT_BYTES = 1024 * 1024;
/** Longest `ttl_seconds`: ten years. */
export const TTL_LIMIT_SECONDS = 315_360_000;
/** `idle_timeout_seconds` where only `on_idle` is given. */
export const IDLE_TIMEOUT_DEFAULT_SECONDS = 300;
export const METADATA_KEYS_LIMIT = 64;
export const METADATA_KEY_LIMIT_CHARACTERS = 128;
export const METADATA_VALUE_LIMIT_CHARACTERS = 8192;
/** Snapshots that a list returns, newest first. */
export const SNAPSHOT_LIST_LIMIT = 500;
/** Entries of the audit log that one answer holds. */
export const AUDIT_PAGE_DEFAULT = 200;
export const AUDIT_PAGE_LIMIT = 1000;
/** Events that are kept for a sandbox. */
export const EVENTS_KEPT = 512;
/** How long an `Idempotency-Key` is remembered. */
export const IDEMPOTENCY_HOURS = 24;
/** Ports of one sandbox that carry a label of yours: each is a key of its metadata, or two. */
export const NAMED_PORTS_LIMIT = 24;
export const PORT_LABEL_LIMIT_CHARACTERS = 64;
/** Links of one sandbox that are taken back one by one and have not expired; all of them at once has no limit. */
export const PREVIEW_REVOCATIONS_LIMIT = 256;
/** Longest life of a signed preview link: seven days. */
export const PREVIEW_TTL_LIMIT_SECONDS = 7 * 86_400;
/** A link's token is also a cookie, and cookies end at 4 KB. */
export const PREVIEW_PATHS_LIMIT = 10;
export const PREVIEW_PATH_LIMIT_CHARACTERS = 128;
/** Requests and open connections through the gateway to one sandbox at a time; its guest agent has 2,048 streams for everything. */
export const PROXIED_CONNECTIONS_LIMIT = 1500;
/** Files of a template's build context, together; they are held in memory until the build ends. */
export const CONTEXT_LIMIT_BYTES = 50 * 1024 * 1024;
export const CONTEXT_FILES_LIMIT = 5_000;
/** Lines of a build's log that are kept, the first ones; each is cut at 4,096 characters. */
export const BUILD_LOG_LINES_LIMIT = 20_000;
/** Memory and processors of one sandbox. */
export const MEMORY_LIMIT_MB = 65_536;
export const CPU_LIMIT = 64;
/** Images and root file systems that a workspace may be sending at a time: each may have ten gigabytes. */
export const UPLOADS_PER_WORKSPACE = 2;
