-- What has to isolate a workspace's sandboxes: any runtime, or a kernel of each one's own.
alter table workspaces add column isolation text not null default 'any' check (isolation in ('any', 'kernel'));
