create table volumes (
  id           text primary key,
  workspace    text not null references workspaces (slug),
  name         text not null,
  wanted       text not null check (wanted in ('ready', 'deleted')),
  status       text not null check (status in ('creating', 'ready')),
  operation_id text not null,
  owner        uuid,
  size_bytes   bigint not null,
  is_snapshot  boolean not null,
  created_at   timestamptz not null default now(),
  attempted_at timestamptz not null default now(),
  deleted_at   timestamptz
);
create unique index volumes_name on volumes (workspace, name) where wanted <> 'deleted';
create index volumes_unfinished on volumes (attempted_at) where deleted_at is null and (wanted = 'deleted' or status = 'creating');

-- As the host reports them: [{volumeId, name, path, readOnly}].
alter table sandboxes add column volumes jsonb not null default '[]';
create index sandboxes_volumes on sandboxes (workspace) where wanted <> 'deleted' and volumes <> '[]';
