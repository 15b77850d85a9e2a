"""Holds the manifests on standard input against the schemas of several versions of Kubernetes and of the Prometheus operator.

Prints one line for each problem, and ends with 1 when there is one; else prints how many objects it looked at.
"""

import sys

import kubernetes_validate
import yaml
from cloudcoil.models.prometheus_operator import v1 as operator

# The oldest one that there are schemas of, and the newest.
VERSIONS = ["1.25", "1.31", "1.37"]


def of_operator(document):
    """Its types, and its names: what a model does not know it leaves out."""
    model = getattr(operator, document["kind"])
    known = model.model_validate(document).model_dump(mode="json", by_alias=True, exclude_unset=True)
    return [] if known == document else [f"keys that are not known: {lost(document, known)}"]


def lost(given, known, place=""):
    if isinstance(given, dict) and isinstance(known, dict):
        missing = [f"{place}.{key}" for key in given if key not in known]
        return missing + [found for key in given if key in known for found in lost(given[key], known[key], f"{place}.{key}")]
    if isinstance(given, list) and isinstance(known, list):
        return [found for at, pair in enumerate(zip(given, known)) for found in lost(*pair, f"{place}[{at}]")]
    return [] if given == known else [f"{place}: {given!r} became {known!r}"]


def problems(document):
    if document["apiVersion"] == "monitoring.coreos.com/v1":
        yield from of_operator(document)
        return
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(document, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            yield f"{version}: {'.'.join(map(str, error.path))}: {error.message}"


def main():
    documents = [document for document in yaml.safe_load_all(sys.stdin) if document]
    found = [f"{each['kind']} {each['metadata']['name']}: {why}" for each in documents for why in problems(each)]
    print("\n".join(found) if found else len(documents))
    sys.exit(bool(found))


main()
