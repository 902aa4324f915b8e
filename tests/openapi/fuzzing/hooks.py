"""What the fuzzer cannot guess: the workloads that the simulated cluster has, and how many pods that can hold."""
import schemathesis

WORKLOADS = [
    ("default", "nginx-deployment", "Deployment"),
    ("ml-workloads", "ai-training-job", "Deployment"),
    ("production", "web-frontend", "auto"),
    ("ml", "ai-inference", "Deployment"),
    ("ml", "mig-inference", "Deployment"),
    ("research", "model-training", "StatefulSet"),
]


MOST_REPLICAS = 20


def within_the_cluster(definition):
    """The same definition, unless it would have the simulated cluster run millions of pods."""
    least = definition.get("min_replicas")
    if isinstance(least, int) and least > MOST_REPLICAS:
        return definition | {"min_replicas": MOST_REPLICAS}
    return definition


@schemathesis.hook.apply_to(operation_id="createAutoscaler")
def map_body(context, body):
    """A workload that is there, nearly always; which one follows from the body, so that a run can be repeated."""
    if isinstance(body, dict) and isinstance(body.get("workload_name"), str):
        body = within_the_cluster(body)
        choice = len(repr(sorted(body.items(), key=repr)))
        if choice % 8 < len(WORKLOADS):
            namespace, name, kind = WORKLOADS[choice % 8]
            return body | {"workload_namespace": namespace, "workload_name": name, "workload_type": kind}
    return body


@schemathesis.hook("map_body").apply_to(operation_id="updateAutoscaler")
def patched_within_the_cluster(context, body):
    """A patch likewise."""
    return within_the_cluster(body) if isinstance(body, dict) else body
