"""Cells for bash. It has no kernel of ours: it is an interactive shell that reads commands from its standard input. An interrupt ends
the command that runs, and the next one, which is ours, says so."""

import json
import shlex

KEPT = "__pandastack_was_"


def prepare_bash(control):
    """What it is told first. `control` is the descriptor that it answers on."""
    ready = json.dumps({"type": "ready"})
    # No prompts, no `!` of histories. What comes back goes through a function, and cells do not have the descriptor.
    return (
        f"PS1= PS2=; set +H; unset HISTFILE; __pandastack_control={control}\n"
        f"__pandastack_say() {{ printf '%s\\n' \"$1\" >&$__pandastack_control; }}\n"
        f"__pandastack_done() {{ [ $1 -eq 0 ] || __pandastack_say '{{\"type\":\"error\",\"name\":\"ExitStatus\",\"value\":\"'$1'\","
        f"\"traceback\":\"exit status '$1'\"}}'; __pandastack_say '{{\"type\":\"done\",\"exit_code\":'$1'}}'; return $1; }}\n"
        f"__pandastack_say {shlex.quote(ready)}\n"
    ).encode()


def encode_for_bash(message, control):
    if message["op"] == "env":
        lines = [f"unset {name}" for name in message["unset"] if is_name(name)]
        return as_lines(lines + [export(name, value) for name, value in message["set"].items() if is_name(name)])
    env = {name: value for name, value in message["env"].items() if is_name(name)}
    before = [f"[[ -v {name} ]] && {KEPT}{name}=${name}; {export(name, value)}" for name, value in env.items()]
    # What bash reads next must not be what the cell reads. A NUL in shell code has no meaning.
    cell = f"eval {shlex.quote(message['code'].replace(chr(0), ''))} </dev/null {control}>&-"
    after = [
        f"if [[ -v {KEPT}{name} ]]; then export {name}=${KEPT}{name}; unset {KEPT}{name}; else unset {name}; fi" for name in env
    ]
    return as_lines([*before, cell, "__pandastack_status=$?", *after, "__pandastack_done $__pandastack_status"])


def export(name, value):
    return f"export {name}={shlex.quote(value)}"


def as_lines(lines):
    return "".join(line + "\n" for line in lines).encode()


def is_name(name):
    return name.isidentifier() and name.isascii()
