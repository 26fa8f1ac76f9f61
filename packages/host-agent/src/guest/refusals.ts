import type { ErrorCode } from "@pandastack/contracts";
import { Refusal } from "@pandastack/platform";

export interface GuestErrorBody {
  code: string;
  message: string;
}

/** The guest protocol's codes in the words of the API. */
const codes: Record<string, ErrorCode> = {
  bad_request: "guest.bad_request",
  not_found: "file.not_found",
  already_exists: "file.already_exists",
  not_a_directory: "file.not_a_directory",
  is_a_directory: "file.is_a_directory",
  directory_not_empty: "file.directory_not_empty",
  permission_denied: "file.permission_denied",
  no_space: "file.no_space",
  user_not_found: "guest.user_not_found",
  cwd_not_found: "guest.cwd_not_found",
  process_not_found: "process.not_found",
  too_many_processes: "guest.too_many_processes",
  connection_refused: "port.connection_refused",
  unsupported: "guest.unsupported",
  io_error: "file.io_error",
};

export function guestRefusal(error: GuestErrorBody): Refusal {
  return new Refusal(codes[error.code] ?? "file.io_error", error.message);
}
