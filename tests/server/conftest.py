"""The server, started once for a module's tests, and an editor for each test."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import pytest_lsp
from lsprotocol import types as lsp

from tests.conftest import FIXTURES
from tests.linting.bases import BASES

from .editor import COMMAND, Editor

SERVER = pytest_lsp.ClientServerConfig(server_command=COMMAND)


@pytest_lsp.fixture(config=SERVER, scope="module")  # type: ignore[untyped-decorator]
async def client(lsp_client: pytest_lsp.LanguageClient) -> AsyncIterator[None]:
    """A client that says that it is Visual Studio Code."""

    @lsp_client.feature(lsp.CLIENT_REGISTER_CAPABILITY)  # type: ignore[untyped-decorator]
    def registered(_: lsp.RegistrationParams) -> None:
        """The files to watch."""

    capabilities = pytest_lsp.client_capabilities("visual_studio_code")
    await lsp_client.initialize_session(lsp.InitializeParams(capabilities=capabilities))
    yield
    await lsp_client.shutdown_session()


@pytest_asyncio.fixture(loop_scope="module")
async def editor(client: pytest_lsp.LanguageClient) -> AsyncIterator[Editor]:
    """An editor without open files, and without settings."""
    editor = Editor(client)
    yield editor
    await editor.close()
    client.workspace_did_change_configuration(lsp.DidChangeConfigurationParams({}))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a domain of QEMU's board, its marks, and a xenassign.toml."""
    for file in (BASES / "virt").iterdir():
        shutil.copy(file, tmp_path)
    (tmp_path / "domain.dts").unlink()
    shutil.copy(FIXTURES / "qemu-virt-gicv3.dtb", tmp_path / "board.dtb")
    shutil.copy(FIXTURES / "qemu-virt-gicv3.dts", tmp_path / "board.dts")
    (tmp_path / "xenassign.toml").write_text('host = "board.dtb"\n')
    return tmp_path
