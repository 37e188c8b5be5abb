"""Asks a server by KServe's SDK, in the SDK's own virtual environment: argv is the server's URL and a file of questions; the answers go to stdout
as JSON. What the SDK raises stands as its text in the answer."""
import asyncio
import json
import sys

import numpy as np
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.protocol.infer_type import InferOutput, RequestedOutput  # noqa: F401


async def attempt(call):
    try:
        got = call()
        return await got if asyncio.iscoroutine(got) else got
    except Exception as e:
        return f"{type(e).__name__}: {e}"


def request(model, x, raw, version=None, name="features"):
    t = InferInput(name=name, shape=list(x.shape), datatype="FP32")
    t.set_data_from_numpy(x, binary_data=raw)
    more = {"model_version": version} if version else {}
    return InferRequest(model_name=model, infer_inputs=[t], request_id="k-1", **more)


def told(response):
    if isinstance(response, (str, bool, dict)):
        return response
    return {"id": response.id, "version": response.model_version, "outputs": {o.name: np.asarray(o.as_numpy()).ravel().tolist() for o in response.outputs}}


async def main(url, rows):
    x = np.array(rows, np.float32)
    out = {}
    v2 = InferenceRESTClient(RESTConfig(protocol="v2", retries=0, timeout=30))
    v1 = InferenceRESTClient(RESTConfig(protocol="v1", retries=0, timeout=30))
    out["live"] = await attempt(lambda: v2.is_server_live(url))
    out["ready"] = await attempt(lambda: v2.is_server_ready(url))
    out["model ready"] = await attempt(lambda: v2.is_model_ready(url, "trees"))
    out["absent ready"] = await attempt(lambda: v2.is_model_ready(url, "absent"))
    for raw in (False, True):
        out[f"v2 {raw}"] = told(await attempt(lambda: v2.infer(url, request("trees", x, raw), model_name="trees")))
    out["v2 absent"] = told(await attempt(lambda: v2.infer(url, request("absent", x, False), model_name="absent")))
    out["v2 wrong"] = told(await attempt(lambda: v2.infer(url, request("trees", x[:, :5], False), model_name="trees")))
    out["v1 live"] = await attempt(lambda: v1.is_server_live(url))
    out["v1 model ready"] = await attempt(lambda: v1.is_model_ready(url, "trees"))
    out["v1"] = await attempt(lambda: v1.infer(url, {"instances": x.tolist()}, model_name="trees"))
    out["v1 explain"] = await attempt(lambda: v1.explain(url, model_name="trees", data={"instances": x.tolist()}))
    out["v1 wrong"] = await attempt(lambda: v1.infer(url, {"instances": []}, model_name="trees"))
    target = url.split("//")[1]
    async with InferenceGRPCClient(target, retries=0, timeout=30) as g:
        out["grpc live"] = await attempt(g.is_server_live)
        out["grpc ready"] = await attempt(g.is_server_ready)
        out["grpc model ready"] = await attempt(lambda: g.is_model_ready("trees"))
        for raw in (False, True):
            out[f"grpc {raw}"] = told(await attempt(lambda: g.infer(request("trees", x, raw))))
        out["grpc absent"] = told(await attempt(lambda: g.infer(request("absent", x, True))))
    await v2.close()
    await v1.close()
    return out


if __name__ == "__main__":
    with open(sys.argv[2]) as f:
        print(json.dumps(asyncio.run(main(sys.argv[1], json.load(f)))))
