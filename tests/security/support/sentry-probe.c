/*
 * Tries what a sandbox's process could try if a guest had taken it over. Takes on the namespaces, root, user and capabilities of
 * the process whose pid is given (0: stays what it is) and says which of the lines on its standard input worked:
 *
 *     read PATH | list PATH | write PATH | signal PID | unix PATH | tcp ADDRESS PORT
 *
 * Its filter of system calls it does not take on: it may ask for more than the process itself could.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define ANSWER_TIMEOUT_MS 2000

static void must(int worked, const char *what) {
  if (worked) return;
  perror(what);
  exit(70);
}

static int open_of(const char *pid, const char *name) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%s/%s", pid, name);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  must(fd >= 0, path);
  return fd;
}

/* The capabilities that its status says it has, in three numbers: effective, permitted, bounding. */
static void read_capabilities(const char *pid, unsigned long long found[3]) {
  char path[64], line[256];
  snprintf(path, sizeof path, "/proc/%s/status", pid);
  FILE *status = fopen(path, "r");
  must(status != NULL, path);
  while (fgets(line, sizeof line, status)) {
    if (!strncmp(line, "CapEff:", 7)) found[0] = strtoull(line + 7, NULL, 16);
    if (!strncmp(line, "CapPrm:", 7)) found[1] = strtoull(line + 7, NULL, 16);
    if (!strncmp(line, "CapBnd:", 7)) found[2] = strtoull(line + 7, NULL, 16);
  }
  fclose(status);
}

static void become(const char *pid) {
  static const char *const names[] = {"ns/net", "ns/ipc", "ns/uts", "ns/pid", "ns/mnt", "ns/user"};
  int namespaces[6];
  unsigned long long capabilities[3] = {0};
  for (int i = 0; i < 6; i++) namespaces[i] = open_of(pid, names[i]);
  int root = open_of(pid, "root");
  read_capabilities(pid, capabilities);
  /* The user's last: what is the host's can be entered only by the host's root. */
  for (int i = 0; i < 6; i++) must(setns(namespaces[i], 0) == 0, names[i]);
  must(fchdir(root) == 0 && chroot(".") == 0, "root");
  close(root);
  /* In the pid namespace are only children. */
  pid_t child = fork();
  must(child >= 0, "fork");
  if (child > 0) {
    int status;
    must(waitpid(child, &status, 0) == child, "wait");
    exit(WIFEXITED(status) ? WEXITSTATUS(status) : 71);
  }
  must(setresgid(0, 0, 0) == 0 && setresuid(0, 0, 0) == 0, "user");
  for (int i = 0; i < 64; i++)
    if (!(capabilities[2] >> i & 1)) prctl(PR_CAPBSET_DROP, i, 0, 0, 0);
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {
      {(__u32)capabilities[0], (__u32)capabilities[1], 0},
      {(__u32)(capabilities[0] >> 32), (__u32)(capabilities[1] >> 32), 0},
  };
  must(syscall(SYS_capset, &header, data) == 0, "capabilities");
}

static int reads(const char *path) {
  char byte;
  int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return 0;
  int worked = read(fd, &byte, 1) >= 0;
  close(fd);
  return worked;
}

static int lists(const char *path) {
  DIR *folder = opendir(path);
  if (folder) closedir(folder);
  return folder != NULL;
}

static int writes(const char *path) {
  int fd = open(path, O_WRONLY | O_CREAT | O_NONBLOCK | O_CLOEXEC, 0600);
  if (fd >= 0) close(fd);
  return fd >= 0;
}

static int connects(int domain, const struct sockaddr *address, socklen_t length) {
  int fd = socket(domain, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return 0;
  int error = connect(fd, address, length) == 0 ? 0 : errno;
  if (error == EINPROGRESS) {
    struct pollfd wait = {fd, POLLOUT, 0};
    socklen_t size = sizeof error;
    error = poll(&wait, 1, ANSWER_TIMEOUT_MS) == 1 ? 0 : ETIMEDOUT;
    if (error == 0) getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  }
  close(fd);
  return error == 0;
}

static int connects_unix(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) return 0;
  strcpy(address.sun_path, path);
  return connects(AF_UNIX, (struct sockaddr *)&address, sizeof address);
}

static int connects_tcp(char *target) {
  char *blank = strchr(target, ' ');
  if (!blank) return 0;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(blank + 1))};
  *blank = 0;
  int worked = inet_pton(AF_INET, target, &address.sin_addr) == 1 &&
               connects(AF_INET, (struct sockaddr *)&address, sizeof address);
  *blank = ' ';
  return worked;
}

static int works(char *line) {
  if (!strncmp(line, "read ", 5)) return reads(line + 5);
  if (!strncmp(line, "list ", 5)) return lists(line + 5);
  if (!strncmp(line, "write ", 6)) return writes(line + 6);
  if (!strncmp(line, "signal ", 7)) return kill(atoi(line + 7), 0) == 0;
  if (!strncmp(line, "unix ", 5)) return connects_unix(line + 5);
  if (!strncmp(line, "tcp ", 4)) return connects_tcp(line + 4);
  must(0, line);
  return 0;
}

int main(int argc, char **argv) {
  char line[4096];
  must(argc == 2, "usage: sentry-probe PID");
  if (strcmp(argv[1], "0")) become(argv[1]);
  while (fgets(line, sizeof line, stdin)) {
    line[strcspn(line, "\n")] = 0;
    if (works(line)) puts(line);
  }
  return 0;
}
