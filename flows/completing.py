"""Shell completion as a script that is made once from the parser: pressing Tab starts no Python.

A word is completed by its command's options, by an option's choices, else by files and folders.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

SHELLS = ("bash", "zsh", "fish")
TOP = ("--help", "--version")
"""What may stand in a command's place."""


@dataclass(frozen=True)
class Option:
    """An option as it is typed, what it does, and the words that may follow it; None when none follows."""

    names: tuple[str, ...]
    help: str
    words: tuple[str, ...] | None


@dataclass(frozen=True)
class Command:
    """A command, what it does, its options, and the words that its argument may be (files when there are none)."""

    name: str
    help: str
    options: tuple[Option, ...]
    words: tuple[str, ...]


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """The script for that shell."""
    commands = list(_commands(parser))
    return {"bash": _bash, "zsh": _zsh, "fish": _fish}[shell](commands)


def _commands(parser: argparse.ArgumentParser) -> Iterator[Command]:
    for action in parser._actions:  # pyright: ignore[reportPrivateUsage]  # argparse tells of itself in no other way
        if isinstance(action, argparse._SubParsersAction):  # pyright: ignore[reportPrivateUsage]
            told = {each.dest: each.help or "" for each in action._choices_actions}  # pyright: ignore[reportPrivateUsage]
            for name, command in action.choices.items():
                actions: list[argparse.Action] = command._actions  # pyright: ignore[reportPrivateUsage]
                options = tuple(_option(each) for each in actions if each.option_strings)
                words = next((tuple(each.choices) for each in actions if not each.option_strings and each.choices), ())
                yield Command(name, told[name], options, words)


def _option(action: argparse.Action) -> Option:
    words = None if action.nargs == 0 else tuple(map(str, action.choices or ()))
    return Option(tuple(action.option_strings), action.help or "", words)


def _bash(commands: list[Command]) -> str:
    cases = "\n".join(
        f'    {command.name}) options="{" ".join(name for option in command.options for name in option.names)}"'
        f' words="{" ".join(command.words)}" ;;'
        for command in commands
    )
    chosen = "\n".join(
        f'    "{command.name} {name}") COMPREPLY=($(compgen -W "{" ".join(option.words)}" -- "$word")); return ;;'
        for command in commands
        for option in command.options
        if option.words
        for name in option.names
    )
    taking = sorted(
        {
            f'"{command.name} {name}"'
            for command in commands
            for option in command.options
            if option.words == ()
            for name in option.names
        }
    )
    return f"""# keepfit completion bash > ~/.local/share/bash-completion/completions/keepfit
_keepfit() {{
  local word="${{COMP_WORDS[COMP_CWORD]}}" before="${{COMP_WORDS[COMP_CWORD-1]}}"
  local command="${{COMP_WORDS[1]}}" options words
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "{" ".join(command.name for command in commands)} {" ".join(TOP)}" -- "$word"))
    return
  fi
  case "$command" in
{cases}
    *) return ;;
  esac
  case "$command $before" in
{chosen}
    {"|".join(taking)}) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
  esac
  if [[ "$word" == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$word"))
  elif [ -n "$words" ]; then
    COMPREPLY=($(compgen -W "$words" -- "$word"))
  else
    compopt -o filenames 2>/dev/null
    COMPREPLY=($(compgen -f -- "$word"))
  fi
}}
complete -F _keepfit keepfit
"""


def _zsh(commands: list[Command]) -> str:
    described = "\n".join(f"    {_quoted(f'{command.name}:{command.help}')}" for command in commands)
    cases: list[str] = []
    for command in commands:
        specs = [_zsh_option(option) for option in command.options]
        specs.append(_quoted(f"*:argument:({' '.join(command.words)})" if command.words else "*:project:_files"))
        body = " \\\n        ".join(specs)
        cases.append(f"    {command.name})\n      _arguments \\\n        {body} ;;")
    return f"""#compdef keepfit
# keepfit completion zsh > "${{fpath[1]}}/_keepfit"
_keepfit() {{
  local -a commands=(
{described}
  )
  if (( CURRENT == 2 )); then
    [[ $PREFIX != -* ]] && _describe command commands || compadd -- {" ".join(TOP)}
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
{chr(10).join(cases)}
  esac
}}
# The file is the function's body when zsh loads it at the first Tab, else it is sourced.
if [[ $funcstack[1] == _keepfit ]]; then _keepfit "$@"; else compdef _keepfit keepfit; fi
"""


def _zsh_option(option: Option) -> str:
    help_ = option.help.replace("[", "(").replace("]", ")").replace(":", "\\:")
    value = "" if option.words is None else f":value:({' '.join(option.words)})" if option.words else ":value:_files"
    return " ".join(_quoted(f"{name}[{help_}]{value}") for name in option.names)


def _fish(commands: list[Command]) -> str:
    lines = [
        "# keepfit completion fish > ~/.config/fish/completions/keepfit.fish",
        # fish's own condition takes a project that is called like a command for one.
        'function __keepfit_is; set -l said (commandline -opc); test "$said[2]" = $argv[1]; end',
        "function __keepfit_begins; test (count (commandline -opc)) -lt 2; end",
        *(f"complete -c keepfit -n __keepfit_begins -f -l {name[2:]}" for name in TOP),
    ]
    for command in commands:
        lines.append(f"complete -c keepfit -n __keepfit_begins -f -a {command.name} -d {_fish_quoted(command.help)}")
        within = f"-n '__keepfit_is {command.name}'"
        if command.words:
            lines.append(f"complete -c keepfit {within} -f -a {_fish_quoted(' '.join(command.words))}")
        for option in command.options:
            named = " ".join(f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option.names)
            value = (
                ""
                if option.words is None
                else f" -x -a {_fish_quoted(' '.join(option.words))}"
                if option.words
                else " -r"
            )
            lines.append(f"complete -c keepfit {within} {named}{value} -d {_fish_quoted(option.help)}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _fish_quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
