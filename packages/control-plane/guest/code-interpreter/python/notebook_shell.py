"""Cells where IPython is installed: its syntax, magics, history and display, with our way of saying what came out."""

import asyncio
import os
import sys

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets import Any, Type

from plain_shell import PlainShell
from representation import extras, represent, to_fields


class Hook(DisplayHook):
    """The value of a cell's last expression."""

    def quiet(self):
        """Asked of the cell itself: IPython looks into the history, which there is none of."""
        return self.shell.current_code.rstrip().endswith(";")

    def __call__(self, result=None):
        self.check_for_underscore()
        if result is None or self.quiet():
            return
        self.update_user_ns(result)
        self.fill_exec_result(result)
        shell = self.shell
        data, _ = shell.display_formatter.format(result)
        shell.control.say({"type": "result", **to_fields({**represent(result), **data, **extras(result)}), "is_main_result": True})


class Publisher(DisplayPublisher):
    """What `display` shows."""

    def publish(self, data, metadata=None, source=None, *, transient=None, update=False, **_options):
        self.shell.control.say({"type": "result", **to_fields(data), "is_main_result": False})

    def clear_output(self, wait=False):
        pass


class Shell(InteractiveShell):
    control = Any()
    displayhook_class = Type(Hook)
    display_pub_class = Type(Publisher)

    # `!command` prints like everything else, not through a terminal of its own.
    system = InteractiveShell.system_raw

    def enable_gui(self, gui=None):
        pass

    def _showtraceback(self, etype, evalue, stb):
        """Said once the cell has ended, together with what else is known of it."""
        self.last_traceback = self.InteractiveTB.stb2text(stb)

    def enable_matplotlib(self, gui=None):
        """Figures are shown by our backend in any case."""
        return (None, "inline")


class NotebookShell:
    def __init__(self, control):
        self._control = control
        # History and profile are this process's own: a copy of the sandbox has it, too, and its home may be read-only.
        from traitlets.config import Config

        config = Config()
        config.HistoryManager.enabled = False
        config.InteractiveShell.colors = "NoColor" if not _lowercase_colors() else "nocolor"
        config.InteractiveShell.cache_size = 0
        self._shell = Shell.instance(config=config, user_ns=None)
        self._shell.control = control
        self._shell.last_traceback = ""
        main = sys.modules["__main__"]
        main.__dict__["display"] = self.display
        _show_extras(self._shell.display_formatter)
        self._plain = PlainShell.__new__(PlainShell)
        self._plain._loop = None

    def display(self, *values, raw=False, **options):
        from IPython.display import display

        display(*values, raw=raw, **options)

    def run(self, code, count):
        self._shell.execution_count = count
        self._shell.last_traceback = ""
        self._shell.current_code = code
        result = self._shell.run_cell(code, store_history=False)
        self._plain._loop = _loop_of(self._shell)
        failure = result.error_before_exec or result.error_in_exec
        if failure is None:
            return None
        return {
            "name": type(failure).__name__,
            "value": str(failure),
            "traceback": self._shell.last_traceback or f"{type(failure).__name__}: {failure}",
        }

    def interrupt(self):
        return False

    def wait_for(self, control):
        return self._plain.wait_for(control)

    def describe(self, failure):
        return self._plain.describe(failure)


def _lowercase_colors():
    import IPython

    return IPython.version_info[0] >= 9


def _loop_of(shell):
    """The loop that `await` at the top of a cell ran in, once there is one."""
    from IPython.core import async_helpers

    loop = getattr(async_helpers, "_asyncio_event_loop", None)
    return None if loop is None or loop.is_closed() or loop.is_running() else loop


def _show_extras(formatter):
    """Figures as pictures with their chart, also where `display` shows them."""
    plain_format = formatter.format

    def format_with_extras(value, include=None, exclude=None):
        data, metadata = plain_format(value, include=include, exclude=exclude)
        return {**data, **extras(value)}, metadata

    formatter.format = format_with_extras
