/** What a model gets in one answer. More would push out of its context what it has to think about. */

/** Of each stream of a command: its beginning and its end are kept. */
export const OUTPUT_LIMIT_CHARACTERS = 30_000;
/** How much of that is from the beginning; the end says more about how a command went. */
export const OUTPUT_HEAD_CHARACTERS = 10_000;
/** Of a file that is read, where nothing is said. */
export const READ_DEFAULT_BYTES = 32 * 1024;
export const READ_LIMIT_BYTES = 256 * 1024;
/** A file that is written through a tool call; the body of a call is at most 1 MiB. */
export const WRITE_LIMIT_CHARACTERS = 512 * 1024;
/** Entries of a list: sandboxes, snapshots, files. */
export const PAGE_LIMIT = 100;
/** Searches and reads that one call does side by side. */
export const PARALLEL_QUERIES_LIMIT = 8;
/** Of each of them. */
export const QUERY_RESULT_LIMIT_CHARACTERS = 12_000;
export const QUERY_MATCHES_DEFAULT = 50;
export const QUERY_MATCHES_LIMIT = 500;
export const COMMAND_TIMEOUT_DEFAULT_SECONDS = 60;
export const COMMAND_TIMEOUT_LIMIT_SECONDS = 300;
export const FORK_COUNT_LIMIT = 16;
