-- What was set for a workspace, by the limit's name; the server's defaults count for the rest.
alter table workspaces add column limits jsonb not null default '{}';

create function workspace_limit(given text, limit_name text, fallback integer) returns integer language sql stable as $$
  select coalesce((select (limits ->> limit_name)::integer from workspaces where slug = given), fallback)
$$;

-- Whether a workspace has no room for so many more sandboxes, and so many more that run: the name of the limit that it would meet, or null. Whoever asks
-- holds the workspace's row until the end of the transaction, so two that ask at once cannot both get the last place; what
-- follows the lock is counted as of then.
create function workspace_lacks_sandboxes(given text, more integer, more_running integer, fallback_all integer, fallback_running integer)
returns text language plpgsql volatile as $$
declare
  all_count integer;
  running_count integer;
begin
  perform from workspaces where slug = given for no key update;
  select count(*), count(*) filter (where status in ('creating', 'running', 'paused')) into all_count, running_count
    from sandboxes where workspace = given and wanted <> 'deleted';
  if more > 0 and all_count + more > workspace_limit(given, 'sandboxes', fallback_all) then return 'sandboxes'; end if;
  if running_count + more_running > workspace_limit(given, 'running_sandboxes', fallback_running) then return 'running_sandboxes'; end if;
  return null;
end $$;

create function workspace_lacks_snapshots(given text, fallback integer) returns boolean language plpgsql volatile as $$
begin
  perform from workspaces where slug = given for no key update;
  return (select count(*) from snapshots where workspace = given and wanted <> 'deleted')
    >= workspace_limit(given, 'snapshots', fallback);
end $$;
