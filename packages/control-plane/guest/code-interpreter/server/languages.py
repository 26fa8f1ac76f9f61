"""Languages by all their names, and how a kernel of each is started."""

import os
import shutil
import sys

from refusal import Refusal

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

NAMES = {
    "python": "python",
    "python3": "python",
    "py": "python",
    "javascript": "javascript",
    "js": "javascript",
    "node": "javascript",
    "typescript": "typescript",
    "ts": "typescript",
    "bash": "bash",
    "sh": "bash",
    "shell": "bash",
}
# TypeScript is JavaScript with types: one kernel runs both, and they see each other's variables.
KERNEL_OF = {"python": "python", "javascript": "javascript", "typescript": "javascript", "bash": "bash"}


def language_of(name):
    if name is None:
        return "python"
    language = NAMES.get(str(name).lower())
    if language is None:
        raise Refusal("unknown_language", f"language: {str(name)[:40]!r} is none of python, javascript, typescript, bash")
    return language


def command_of(language):
    kernel = KERNEL_OF[language]
    if kernel == "python":
        # As the user's own python3 would run it: packages installed for it are there.
        return [shutil.which("python3") or sys.executable, "-u", os.path.join(HERE, "python", "kernel.py")]
    program = shutil.which("node" if kernel == "javascript" else "bash")
    if program is None:
        raise Refusal("language_unavailable", f"language: {language} needs {kernel_needs(kernel)}, which this sandbox has not")
    if kernel == "javascript":
        return [program, "--disable-warning=ExperimentalWarning", "--experimental-import-meta-resolve", os.path.join(HERE, "node", "kernel.mjs")]
    # Interactive: only there an interrupt ends what runs and nothing else. Its commands come through the kernel's standard input.
    return [program, "--noprofile", "--norc", "--noediting", "-i"]


def kernel_needs(kernel):
    return {"javascript": "node", "bash": "bash"}[kernel]
