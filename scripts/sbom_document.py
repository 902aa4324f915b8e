"""Takes what is of one machine out of the document that cargo-cyclonedx made, checks it, and prints it.

Usage: sbom_document.py DOCUMENT CRATES SCHEMAS. CRATES is what `cargo tree` says; SCHEMAS is a folder with those of CycloneDX.
"""

import json
import pathlib
import re
import sys

import jsonschema_rs

NAME = "ai-storage-orchestrator"


def fail(why):
    sys.exit(f"scripts/sbom: {why}")


def renamed(value, names):
    """The same with other references to components."""
    if isinstance(value, dict):
        return {key: renamed(inner, names) for key, inner in value.items()}
    if isinstance(value, list):
        return [renamed(inner, names) for inner in value]
    return names.get(value, value) if isinstance(value, str) else value


def built(crates):
    """The crates that cargo builds, as name and version."""
    lines = (re.match(r"(\S+) v(\S+)", line) for line in crates.read_text().splitlines())
    return {(line[1], line[2]) for line in lines if line}


def leave_only(document, crates):
    """Leaves these crates only: cargo-cyclonedx also names some that come with features of the tests' dependencies."""

    def is_built(component):
        return (component["name"], component["version"]) in crates

    others = {component["bom-ref"] for component in document["components"] if not is_built(component)}
    document["components"] = [component for component in document["components"] if is_built(component)]
    said = {(component["name"], component["version"]) for component in document["components"]}
    if missing := {crate for crate in crates - said if crate[0] != NAME}:
        fail(f"the document leaves out {sorted(missing)}")
    document["dependencies"] = [its for its in document["dependencies"] if its["ref"] not in others]
    for its in document["dependencies"]:
        if "dependsOn" in its:
            its["dependsOn"] = [ref for ref in its["dependsOn"] if ref not in others]


def validate(document, schemas):
    """Holds the document against the schema of its version."""

    def schema(name):
        return json.loads((schemas / f"{name}.SNAPSHOT.schema.json").read_text())

    parts = {
        f"http://cyclonedx.org/schema/{name}.SNAPSHOT.schema.json": schema(name) for name in ("jsf-0.82", "spdx")
    }
    registry = jsonschema_rs.Registry(list(parts.items()))
    whole = schema(f"bom-{document['specVersion']}")
    validator = jsonschema_rs.validator_for(whole, registry=registry, validate_formats=True)
    faults = [f"{'/'.join(map(str, fault.instance_path))}: {fault.message}" for fault in validator.iter_errors(document)]
    if faults:
        fail("the document is not valid:\n" + "\n".join(faults[:20]))


def main():
    path, crates, schemas = map(pathlib.Path, sys.argv[1:])
    document = json.loads(path.read_text())
    itself = document["metadata"]["component"]
    if itself["name"] != NAME or document["bomFormat"] != "CycloneDX":
        fail(f"the document is about {itself['name']}")

    # The folder of the checkout, and the time, which is none.
    own = f"pkg:cargo/{NAME}@{itself['version']}"
    document = renamed(document, {itself["bom-ref"]: own, itself["purl"]: own})
    del document["metadata"]["timestamp"]
    leave_only(document, built(crates))
    document["components"].sort(key=lambda component: (component["name"], component["version"]))
    document["dependencies"].sort(key=lambda dependency: dependency["ref"])

    validate(document, schemas)
    text = json.dumps(document, indent=2, ensure_ascii=False)
    if local := re.search(r"file:|/(?:tmp|root|home)/[^\"]*", text):
        fail(f"the document names a place of this machine: {local[0]}")
    for component in document["components"]:
        if not component.get("hashes") or not component.get("licenses"):
            fail(f"{component['name']} {component['version']} has no hash or no licence")
    print(text)


main()
