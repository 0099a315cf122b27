"""`init` and `schema`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from jsonschema import Draft202012Validator

from tests.wording import Wording
from xenassign.cli import cli
from xenassign.formats.toml_text import parse_toml

Invoke = Callable[..., Result]


@pytest.fixture
def invoke() -> Invoke:
    return lambda *arguments: CliRunner().invoke(cli, [str(a) for a in arguments])


@pytest.fixture
def qemu(host_files: dict[str, Path]) -> Path:
    return host_files["qemu"]


def test_schema(invoke: Invoke) -> None:
    done = invoke("schema")
    assert done.exit_code == 0
    schema = json.loads(done.output)
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert Draft202012Validator(schema).is_valid({"lint": {"ignore": ["XA405"]}})
    assert not Draft202012Validator(schema).is_valid({"lints": {}})


def test_init_to_standard_output(invoke: Invoke, qemu: Path) -> None:
    done = invoke("init", qemu, "--xen", "4.19", "--iommu-driver", "smmu")
    assert done.exit_code == 0
    values = parse_toml(done.output, "x").values
    assert values["host"] == str(qemu)
    assert (values["xen"], values["iommu-driver"]) == ("4.19", ["smmu"])
    assert done.output == invoke("init", qemu, "--xen", "4.19", "--iommu-driver", "smmu").output
    again = invoke("init", qemu, "--xen", "4.19", "--iommu-driver", "smmu", "-o", "-")
    assert (again.exit_code, again.output) == (0, done.output)
    assert not Path("-").exists()


def test_init_names_the_host_as_the_file_sees_it(
    invoke: Invoke, qemu: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "boards").mkdir()
    (tmp_path / "boards" / "b.dtb").write_bytes(qemu.read_bytes())
    monkeypatch.chdir(tmp_path)
    target = Path("sub") / "x.toml"
    done = invoke("init", "boards/b.dtb", "-o", target)
    assert done.exit_code == 0
    assert done.output.startswith(f"wrote {target}; ")
    assert parse_toml(target.read_text(), "x").values["host"] == "../boards/b.dtb"


def test_init_replaces_nothing_unasked(
    invoke: Invoke, qemu: Path, tmp_path: Path, wording: Wording
) -> None:
    target = tmp_path / "x.toml"
    target.write_text("mine")
    done = invoke("init", qemu, "-o", target)
    wording(done)
    assert target.read_text() == "mine"
    assert invoke("init", qemu, "-o", target, "--overwrite").exit_code == 0
    assert target.read_text().startswith("# The domains of a system")
