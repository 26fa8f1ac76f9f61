import os
import uuid

from accounts import account
from context import Context
from languages import KERNEL_OF, command_of, language_of
from refusal import Refusal

# Each is a process of some ten megabytes; a sandbox that has run out of them has forgotten to delete some.
CONTEXTS_LIMIT = 32
# The caller's own, and what the process that started us had: not what a sandbox was given.
NOT_THE_SANDBOXS = ("PANDASTACK_REQUEST_ID", "PANDASTACK_CODE_FOLDER", "_", "PWD", "OLDPWD", "SHLVL")


class Contexts:
    """All contexts of this sandbox, in the order of their creation. A language without one gets a default context at first use."""

    def __init__(self):
        self._contexts = {}
        self._defaults = {}
        self._base_env = {}
        self.set_base_env(dict(os.environ))
        # Of that, what did not come from the sandbox's own; known once we hear of those.
        self._own_env = None

    def set_base_env(self, env):
        """What the sandbox was given. A copy of a snapshot was given something else than what it is a copy of."""
        env = {name: value for name, value in env.items() if name not in NOT_THE_SANDBOXS}
        if env == self._base_env:
            return
        was, self._base_env = self._base_env, env
        for context in self._contexts.values():
            context.change_env(was, env)

    def set_given_env(self, env):
        """The same, where only what the sandbox was given is told: the rest is what this process was started with."""
        if self._own_env is None:
            self._own_env = {name: value for name, value in self._base_env.items() if name not in env}
        self.set_base_env({**self._own_env, **env})

    def all(self):
        return list(self._contexts.values())

    def find(self, context_id):
        context = self._contexts.get(context_id)
        if context is None:
            raise Refusal("context_not_found", f"Context {str(context_id)[:64]} not found")
        return context

    def create(self, request):
        if len(self._contexts) >= CONTEXTS_LIMIT:
            raise Refusal("too_many_contexts", f"a sandbox has at most {CONTEXTS_LIMIT} contexts; delete some")
        language = language_of(request.get("language"))
        command_of(language)
        entry = account(request.get("user") or "root" if os.getuid() == 0 else os.getuid())
        cwd = request.get("cwd") or (entry.pw_dir if os.path.isdir(entry.pw_dir) else "/")
        if not os.path.isdir(cwd):
            raise Refusal("cwd_not_found", f"cwd: there is no folder {cwd!r} in this sandbox")
        context = Context(str(uuid.uuid4()), language, cwd, entry, lambda: self._base_env, request.get("env") or {})
        self._contexts[context.id] = context
        return context

    async def for_run(self, request):
        if request.get("context_id") is not None:
            return self.find(request["context_id"])
        kernel = KERNEL_OF[language_of(request.get("language"))]
        context = self._contexts.get(self._defaults.get(kernel))
        if context is None:
            context = self.create({"language": kernel})
            self._defaults[kernel] = context.id
        return context

    async def delete(self, context_id):
        context = self.find(context_id)
        del self._contexts[context_id]
        await context.close()
