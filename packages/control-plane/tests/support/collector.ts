import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";

export interface Span {
  readonly service: string;
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly { key: string; value: Record<string, unknown> }[];
}

interface Exported {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly { key: string; value: { stringValue: string } }[] };
    readonly scopeSpans: readonly { readonly spans: readonly Omit<Span, "service">[] }[];
  }[];
}

/** Takes what exporters send, as a collector does: https://opentelemetry.io/docs/specs/otlp/#otlphttp. `GET /` tells what it has. */
export class Collector {
  readonly spans: Span[] = [];
  readonly paths = new Set<string>();
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, reply) => {
      reply.setHeader("content-type", "application/json");
      if (request.method === "GET") return void reply.end(JSON.stringify(this.spans));
      this.paths.add(`${request.method} ${request.url}`);
      json(request).then(
        (body) => {
          this.#take(body as Exported);
          reply.end("{}");
        },
        () => reply.writeHead(400).end("{}"),
      );
    });
  }

  async start(): Promise<this> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #take({ resourceSpans }: Exported): void {
    for (const { resource, scopeSpans } of resourceSpans) {
      const service = resource.attributes.find(({ key }) => key === "service.name")?.value.stringValue ?? "";
      for (const { spans } of scopeSpans) this.spans.push(...spans.map((span) => ({ ...span, service })));
    }
  }
}

/** The spans of one trace, to be asked for by name. */
export class Trace {
  readonly spans: readonly Span[];
  constructor(spans: readonly Span[], traceId: string) {
    this.spans = spans.filter((span) => span.traceId === traceId);
  }

  /** Throws unless there is exactly one. */
  one(service: string, name: string): Span {
    const found = this.spans.filter((span) => span.service === service && span.name === name);
    if (found.length === 1) return found[0]!;
    throw new Error(`${found.length} spans ${service}: ${name}; there are: ${this.names().join(", ")}`);
  }

  under(parent: Span): Span[] {
    return this.spans.filter(({ parentSpanId }) => parentSpanId === parent.spanId);
  }

  names(): string[] {
    return this.spans.map(({ service, name }) => `${service}: ${name}`);
  }
}

export const attribute = (span: Span, key: string): unknown =>
  Object.values(span.attributes.find((each) => each.key === key)?.value ?? {})[0];

export const durationMs = (span: Span): number =>
  Number(BigInt(span.endTimeUnixNano) - BigInt(span.startTimeUnixNano)) / 1e6;
