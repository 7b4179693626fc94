"""Make this checkout a working ROS 2 workspace: `python3 tools/workspace setup|deps|check|link`.

The Makefile is the front door. Only the standard library is used, because nothing else is installed yet, and this file
keeps to old syntax, so that an old Python gets a sentence instead of a syntax error.
"""

import os
import sys

EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130


def main(arguments):
    """Run one command; the exit status is 0, or 2 after one clear line on standard error."""
    import interpreter

    refusal = interpreter.refusal(sys.version_info, sys.implementation.name, os.environ.get("PATH", ""))
    if refusal:
        print(refusal, file=sys.stderr)
        return EXIT_BAD_INPUT
    import commands

    try:
        return commands.run(arguments)
    except commands.SetupError as error:
        print("error: {}".format(error), file=sys.stderr)
        return EXIT_BAD_INPUT
    except KeyboardInterrupt:
        print("interrupted; the next run continues", file=sys.stderr)
        return EXIT_INTERRUPTED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
