-- Random values that every control plane of this database has to know, made by the first that needs one.
create table secrets (
  name  text primary key,
  value bytea not null
);
