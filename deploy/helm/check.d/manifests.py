"""Kubernetes objects, read without a cluster: manifests.py FILE.yaml...

TypeScript's compiler holds each against Kubernetes' own types, so that a misspelt field or a
value of another type is found; then what they say of one another is looked at.
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile

import yaml

_HERE = pathlib.Path(__file__).resolve().parent
_OPERATORS = ("monitoring.coreos.com/v1", "cert-manager.io/v1")
_WORKLOADS = ("Deployment", "StatefulSet")
_SERVICES = _HERE.parents[2] / "services"
# Abseil's own.
_FLAGS_OF_ALL = {"flagfile", "fromenv", "tryfromenv"}


def _module(api_version):
    """Where a kind's type is: kubernetes-types has groups without their domain."""
    if api_version in _OPERATORS:
        return "./operators"
    group, _, version = api_version.rpartition("/")
    return f"kubernetes-types/{group.split('.')[0] or 'core'}/{version}"


def _typescript(files):
    lines = []
    for path, item in [(path, item) for path, items in files.items() for item in items]:
        i, kind, module = len(lines), item["kind"], _module(item["apiVersion"])
        lines.append(f"// {path}: {kind} {item['metadata']['name']}")
        lines.append(f"import type {{{kind} as Kind{i}}} from {json.dumps(module)};")
        lines.append(f"export const object{i}: Kind{i} = {json.dumps(item, indent=1)};")
    return "\n".join(lines) + "\n"


def wrong_types(files):
    """Returns what the compiler says of {path: objects}, a line each."""
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        (root / "node_modules").symlink_to(_HERE / "node_modules")
        (root / "operators.d.ts").write_bytes((_HERE / "operators.d.ts").read_bytes())
        (root / "objects.ts").write_text(_typescript(files), encoding="utf-8")
        done = subprocess.run(
            ["node", _HERE / "node_modules/typescript/bin/tsc", "--noEmit", "--strict"]
            + ["--module", "commonjs", "--pretty", "false", "objects.ts"],
            cwd=root,
            capture_output=True,
            text=True,
            check=False,
        )
        source = (root / "objects.ts").read_text(encoding="utf-8").splitlines()
    wrong = []
    for line in done.stdout.splitlines():
        found = re.match(r"objects\.ts\((\d+),\d+\): error TS\d+: (.*)", line)
        if found:
            number = int(found[1])
            begins = [text[3:] for text in source[:number] if text.startswith("// ")]
            wrong.append(f"{begins[-1]}: {source[number - 1].strip()} {found[2]}")
        elif not line.startswith(" "):
            wrong.append(line)
    if done.returncode and not wrong:
        wrong.append(done.stdout + done.stderr)
    return wrong


def _flags(program):
    """The flags that a program's sources define."""
    folders = (_SERVICES / program.removeprefix("msgproc-"), _SERVICES / "base")
    sources = [path.read_text("utf-8") for folder in folders for path in folder.rglob("*flags.cc")]
    return _FLAGS_OF_ALL | set(re.findall(r"ABSL_FLAG\(\s*[\w:]+,\s*(\w+)", "".join(sources)))


def _wrong_flags(container):
    program = container.get("command", [""])[0]
    if program.startswith("msgproc-"):
        given = {text.partition("=")[0].removeprefix("--") for text in container["args"]}
        for flag in sorted(given - _flags(program)):
            yield f"{program} has no flag --{flag}"


def _fits(selector, labels):
    return all(labels.get(key) == value for key, value in selector.items())


def _seconds(arguments, flag):
    values = [text.partition("=")[2] for text in arguments if text.startswith(f"--{flag}=")]
    return int(values[-1].removesuffix("s")) if values else 0


def _selectors(item):
    """Yields (labels, named ports) of what an object picks among pods."""
    spec = item.get("spec", {})
    if item["kind"] == "Service":
        yield spec["selector"], [port["targetPort"] for port in spec["ports"]]
    if item["kind"] == "PodDisruptionBudget":
        yield spec["selector"]["matchLabels"], []
    if item["kind"] == "PodMonitor":
        ports = [endpoint["port"] for endpoint in spec["podMetricsEndpoints"]]
        yield spec["selector"]["matchLabels"], ports
    if item["kind"] == "NetworkPolicy":
        ports = [port["port"] for rule in spec["ingress"] for port in rule["ports"]]
        yield spec["podSelector"]["matchLabels"], ports


