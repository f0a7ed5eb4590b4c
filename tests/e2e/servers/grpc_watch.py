# SPDX-License-Identifier: Apache-2.0
"""gRPC streams that are silent for long, told from outside.

Usage: grpc_watch.py serve | call PORT

The client's calls share one connection. It does what it reads, a word a line, and answers with a line each:
  watch    asks for a stream and takes its first three messages
  chat     opens one both ways, on which two messages go and come back
  silence  asks for a stream whose server says nothing at all
  release  has the server give the watchers one message more and end them: "code messages" of each watch
  hang_up  ends the chats: "code messages" of each
  cancel   gives up what is silent
  unary    one call: the traceparent that the server saw
"""
import sys
import threading
from concurrent import futures

import grpc


def raw(data):
    return data


class Watched(grpc.GenericRpcHandler):
    def __init__(self):
        self.release = threading.Event()

    def service(self, details):
        kinds = {"Watch": ("unary_stream", self.watch), "Silence": ("unary_stream", self.silence),
                 "Chat": ("stream_stream", self.chat), "Unary": ("unary_unary", self.unary),
                 "Release": ("unary_unary", self.unary)}
        kind = details.method.removeprefix("/weft.Watched/")
        if kind == "Release":
            self.release.set()
        make, function = kinds[kind]
        return getattr(grpc, f"{make}_rpc_method_handler")(function, request_deserializer=raw, response_serializer=raw)

    def watch(self, request, context):
        for _ in range(3):
            yield request
        self.release.wait()
        yield request

    def silence(self, request, context):
        ended = threading.Event()
        context.add_callback(ended.set)
        ended.wait()
        yield request

    def chat(self, requests, context):
        yield from requests

    def unary(self, request, context):
        return dict(context.invocation_metadata()).get("traceparent", "none").encode()


def serve():
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=16))
    server.add_generic_rpc_handlers((Watched(),))
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    server.start()
    server.wait_for_termination()


class Client:
    def __init__(self, port):
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self.watches, self.chats, self.silent = [], [], []

    def method(self, make, name):
        return getattr(self.channel, make)(f"/weft.Watched/{name}", request_serializer=raw, response_deserializer=raw)

    def watch(self):
        call = self.method("unary_stream", "Watch")(b"w")
        self.watches.append((call, [next(call) for _ in range(3)]))
        return "3"

    def chat(self):
        over = threading.Event()

        def messages():
            yield b"a"
            yield b"b"
            over.wait()
        call = self.method("stream_stream", "Chat")(messages())
        self.chats.append((call, [next(call) for _ in range(2)], over))
        return "2"

    def silence(self):
        self.silent.append(self.method("unary_stream", "Silence")(b"s"))
        return "0"

    def release(self):
        self.method("unary_unary", "Release")(b"r")
        return " ".join(f"{call.code().name} {len(got)}" for call, got in self.watches if got.extend(call) is None)

    def hang_up(self):
        for _, _, over in self.chats:
            over.set()
        return " ".join(f"{call.code().name} {len(got)}" for call, got, _ in self.chats if got.extend(call) is None)

    def cancel(self):
        for call in self.silent:
            call.cancel()
        return " ".join(call.code().name for call in self.silent)

    def unary(self):
        return self.method("unary_unary", "Unary")(b"u").decode()


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve()
    client = Client(sys.argv[2])
    for line in sys.stdin:
        print(getattr(client, line.strip())(), flush=True)
