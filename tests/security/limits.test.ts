import { describe, expect } from "vitest";
import { api, run, sandboxForTest, server } from "../e2e/support/api.ts";
import { itWhen } from "../e2e/support/not-run.ts";

const withVms = itWhen(!server.isFake, "the fake guest has no memory, processes or disk to run out of");

/** Emulated guests on two cores, one of which one guest keeps busy. */
const ANSWER_SECONDS = 30;

const stillAnswers = async (id: string): Promise<void> => {
  expect((await run(id, "echo $((6 * 7)); echo kept > /root/kept && cat /root/kept", ANSWER_SECONDS)).stdout).toBe(
    "42\nkept\n",
  );
};

describe("a sandbox that runs out of something hurts itself alone", () => {
  withVms("memory: its process is ended, and it goes on as well; on gVisor it ends as a whole", async () => {
    const [hog, neighbour] = [await sandboxForTest(), await sandboxForTest()];
    const eat = "tail /dev/zero; echo code=$?";
    if ((await api("GET", `/v1/sandboxes/${hog}`)).json.runtime === "gvisor") {
      await api("POST", `/v1/sandboxes/${hog}/exec`, { json: { cmd: eat, timeout_seconds: 60 } });
      await expect
        .poll(async () => (await api("GET", `/v1/sandboxes/${hog}`)).json.status, { timeout: 20_000 })
        .toBe("failed");
      return stillAnswers(neighbour);
    }
    const ended = await run(hog, eat, 60);
    expect(ended.stdout).toMatch(/code=137|code=1\n/);
    await stillAnswers(neighbour);
    await stillAnswers(hog);
    expect((await api("GET", `/v1/sandboxes/${hog}`)).json.status).toBe("running");
  });

  withVms("processes: a fork bomb stays inside, and the sandbox can be deleted", async () => {
    const [bomb, neighbour] = [await sandboxForTest(), await sandboxForTest()];
    const started = await run(bomb, "nohup bash -c 'b() { b | b & }; b' > /dev/null 2>&1 & echo lit", ANSWER_SECONDS);
    expect(started.stdout).toBe("lit\n");
    await stillAnswers(neighbour);
    await stillAnswers(await sandboxForTest());
    expect((await api("DELETE", `/v1/sandboxes/${bomb}`)).status).toBeLessThan(300);
    expect((await api("GET", `/v1/sandboxes/${bomb}`)).status).toBe(404);
  });

  withVms("disk: its writes fail, others' do not, and room that it makes is room again", async () => {
    const [filler, neighbour] = [await sandboxForTest(), await sandboxForTest()];
    // Takes the whole disk without writing all of it, which an emulated guest would need minutes for; gVisor's has to be written.
    const fill =
      "fallocate -l 100G /root/fill; dd if=/dev/zero of=/root/rest bs=1M 2>/dev/null; " +
      "LC_ALL=C dd if=/dev/zero of=/root/more bs=1M count=64 2>&1";
    expect((await run(filler, fill, 60)).stdout).toMatch(/No space left on device/);
    await stillAnswers(neighbour);
    await run(filler, "rm -f /root/fill /root/rest /root/more", ANSWER_SECONDS);
    await stillAnswers(filler);
  });
});
