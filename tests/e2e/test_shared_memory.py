"""Triton's system shared memory with unmodified tritonclient: its own shared memory module makes the regions, its HTTP and gRPC clients register them and ask with
tensors in them."""
import os
import uuid

import numpy as np
import onnx
import pytest
import tritonclient.grpc as triton_grpc
import tritonclient.http as triton_http
import tritonclient.utils.shared_memory as shm
import xgboost
from onnx import TensorProto, helper
from tritonclient.utils import InferenceServerException, serialized_byte_size, serialize_byte_tensor

from test_serve_command import Serve

FEATURES = 6


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shm")
    rng = np.random.default_rng(7)
    x = rng.random((300, FEATURES), dtype=np.float32)
    booster = xgboost.train({"objective": "binary:logistic", "max_depth": 4}, xgboost.DMatrix(x, (x[:, 0] + x[:, 1] > 1).astype(int)), 20)
    booster.save_model(folder / "trees.json")
    nodes = [helper.make_node("Identity", ["text"], ["same"]), helper.make_node("Add", ["half", "half"], ["twice"])]
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("text", TensorProto.STRING, [None]), helper.make_tensor_value_info("half", TensorProto.FLOAT16, [None])],
                              [helper.make_tensor_value_info("same", TensorProto.STRING, [None]), helper.make_tensor_value_info("twice", TensorProto.FLOAT16, [None])])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), folder / "texts.onnx")
    with Serve(folder, "--shared-memory") as s:
        yield s, x, booster.predict(xgboost.DMatrix(x))


@pytest.fixture(params=["http", "grpc"])
def triton(request, world):
    module = {"http": triton_http, "grpc": triton_grpc}[request.param]
    with module.InferenceServerClient(world[0].url.split("//")[1]) as client:
        module.client = client
        client.unregister_system_shared_memory()
        yield module
        client.unregister_system_shared_memory()
        del module.client


class Region:
    def __init__(self, size):
        self.key, self.size = f"/ingot-{uuid.uuid4().hex}", size
        self.handle = shm.create_shared_memory_region("r", self.key, size)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shm.destroy_shared_memory_region(self.handle)


def names(status):
    return {r["name"] for r in status} if isinstance(status, list) else set(status.regions)


def refused(call, text):
    with pytest.raises(InferenceServerException, match=text):
        call()


def test_tensors_come_and_go_through_memory(triton, world):
    _, x, want = world
    client, rows = triton.client, 40
    assert "system_shared_memory" in (client.get_server_metadata()["extensions"] if triton is triton_http else client.get_server_metadata().extensions)
    with Region(rows * FEATURES * 4) as source, Region(4096) as target:
        client.register_system_shared_memory("in", source.key, source.size)
        client.register_system_shared_memory("out", target.key, 3072, offset=1024)
        assert names(client.get_system_shared_memory_status()) == {"in", "out"} and names(client.get_system_shared_memory_status("out")) == {"out"}
        for turn in range(3):
            part = x[turn * 50:turn * 50 + rows]
            shm.set_shared_memory_region(source.handle, [part])
            tensor = triton.InferInput("x", list(part.shape), "FP32")
            tensor.set_shared_memory("in", part.nbytes)
            output = triton.InferRequestedOutput("score")
            output.set_shared_memory("out", rows * 4, offset=64)
            answer = client.infer("trees", [tensor], outputs=[output])
            place = answer.get_output("score")
            assert triton is triton_grpc or "data" not in place
            np.testing.assert_array_equal(shm.get_contents_as_numpy(target.handle, np.float32, [rows], offset=1024 + 64), want[turn * 50:turn * 50 + rows])
            parameters = place["parameters"] if triton is triton_http else {k: v.string_param or v.int64_param for k, v in place.parameters.items()}
            assert parameters == {"shared_memory_region": "out", "shared_memory_byte_size": rows * 4, "shared_memory_offset": 64}
        # Only the input, or only the output.
        answer = client.infer("trees", [tensor])
        np.testing.assert_array_equal(answer.as_numpy("score"), want[100:100 + rows])
        plain = triton.InferInput("x", [5, FEATURES], "FP32")
        plain.set_data_from_numpy(x[:5])
        client.infer("trees", [plain], outputs=[output])
        np.testing.assert_array_equal(shm.get_contents_as_numpy(target.handle, np.float32, [5], offset=1024 + 64), want[:5])
        client.unregister_system_shared_memory("in")
        assert names(client.get_system_shared_memory_status()) == {"out"}
        refused(lambda: client.infer("trees", [tensor]), "no shared memory region")


