# What py-tes sees of a service in one round trip, as JSON on stdout. Arguments: URL, image, a login as JSON.
# Works with 0.4 and 1.1.
import json
import sys
import time

import requests
import tes

url, image, login = sys.argv[1:4]
client = tes.HTTPClient(url, timeout=10, **json.loads(login))
seen = {}


def shell(line, **more):
    return tes.Executor(image=image, command=["sh", "-c", line], **more)


def poll(task, states, seconds=60):
    """The first of the states that the task comes to. 0.4 raises on states it does not know; they pass."""
    end = time.time() + seconds
    while time.time() < end:
        try:
            state = client.get_task(task, "MINIMAL").state
        except (tes.utils.UnmarshalError, ValueError):
            state = None
        if state in states:
            return state
        time.sleep(0.05)
    raise Exception("Task %s did not come to %s" % (task, states))


info = client.get_service_info()
kind = getattr(info, "type", None)
seen["info"] = {"name": info.name, "artifact": kind and kind["artifact"], "storage": info.storage}

done = client.create_task(
    tes.Task(
        name="done",
        tags={"k": "v"},
        volumes=["/vol"],
        resources=tes.Resources(cpu_cores=1, ram_gb=0.1),
        inputs=[tes.Input(path="/data/in", content="hello")],
        executors=[shell("cat /data/in", env={"A": "b"}), shell("exit 0")],
    )
)
failed = client.create_task(tes.Task(name="failed", executors=[shell("exit 3"), shell("exit 0")]))
endless = client.create_task(tes.Task(name="endless", executors=[shell("sleep 600")]))

seen["done"] = client.wait(done, timeout=120).state
seen["failed"] = client.wait(failed, timeout=120).state

for view in ["MINIMAL", "BASIC", "FULL"]:
    task = client.get_task(done, view)
    log = task.logs[0] if task.logs else None
    seen[view] = {
        "state": task.state,
        "name": task.name,
        "tags": task.tags,
        "content": task.inputs[0].content if task.inputs else None,
        "codes": [entry.exit_code for entry in log.logs] if log else None,
        "stdout": log.logs[0].stdout if log else None,
        "created": task.creation_time is not None,
    }
seen["code"] = [entry.exit_code for entry in client.get_task(failed, "FULL").logs[0].logs]

poll(endless, ["RUNNING"])
client.cancel_task(endless)
seen["canceled"] = poll(endless, ["CANCELED"])
client.cancel_task(endless)
client.cancel_task(done)
seen["still"] = client.get_task(done, "MINIMAL").state

listed = []
token = None
for _ in range(1000):
    page = client.list_tasks(view="MINIMAL", page_size=2, page_token=token)
    listed += [task.id for task in page.tasks]
    token = page.next_page_token
    if not token:
        break
seen["listed"] = [name for task in listed for name in ["done", "failed", "endless"] if task == {"done": done, "failed": failed, "endless": endless}[name]]
names = {task.id: task.name for task in client.list_tasks(view="FULL").tasks}
seen["names"] = [names[done], names[failed], names[endless]]

try:
    client.get_task("none")
except requests.HTTPError as error:
    seen["unknown"] = error.response.status_code
try:
    client.create_task(tes.Task(executors=[tes.Executor(image=image, command=[])]))
except requests.HTTPError as error:
    seen["refused"] = error.response.status_code

print(json.dumps(seen))
