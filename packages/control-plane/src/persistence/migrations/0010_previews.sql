-- Signed links that were taken back: {"before": all that were made until then (ms), "tokens": {digest: when it expires anyway (s)}}.
alter table sandboxes add column preview_revocations jsonb not null default '{}';
