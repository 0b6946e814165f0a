"""pyrofile-validator as a judge, in its own virtual environment, with the definitions of R4, of US Core
and of Peerchart: Bundles and resources as NDJSON on standard input, what is wrong with them as
NDJSON on standard output, at the end how many lines it has judged.

    pyrofile_judge.py PROFILES PACKAGE... < bundles.ndjson

PROFILES is a JSON object of resource type to the profiles that it is judged by, each with its version;
`{}` for R4 alone.
"""

import contextlib
import io
import json
import re
import sys

from pyrofile_validator import Validator
from pyrofile_validator.config import ValidatorConfig
from pyrofile_validator.core import fhirpath

# What it cannot tell: slices and patterns of lists it compares as single values, value sets of terminologies
# that it does not hold (LOINC, SNOMED CT, VSAC), invariants in functions that fhirpathpy lacks, and
# extensions whose definitions it was not given.
MUTE = (
    "profile.pattern",
    "profile.slice",
    "profile.binding.required",
    "profile.element.binding.required",
    "questionnaire.unresolved",
    "invariant.unsupported",
    "extension.unknown",
)
_STEP = re.compile(r"(\w+)(?:\[(\d+)\])?$")


class Judge(Validator):
    """The validator; a resource that is the same as one before is not judged a second time."""

    def __init__(self, config):
        super().__init__(config)
        self.known = {}

    def _validate_one(self, resource, index, **more):
        key = json.dumps(resource)
        if key not in self.known:
            self.known[key] = super()._validate_one(resource, index, **more)
        return self.known[key]


class Augmented:
    """What fhirpath adds to a resource for its choices, made once for each object of a Bundle: it is asked
    for anew with every invariant, which is nine tenths of the validator's time."""

    def __init__(self):
        self.made, self.bases = {}, {}

    def __call__(self, data):
        if isinstance(data, list):
            return [self(item) for item in data]
        if not isinstance(data, dict):
            return data
        held = self.made.get(id(data))
        if held is None or held[0] is not data:
            result = {key: self(value) for key, value in data.items()}
            for key in data:
                base = self._base(key)
                if base is not None and base not in result:
                    result[base] = result[key]
            held = self.made[id(data)] = data, result
        return held[1]

    def _base(self, key):
        if key not in self.bases:
            fits = (s for s in fhirpath._CHOICE_SUFFIXES if key.endswith(s) and len(key) > len(s))
            suffix = next(fits, None) if key[:1].islower() else None
            self.bases[key] = key[: -len(suffix)] if suffix else None
        return self.bases[key]


def muted(issue, held):
    """Whether the issue, about one of these resources, is of those that the validator cannot tell."""
    if issue.code.endswith("cardinality.min") and str(issue.path).endswith("[x]"):
        of_type = [each for each in held if each.get("resourceType") == issue.resource_type]
        return bool(of_type) and all(has_choice(each, str(issue.path)) for each in of_type)
    return any(each in issue.code for each in MUTE)


def has_choice(resource, path):
    """Whether `Type.a[0].value[x]` has a value of some type: it looks for the literal name below the top."""
    *outer, last = path.removesuffix("[x]").split(".")[1:]
    for part in outer:
        step = _STEP.match(part)
        if step is None or not isinstance(resource, dict):
            return False
        resource = resource.get(step[1])
        if isinstance(resource, list):
            resource = resource[int(step[2] or 0)]
    return isinstance(resource, dict) and any(re.match(f"{last}[A-Z]", key) for key in resource)


def resources(line):
    """The resources of a Bundle, or the resource alone."""
    if line.get("resourceType") != "Bundle":
        return [line]
    return [each["resource"] for each in line.get("entry", []) if "resource" in each]


def main():
    """Judge every line of standard input."""
    profiles, packages = json.loads(sys.argv[1]), sys.argv[2:]
    augmented = fhirpath._augment_choice_types = Augmented()
    said = io.StringIO()
    count = 0
    answers = []
    with contextlib.redirect_stdout(said):  # it prints traces
        judge = Judge(ValidatorConfig(local_package_paths=packages))
        for number, text in enumerate(sys.stdin, start=1):
            count, line = number, json.loads(text)
            for each in resources(line):
                if isinstance(each, dict) and each.get("resourceType") in profiles:
                    each["meta"] = {**each.get("meta", {}), "profile": profiles[each["resourceType"]]}
            issues = judge.validate_resource(line).errors
            augmented.made.clear()
            said.seek(0)
            said.truncate()
            held = resources(line)
            found = [f"{each.code} {each.path}: {each.message}" for each in issues if not muted(each, held)]
            if found:
                answers.append({"line": number, "problems": found})
    for answer in answers:
        print(json.dumps(answer))
    print(json.dumps({"judged": count}))


if __name__ == "__main__":
    main()
