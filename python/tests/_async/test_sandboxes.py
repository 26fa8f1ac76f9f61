"""Sandboxes: made, found, copied, put to sleep."""

from __future__ import annotations

import uuid

import pytest
from running_server import Server

from pandastack import (
    AsyncPandaStack,
    AsyncSandbox,
    AuthError,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    PandaStackError,
)

pytestmark = pytest.mark.anyio


async def test_is_made_found_and_removed(panda: AsyncPandaStack) -> None:
    made = await panda.sandboxes.create(
        template="base", ttl_seconds=600, metadata={"task": "demo"}, env={"WHO": "panda"}
    )
    assert len(made.id) == 20
    assert (made.status, made.metadata["task"], made.info.ttl_seconds) == ("running", "demo", 600)
    assert (await made.exec("echo $WHO")).stdout == "panda\n"
    assert made.id in [each.id for each in await panda.sandboxes.list(status="running")]
    again = await panda.sandboxes.get(made.id)
    assert again.info.created_at == (await made.refresh()).created_at
    await again.kill()
    assert again.status == "deleted"
    await panda.sandboxes.kill(made.id)
    with pytest.raises(NotFoundError) as caught:
        await made.refresh()
    assert caught.value.code == "sandbox.not_found"
    assert caught.value.request_id
    assert "ttl_seconds" in str(caught.value)


