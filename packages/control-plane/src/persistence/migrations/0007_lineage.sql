-- Where a snapshot comes from, and what it added to the pool. Null where that was not noted.
alter table snapshots add column unique_bytes bigint, add column parent_snapshot_id text, add column parent_sandbox_id text;
