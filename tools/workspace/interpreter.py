"""Whether the running Python can carry the workspace. Old syntax on purpose, see `__main__.py`."""

import os
import shutil

OLDEST = (3, 10)
NEWEST = (3, 13)


def refusal(version, implementation, path):
    """One line why this Python cannot be used and what to do, or an empty string."""
    if implementation == "cpython" and OLDEST <= tuple(version[:2]) <= NEWEST:
        return ""
    found = "{} {}.{}".format(implementation, version[0], version[1])
    wanted = "CPython {}.{} to {}.{}".format(*(OLDEST + NEWEST))
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        name = "python3.{}".format(minor)
        if shutil.which(name, path=path):
            return "error: this Python is {}, needed is {}; say: make PYTHON={} setup".format(found, wanted, name)
    hint = "sudo " if hasattr(os, "geteuid") and os.geteuid() else ""
    return "error: this Python is {}, needed is {}; on Debian 12 or Ubuntu 22.04 say: {}apt-get install {}".format(
        found, wanted, hint, "python3 python3-venv python3-dev"
    )
