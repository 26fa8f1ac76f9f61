import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type OperationName, operationNames, operations } from "@pandastack/contracts";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type ContractServer, startContractServer } from "./support/contract-server.ts";
import { printed } from "./support/printed.ts";

const ID = "4f9k2m7x1q8w3e5r6t0y";
const folder = mkdtempSync(join(tmpdir(), "pandastack-verbs-"));
const FILE = join(folder, "file");
const DOCKERFILE = join(folder, "Dockerfile");

/** How each operation of the API is asked for on the command line: words, of which `ID` is a sandbox. */
const verbs: Partial<Record<OperationName, string>> = {
  getReadiness: "doctor --remote",
  getVersion: "doctor --remote",
  getMe: "token whoami",
  listTokens: "token list",
  createToken: "token create",
  revokeToken: "token revoke pds_1a2b3c4d",
  listWorkspaces: "workspace list",
  createWorkspace: "workspace create research",
  getOwnLimits: "workspace limits",
  getWorkspaceLimits: "workspace limits research",
  updateWorkspaceLimits: "workspace limits research --running 20 --snapshots default",
  getWorkspaceNetwork: "workspace network research",
  updateWorkspaceNetwork: "workspace network research ceiling --egress off",
  getWorkspaceIsolation: "workspace isolation research",
  updateWorkspaceIsolation: "workspace isolation research kernel",
  listAudit: "audit",
  listWorkspaceTokens: "token list --workspace research",
  createWorkspaceToken: "token create --workspace research",
  revokeWorkspaceToken: "token revoke --workspace research pds_1a2b3c4d",
  createSandbox: "create",
  listSandboxes: "list",
  getSandbox: "get ID",
  updateSandbox: "network ID --egress off",
  getSandboxNetwork: "network ID",
  deleteSandbox: "kill ID",
  pauseSandbox: "pause ID",
  resumeSandbox: "resume ID",
  hibernateSandbox: "hibernate ID",
  wakeSandbox: "wake ID",
  getLifecycle: "get ID",
  updateLifecycle: "persist ID",
  forkSandbox: "fork ID",
  forkTree: "fork-tree ID",
  promoteSandbox: "promote ID",
  createSnapshot: "snapshot create ID",
  listSnapshots: "snapshot list",
  getSnapshot: "snapshot get 3f2b8c1e-5d4a-4c7b-9e8f-1a2b3c4d5e6f",
  deleteSnapshot: "snapshot delete 3f2b8c1e-5d4a-4c7b-9e8f-1a2b3c4d5e6f",
  exec: "exec -d ID -- true",
  execStream: "exec --json ID -- true",
  connectProcess: "exec ID -- true",
  listProcesses: "ps ID",
  getProcess: "ps ID 7",
  signalProcess: "signal ID 7",
  runCodeStream: "code ID 1",
  createCodeContext: "context create ID",
  listCodeContexts: "context list ID",
  restartCodeContext: "context restart ID c1",
  interruptCodeContext: "context interrupt ID c1",
  deleteCodeContext: "context delete ID c1",
  listReplLanguages: "context languages",
  readFile: "files cat ID /etc/hosts",
  writeFile: "cp FILE ID:/root/file",
  removeFile: "files rm ID /root/file",
  listFiles: "files list ID /root",
  statFile: "files stat ID /root",
  makeDirectory: "files mkdir ID /root/a",
  moveFile: "files mv ID /root/a /root/b",
  changeMode: "files chmod ID 755 /root/a",
  changeOwner: "files chown ID user /root/a",
  watchFiles: "files watch ID /root",
  getSandboxMetrics: "metrics ID",
  getSandboxLogs: "logs ID",
  listSandboxEvents: "events ID",
  listPorts: "ports ID",
  listHosts: "host list",
  addPort: "ports add ID 3000",
  removePort: "ports remove ID 3000",
  createPreviewToken: "preview ID 3000",
  revokePreviewTokens: "preview ID --revoke",
  listTemplates: "template list",
  getTemplate: "template get base",
  deleteTemplate: "template delete my-app",
  buildTemplate: "template build my-app --no-wait -f DOCKERFILE",
  bakeImage: "template bake ID my-app --no-wait",
  buildCatalogueTemplate: "template build code-interpreter --no-wait",
  listTemplateVersions: "template versions my-app",
  listTemplateTags: "template tags my-app",
  tagTemplate: "template tag my-app stable --from v2",
  untagTemplate: "template untag my-app stable",
  aliasTemplate: "template alias my-app other",
  unaliasTemplate: "template unalias my-app other",
  publishTemplate: "template publish my-app",
  unpublishTemplate: "template unpublish my-app",
  listTemplateBuilds: "template builds",
  getTemplateBuild: "template builds tb_1",
  getTemplateBuildLogs: "template logs tb_1",
  createVolume: "volume create data",
  listVolumes: "volume list",
  getVolume: "volume get data",
  growVolume: "volume grow data 512",
  cloneVolume: "volume clone data copy",
  snapshotVolume: "volume snapshot data copy",
  deleteVolume: "volume delete data",
};

