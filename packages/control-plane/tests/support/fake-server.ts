import { waitFor } from "@pandastack/platform";
import { PandaStack } from "@pandastack/sdk";
import type { Settings } from "../../src/main/settings.ts";
import { createTestDatabase } from "./database.ts";
import { FakeHostAgent } from "./fake-host.ts";
import { ADMIN_TOKEN, startControlPlane, type Api } from "./server.ts";

/** A control plane with a real host agent on the runtime that makes everything up: sandboxes with a shell and files. */
export interface FakeServer {
  readonly url: string;
  readonly token: string;
  readonly api: Api;
  readonly panda: PandaStack;
  stop(): Promise<void>;
}

export async function startFakeServer(settings: Partial<Settings> = {}): Promise<FakeServer> {
  const [database, agent] = [await createTestDatabase(), new FakeHostAgent()];
  await agent.start();
  const { controlPlane, url, api } = await startControlPlane({
    databaseUrl: database.url,
    hostSocket: agent.socketPath,
    ...settings,
  });
  const isReady = async () => (await api("GET", "/readyz", undefined, { token: null })).status === 200;
  await waitFor(isReady, { timeoutMs: 50_000, message: "a create would not work yet" });
  return {
    url,
    token: ADMIN_TOKEN,
    api,
    panda: new PandaStack({ baseUrl: url, apiKey: ADMIN_TOKEN }),
    stop: async () => {
      await controlPlane.stop();
      await agent.remove();
      await database.drop();
    },
  };
}
