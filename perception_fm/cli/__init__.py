"""`perception-fm`: one command with subcommands, each imported only when it runs."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Sequence

import click

from perception_fm import __version__
from perception_fm.errors import PerceptionError

EXIT_CHECK_FAILED = 1
EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells report it

# Name -> one line for `--help`. The texts live here so that listing the subcommands imports none of them.
SUBCOMMANDS = {
    "demo": "Run the shipped clip through the live node and show what it saw.",
    "run": "Run a bag through the pipeline frame by frame; write video, report and JSON.",
    "replay": "Publish a bag on its topics with /clock.",
    "convert": "Turn a drive folder, a video or a KITTI folder into a bag.",
    "synth": "Make synthetic clips with exact ground truth.",
    "evaluate": "Compare a run, or a model's depth and labels, with the truth.",
    "train": "Train a network, or tune one to your own drives.",
    "models": "List the models of the zoo, show one, or fetch its weights.",
    "export": "Write a model of the zoo or a checkpoint as one ONNX file.",
    "build-engine": "Compile a model file into a TensorRT engine and let it pass the gate.",
    "benchmark": "Measure latency and memory of the pipeline and the node.",
    "doctor": "Say what this machine has, what it lacks, and how to mend it.",
}


def module_of(name: str) -> str:
    """The module of a subcommand."""
    return f"perception_fm.cli.{name.replace('-', '_')}"


class LazyGroup(click.Group):
    """Subcommand `name` is `perception_fm.cli.name.command`, with `_` for `-` in the module's name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Subcommands whose module is installed, in the order of the table."""
        return [name for name in SUBCOMMANDS if importlib.util.find_spec(module_of(name)) is not None]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The subcommand, imported now; None for a name that does not exist."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command = importlib.import_module(module_of(cmd_name)).command
        if not isinstance(command, click.Command):
            raise TypeError(f"perception_fm.cli.{cmd_name}.command is not a click command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of subcommands, from the table alone."""
        rows = [(name, SUBCOMMANDS[name]) for name in self.list_commands(ctx)]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)


@click.command(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(__version__, message="%(version)s")
@click.pass_context
def root(ctx: click.Context) -> None:
    """Camera perception for a vehicle: obstacles, time to contact and verified free road.

    Exit status: 0 fine, 1 the check failed, 2 bad usage or input, 130 interrupted.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status; errors that a user can mend become one line on stderr."""
    try:
        # Not `root.main()`: it turns a closed pipe into status 1, which here means that a check failed.
        with root.make_context("perception-fm", list(sys.argv[1:] if arguments is None else arguments)) as ctx:
            status = root.invoke(ctx)
        sys.stdout.flush()
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        return _refuse(error.format_message(), error.ctx if isinstance(error, click.UsageError) else None)
    except PerceptionError as error:
        return _refuse(str(error), None)
    except (click.Abort, KeyboardInterrupt):
        print("perception-fm: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader (`head`, a pager) has gone. Without this the interpreter complains when it flushes at shutdown.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status if isinstance(status, int) else 0


def _refuse(message: str, ctx: click.Context | None) -> int:
    """Say in one line what was refused; a wrong usage also names the help that shows the right one."""
    if message.startswith("Usage:"):  # click's whole help, for a group of subcommands called without one
        print(message, file=sys.stderr)
        return EXIT_BAD_INPUT
    name = "perception-fm" if ctx is None else ctx.command_path
    hint = "" if ctx is None else f" (see {name} --help)"
    print(f"{name}: {message}{hint}", file=sys.stderr)
    return EXIT_BAD_INPUT