async def test_is_removed_at_the_end_of_a_block(
    server: Server, panda: AsyncPandaStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    async with await AsyncSandbox.create() as sandbox:
        assert (await sandbox.commands.run("echo hi")).stdout == "hi\n"
        child = await sandbox.fork()
        assert [each.id for each in await AsyncSandbox.list(client=panda)].count(child.id) == 1
        with pytest.raises(PandaStackError):
            await AsyncSandbox.create(template="nothing-like-it")
    with pytest.raises(NotFoundError):
        await AsyncSandbox.get(sandbox.id, client=panda)
    # The connections go with the last one that shares them.
    assert (await child.exec("echo on")).stdout == "on\n"
    await child.kill()
    async with AsyncPandaStack() as client:
        await client.request("DELETE", f"/sandboxes/{child.id}")


async def test_one_key_makes_one_sandbox(panda: AsyncPandaStack) -> None:
    key = str(uuid.uuid4())
    first = await panda.sandboxes.create(idempotency_key=key, ttl_seconds=60)
    second = await panda.sandboxes.create(idempotency_key=key, ttl_seconds=60)
    assert first.id == second.id
    with pytest.raises(ConflictError) as caught:
        await panda.sandboxes.create(idempotency_key=key, ttl_seconds=61)
    assert caught.value.code == "idempotency.conflict"
    await first.kill()


async def test_is_forked_with_all_that_is_in_it(sandbox: AsyncSandbox) -> None:
    await sandbox.files.write("/dev/shm/memory", "kept")
    one = await sandbox.fork(metadata={"branch": "a"}, env={"BRANCH": "one"})
    assert (await one.exec("cat /dev/shm/memory; echo $BRANCH")).stdout == "keptone\n"
    assert one.metadata["branch"] == "a"
    two, three = await sandbox.fork(2)
    await two.files.write("/dev/shm/memory", "mine")
    assert await three.files.read("/dev/shm/memory") == "kept"
    for child in (one, two, three):
        await child.kill()


async def test_promotes_one_child_of_a_tree(sandbox: AsyncSandbox) -> None:
    winner, loser = await sandbox.fork_tree(count=2)
    result = await winner.promote(cleanup_siblings=True)
    assert (result.winner, result.deleted, result.failures) == (winner.id, [loser.id], {})
    with pytest.raises(NotFoundError):
        await loser.refresh()
    await winner.kill()


async def test_starts_from_a_snapshot(panda: AsyncPandaStack, sandbox: AsyncSandbox) -> None:
    await sandbox.files.write("/root/kept", "on disk")
    snapshot = await sandbox.snapshot()
    assert snapshot.sandbox_id == sandbox.id
    assert [each.id for each in await sandbox.snapshots.list()] == [snapshot.id]
    assert (await panda.snapshots.get(snapshot.id)).created_at == snapshot.created_at
    async with await panda.sandboxes.create(from_snapshot=snapshot.id) as copy:
        assert copy.info.from_snapshot == snapshot.id
        assert await copy.files.read("/root/kept") == "on disk"
    await sandbox.snapshots.delete(snapshot.id)
    with pytest.raises(NotFoundError) as caught:
        await sandbox.snapshots.get(snapshot.id)
    assert caught.value.code == "snapshot.not_found"
    await panda.snapshots.delete((await sandbox.snapshots.create()).id)


async def test_hibernates_and_wakes(sandbox: AsyncSandbox) -> None:
    await sandbox.files.write("/dev/shm/memory", "kept")
    await sandbox.hibernate()
    assert (sandbox.status, (await sandbox.refresh()).status) == ("hibernated", "hibernated")
    # Any use wakes it.
    assert (await sandbox.exec("cat /dev/shm/memory")).stdout == "kept"
    await sandbox.hibernate()
    await sandbox.wake()
    assert (await sandbox.refresh()).status == "running"


async def test_says_how_to_use_a_paused_one(sandbox: AsyncSandbox) -> None:
    await sandbox.pause()
    with pytest.raises(ConflictError) as caught:
        await sandbox.exec("true")
    assert caught.value.code == "sandbox.invalid_state"
    assert caught.value.hint is not None
    assert "resume()" in caught.value.hint
    await sandbox.resume()
    assert (await sandbox.exec("true")).exit_code == 0


async def test_changes_what_becomes_of_it(sandbox: AsyncSandbox) -> None:
    assert (await sandbox.set_ttl(900)).ttl_seconds == 900
    changed = await sandbox.set_lifecycle(on_idle="hibernate", idle_timeout_seconds=120)
    assert (changed.on_idle, changed.idle_timeout_seconds) == ("hibernate", 120)
    # What is left out stays; None is something else.
    assert (await sandbox.keep_alive()).on_idle == "hibernate"
    assert (await sandbox.set_lifecycle(on_idle=None)).on_idle is None
    assert (await sandbox.set_lifecycle(persistent=True)).persistent
    assert (await sandbox.lifecycle()).idle_seconds < 60


async def test_changes_what_it_may_reach(panda: AsyncPandaStack) -> None:
    sandbox = await panda.sandboxes.create(network={"egress": "off"}, egress_mbps=10, ttl_seconds=60)
    assert (sandbox.info.network, sandbox.info.egress_mbps) == ({"egress": "off"}, 10)
    info = await sandbox.update_network({"egress": {"allow": ["*.example.com"]}}, egress_mbps=None)
    assert (info.network, info.egress_mbps) == ({"egress": {"allow": ["*.example.com"]}}, None)
    assert (await sandbox.network()).counters.refused_packets == 0
    with pytest.raises(InvalidRequestError) as caught:
        await sandbox.update_network({"egress": {"allow": ["not a name"]}})
    assert caught.value.code == "validation.failed"
    await sandbox.kill()


async def test_is_watched(sandbox: AsyncSandbox) -> None:
    assert (await sandbox.metrics()).pid >= 0
    async with sandbox.events(follow=True) as events:
        first = await events.__anext__()
    assert first.sandbox_id == sandbox.id
    assert first in await sandbox.events(tail=50).to_list()
    assert "booted" in (await sandbox.logs(tail=100).to_list())[0]
    async with sandbox.logs(follow=True) as lines:
        assert "booted" in await lines.__anext__()


async def test_follows_events_until_the_sandbox_is_gone(panda: AsyncPandaStack) -> None:
    sandbox = await panda.sandboxes.create()
    seen: list[int] = []
    async with sandbox.events(follow=True) as events:
        async for event in events:
            if not seen:
                await sandbox.kill()
            seen.append(event.id)
    assert seen == sorted(set(seen))
    assert len(seen) >= 2


async def test_names_ports(sandbox: AsyncSandbox) -> None:
    server = await sandbox.commands.start("listen 3000")
    added = await sandbox.ports.add(3000, label="web", public=True)
    assert (added.port, added.label, added.public) == (3000, "web", True)
    assert [port.port for port in await sandbox.ports.list()] == [3000]
    link = await sandbox.ports.create_preview_link(3000, ttl_seconds=60, paths=["/docs"])
    assert (link.port, link.paths) == (3000, ["/docs"])
    await sandbox.ports.revoke_preview_links(token=link.token)
    await sandbox.ports.revoke_preview_links()
    assert sandbox.ports.url(3000) == f"http://{sandbox.get_host(3000)}"
    assert sandbox.get_host(3000).startswith(f"3000-{sandbox.id}.localhost:")
    assert added.preview_url.rstrip("/") == sandbox.ports.url(3000)
    with pytest.raises(ValueError, match="no port"):
        sandbox.ports.host(0)
    async with await sandbox.ports.connect(3000) as connection:
        await connection.send(b"x" * 20_000)
        await connection.end()
        received = b""
        while piece := await connection.receive():
            received += piece
    assert received == b"x" * 20_000
    with pytest.raises(PandaStackError) as refused:
        await sandbox.ports.connect(3001)
    assert refused.value.code == "port.connection_refused"
    await sandbox.ports.remove(3000)
    assert [port.label for port in await sandbox.ports.list()] == [None]
    await server.kill()


async def test_uses_volumes(panda: AsyncPandaStack) -> None:
    volume = await panda.volumes.create("data", size_mb=16)
    async with await panda.sandboxes.create(volumes=["data"]) as sandbox:
        assert [each.path for each in sandbox.info.volumes] == ["/mnt/data"]
        assert (await volume.refresh()).attached_to[0].sandbox_id == sandbox.id
        with pytest.raises(ConflictError) as caught:
            await volume.delete()
        assert caught.value.code == "volume.in_use"
    await volume.grow(32)
    assert volume.info.size_mb == 32
    clone = await volume.clone("copy")
    frozen = await volume.snapshot("frozen")
    assert frozen.info.is_snapshot
    assert [each.name for each in await panda.volumes.list()] == ["copy", "data", "frozen"]
    await clone.delete()
    await panda.volumes.delete("frozen")
    await (await panda.volumes.get("data")).delete()


async def test_tells_what_there_is(panda: AsyncPandaStack) -> None:
    assert "base" in [template.name for template in await panda.templates.list()]
    assert (await panda.templates.get("ubuntu-24.04")).name == "base"
    assert (await panda.hosts.list())[0].ready
    me = await panda.tokens.me()
    assert me.role == "admin"
    token = await panda.tokens.create(label="from python", role="read")
    assert token.prefix in [each.prefix for each in await panda.tokens.list()]
    async with AsyncPandaStack(token=token.token, api_url=panda.base_url) as reader:
        with pytest.raises(AuthError) as caught:
            await reader.sandboxes.create()
        assert caught.value.code == "auth.forbidden"
    await panda.tokens.revoke(token.prefix)
    slug = f"team-{uuid.uuid4().hex[:8]}"
    await panda.workspaces.create(slug, name="Team")
    assert slug in [each.slug for each in await panda.workspaces.list()]
    assert await panda.workspaces.tokens(slug).list() == []
    await panda.workspaces.set_isolation(slug, "kernel")
    assert await panda.workspaces.isolation(slug) == "kernel"
    assert (await panda.workspaces.limits()).usage.sandboxes >= 0
    changed = await panda.workspaces.set_limits(slug, {"running_sandboxes": 3})
    assert (changed.workspace, changed.limits.running_sandboxes) == (slug, 3)
    again = await panda.workspaces.set_limits(slug, {"running_sandboxes": None})
    assert again.limits == again.defaults
    network = await panda.workspaces.set_network(slug, default={"egress": "off"})
    assert (network.default, network.ceiling) == ({"egress": "off"}, None)
    assert (await panda.workspaces.set_network(slug, default=None)).default is None
    assert (await panda.workspaces.network(slug)).ceiling is None


async def test_says_what_is_wrong(panda: AsyncPandaStack, server: Server) -> None:
    with pytest.raises(PandaStackError) as caught:
        await panda.sandboxes.create(template="nothing-like-it")
    assert (caught.value.code, caught.value.status) == ("template.not_found", 400)
    assert caught.value.hint is not None
    with pytest.raises(TypeError, match="ttl_second'"):
        await panda.sandboxes.create(ttl_second=1)  # type: ignore[call-arg]
    with pytest.raises(InvalidRequestError):
        await panda.sandboxes.get("..")
    async with AsyncPandaStack("pds_wrong", base_url=server.url) as stranger:
        with pytest.raises(AuthError) as unknown:
            await stranger.sandboxes.list()
    assert unknown.value.code == "auth.invalid_token"
    async with AsyncPandaStack(base_url=server.url) as nobody:
        with pytest.raises(AuthError, match="PANDASTACK_API_KEY"):
            await nobody.sandboxes.list()


async def test_reads_the_audit_log(panda: AsyncPandaStack) -> None:
    sandbox = await panda.sandboxes.create()
    await sandbox.kill()
    async with panda.audit.list(target=sandbox.id) as entries:
        async for entry in entries:
            assert entry.target == sandbox.id
