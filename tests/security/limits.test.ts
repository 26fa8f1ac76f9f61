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
  withVms("memory: its process is ended, and it goes on as well", async () => {
    const [hog, neighbour] = [await sandboxForTest(), await sandboxForTest()];
    const ended = await run(hog, "tail /dev/zero; echo code=$?", 60);
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
    // Takes the whole disk without writing all of it, which an emulated guest would need minutes for.
    const fill = "fallocate -l 100G /root/fill; LC_ALL=C dd if=/dev/zero of=/root/more bs=1M count=64 2>&1";
    expect((await run(filler, fill, 60)).stdout).toMatch(/No space left on device/);
    await stillAnswers(neighbour);
    await run(filler, "rm /root/fill /root/more", ANSWER_SECONDS);
    await stillAnswers(filler);
  });
});
