"""Templates of one's own."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable
from pathlib import Path

import pytest

from pandastack import (
    AsyncPandaStack,
    AsyncTemplateBuild,
    ConflictError,
    NotFoundError,
    PandaStackError,
    StepSecret,
    Template,
    TimeoutError,
)

pytestmark = pytest.mark.anyio

BUILD_SECONDS = 120


async def test_are_built_and_sandboxes_start_with_what_is_in_them(panda: AsyncPandaStack, tmp_path: Path) -> None:
    name = f"mine-{uuid.uuid4().hex[:8]}"
    (tmp_path / "src").mkdir()
    (tmp_path / "src/run").write_text("#!/bin/sh\necho ran\n")
    (tmp_path / "src/run").chmod(0o755)
    (tmp_path / "left-out").write_text("x")
    template = (
        Template.from_("base")
        .env({"GREETING": "hello", "BUILD": name})
        .workdir("/srv")
        .run(["echo $GREETING > greeting", "echo more >> greeting"])
        .copy("src", "/srv/src/")
        .copy("*", "/srv/all/")
    )
    build = await panda.templates.build(
        name, template, context=tmp_path, is_wanted=lambda path: path != "left-out", memory_mb=256
    )
    lines: list[str] = []
    info = await build.done(on_line=lines.append, timeout_seconds=BUILD_SECONDS)
    assert (info.status, info.name, info.steps) == ("done", name, 5)
    assert lines == await build.logs().to_list()
    assert any("echo $GREETING" in line for line in lines)
    assert (await panda.templates.get(name)).base == "base"
    async with await panda.sandboxes.create(template=name) as sandbox:
        assert (await sandbox.exec("cat /srv/greeting; echo $GREETING")).stdout == "hello\nmore\nhello\n"
        assert (await sandbox.files.stat("/srv/src/run")).mode == "-rwxr-xr-x"
        assert await sandbox.files.exists("/srv/all/run")
        assert not await sandbox.files.exists("/srv/all/left-out")

    again = await panda.templates.build(
        name, template, context=tmp_path, is_wanted=lambda path: path != "left-out", memory_mb=256
    )
    assert again.id == build.id
    assert (await panda.templates.get_build(build.id)).info.status == "done"
    assert build.id in [each.id for each in await panda.templates.builds()]
    with pytest.raises(ConflictError) as caught:
        await panda.templates.build(name, template.run("true"), context=tmp_path)
    assert caught.value.code == "template.exists"
    await panda.templates.delete(name)
    with pytest.raises(NotFoundError):
        await panda.templates.get(name)


async def test_say_which_step_failed(panda: AsyncPandaStack) -> None:
    dockerfile = "FROM base\nARG CODE=0\nRUN echo why >&2; exit $CODE\n"
    name = f"bad-{uuid.uuid4().hex[:8]}"
    build = await panda.templates.build_dockerfile(name, dockerfile, build_args={"CODE": "3"})
    with pytest.raises(PandaStackError, match="3") as caught:
        await build.done(timeout_seconds=BUILD_SECONDS)
    assert caught.value.code == "client.build_failed"
    assert caught.value.hint is not None
    assert "why" in await build.logs(follow=True).to_list()
    with pytest.raises(NotFoundError):
        await panda.templates.get_build("none")
    with pytest.raises(TypeError, match="'contexts'"):
        await panda.templates.build(name, Template(), contexts=".")  # type: ignore[call-arg]


async def test_go_on_when_nobody_waits(panda: AsyncPandaStack) -> None:
    name = f"slow-{uuid.uuid4().hex[:8]}"
    build = await panda.templates.build(name, Template().run("sleep 3"))
    with pytest.raises(TimeoutError, match="goes on"):
        await build.done(timeout_seconds=0.1)
    await build.done(timeout_seconds=BUILD_SECONDS)
    await panda.templates.delete(name)


async def test_are_made_of_sandboxes_and_copied_out_of(panda: AsyncPandaStack) -> None:
    baked, copied = (f"{kind}-{uuid.uuid4().hex[:8]}" for kind in ("baked", "copied"))
    async with await panda.sandboxes.create() as sandbox:
        await sandbox.files.write("/root/kept", "from a sandbox")
        build = await sandbox.bake_image(baked, description="as it is now")
    assert build.info.status == "done"
    async with await panda.sandboxes.create(template=baked) as made:
        assert await made.files.read("/root/kept") == "from a sandbox"
    compiler = Template().run("echo compiled > /out")
    template = Template().copy_from(compiler, "/out", "/root/").copy_from(baked, "/root/kept", "/root/")
    await (await panda.templates.build(copied, template)).done(timeout_seconds=BUILD_SECONDS)
    async with await panda.sandboxes.create(template=copied) as made:
        assert (await made.exec("cat /root/out /root/kept")).stdout == "compiled\nfrom a sandbox"
    for name in (baked, copied):
        await panda.templates.delete(name)


async def test_have_versions_tags_and_other_names(panda: AsyncPandaStack) -> None:
    name = f"named-{uuid.uuid4().hex[:8]}"
    template = Template().run(
        "cat /run/secrets/key > /root/length; echo $TOKEN", secrets=["key", StepSecret("token", env="TOKEN")]
    )
    build = await panda.templates.build(name, template, secrets={"key": "s3cret", "token": b"t0ken"})
    await build.done(timeout_seconds=BUILD_SECONDS)
    names = panda.templates.names
    (version,) = await names.versions(name)
    tagged = await names.tag(name, "stable")
    assert tagged.version == version.id
    assert "stable" in [each.tag for each in await names.tags(name)]
    assert (await panda.templates.get(f"{name}:stable")).version == version.id
    await names.untag(name, "stable")
    other = f"{name}-other"
    assert other in (await names.alias(name, other)).aliases
    await names.unalias(name, other)
    assert (await names.publish(name)).published
    assert not (await names.unpublish(name)).published
    await panda.templates.delete(name)


async def built(begun: Awaitable[AsyncTemplateBuild]) -> None:
    build = await begun
    await build.done(timeout_seconds=BUILD_SECONDS)


async def test_of_what_is_no_image_or_archive_say_so(panda: AsyncPandaStack, tmp_path: Path) -> None:
    (tmp_path / "oci-layout").write_text("nonsense")
    with pytest.raises(PandaStackError) as caught:
        await built(panda.templates.build_image(f"x-{uuid.uuid4().hex[:8]}", tmp_path))
    assert "image" in str(caught.value)
    (tmp_path / "root.tar").write_bytes(b"no archive")
    with pytest.raises(PandaStackError):
        await built(panda.templates.build_rootfs(f"x-{uuid.uuid4().hex[:8]}", tmp_path / "root.tar"))
