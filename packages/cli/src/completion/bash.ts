import type { Command } from "commander";
import type { Kind } from "./kinds.ts";
import { placesOf } from "./places.ts";

/** As the script's tables have it: a kind's name, `=a,b` for words that are known, nothing for files. */
function coded(kind: Kind): string {
  if (kind === undefined) return "";
  return typeof kind === "string" ? kind : `=${kind.choices.join(",")}`;
}

/**
 * Commands, options and choices are in the script. Names are asked of the server, by `pandastack __complete`; where it does
 * not answer, none are offered.
 */
export function forBash(root: Command): string {
  const places = placesOf(root);
  const cases = places.map(({ words, commands, options, arguments: given }) => {
    const offered = [...commands.map((each) => each.name()), ...options.map(({ flags }) => flags[0])].join(" ");
    const valued = options
      .filter(({ takesValue }) => takesValue)
      .flatMap(({ flags, kind }) => flags.map((flag) => `${flag}:${coded(kind)}`));
    const kinds = given.map(({ kind, isVariadic }) => `${coded(kind) || "-"}${isVariadic ? "..." : ""}`);
    return `    '${words}') offered='${offered}' valued='${valued.join(" ")}' kinds='${kinds.join(" ")}' ;;`;
  });
  const groups = places.filter(({ words, commands }) => words !== "" && commands.length > 0).map(({ words }) => words);
  return SCRIPT.replace("@GROUPS@", groups.join(" ")).replace("@CASES@", cases.join("\n"));
}

const SCRIPT = `_pandastack_offer() {
  local kind="$1" current="$2"
  case "$kind" in
    '' | -) return ;;
    =*) kind="\${kind#=}"; COMPREPLY=($(compgen -W "\${kind//,/ }" -- "$current")) ;;
    places)
      COMPREPLY=($(compgen -S : -W "$(pandastack __complete sandboxes 2>/dev/null | cut -f 1)" -- "$current") $(compgen -f -- "$current"))
      compopt -o nospace 2>/dev/null || true
      ;;
    *) COMPREPLY=($(compgen -W "$(pandastack __complete "$kind" 2>/dev/null | cut -f 1)" -- "$current")) ;;
  esac
}
_pandastack() {
  local current="\${COMP_WORDS[COMP_CWORD]}" at="" offered="" valued="" kinds="" first=2 number=0 index word kind
  COMPREPLY=()
  if ((COMP_CWORD > 1)); then
    at="\${COMP_WORDS[1]}"
    case " @GROUPS@ " in
      *" $at "*) ((COMP_CWORD > 2)) && { at="$at \${COMP_WORDS[2]}"; first=3; } ;;
    esac
  fi
  case "$at" in
@CASES@
  esac
  # A path in a sandbox: its files are not known here.
  [[ $current == : || \${COMP_WORDS[COMP_CWORD - 1]} == : ]] && return
  for word in $valued; do
    if [[ \${COMP_WORDS[COMP_CWORD - 1]} == "\${word%%:*}" ]]; then _pandastack_offer "\${word#*:}" "$current"; return; fi
  done
  for ((index = first; index < COMP_CWORD; index++)); do
    word="\${COMP_WORDS[index]}"
    case "$word" in
      --) return ;;
      :) ((index++)) ;;
      -*) [[ " $valued" == *" $word:"* ]] && ((index++)) ;;
      *) ((number++)) ;;
    esac
  done
  if [[ $current != -* ]]; then
    index=0
    for kind in $kinds; do
      if ((index == number)) || { ((index < number)) && [[ $kind == *... ]]; }; then _pandastack_offer "\${kind%...}" "$current"; return; fi
      ((index++))
    done
  fi
  COMPREPLY=($(compgen -W "$offered" -- "$current"))
}
complete -o default -F _pandastack pandastack`;
