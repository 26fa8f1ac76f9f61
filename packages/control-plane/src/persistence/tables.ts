import type { ColumnType, Generated, Selectable } from "kysely";
import type {
  IsolationPolicy,
  OnIdle,
  WorkspaceNetwork,
  Role,
  TemplateRecipe,
  WorkspaceLimits,
} from "@pandastack/contracts";
import type {
  BootMode,
  HostNetwork,
  Isolation,
  RuntimeName,
  SandboxVolume,
  TemplateStart,
} from "@pandastack/contracts/host";

/** A column that the database sets and nobody else. */
type SetByDatabase<T> = ColumnType<T, never, never>;
/** jsonb: read as a value, written as text. */
type Json<T> = ColumnType<T, string, string>;

export interface WorkspacesTable {
  slug: string;
  name: string;
  limits: ColumnType<Partial<WorkspaceLimits>, never, string>;
  created_at: Generated<Date>;
  network: ColumnType<Partial<WorkspaceNetwork>, string | undefined, string>;
  isolation: Generated<IsolationPolicy>;
}

export interface TokensTable {
  prefix: string;
  hash: Buffer;
  workspace: string;
  role: Role;
  label: string | null;
  created_at: Generated<Date>;
  expires_at: Date | null;
  revoked_at: Date | null;
}

export interface ControlPlanesTable {
  id: string;
  seen_at: Date;
  place: string | null;
}

export interface HostsTable {
  id: string;
  epoch: string;
  last_seq: number;
}

export interface SandboxesTable {
  id: string;
  workspace: string;
  wanted: "running" | "paused" | "hibernated" | "deleted";
  status: "creating" | "running" | "paused" | "hibernated" | "failed";
  generation: Generated<number>;
  operation_id: string;
  owner: string | null;
  host_id: string | null;
  template: string;
  from_snapshot: string | null;
  persistent: boolean;
  network: ColumnType<HostNetwork, string | undefined, string>;
  ttl_seconds: number;
  metadata: Json<Record<string, string>>;
  runtime: RuntimeName;
  isolation: Isolation;
  guest_ip: string | null;
  host_tap: string | null;
  mac: Generated<string>;
  cpu: number;
  memory_mb: number;
  disk_mb: number;
  boot_ms: Generated<number>;
  boot_mode: Generated<BootMode>;
  reason: string | null;
  volumes: ColumnType<SandboxVolume[], string | undefined, string>;
  created_at: Generated<Date>;
  last_activity_ms: number;
  expires_ms: SetByDatabase<number | null>;
  on_idle: OnIdle | null;
  idle_timeout_seconds: number | null;
  last_network_ms: Generated<number>;
  preview_revocations: ColumnType<{ before?: number; tokens?: Record<string, number> }, never, never>;
  idles_ms: SetByDatabase<number | null>;
  attempted_at: Generated<Date>;
  deleted_at: Date | null;
}
export type SandboxRow = Selectable<SandboxesTable>;

export interface SnapshotsTable {
  id: string;
  workspace: string;
  sandbox_id: string;
  wanted: "ready" | "deleted";
  status: "creating" | "ready";
  operation_id: string;
  owner: string | null;
  template: string;
  runtime: RuntimeName;
  size_bytes: Generated<number>;
  unique_bytes: number | null;
  parent_snapshot_id: string | null;
  parent_sandbox_id: string | null;
  layer_key: string | null;
  cpu: number;
  memory_mb: number;
  created_at: Generated<Date>;
  attempted_at: Generated<Date>;
  deleted_at: Date | null;
}
export type SnapshotRow = Selectable<SnapshotsTable>;

export interface VolumesTable {
  id: string;
  workspace: string;
  name: string;
  wanted: "ready" | "deleted";
  status: "creating" | "ready";
  operation_id: string;
  owner: string | null;
  size_bytes: number;
  is_snapshot: boolean;
  created_at: Generated<Date>;
  attempted_at: Generated<Date>;
  deleted_at: Date | null;
}
export type VolumeRow = Selectable<VolumesTable>;

