import type { CallOptions, Http } from "../transport/http.ts";
import { Listing } from "../transport/listing.ts";
import type { TemplateInfo, TemplateTagInfo, TemplateVersionInfo } from "../types.ts";

const pathOf = (name: string): string => `/templates/${encodeURIComponent(name)}`;

/** What templates are called, and who may use them. */
export class TemplateNames {
  readonly #http: Http;
  constructor(http: Http) {
    this.#http = http;
  }

  /** What a template's builds have made, newest first; `name@id` is that version for good. */
  versions(name: string, options: CallOptions = {}): Listing<TemplateVersionInfo> {
    return Listing.of(() => this.#http.json("GET", `${pathOf(name)}/versions`, options));
  }
  /** A template's tags, and the version that each stands for. */
  tags(name: string, options: CallOptions = {}): Listing<TemplateTagInfo> {
    return Listing.of(() => this.#http.json("GET", `${pathOf(name)}/tags`, options));
  }
  /**
   * Gives a version a tag, or moves the tag to it: `name:tag` is that version from then on.
   * @param options.from a tag or a version's id; default: what the name alone stands for
   */
  async tag(name: string, tag: string, options: CallOptions & { from?: string } = {}): Promise<TemplateTagInfo> {
    const { from, ...call } = options;
    return this.#http.json("PUT", `${pathOf(name)}/tags/${encodeURIComponent(tag)}`, { ...call, json: { from } });
  }
  /** Takes a tag away. Its version stays; a template whose last tag this was goes. */
  async untag(name: string, tag: string, options: CallOptions = {}): Promise<void> {
    await this.#http.json("DELETE", `${pathOf(name)}/tags/${encodeURIComponent(tag)}`, options);
  }

  /** Another name in this workspace, for a template of its own, everyone's, or one that is published. */
  async alias(name: string, alias: string, options: CallOptions = {}): Promise<TemplateInfo> {
    return this.#http.json("PUT", `${pathOf(name)}/aliases/${encodeURIComponent(alias)}`, options);
  }
  /** Takes another name away. */
  async unalias(name: string, alias: string, options: CallOptions = {}): Promise<void> {
    await this.#http.json("DELETE", `${pathOf(name)}/aliases/${encodeURIComponent(alias)}`, options);
  }

  /** Lets every workspace use it, as `workspace/name`; none of them can change it. For admins. */
  async publish(name: string, options: CallOptions = {}): Promise<TemplateInfo> {
    return this.#http.json("POST", `${pathOf(name)}/publish`, { ...options, isRepeatable: true });
  }
  /** Its workspace's alone again; what others have made of it lives on. For admins. */
  async unpublish(name: string, options: CallOptions = {}): Promise<TemplateInfo> {
    return this.#http.json("DELETE", `${pathOf(name)}/publish`, options);
  }
}
