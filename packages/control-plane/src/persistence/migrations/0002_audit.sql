-- Who did what: one row for every operation that was more than looking, and for every one that a role was too small for.
create table audit (
  id         bigserial primary key,
  time       timestamptz not null,
  -- The token's prefix; the token itself is nowhere.
  actor      text not null,
  role       text not null,
  -- What it was done in, which for an admin may be another one than the token's.
  workspace  text not null,
  operation  text not null,
  method     text not null,
  -- Without the query, which may hold a token.
  path       text not null,
  target     text,
  request_id text not null,
  status     integer not null,
  code       text
);
create index audit_workspace on audit (workspace, id desc);
create index audit_time on audit (time);

-- Rows are added and, once they are old, removed; nothing else, whoever holds the connection.
create function audit_is_append_only() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' and old.time < clock_timestamp() - interval '1 day' then
    return old;
  end if;
  raise exception 'the audit log is append-only';
end $$;
create trigger audit_rows before update or delete on audit for each row execute function audit_is_append_only();
create trigger audit_table before truncate on audit for each statement execute function audit_is_append_only();

-- Values under these keys were kept in plain text before; nothing ever shows them.
update sandboxes set metadata = (
  select jsonb_object_agg(key, case when key like 'secret.%' then to_jsonb('[redacted]'::text) else value end) from jsonb_each(metadata))
where exists (select from jsonb_object_keys(metadata) as key where key like 'secret.%');
