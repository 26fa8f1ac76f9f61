-- PostgreSQL holds what is wanted; the hosts' journals hold what is. `status` is the last that was seen there.

create table workspaces (
  slug       text primary key,
  name       text not null,
  created_at timestamptz not null default now()
);

create table tokens (
  -- What people see of a token, and how it is found: `pds_` and 8 hex.
  prefix     text primary key,
  -- SHA-256. The token itself is nowhere.
  hash       bytea not null,
  workspace  text not null references workspaces (slug),
  role       text not null check (role in ('read', 'member', 'admin')),
  label      text,
  created_at timestamptz not null default now(),
  expires_at timestamptz,
  revoked_at timestamptz
);
create index tokens_workspace on tokens (workspace, created_at);

-- Control planes that are alive say so here every few seconds; work that belongs to one that is not gets finished or undone.
create table control_planes (
  id      uuid primary key,
  seen_at timestamptz not null
);

-- How far each host's journal has been read. Another epoch is another journal.
create table hosts (
  id       text primary key,
  epoch    text not null,
  last_seq bigint not null
);

create table sandboxes (
  id               text primary key,
  workspace        text not null references workspaces (slug),
  wanted           text not null check (wanted in ('running', 'paused', 'hibernated', 'deleted')),
  status           text not null check (status in ('creating', 'running', 'paused', 'hibernated', 'failed')),
  -- Grows with every change of wanted or status: whoever writes what it saw names the generation it saw it for.
  generation       bigint not null default 1,
  -- The command that makes it, and the control plane that is waiting for the answer (while creating).
  operation_id     text not null,
  owner            uuid,
  host_id          text,
  template         text not null,
  from_snapshot    text,
  persistent       boolean not null,
  ttl_seconds      bigint not null check (ttl_seconds >= 0),
  metadata         jsonb not null,
  runtime          text not null,
  isolation        text not null,
  guest_ip         text,
  host_tap         text,
  mac              text not null default '',
  cpu              integer not null,
  memory_mb        integer not null,
  disk_mb          integer not null,
  boot_ms          integer not null default 0,
  boot_mode        text not null default 'snapshot',
  reason           text,
  created_at       timestamptz not null default now(),
  -- Milliseconds since 1970 by the database's clock: one clock for all control planes.
  last_activity_ms bigint not null,
  expires_ms       bigint generated always as (case when persistent or ttl_seconds = 0 then null else last_activity_ms + ttl_seconds * 1000 end) stored,
  -- When a reconciler last took it on.
  attempted_at     timestamptz not null default now(),
  deleted_at       timestamptz
);
create index sandboxes_list on sandboxes (workspace, created_at desc) where wanted <> 'deleted';
create index sandboxes_expiry on sandboxes (expires_ms) where wanted <> 'deleted' and expires_ms is not null;
create index sandboxes_unfinished on sandboxes (attempted_at) where deleted_at is null and (wanted = 'deleted' or status = 'creating');
create index sandboxes_tombstones on sandboxes (deleted_at) where deleted_at is not null;
create index sandboxes_trees on sandboxes ((metadata ->> 'fork_tree_id')) where metadata ? 'fork_tree_id' and wanted <> 'deleted';

create table snapshots (
  id           text primary key,
  workspace    text not null references workspaces (slug),
  sandbox_id   text not null,
  wanted       text not null check (wanted in ('ready', 'deleted')),
  status       text not null check (status in ('creating', 'ready')),
  operation_id text not null,
  owner        uuid,
  template     text not null,
  runtime      text not null,
  size_bytes   bigint not null default 0,
  cpu          integer not null,
  memory_mb    integer not null,
  created_at   timestamptz not null default now(),
  attempted_at timestamptz not null default now(),
  deleted_at   timestamptz
);
create index snapshots_list on snapshots (workspace, created_at desc) where wanted <> 'deleted';
create index snapshots_unfinished on snapshots (attempted_at) where deleted_at is null and (wanted = 'deleted' or status = 'creating');

create table events (
  id         bigserial primary key,
  -- Null: said by a control plane, not by a host.
  host_id    text,
  epoch      text,
  seq        bigint,
  sandbox_id text not null,
  type       text not null,
  payload    jsonb not null,
  time       timestamptz not null,
  unique (host_id, epoch, seq)
);
create index events_sandbox on events (sandbox_id, id);

create table idempotency_keys (
  workspace    text not null,
  key          text not null,
  request_hash bytea not null,
  -- Every id that the request makes is derived from this, so that doing it again does it once.
  seed         uuid not null,
  owner        uuid not null,
  status       integer,
  reply        jsonb,
  created_at   timestamptz not null default now(),
  primary key (workspace, key)
);
create index idempotency_keys_age on idempotency_keys (created_at);
