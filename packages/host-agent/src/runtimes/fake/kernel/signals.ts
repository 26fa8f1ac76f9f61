export const signalNumbers: Record<string, number> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGSEGV: 11,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
  SIGCHLD: 17,
  SIGCONT: 18,
  SIGSTOP: 19,
  SIGTSTP: 20,
  SIGWINCH: 28,
};

/** `TERM`, `SIGTERM`, `15` → `SIGTERM`. */
export function signalName(text: string): string | undefined {
  if (/^\d+$/.test(text)) return Object.keys(signalNumbers).find((name) => signalNumbers[name] === Number(text));
  const name = text.startsWith("SIG") ? text : `SIG${text.toUpperCase()}`;
  return name in signalNumbers ? name : undefined;
}

export const harmlessSignals = new Set(["SIGCHLD", "SIGWINCH", "SIGCONT"]);
