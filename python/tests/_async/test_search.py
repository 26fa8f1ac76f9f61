"""Text and files, looked for in a sandbox."""

from __future__ import annotations

import pytest

from pandastack import AsyncSandbox, GlobResult, GrepResult, InvalidRequestError, NotFoundError, SearchMatch

pytestmark = pytest.mark.anyio


async def test_finds_lines_and_files_and_says_what_is_wrong(sandbox: AsyncSandbox) -> None:
    files, search = sandbox.files, sandbox.search
    await files.write("/root/src/a.ts", "alpha\nbeta TODO\n")
    await files.write("/root/src/deep/b.ts", "todo\nTODO again\n")
    await files.write("/root/src/c.py", "TODO\n")
    found = [SearchMatch("/root/src/a.ts", 2, "beta TODO"), SearchMatch("/root/src/deep/b.ts", 2, "TODO again")]
    assert await search.grep("TODO", glob="src/**/*.ts") == GrepResult(found, False, "grep")
    some = await search.grep("todo", path="/root/src", ignore_case=True, limit=2)
    assert (len(some.matches), some.is_truncated) == (2, True)
    assert await search.glob("*.ts") == GlobResult(["/root/src/a.ts", "/root/src/deep/b.ts"], False)
    assert await search.glob("src/*", limit=1) == GlobResult(["/root/src/a.ts"], True)
    with pytest.raises(InvalidRequestError) as caught:
        await search.grep("(")
    assert caught.value.code == "client.bad_pattern"
    assert (await search.grep("(", is_fixed=True)).matches == []
    with pytest.raises(InvalidRequestError):
        await search.glob("[z-a]")
    with pytest.raises(NotFoundError):
        await search.glob("*", path="/none")
