import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import {
  contains,
  coversDomain,
  Egress,
  formatCidr,
  limitEgress,
  matchesDomain,
  normaliseEgress,
  normaliseName,
  parseCidr,
  parseDomain,
  readEgress,
  withoutNested,
  type Cidr,
  type DomainPattern,
} from "../src/host/index.ts";

const anyCidr = fc
  .tuple(fc.integer({ min: 0, max: 2 ** 32 - 1 }), fc.integer({ min: 0, max: 32 }))
  .map(([address, prefix]): Cidr => {
    const size = 2 ** (32 - prefix);
    return { base: Math.floor(address / size) * size, prefix };
  });
const anyDomain = fc.domain().map((name) => name.toLowerCase());
const anyPattern = fc.record({ name: anyDomain, isWildcard: fc.boolean() });
const write = ({ name, isWildcard }: DomainPattern): string => (isWildcard ? `*.${name}` : name);
const anyDestinations = fc.array(fc.oneof(anyCidr.map(formatCidr), anyPattern.map(write)), { maxLength: 12 });

describe("networks", () => {
  test("are read as they are written", () => {
    fc.assert(
      fc.property(anyCidr, (cidr) => {
        expect(parseCidr(formatCidr(cidr))).toEqual(cidr);
      }),
    );
  });

  test("any text is one or says why it is none", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9./]{1,20}$/)), (text) => {
        const read = parseCidr(text);
        if (typeof read === "string") expect(read).not.toBe("");
        else expect(parseCidr(formatCidr(read))).toEqual(read);
      }),
    );
  });

  test("that lie in others make no difference", () => {
    fc.assert(
      fc.property(fc.array(anyCidr, { maxLength: 20 }), fc.integer({ min: 0, max: 2 ** 32 - 1 }), (cidrs, address) => {
        const one = { base: address, prefix: 32 };
        const kept = withoutNested(cidrs);
        const lies = (all: readonly Cidr[]): boolean => all.some((cidr) => contains(cidr, one));
        expect(lies(kept)).toBe(lies(cidrs));
        for (const a of kept) expect(kept.some((b) => b !== a && contains(b, a))).toBe(false);
      }),
    );
  });

  it.each([
    "10.0.0.1/8",
    "1.2.3",
    "1.2.3.4/33",
    "256.1.1.1",
    "01.2.3.4",
    "1.2.3.4/",
    "1.2.3.4/08x",
    "",
    "::1",
    "0x7f.1",
  ])("%j is none", (text) => expect(typeof parseCidr(text)).toBe("string"));
});

describe("domains", () => {
  test("match themselves however they are written, and a wildcard everything below but not its own name", () => {
    fc.assert(
      fc.property(anyDomain, anyDomain, (name, below) => {
        const exact = parseDomain(`${name.toUpperCase()}.`) as DomainPattern;
        const wild = parseDomain(`*.${name}`) as DomainPattern;
        expect(matchesDomain(exact, normaliseName(name)!)).toBe(true);
        expect(matchesDomain(wild, name)).toBe(false);
        expect(matchesDomain(wild, `${below}.${name}`)).toBe(true);
        expect(matchesDomain(exact, `${below}.${name}`)).toBe(false);
        expect(matchesDomain(wild, `x${name}`)).toBe(false);
      }),
    );
  });

  test("cover what they say they cover", () => {
    fc.assert(
      fc.property(anyPattern, anyPattern, anyDomain, (outer, inner, name) => {
        const tried = [name, inner.name, `a.${inner.name}`, `a.b.${inner.name}`];
        for (const one of tried)
          if (coversDomain(outer, inner) && matchesDomain(inner, one)) expect(matchesDomain(outer, one)).toBe(true);
      }),
    );
  });

  it.each([
    "localhost",
    "*",
    "*.",
    "a..b",
    "-a.example",
    "a_.*.example",
    "exa mple.org",
    "bücher.example",
    "1.2.3.4.5",
    "a".repeat(64) + ".example",
    "http://a.example",
    "a.example:443",
  ])("%j is none", (text) => expect(typeof parseDomain(text)).toBe("string"));
});

describe("policies", () => {
  test("mean the same in the form that is stored", () => {
    fc.assert(
      fc.property(fc.option(anyDestinations, { nil: undefined }), anyDestinations, (allow, deny) => {
        const egress: Egress = { ...(allow && { allow }), deny };
        const stored = normaliseEgress(Egress.parse(egress));
        expect(readEgress(Egress.parse(stored))).toEqual({ ...readEgress(egress) });
        expect(normaliseEgress(stored)).toEqual(stored);
      }),
    );
  });

  it("that allow nothing are off", () => {
    expect(normaliseEgress({ allow: [] })).toBe("off");
    expect(normaliseEgress({ allow: [], deny: ["example.com"] })).toBe("off");
    expect(normaliseEgress({})).toBe("open");
  });

  test("below a ceiling never reach beyond it", () => {
    fc.assert(
      fc.property(anyDestinations, anyDestinations, (allow, ceiling) => {
        const limited = limitEgress({ allow }, { allow: ceiling });
        if ("message" in limited) return;
        const most = readEgress({ allow: ceiling });
        const given = readEgress(limited.egress);
        for (const cidr of given.allow?.cidrs ?? [])
          expect(most.allow!.cidrs.some((outer) => contains(outer, cidr))).toBe(true);
        for (const domain of given.allow?.domains ?? [])
          expect(most.allow!.domains.some((outer) => coversDomain(outer, domain))).toBe(true);
      }),
    );
  });

  it("below a ceiling deny what it denies, and name what is beyond it", () => {
    expect(limitEgress("open", { deny: ["bad.example"] })).toEqual({ egress: { deny: ["bad.example"] } });
    const many = (letter: string) => Array.from({ length: 200 }, (_, index) => `${letter}${index}.example`);
    expect(limitEgress({ deny: many("a") }, { deny: many("b") })).toMatchObject({ field: "deny" });
    expect(limitEgress("off", "off")).toEqual({ egress: "off" });
    expect(limitEgress("open", "off")).toMatchObject({ field: "" });
    expect(limitEgress("open", { allow: ["a.example"] })).toMatchObject({ field: "" });
    expect(limitEgress({ allow: ["b.a.example", "c.example"] }, { allow: ["*.a.example"] })).toMatchObject({
      field: "allow.1",
    });
    expect(limitEgress({ allowPrivate: ["10.1.2.0/24"] }, { allowPrivate: ["10.1.0.0/16"] })).toEqual({
      egress: { allowPrivate: ["10.1.2.0/24"] },
    });
    expect(limitEgress({ allowPrivate: ["10.1.0.0/16"] }, { allowPrivate: ["10.1.2.0/24"] })).toMatchObject({
      field: "allowPrivate.0",
    });
    expect(limitEgress({ allowPrivate: ["10.1.0.0/16"] }, "open")).toMatchObject({ field: "allowPrivate.0" });
  });
});
