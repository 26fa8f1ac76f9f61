import ast
import builtins
import inspect
import linecache
import os
import subprocess
import sys
import traceback
import types

from representation import represent, to_fields

TOP_LEVEL_AWAIT = getattr(ast, "PyCF_ALLOW_TOP_LEVEL_AWAIT", 0)
SHELL_LINES = {"!": "command", "%pip ": "pip", "%cd ": "change_folder"}
HERE = os.path.dirname(os.path.abspath(__file__))


class PlainShell:
    """Cells where IPython is not installed: the value of the last expression is shown, `await` works at the top, `!command` runs one."""

    def __init__(self, control):
        self._control = control
        self._loop = None
        self._task = None
        module = types.ModuleType("__main__")
        module.__dict__.update(__builtins__=builtins, display=self.display)
        sys.modules["__main__"] = module
        self._names = module.__dict__

    def display(self, *values, raw=False, **_options):
        for value in values:
            data = value if raw else represent(value)
            self._control.say({"type": "result", **to_fields(data), "is_main_result": False})

    def run(self, code, count):
        filename = f"<cell {count}>"
        linecache.cache[filename] = (len(code), None, code.splitlines(keepends=True), filename)
        try:
            tree = ast.parse(without_shell_lines(code), filename)
            last = tree.body.pop() if tree.body and shows_last(tree, code) else None
            self._execute(compile(tree, filename, "exec", flags=TOP_LEVEL_AWAIT))
            if last is None:
                return None
            value = self._execute(compile(ast.Expression(last.value), filename, "eval", flags=TOP_LEVEL_AWAIT))
            if value is not None:
                self._names["_"] = value
                self._control.say({"type": "result", **to_fields(represent(value)), "is_main_result": True})
            return None
        except BaseException as failure:
            return self.describe(failure)

    def _execute(self, compiled):
        result = eval(compiled, self._names)
        if compiled.co_flags & inspect.CO_COROUTINE:
            return self._await(result)
        return result

    def _await(self, coroutine):
        import asyncio

        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            asyncio.set_event_loop(self._loop)
        self._task = self._loop.create_task(coroutine)
        try:
            return self._loop.run_until_complete(self._task)
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None
        finally:
            self._task = None

    def interrupt(self):
        """Whether the interrupt has reached what runs; otherwise it becomes an exception right here."""
        task = self._task
        if task is None or task.done() or task.cancelling():
            return False
        self._loop.call_soon_threadsafe(task.cancel)
        return True

    def wait_for(self, control):
        """The next request. What a cell has left running in the event loop goes on meanwhile."""
        if self._loop is not None and not control.has_line:
            import asyncio

            readable = self._loop.create_future()
            self._loop.add_reader(control.descriptor, lambda: readable.done() or readable.set_result(None))
            try:
                self._loop.run_until_complete(readable)
            finally:
                self._loop.remove_reader(control.descriptor)
        return control.next_line()

    def describe(self, failure):
        kind = type(failure)
        frames = failure.__traceback__
        while frames is not None and frames.tb_frame.f_code.co_filename.startswith(HERE):
            frames = frames.tb_next
        text = "".join(traceback.format_exception(kind, failure, frames))
        return {"name": kind.__name__, "value": str(failure), "traceback": text.rstrip("\n")}


def shows_last(tree, code):
    """As in a notebook: the last expression is shown, unless a semicolon ends it."""
    return isinstance(tree.body[-1], ast.Expr) and not code.rstrip().endswith(";")


def without_shell_lines(code):
    """`!command` at the beginning of a line, as notebooks have it; `%pip` and `%cd` for the same reason."""
    if "\n!" not in "\n" + code and "\n%" not in "\n" + code:
        return code
    lines = []
    for line in code.split("\n"):
        prefix = next((prefix for prefix in SHELL_LINES if line.startswith(prefix)), None)
        if prefix is None:
            lines.append(line)
        else:
            lines.append(f"__import__('plain_shell').{SHELL_LINES[prefix]}({line[len(prefix):]!r})")
    return "\n".join(lines)


def command(text):
    subprocess.run(text, shell=True, executable="/bin/bash" if os.path.exists("/bin/bash") else None)


def pip(text):
    subprocess.run([sys.executable, "-m", "pip", *text.split()])


def change_folder(text):
    os.chdir(os.path.expanduser(text.strip()))

