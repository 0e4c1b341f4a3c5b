# What pydantic-tes (Galaxy, Pulsar) sees of a service, as JSON on stdout. Arguments: URL with a final slash, image.
# The task is of Pulsar's form: three executors share a volume, inputs lie beneath it, and every unset key is sent as null.
import json
import sys
import time

from pydantictes.api import TesClient
from pydantictes.models import TesExecutor, TesFileType, TesInput, TesResources, TesTask

url, image = sys.argv[1], sys.argv[2]
client = TesClient(url, headers={"Authorization": "Basic Tm9uZTpOb25l"})
folder = "/pulsar_staging/7"


def wait(task, seconds=120):
    """The task once it is over, in FULL, which Pulsar always asks for."""
    end = time.time() + seconds
    while time.time() < end:
        found = client.get_task(task, "FULL")
        if found.state.value not in ("QUEUED", "INITIALIZING", "RUNNING"):
            return found
        time.sleep(0.1)
    raise Exception("Task %s is not over" % task)


def executor(line):
    return TesExecutor(image=image, command=["sh", "-c", line], workdir=folder)


seen = {"info": client.service_info().type.artifact.value}
task = TesTask(
    name="pulsar 7",
    inputs=[
        TesInput(path=folder + "/command_files/config.json", content="{}", type=TesFileType.FILE),
        TesInput(path=folder + "/run.sh", content="cat staged >result", type=TesFileType.FILE),
    ],
    executors=[
        executor("cat command_files/config.json >staged"),
        executor("sh run.sh; exit 0"),
        executor("cat result"),
    ],
    volumes=["/pulsar_staging"],
    resources=TesResources(cpu_cores=1, ram_gb=0.1),
)
created = client.create_task(task)
done = wait(created.id)
seen["state"] = done.state.value
seen["codes"] = [log.exit_code for log in done.logs[0].logs]
seen["stdout"] = done.logs[0].logs[-1].stdout
seen["types"] = [file.type.value for file in done.inputs]

failed = wait(client.create_task(TesTask(executors=[executor("exit 4"), executor("true")])).id)
seen["failed"] = [failed.state.value, [log.exit_code for log in failed.logs[0].logs]]
client.cancel_task(created.id)
seen["still"] = client.get_task(created.id, "FULL").state.value
seen["listed"] = created.id in [found.id for found in client.list_tasks().tasks]
print(json.dumps(seen))
