/**
 * Every refusal and fault that crosses a boundary: code → status, whether a retry may help. Codes are never renamed or reused.
 * The text comes with the throw; it says what was wrong, where, and what to do.
 */
export const errorRegistry = {
  "validation.failed": { status: 400, retryable: false },
  "validation.bad_json": { status: 400, retryable: false },
  "validation.body_too_large": { status: 413, retryable: false },
  "auth.missing_token": { status: 401, retryable: false },
  "auth.invalid_token": { status: 401, retryable: false },
  "auth.token_revoked": { status: 401, retryable: false },
  "auth.forbidden": { status: 403, retryable: false },
  "route.not_found": { status: 404, retryable: false },
  "route.websocket_only": { status: 426, retryable: false },
  "request.timeout": { status: 408, retryable: true },
  "sandbox.not_found": { status: 404, retryable: false },
  "sandbox.invalid_state": { status: 409, retryable: false },
  "sandbox.conflict": { status: 409, retryable: false },
  "sandbox.boot_failed": { status: 503, retryable: true },
  "sandbox.wake_failed": { status: 503, retryable: true },
  "sandbox.waking": { status: 503, retryable: true },
  "sandbox.not_running": { status: 503, retryable: true },
  "sandbox.guest_unreachable": { status: 503, retryable: true },
  "snapshot.not_found": { status: 404, retryable: false },
  "snapshot.incompatible": { status: 409, retryable: false },
  "template.not_found": { status: 400, retryable: false },
  "template.unknown": { status: 404, retryable: false },
  "template.not_ready": { status: 503, retryable: true },
  "runtime.unavailable": { status: 400, retryable: false },
  "exec.timeout": { status: 504, retryable: false },
  "exec.bad_request": { status: 400, retryable: false },
  "process.not_found": { status: 404, retryable: false },
  "file.not_found": { status: 404, retryable: false },
  "file.already_exists": { status: 409, retryable: false },
  "file.not_a_directory": { status: 400, retryable: false },
  "file.is_a_directory": { status: 400, retryable: false },
  "file.directory_not_empty": { status: 409, retryable: false },
  "file.permission_denied": { status: 403, retryable: false },
  "file.no_space": { status: 507, retryable: false },
  "file.io_error": { status: 500, retryable: false },
  "guest.bad_request": { status: 400, retryable: false },
  "guest.user_not_found": { status: 400, retryable: false },
  "guest.cwd_not_found": { status: 400, retryable: false },
  "guest.too_many_processes": { status: 429, retryable: true },
  "guest.unsupported": { status: 501, retryable: false },
  "port.connection_refused": { status: 502, retryable: true },
  "port.limit_reached": { status: 409, retryable: false },
  "preview.invalid_token": { status: 401, retryable: false },
  "preview.expired": { status: 403, retryable: false },
  "preview.forbidden": { status: 403, retryable: false },
  "gateway.bad_request": { status: 400, retryable: false },
  "gateway.bad_response": { status: 502, retryable: true },
  "gateway.timeout": { status: 504, retryable: true },
  "gateway.overloaded": { status: 503, retryable: true },
  "host.wrong_epoch": { status: 409, retryable: true },
  "host.unavailable": { status: 503, retryable: true },
  "host.operation_conflict": { status: 409, retryable: false },
  "capacity.unavailable": { status: 429, retryable: true },
  "capacity.insufficient_memory": { status: 507, retryable: false },
  "capacity.insufficient_storage": { status: 507, retryable: false },
  "quota.sandboxes_exceeded": { status: 429, retryable: false },
  "quota.running_sandboxes_exceeded": { status: 429, retryable: false },
  "quota.snapshots_exceeded": { status: 429, retryable: false },
  "quota.streams_exceeded": { status: 429, retryable: true },
  "quota.processes_exceeded": { status: 429, retryable: true },
  "idempotency.conflict": { status: 409, retryable: false },
  "idempotency.in_progress": { status: 409, retryable: true },
  "network.above_ceiling": { status: 403, retryable: false },
  "workspace.not_found": { status: 404, retryable: false },
  "workspace.conflict": { status: 409, retryable: false },
  "token.not_found": { status: 404, retryable: false },
  not_implemented: { status: 501, retryable: false },
  "internal.error": { status: 500, retryable: false },
  "internal.database": { status: 503, retryable: true },
  "internal.database_full": { status: 507, retryable: true },
} as const satisfies Record<string, { status: number; retryable: boolean }>;

export type ErrorCode = keyof typeof errorRegistry;

/** The one error body of every HTTP surface. `error` is a string: the published client shows it as it is. */
export interface ErrorBody {
  error: string;
  code: ErrorCode;
  request_id?: string;
  retryable: boolean;
  details?: unknown;
}