def test_texts_and_halves(triton, world):
    client = triton.client
    words, halves = np.array([b"a", "ä€".encode(), b"", b"x" * 300], object), np.array([1.5, -2, 0.25, 6e-5], np.float16)
    packed = serialize_byte_tensor(words)
    size = serialized_byte_size(packed)
    with Region(4096) as r:
        shm.set_shared_memory_region(r.handle, [packed])
        shm.set_shared_memory_region(r.handle, [halves], offset=1000)
        client.register_system_shared_memory("r", r.key, r.size)
        text, half = triton.InferInput("text", [4], "BYTES"), triton.InferInput("half", [4], "FP16")
        text.set_shared_memory("r", size)
        half.set_shared_memory("r", halves.nbytes, offset=1000)
        same, twice = triton.InferRequestedOutput("same"), triton.InferRequestedOutput("twice")
        same.set_shared_memory("r", 1000, offset=2000)
        answer = client.infer("texts", [text, half], outputs=[same, twice])
        assert list(shm.get_contents_as_numpy(r.handle, np.object_, [4], offset=2000)) == list(words)
        np.testing.assert_array_equal(answer.as_numpy("twice"), halves * 2)
        half.set_data_from_numpy(halves)  # one in memory, one in the message
        twice.set_shared_memory("r", 8, offset=3500)
        client.infer("texts", [text, half], outputs=[twice])
        np.testing.assert_array_equal(shm.get_contents_as_numpy(r.handle, np.float16, [4], offset=3500), halves * 2)
        same.set_shared_memory("r", size - 1, offset=2000)
        refused(lambda: client.infer("texts", [text, half], outputs=[same]), f"has {size} bytes; its place in shared memory region .r. has {size - 1}")


def test_what_is_refused(triton, world, tmp_path):
    client = triton.client
    with Region(240) as r:
        for key in ("../etc/passwd", "/etc/passwd", "..", "/"):
            refused(lambda key=key: client.register_system_shared_memory("bad", key, 10), "not the name of shared memory")
        refused(lambda: client.register_system_shared_memory("bad", "/ingot-none", 10), "cannot be opened")
        refused(lambda: client.register_system_shared_memory("bad", r.key, 241), "has 240 bytes")
        refused(lambda: client.register_system_shared_memory("bad", r.key, 10, offset=231), "has 240 bytes")
        refused(lambda: client.get_system_shared_memory_status("bad"), "no shared memory region")
        client.register_system_shared_memory("r", r.key, 240)
        refused(lambda: client.register_system_shared_memory("r", r.key, 240), "registered already")
        tensor = triton.InferInput("x", [10, FEATURES], "FP32")
        for size, offset, text in ((240, 1, "not within shared memory region"), (239, 0, "239 bytes"), (240, 2**40, "not within")):
            tensor.set_shared_memory("r", size, offset=offset)
            refused(lambda: client.infer("trees", [tensor]), text)
        tensor = triton.InferInput("x", [10, FEATURES], "FP32")  # the client keeps the last offset
        tensor.set_shared_memory("r", 240)
        client.infer("trees", [tensor])
        os.truncate(f"/dev/shm{r.key}", 100)
        refused(lambda: client.infer("trees", [tensor]), "shorter than it was")
        assert client.is_server_live()
        os.truncate(f"/dev/shm{r.key}", 240)


def test_it_is_off_unless_asked_for(world, tmp_path):
    (tmp_path / "m").mkdir()
    with Serve(tmp_path / "m") as s, triton_http.InferenceServerClient(s.url.split("//")[1]) as client:
        assert "system_shared_memory" not in client.get_server_metadata()["extensions"]
        refused(lambda: client.register_system_shared_memory("r", "/x", 1), "reads no shared memory")
        assert client.get_system_shared_memory_status() == []
        client.unregister_system_shared_memory()
