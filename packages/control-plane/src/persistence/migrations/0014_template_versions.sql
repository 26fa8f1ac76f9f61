-- What a build has made, for good, by the build's id. Names and tags lead to it.
create table template_versions (
  id          text primary key,
  -- Of its template. '': everyone's, of the catalogue.
  workspace   text not null,
  name        text not null,
  recipe_key  text not null,
  root_key    text not null,
  base        text not null,
  cpu         integer,
  memory_mb   integer not null,
  disk_mb     integer not null,
  bytes       bigint not null,
  env         jsonb not null,
  start       jsonb,
  about       jsonb not null,
  created_at  timestamptz not null default now()
);
insert into template_versions
  select build_id, workspace, name, recipe_key, root_key, base, cpu, memory_mb, disk_mb, bytes, env, start, about, updated_at
  from templates;

create table template_tags (
  workspace   text not null,
  name        text not null,
  tag         text not null,
  version_id  text not null references template_versions (id) on delete cascade,
  updated_at  timestamptz not null default now(),
  primary key (workspace, name, tag)
);
insert into template_tags select workspace, name, 'default', build_id, updated_at from templates;

alter table templates
  drop column build_id, drop column recipe_key, drop column root_key, drop column base, drop column cpu, drop column memory_mb,
  drop column disk_mb, drop column bytes, drop column env, drop column start, drop column about, drop column updated_at,
  add column published_at timestamptz;
alter table template_versions add foreign key (workspace, name) references templates (workspace, name) on delete cascade;
create index template_versions_name on template_versions (workspace, name, created_at desc);
create index template_versions_root on template_versions (root_key);

-- Other names in a workspace, for whatever it can use.
create table template_aliases (
  workspace   text not null,
  alias       text not null,
  -- As it would be written there, without a tag.
  target      text not null,
  created_at  timestamptz not null default now(),
  primary key (workspace, alias)
);

-- Each version once for each of its tags, and once if it has none.
create view template_refs as
  select v.id as build_id, v.workspace, v.name, v.recipe_key, v.root_key, v.base, v.cpu, v.memory_mb, v.disk_mb, v.bytes,
    v.env, v.start, v.about, v.created_at, coalesce(g.updated_at, v.created_at) as updated_at, g.tag, t.published_at,
    array(select tag from template_tags where version_id = v.id order by tag) as tags
  from template_versions v
  join templates t on t.workspace = v.workspace and t.name = v.name
  left join template_tags g on g.version_id = v.id;
