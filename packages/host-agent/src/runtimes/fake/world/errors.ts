/** Errors of the fake kernel, by the names and texts of the real one's. */
const texts = {
  ENOENT: "No such file or directory",
  EEXIST: "File exists",
  ENOTDIR: "Not a directory",
  EISDIR: "Is a directory",
  ENOTEMPTY: "Directory not empty",
  EACCES: "Permission denied",
  EPERM: "Operation not permitted",
  EINVAL: "Invalid argument",
  ELOOP: "Too many levels of symbolic links",
  ENAMETOOLONG: "File name too long",
  ENODATA: "No data available",
  ENOEXEC: "Exec format error",
  EBUSY: "Device or resource busy",
  EROFS: "Read-only file system",
  ESRCH: "No such process",
  EBADF: "Bad file descriptor",
  ENOSPC: "No space left on device",
  EADDRINUSE: "Address already in use",
} as const;
export type Errno = keyof typeof texts;

export class KernelError extends Error {
  override readonly name = "KernelError";
  readonly errno: Errno;
  /** What it was about: a path, mostly. */
  readonly subject: string;
  constructor(errno: Errno, subject: string) {
    super(`${subject}: ${texts[errno]}`);
    this.errno = errno;
    this.subject = subject;
  }
  get text(): string {
    return texts[this.errno];
  }
}

const protocolCodes: Partial<Record<Errno, string>> = {
  ENOENT: "not_found",
  EEXIST: "already_exists",
  ENOTDIR: "not_a_directory",
  EISDIR: "is_a_directory",
  ENOTEMPTY: "directory_not_empty",
  EACCES: "permission_denied",
  EPERM: "permission_denied",
  EROFS: "permission_denied",
  ESRCH: "process_not_found",
  ENOSPC: "no_space",
  ENAMETOOLONG: "bad_request",
  EINVAL: "bad_request",
};

/** Code of docs/guest-protocol.md for a failed system call, as the real agent maps it. */
export function protocolCode(errno: Errno): string {
  return protocolCodes[errno] ?? "io_error";
}
