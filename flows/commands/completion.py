"""`keepfit completion`: the script by which a shell completes keepfit's commands and options."""

from __future__ import annotations

import argparse

from flows.completing import script


def run(options: argparse.Namespace) -> int:
    """Print the script; its first line says where it goes."""
    from flows.arguments import parser

    text = script(parser(), options.shell)
    if options.json:
        from flows.printed import in_json
        from flows.printed.machine import Completion

        print(in_json(Completion(shell=options.shell, script=text)))
    else:
        print(text.rstrip("\n"))
    return 0
