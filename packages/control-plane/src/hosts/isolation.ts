import type { Isolation } from "@pandastack/contracts/host";

/** What people are told about each kind of isolation. Honest: an emulator is not called a boundary because it is slow. */
export const isolationFacts: Record<Isolation, { isSecurityBoundary: boolean; explanation: string }> = {
  "microvm-kvm": {
    isSecurityBoundary: true,
    explanation:
      "A microVM with a kernel of its own, isolated by the processor (KVM). Its makers stand by it as a security boundary.",
  },
  "microvm-tcg": {
    isSecurityBoundary: false,
    explanation:
      "A microVM with a kernel of its own, run by an emulator (QEMU without KVM). Its makers do not call the emulator a security boundary; a jail around it limits what an escape would reach. Use KVM for code you do not trust.",
  },
  gvisor: {
    isSecurityBoundary: true,
    explanation:
      "A kernel in user space (gVisor) that answers every system call. Its makers stand by it as a security boundary; the host's kernel is still below it.",
  },
  fake: { isSecurityBoundary: false, explanation: "No isolation at all: a stand-in for tests that runs nothing." },
};
