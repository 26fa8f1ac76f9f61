import { readFileSync } from "node:fs";

/**
 * Names of the instruction sets that a program may find and use, of those in /proc/cpuinfo. What only the kernel uses, and what
 * it makes up itself (mitigations, names of its own drivers), changes with a new kernel and means nothing to a program.
 */
const FOR_PROGRAMS =
  /^(fpu|cx8|cx16|cmov|mmx|fxsr|sse|sse2|pni|ssse3|sse4_1|sse4_2|sse4a|fma|fma4|xop|tbm|f16c|movbe|popcnt|abm|lahf_lm|bmi1|bmi2|adx|aes|pclmulqdq|sha_ni|sha512|sm3|sm4|gfni|vaes|vpclmulqdq|rdrand|rdseed|rdpid|rdtscp|fsgsbase|xsave|xsaveopt|xsavec|xgetbv1|clflushopt|clwb|clzero|cldemote|3dnowprefetch|serialize|waitpkg|movdiri|movdir64b|pku|ospke|erms|fsrm|avx\w*|amx_\w+)$/;

export function cpuFeatures(cpuinfo = readFileSync("/proc/cpuinfo", "utf8")): string[] {
  const flags = /^flags\s*:\s*(.*)$/m.exec(cpuinfo)?.[1] ?? "";
  return flags
    .split(" ")
    .filter((flag) => FOR_PROGRAMS.test(flag))
    .toSorted();
}
