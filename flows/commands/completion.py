"""`keepfit completion`: the script by which a shell completes keepfit's commands and options."""

from __future__ import annotations

import argparse
import json

from flows.completing import script


def run(options: argparse.Namespace) -> int:
    """Print the script; its first line says where it goes."""
    from flows.arguments import parser

    text = script(parser(), options.shell)
    print(json.dumps({"shell": options.shell, "script": text}) if options.json else text.rstrip("\n"))
    return 0