def _wrong_of_workload(item, names):
    kind, name = item["kind"], item["metadata"]["name"]
    spec, pod = item["spec"], item["spec"]["template"]
    if not _fits(spec["selector"]["matchLabels"], pod["metadata"]["labels"]):
        yield f"{kind} {name}: its selector does not fit its own pods"
    if kind == "StatefulSet" and ("Service", spec["serviceName"]) not in names:
        yield f"{kind} {name}: there is no Service {spec['serviceName']}"
    volumes = {volume["name"] for volume in pod["spec"].get("volumes", [])}
    for container in pod["spec"]["containers"]:
        mounts = {mount["name"] for mount in container.get("volumeMounts", [])}
        if mounts != volumes:
            yield f"{kind} {name}: mounts {sorted(mounts)} of volumes {sorted(volumes)}"
        yield from (f"{kind} {name}: {wrong}" for wrong in _wrong_flags(container))
        drains = sum(
            _seconds(container.get("args", []), f"drain_{w}") for w in ("delay", "timeout")
        )
        grace = pod["spec"]["terminationGracePeriodSeconds"]
        if grace <= drains:
            yield f"{kind} {name}: is killed after {grace} s, and drains for {drains} s"
        if container["image"].rpartition(":")[2] in (container["image"], "latest"):
            yield f"{kind} {name}: the image {container['image']} has no tag that stays"


def _wrong_names(objects):
    """Names of pods that are not in the certificate, where there is one."""
    text = json.dumps(objects)
    found = set(re.findall(r"[\w-]+-\d+(\.[\w.-]+):\d+", text))
    found.update(re.findall(r"\$\(POD_NAME\)(\.[\w.-]+):\d+", text))
    wanted = {f"*{domain}" for domain in found} | set(re.findall(r"grpc_ssl_name ([\w.-]+);", text))
    for item in objects:
        if item["kind"] == "Certificate":
            for name in sorted(wanted - set(item["spec"]["dnsNames"])):
                yield f"Certificate {item['metadata']['name']}: it has no name {name}"


def wrong_references(objects):
    """Returns what objects say of one another and is not so, a line each."""
    names = {(item["kind"], item["metadata"]["name"]) for item in objects}
    pods = [item["spec"]["template"] for item in objects if item["kind"] in _WORKLOADS]
    wrong = []
    for item in objects:
        where = f"{item['kind']} {item['metadata']['name']}"
        if item["kind"] in _WORKLOADS:
            wrong.extend(_wrong_of_workload(item, names))
        if item["kind"] == "HorizontalPodAutoscaler":
            target = item["spec"]["scaleTargetRef"]
            if (target["kind"], target["name"]) not in names:
                wrong.append(f"{where}: there is no {target['kind']} {target['name']}")
        for selector, ports in _selectors(item):
            picked = [pod for pod in pods if _fits(selector, pod["metadata"]["labels"])]
            if len(picked) != 1:
                wrong.append(f"{where}: picks the pods of {len(picked)} workloads")
                continue
            had = [port for c in picked[0]["spec"]["containers"] for port in c["ports"]]
            known = {port["name"] for port in had} | {port["containerPort"] for port in had}
            wrong.extend(f"{where}: its pods have no port {p}" for p in ports if p not in known)
    wrong.extend(_wrong_names(objects))
    if len(names) != len(objects):
        wrong.append("two objects have one name")
    return wrong


def main(paths):
    files = {}
    for path in map(pathlib.Path, paths):
        text = path.read_text(encoding="utf-8")
        files[path.name] = [item for item in yaml.safe_load_all(text) if item]
    wrong = wrong_types(files)
    for path, objects in files.items():
        wrong.extend(f"{path}: {line}" for line in wrong_references(objects))
        if not objects:
            wrong.append(f"{path}: there are no objects")
    print("\n".join(wrong), end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