/** Operations without a verb of their own, and why that is right. */
const without: Partial<Record<OperationName, string>> = {
  getHealth: "for load balancers; `doctor` asks getReadiness, which says more",
  getServerMetrics: "for Prometheus",
  getOpenApi: "a document for programs, to be fetched as it is",
  getOpenApiV1: "another address of getOpenApi",
  stopSandbox: "another name of hibernateSandbox",
  startSandbox: "another name of wakeSandbox",
  createPreview: "another name of createPreviewToken",
  execSocket: "the published client's way; exec goes over connectProcess",
  openTerminal: "the published client's way; ssh and exec -t go over connectProcess",
  openSsh: "another address of openTerminal",
  streamProcess: "for clients without WebSockets; attach goes over connectProcess",
  attachProcess: "for clients that know one process only; attach goes over connectProcess",
  runCode: "code shows what comes as it comes: runCodeStream",
  createReplSession: "the published client's name of createCodeContext",
  listReplSessions: "the published client's name of listCodeContexts",
  runReplCell: "the published client's way of runCode",
  deleteReplSession: "the published client's name of deleteCodeContext",
  runRepl: "the published client's way of runCode",
  getSandboxUtil: "a part of getSandboxMetrics, by another server's names",
  connectPort: "port-forward opens one for each connection that comes to it",
  proxyPort: "for browsers and HTTP clients: preview and ports print its address",
  callMcp: "mcp serves the same tools itself, over stdin and stdout",
  callMcpAtRoot: "another address of callMcp",
  callSandboxMcp: "mcp --sandbox serves the same tools itself",
};

/** Their answer comes through a WebSocket, which the server of this test does not speak; or never ends by itself. */
const unanswered: ReadonlySet<string> = new Set(["connectProcess", "watchFiles"]);

describe("every operation of the API has a verb", () => {
  let server: ContractServer;

  beforeAll(async () => {
    writeFileSync(FILE, "text\n");
    writeFileSync(DOCKERFILE, "FROM base\nRUN true\n");
    server = await startContractServer();
    vi.stubEnv("PANDASTACK_API_URL", server.url);
    vi.stubEnv("PANDASTACK_API_KEY", "pds_x");
  });
  afterAll(() => {
    server.close();
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true });
  });

  it("or a reason to have none", () => {
    const missing = operationNames.filter((name) => verbs[name] === undefined && without[name] === undefined);
    expect(
      missing,
      `The API has operations that the command line does not know of: ${missing.join(", ")}. Give each a verb ` +
        "(packages/cli/src/commands) and a line in `verbs` of this test that says how it is typed; or, where a person has no use " +
        "for it, a line in `without` that says why.",
    ).toEqual([]);
    const twice = operationNames.filter((name) => verbs[name] !== undefined && without[name] !== undefined);
    expect(twice, "they have both a verb and a reason for none").toEqual([]);
    const known = new Set<string>(operationNames);
    const stale = [...Object.keys(verbs), ...Object.keys(without)].filter((name) => !known.has(name));
    expect(stale, "the API has no such operations any more: take their lines out of this test").toEqual([]);
  });

  it.each(Object.entries(verbs))("%s: %s", async (name, line) => {
    const words = line
      .split(" ")
      .map((word) => word.replace(/^ID/, ID).replace("DOCKERFILE", DOCKERFILE).replace("FILE", FILE));
    server.take();
    const ran = await printed(...words);
    const { method, path } = operations[name as OperationName];
    expect(server.take(), `\`pandastack ${line}\` does not ask for ${method} ${path}: ${ran.stderr}`).toContain(name);
    if (!unanswered.has(name)) expect(ran, ran.stderr).toMatchObject({ exitCode: 0, stderr: "" });
  });
});
