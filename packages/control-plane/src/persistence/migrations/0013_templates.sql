create table templates (
  name        text not null,
  -- '': everyone's, of the catalogue.
  workspace   text not null,
  build_id    text not null,
  recipe_key  text not null,
  root_key    text not null,
  base        text not null,
  cpu         integer,
  memory_mb   integer not null,
  disk_mb     integer not null,
  bytes       bigint not null,
  env         jsonb not null,
  -- As hosts take it: {start, ready, readyTimeoutMs, user, cwd, env}; null: nothing runs in it.
  start       jsonb,
  about       jsonb not null,
  created_at  timestamptz not null default now(),
  updated_at  timestamptz not null default now(),
  primary key (workspace, name)
);

create table template_builds (
  id           text primary key,
  name         text not null,
  -- Who asked for it.
  workspace    text not null references workspaces (slug),
  is_global    boolean not null,
  status       text not null check (status in ('queued', 'building', 'done', 'failed')),
  recipe_key   text not null,
  error        text,
  step         integer,
  steps        integer not null,
  cached_steps integer not null default 0,
  bytes        bigint,
  cpu          integer,
  memory_mb    integer,
  size_mb      integer not null,
  owner        uuid,
  started_at   timestamptz not null default now(),
  ended_at     timestamptz
);
create index template_builds_workspace on template_builds (workspace, started_at desc);
create unique index template_builds_running on template_builds ((case when is_global then '' else workspace end), name)
  where status in ('queued', 'building');

create table template_build_logs (
  build_id text not null references template_builds (id) on delete cascade,
  seq      bigint generated always as identity,
  line     text not null,
  primary key (build_id, seq)
);

-- Of a snapshot that is a build's step: what it is the result of. Nobody sees it but builds.
alter table snapshots add column layer_key text;
create unique index snapshots_layer on snapshots (workspace, layer_key) where layer_key is not null and wanted <> 'deleted';
