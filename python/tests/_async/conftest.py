from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from running_server import Server

from pandastack import AsyncPandaStack, AsyncSandbox


@pytest.fixture
async def panda(server: Server) -> AsyncIterator[AsyncPandaStack]:
    async with AsyncPandaStack(server.token, base_url=server.url) as client:
        yield client


@pytest.fixture
async def sandbox(panda: AsyncPandaStack) -> AsyncIterator[AsyncSandbox]:
    async with await panda.sandboxes.create(ttl_seconds=600) as made:
        yield made
