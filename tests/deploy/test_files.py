"""The files in deploy/, as far as they can be tested without a container engine or a cluster."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import click
import kubernetes_validate
import pytest
import yaml

from leomock.cli.main import main
from tests.deploy.shards import DEPLOY, HAPROXY

CONFIG = (DEPLOY / "haproxy.cfg").read_text("utf-8")
SHARDS = (0, 1)


def documents(name: str) -> dict[str, dict[str, Any]]:
    """Return the manifests of a file by `Kind/name`."""
    found = yaml.safe_load_all((DEPLOY / "kubernetes" / name).read_text("utf-8"))
    return {f"{each['kind']}/{each['metadata']['name']}": each for each in found}


STATEFUL = documents("shards.yaml")
PROXY = documents("proxy.yaml")
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))


def serve_options(arguments: list[str]) -> dict[str, Any]:
    """Parse the arguments of a container as the image's entry point would."""
    assert isinstance(main, click.Group)
    command = main.get_command(click.Context(main), arguments[0])
    assert command
    return command.make_context(arguments[0], list(arguments[1:])).params


@pytest.mark.skipif(not HAPROXY, reason="HAProxy is not installed (apt install haproxy)")
def test_configuration_is_valid_for_haproxy() -> None:
    """With addresses in place of the names, which exist only in a cluster; a warning fails as well."""
    addresses = {f"LEOMOCK_SHARD_{number}": f"127.0.0.1:{8091 + number}" for number in SHARDS}
    done = subprocess.run(
        [HAPROXY, "-c", "-dW", "-f", str(DEPLOY / "haproxy.cfg")],
        env=addresses,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_compose_starts_every_shard_of_the_proxy() -> None:
    services = COMPOSE["services"]
    proxy = services["proxy"]
    for number in SHARDS:
        name = f"leomock-{number}"
        assert proxy["environment"][f"LEOMOCK_SHARD_{number}"] == f"{name}:8090"
        assert proxy["depends_on"][name] == {"condition": "service_healthy"}
        command = [re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", argument) for argument in services[name]["command"]]
        options = serve_options(command)
        assert options["public_url"] == f"http://localhost:8090/s/{number}"
        assert (options["host"], options["port"]) == ("0.0.0.0", 8090)
        [volume] = services[name]["volumes"]
        source, _, target = volume.partition(":")
        assert source in COMPOSE["volumes"]
        assert str(options["state_file"]).startswith(f"{target}/")
    assert (DEPLOY / proxy["volumes"][0].partition(":")[0]).is_file()


def test_every_object_has_its_api_version() -> None:
    versions = {name.partition("/")[0]: each["apiVersion"] for name, each in {**STATEFUL, **PROXY}.items()}
    assert versions == {
        "Service": "v1",
        "Secret": "v1",
        "PodDisruptionBudget": "policy/v1",
        "StatefulSet": "apps/v1",
        "Deployment": "apps/v1",
    }


@pytest.mark.parametrize("name", ["shards.yaml", "proxy.yaml"])
def test_manifests_fit_the_schemas_of_kubernetes(name: str) -> None:
    for manifest in documents(name).values():
        kubernetes_validate.validate(manifest, "1.31", strict=True)


def test_compose_file_fits_the_schema_of_compose() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*command, DEPLOY / "compose.yaml"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_headless_service_names_the_pods_of_the_stateful_set() -> None:
    service, stateful = STATEFUL["Service/leomock"]["spec"], STATEFUL["StatefulSet/leomock"]["spec"]
    assert service["clusterIP"] == "None"
    assert service["publishNotReadyAddresses"] is True
    assert stateful["serviceName"] == "leomock"
    labels = stateful["template"]["metadata"]["labels"]
    assert service["selector"].items() <= labels.items()
    assert stateful["selector"]["matchLabels"].items() <= labels.items()
    assert (
        STATEFUL["PodDisruptionBudget/leomock"]["spec"]["selector"]["matchLabels"].items() <= labels.items()
    )


def test_proxy_knows_every_pod() -> None:
    assert STATEFUL["StatefulSet/leomock"]["spec"]["replicas"] == len(SHARDS)
    [container] = PROXY["Deployment/leomock-proxy"]["spec"]["template"]["spec"]["containers"]
    addresses = {each["name"]: each.get("value", "") for each in container["env"]}
    for number in SHARDS:
        assert addresses[f"LEOMOCK_SHARD_{number}"].startswith(f"leomock-{number}.leomock.")
    assert sorted(set(re.findall(r"\$\{LEOMOCK_SHARD_(\d)\}", CONFIG))) == ["0", "1"]


def test_arguments_of_a_pod_are_understood() -> None:
    [container] = STATEFUL["StatefulSet/leomock"]["spec"]["template"]["spec"]["containers"]
    known = {each["name"] for each in container["env"]}
    arguments = " ".join(container["args"])
    assert set(re.findall(r"\$\((\w+)\)", arguments)) == known
    options = serve_options([argument.replace("$(SHARD)", "1") for argument in container["args"]])
    assert options["public_url"] == "https://leomock.example/s/1"
    assert options["log_format"] == "json"
    mounts = {each["mountPath"]: each["name"] for each in container["volumeMounts"]}
    [claim] = STATEFUL["StatefulSet/leomock"]["spec"]["volumeClaimTemplates"]
    assert mounts["/data"] == claim["metadata"]["name"]
    assert str(options["state_file"]).startswith("/data/")


@pytest.mark.parametrize("probe", ["startupProbe", "readinessProbe", "livenessProbe"])
def test_probes_ask_existing_addresses(probe: str) -> None:
    [container] = STATEFUL["StatefulSet/leomock"]["spec"]["template"]["spec"]["containers"]
    wanted = "live" if probe == "livenessProbe" else "ready"
    assert container[probe]["httpGet"] == {"path": f"/_leomock/health/{wanted}", "port": "http"}
    assert container["ports"] == [{"name": "http", "containerPort": 8090}]


def test_pods_stop_later_than_the_server_needs() -> None:
    """5 s for open calls, 0.5 s for closed ones, then the state is saved."""
    from leomock.server.listen import GRACE_SECONDS, LAST_SECONDS

    pod = STATEFUL["StatefulSet/leomock"]["spec"]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] > 2 * (GRACE_SECONDS + LAST_SECONDS)
    assert COMPOSE["x-shard"]["stop_grace_period"] == "15s"


def test_kustomization_names_existing_files() -> None:
    kustomization = yaml.safe_load((DEPLOY / "kustomization.yaml").read_text("utf-8"))
    files = [*kustomization["resources"], *kustomization["configMapGenerator"][0]["files"]]
    assert [name for name in files if not (DEPLOY / name).is_file()] == []
    volumes = PROXY["Deployment/leomock-proxy"]["spec"]["template"]["spec"]["volumes"]
    assert volumes[0]["configMap"]["name"] == kustomization["configMapGenerator"][0]["name"]
