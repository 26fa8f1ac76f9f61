-- What a sandbox may reach, as its host was last seen to have it in force.
alter table sandboxes add column network jsonb not null default '{"egress": "open", "egressMbps": null}';

-- What a workspace's sandboxes may reach where nothing is said, and the most that can be said. Missing: open; no ceiling.
alter table workspaces add column network jsonb not null default '{}';
