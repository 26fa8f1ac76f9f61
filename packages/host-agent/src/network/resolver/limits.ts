/** Every bound of the resolver. A slot that exceeds its share is not answered; others don't notice. */

/** Queries, and answers over UDP. A larger answer is cut to "truncated", upon which askers come by TCP. */
export const MAX_MESSAGE_BYTES = 4096;
/** Answers over TCP: what the length prefix can say. */
export const MAX_TCP_ANSWER_BYTES = 65_535;
export const MAX_UDP_QUERIES_PER_SLOT = 64;
export const MAX_TCP_CONNECTIONS_PER_SLOT = 8;
/** Queries on one connection that are answered at the same time. */
export const MAX_TCP_QUERIES_PER_CONNECTION = 4;
/** Over all slots: each is a socket of the host's. */
export const MAX_QUERIES = 1024;
/** How long one of the host's servers may take before the next is asked. glibc in the guest gives up after 5 s. */
export const SERVER_TIMEOUT_MS = 1_500;
/** Servers that are asked for one query, the list over and over. */
export const MAX_ATTEMPTS = 3;
export const TCP_IDLE_TIMEOUT_MS = 10_000;
/** How long the list of servers is taken for true before the file's times are looked at. */
export const RESOLV_CONF_CHECK_MS = 1_000;
export const MAX_SERVERS = 3;
