import type { ServerResponse } from "node:http";

/** What a stand-in's guest has written to its console, and those who follow it. */
export class StandInConsole {
  readonly #followers = new Map<ServerResponse, number>();
  #text = "booted\n";

  get text(): string {
    return this.#text;
  }

  set text(text: string) {
    this.#text = text;
    for (const follower of this.#followers.keys()) this.#send(follower);
  }

  /** How many follow it. */
  get followers(): number {
    return this.#followers.size;
  }

  follow(response: ServerResponse): void {
    response.writeHead(200, { "content-type": "application/x-ndjson" });
    this.#followers.set(response, 0);
    response.once("close", () => this.#followers.delete(response));
    this.#send(response);
  }

  /** Its machine is gone, and another one's console is empty. */
  end(): void {
    for (const follower of this.#followers.keys()) follower.end();
    this.#followers.clear();
    this.#text = "";
  }

  #send(follower: ServerResponse): void {
    const sent = this.#followers.get(follower) ?? 0;
    this.#followers.set(follower, this.#text.length);
    follower.write(`${JSON.stringify({ text: this.#text.slice(sent) })}\n`);
  }
}
