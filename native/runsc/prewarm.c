/*
 * gvisor-sentry-prewarmer BINARY ARGV0 [ARGUMENT...]
 *
 * runsc starts the sentry through this program where it lies beside it. A process's table of descriptors is grown by
 * doubling, and growing it while several threads share it makes the kernel wait for all of them. The sentry is a Go program
 * and has threads from its first instruction; this one has none yet, so the table is grown here, and exec keeps its size.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { TABLE_SIZE = 1024 };

int main(int argc, char **argv, char **environment) {
  if (argc < 3) {
    fprintf(stderr, "usage: %s BINARY ARGV0 [ARGUMENT...]\n", argc > 0 ? argv[0] : "gvisor-sentry-prewarmer");
    return 2;
  }
  /* Where the limit of descriptors is lower, the sentry starts with the table that it has: slower, and right. */
  int highest = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, TABLE_SIZE - 1);
  if (highest >= 0) close(highest);
  execve(argv[1], argv + 2, environment);
  fprintf(stderr, "%s: cannot run %s: %s\n", argv[0], argv[1], strerror(errno));
  return 127;
}