/** What people are told of a template. */
export type TemplateAbout = Pick<TemplateRecipe, "label" | "description" | "category" | "tools"> & {
  /** That the image it is made of says it listens on: `8080/tcp`. */
  readonly ports?: string[] | undefined;
};

/** A template's name, and what holds for all of it. */
export interface TemplatesTable {
  workspace: string;
  name: string;
  published_at: Date | null;
  created_at: Generated<Date>;
}

/** What a build has made: never changed. `workspace` and `name` are its template's. */
export interface TemplateVersionsTable {
  id: string;
  workspace: string;
  name: string;
  recipe_key: string;
  root_key: string;
  base: string;
  cpu: number | null;
  memory_mb: number;
  disk_mb: number;
  bytes: number;
  env: Json<Record<string, string>>;
  start: ColumnType<TemplateStart | null, string | null, string | null>;
  about: Json<TemplateAbout>;
  created_at: Generated<Date>;
}

export interface TemplateTagsTable {
  workspace: string;
  name: string;
  tag: string;
  version_id: string;
  updated_at: Generated<Date>;
}

/** Another name in a workspace; the target as it would be written there, without a tag. */
export interface TemplateAliasesTable {
  workspace: string;
  alias: string;
  target: string;
  created_at: Generated<Date>;
}

/** A view: versions with one of their tags each, or none, and with what holds for the whole template. */
export interface TemplateRefsView extends Omit<TemplateVersionsTable, "id"> {
  build_id: string;
  tag: string | null;
  tags: string[];
  published_at: Date | null;
  updated_at: Date;
}
export type TemplateRow = Selectable<TemplateRefsView>;

export interface TemplateBuildsTable {
  id: string;
  name: string;
  workspace: string;
  is_global: boolean;
  status: "queued" | "building" | "done" | "failed";
  recipe_key: string;
  error: string | null;
  step: number | null;
  steps: number;
  cached_steps: Generated<number>;
  bytes: number | null;
  cpu: number | null;
  memory_mb: number | null;
  size_mb: number;
  owner: string | null;
  started_at: Generated<Date>;
  ended_at: Date | null;
}
export type TemplateBuildRow = Selectable<TemplateBuildsTable>;

export interface TemplateBuildLogsTable {
  build_id: string;
  seq: SetByDatabase<number>;
  line: string;
}

export interface EventsTable {
  id: Generated<number>;
  host_id: string | null;
  epoch: string | null;
  seq: number | null;
  sandbox_id: string;
  type: string;
  payload: Json<Record<string, unknown>>;
  time: Date;
}
export type EventRow = Selectable<EventsTable>;

export interface IdempotencyKeysTable {
  workspace: string;
  key: string;
  request_hash: Buffer;
  seed: string;
  owner: string;
  status: number | null;
  reply: ColumnType<unknown, string | null, string | null>;
  created_at: Generated<Date>;
}

export interface AuditTable {
  id: Generated<number>;
  time: Date;
  actor: string;
  role: Role;
  workspace: string;
  operation: string;
  method: string;
  path: string;
  target: string | null;
  request_id: string;
  status: number;
  code: string | null;
}

export interface SecretsTable {
  name: string;
  value: Buffer;
}

export interface Tables {
  audit: AuditTable;
  workspaces: WorkspacesTable;
  tokens: TokensTable;
  control_planes: ControlPlanesTable;
  hosts: HostsTable;
  sandboxes: SandboxesTable;
  snapshots: SnapshotsTable;
  volumes: VolumesTable;
  templates: TemplatesTable;
  template_versions: TemplateVersionsTable;
  template_tags: TemplateTagsTable;
  template_aliases: TemplateAliasesTable;
  template_refs: TemplateRefsView;
  template_builds: TemplateBuildsTable;
  template_build_logs: TemplateBuildLogsTable;
  events: EventsTable;
  idempotency_keys: IdempotencyKeysTable;
  secrets: SecretsTable;
}
