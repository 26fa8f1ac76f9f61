-- What becomes of a sandbox that nobody uses and whose network is silent.
alter table sandboxes
  add column on_idle text check (on_idle in ('hibernate', 'kill')),
  add column idle_timeout_seconds bigint check (idle_timeout_seconds > 0),
  -- When its host last saw its network carry a packet, as far as anyone had to ask.
  add column last_network_ms bigint not null default 0,
  add constraint idle_whole check ((on_idle is null) = (idle_timeout_seconds is null));
alter table sandboxes add column idles_ms bigint generated always as
  (case when on_idle is null then null else greatest(last_activity_ms, last_network_ms) + idle_timeout_seconds * 1000 end) stored;
create index sandboxes_idle on sandboxes (idles_ms) where wanted <> 'deleted' and idles_ms is not null;
