import importlib
import importlib.util
import os
import random
import signal
import sys

import figures


class Cells:
    """Takes requests one by one. Interrupts count only while a cell runs."""

    def __init__(self, control):
        self._control = control
        self._is_running = False
        self._shell = None
        self._is_fresh = True
        signal.signal(signal.SIGINT, self._on_interrupt)

    def _on_interrupt(self, _number, _frame):
        if self._is_running and not (self._shell is not None and self._shell.interrupt()):
            raise KeyboardInterrupt

    def serve(self):
        figures.use_our_backend()
        self._shell = make_shell(self._control)
        self._control.say({"type": "ready"})
        while True:
            request = self._shell.wait_for(self._control)
            if request is None:
                os._exit(0)
            try:
                self._answer(request)
            except KeyboardInterrupt:
                # It came in the moment between the end of a cell and the end of its answer.
                pass

    def _answer(self, request):
        if request["op"] == "run":
            self._run(request)
        elif request["op"] == "env":
            os.environ.update(request["set"])
            for name in request["unset"]:
                os.environ.pop(name, None)
        elif request["op"] == "preload":
            missing = [name for name in request["modules"] if not can_import(name)]
            # What cells themselves need has been loaded and touched then, too.
            self._shell.run("None", 0)
            self._control.say({"type": "preloaded", "missing": missing})

    def _run(self, request):
        if self._is_fresh:
            # Every sandbox from one snapshot has this process in it; they must not draw the same numbers.
            self._is_fresh = False
            reseed()
        was = {name: os.environ.get(name) for name in request["env"]}
        os.environ.update(request["env"])
        error = None
        # From here on an interrupt is not lost.
        self._control.say({"type": "begun"})
        try:
            self._is_running = True
            try:
                error = self._shell.run(request["code"], request["count"])
                figures.show_open(self._shell.display)
            finally:
                self._is_running = False
        except KeyboardInterrupt as interrupt:
            error = self._shell.describe(interrupt)
        except BaseException as failure:
            error = error or self._shell.describe(failure)
        for name, value in was.items():
            os.environ.pop(name, None) if value is None else os.environ.__setitem__(name, value)
        if error is not None:
            self._control.say({"type": "error", **error})
        self._control.say({"type": "done", "exit_code": 0 if error is None else 1})


def make_shell(control):
    """IPython's, where it is installed and nothing says otherwise."""
    if os.environ.get("PANDASTACK_CODE_SHELL") != "plain" and importlib.util.find_spec("IPython") is not None:
        from notebook_shell import NotebookShell

        return NotebookShell(control)
    from plain_shell import PlainShell

    return PlainShell(control)


def can_import(name):
    try:
        importlib.import_module(name)
        return True
    except Exception:
        return False


def reseed():
    random.seed()
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()
