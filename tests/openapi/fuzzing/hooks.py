"""What the fuzzer cannot guess: the workloads that the simulated cluster has."""
import schemathesis

WORKLOADS = [
    ("default", "nginx-deployment", "Deployment"),
    ("ml-workloads", "ai-training-job", "Deployment"),
    ("production", "web-frontend", "auto"),
    ("ml", "ai-inference", "Deployment"),
    ("ml", "mig-inference", "Deployment"),
    ("research", "model-training", "StatefulSet"),
]


@schemathesis.hook.apply_to(operation_id="createAutoscaler")
def map_body(context, body):
    """A workload that is there, nearly always; which one follows from the body, so that a run can be repeated."""
    if isinstance(body, dict) and isinstance(body.get("workload_name"), str):
        choice = len(repr(sorted(body.items(), key=repr)))
        if choice % 8 < len(WORKLOADS):
            namespace, name, kind = WORKLOADS[choice % 8]
            return body | {"workload_namespace": namespace, "workload_name": name, "workload_type": kind}
    return body
