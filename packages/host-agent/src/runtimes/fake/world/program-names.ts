/** Programs that a fake guest's /usr/bin holds. A list of its own, so that the file system does not import the programs. */
export const programNames = [
  "[", "base64", "basename", "bash", "cat", "chmod", "chown", "counter", "cp", "cut", "dash", "date", "dd", "df", "dirname", "echo",
  "env", "false", "find", "grep", "head", "hostname", "id", "kill", "listen", "ln", "ls", "md5sum", "mkdir", "mktemp", "mv", "nice",
  "node", "nohup", "nproc", "od", "pgrep", "printenv", "printf", "ps", "pwd", "python3", "readlink", "rm", "rmdir", "sed", "seq",
  "setsid", "sh", "sha256sum", "sleep", "sort", "stat", "stty", "sudo", "sync", "tail", "tee", "test", "ticker", "touch", "tr",
  "true", "tty", "uname", "uniq", "wc", "which", "whoami", "yes",
] as const;
