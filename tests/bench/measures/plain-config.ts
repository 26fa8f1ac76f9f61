/** A container as bare as the runtimes allow: https://github.com/opencontainers/runtime-spec/blob/main/config.md */
export const plainConfig = (args: readonly string[]) => ({
  ociVersion: "1.0.2",
  process: { user: { uid: 0, gid: 0 }, args, env: ["PATH=/usr/bin:/bin"], cwd: "/", capabilities: {} },
  root: { path: "root", readonly: true },
  mounts: [
    { destination: "/proc", type: "proc", source: "proc" },
    { destination: "/dev", type: "tmpfs", source: "tmpfs" },
  ],
  linux: { namespaces: ["pid", "mount", "ipc", "uts", "network", "cgroup"].map((type) => ({ type })) },
});
