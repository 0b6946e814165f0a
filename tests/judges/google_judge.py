"""google-fhir-r4 as a judge, in its own virtual environment: Bundles and resources as NDJSON on standard
input, what is wrong with them as NDJSON on standard output, at the end how many lines it has judged.

A resource that is the same byte for byte as one before has the same judgement: it is told once.
"""

import json
import sys

from google.fhir.r4 import json_format
from google.fhir.r4.proto.core.resources import bundle_and_contained_resource_pb2 as protos

SHOWN = 300


def parts(resource):
    """The resources of a Bundle, each as an entry of its own, and the Bundle without them."""
    if resource.get("resourceType") != "Bundle":
        yield resource
        return
    for entry in resource.get("entry", []):
        if "resource" in entry:
            yield entry["resource"]
    bare = [{**entry} for entry in resource.get("entry", [])]
    for entry in bare:
        entry.pop("resource", None)
    yield {**resource, "entry": bare} if "entry" in resource else resource


def judge(resource):
    """The problem that google-fhir-r4 names, or None."""
    try:
        if resource.get("resourceType") == "Bundle":
            json_format.json_fhir_string_to_proto(json.dumps(resource), protos.Bundle)
        else:
            json_format.json_fhir_string_to_proto(json.dumps(resource), protos.ContainedResource)
    except Exception as error:  # noqa: BLE001 - whatever it raises is its judgement
        return f"{resource.get('resourceType')}: {type(error).__name__}: {str(error)[:SHOWN]}"
    return None


def main():
    """Judge every line of standard input."""
    known, count = {}, 0
    for number, line in enumerate(sys.stdin, start=1):
        count = number
        found = []
        for part in parts(json.loads(line)):
            key = json.dumps(part)
            if key not in known:
                known[key] = judge(part)
            found += [known[key]] if known[key] else []
        if found:
            print(json.dumps({"line": number, "problems": found}))
    print(json.dumps({"judged": count}))


if __name__ == "__main__":
    main()
