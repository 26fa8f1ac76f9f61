type Check = readonly [command: string, said: RegExp];

/** Of both versions, wherever they come from. */
const EXTENSIONS = ["vector", "pg_partman", "pg_trgm", "pgcrypto", "hstore", "citext", "uuid-ossp", "btree_gin"];
/** Only there to be loaded with the server, before which they cannot be created. */
const LOADED = new Set(["pg_cron", "pgaudit"]);

const sql = (text: string): string => `su postgres -c 'psql -v ON_ERROR_STOP=1 -qAt' <<'END'\n${text}\nEND\n`;

/** A vector query, the extensions, a dump, a pool of connections, and a backup. */
export function postgres(version: string, further: readonly string[]): readonly Check[] {
  const names = [...EXTENSIONS, ...further];
  const quoted = names.map((name) => `'${name}'`).join(", ");
  const created = names.filter((name) => !LOADED.has(name));
  const backrest = "pgbackrest --stanza=main --repo1-path=/tmp/backup --log-level-file=off --log-level-console=error";
  const data = `--pg1-path=/var/lib/postgresql/${version}/main`;
  return [
    [sql("show server_version"), new RegExp(`^${version}\\.`)],
    [
      sql(`create extension vector;
create table v (e vector(3));
insert into v values ('[1,2,3]'), ('[4,5,6]');
create index on v using hnsw (e vector_l2_ops);
select e from v order by e <-> '[4,5,7]' limit 1`),
      /^\[4,5,6\]$/m,
    ],
    [
      sql(`select count(*) from pg_available_extensions where name in (${quoted})`),
      new RegExp(`^${names.length}$`, "m"),
    ],
    [`${sql(created.map((name) => `create extension if not exists "${name}" cascade;`).join("\n"))}echo $?`, /^0$/m],
    ["su postgres -c 'pg_dump --schema-only postgres' | grep -c 'CREATE TABLE public.v'", /^1$/m],
    ["pgbouncer --version | head -1", /PgBouncer 1\.(2[1-9]|[3-9]\d)/],
    [
      `cat > /tmp/pgbouncer.ini <<'END'
[databases]
postgres = host=/run/postgresql user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = 6432
unix_socket_dir = /tmp
logfile = /tmp/pgbouncer.log
pidfile = /tmp/pgbouncer.pid
auth_type = any
pool_mode = transaction
END
su postgres -c 'pgbouncer --daemon --quiet /tmp/pgbouncer.ini && for i in $(seq 100); do psql -qAt -h 127.0.0.1 -p 6432 -c "select 40 + 2" && break; sleep 0.1; done'; cat /tmp/pgbouncer.log >&2`,
      /^42$/m,
    ],
    [
      `install -d -o postgres /tmp/backup; su postgres -c '${backrest} ${data} stanza-create && ${backrest} ${data} --no-archive-check --start-fast --type=full backup && ${backrest} info'`,
      /full backup: /,
    ],
  ];
}
