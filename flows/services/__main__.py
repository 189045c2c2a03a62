"""`python -m flows.services templates`: make the databases that new homes start from."""

import sys

from flows.services import templates

if sys.argv[1:] != ["templates"]:
    sys.exit("usage: python -m flows.services templates")
for path in templates.make():
    print(path)
