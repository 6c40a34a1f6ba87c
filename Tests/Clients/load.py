#!/usr/bin/env python3
"""Clients that come and go at random: every answer is what it is alone, none fails but by 503, nothing grows.

    Tests/Clients/load.py [--clients 200] [--seconds 30]

The first fifth of the time, at most a minute, is for the server to take what memory it needs; from then on it may not grow.
"""

import argparse
import asyncio
import contextlib
import json
import random
import sys
import time

from server import KEY, Server

QUESTIONS = ["Who was Noah?", "Who was Adam?", "Who was Eve?", "Who was Abraham?", "Tell of the ark."]
PRECISIONS = [{"bits": 2}, {"bits": 6}, {"switch": "6@0,4@4,3@9"}, {"bits": 4, "prefill_bits": 3}]
# Of memory: what the allocator and the kernel's own counting make it waver by.
GROWTH_LIMIT = 24 << 20


def requests():
    """Of many kinds: lengths, precisions, conversations that go on, drawn and not."""
    result = []
    for number in range(40):
        messages = [{"role": "user", "content": QUESTIONS[number % 5]}]
        if number % 3 == 0:
            messages.insert(0, {"role": "system", "content": "Be brief. " * (number % 4 * 8)})
        if number % 4 == 0:
            messages += [{"role": "assistant", "content": "A man."}, {"role": "user", "content": "And then?"}]
        result.append({
            "messages": messages, "temperature": number % 3 * 0.6, "seed": number, "max_tokens": 4 + number % 7 * 6,
            "precision": PRECISIONS[number // 2 % 4],
        })
    return result


class Load:
    def __init__(self, server, seconds):
        self.server = server
        self.end = time.monotonic() + seconds
        self.random = random.Random(1)
        self.kinds = requests()
        self.alone = []
        self.counts = {"answers": 0, "left": 0, "refused": 0}
        self.failures = []

    async def ask(self, path, body=None):
        """A request on a connection of its own, in few instructions: 200 clients share this process. Status and lines."""
        host, port = self.server.address.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=1 << 20)
        try:
            data = b"" if body is None else json.dumps(body).encode()
            writer.write(
                f"{'GET' if body is None else 'POST'} {path} HTTP/1.1\r\nHost: {host}:{port}\r\n"
                f"Authorization: Bearer {KEY}\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n"
                "Connection: close\r\n\r\n".encode() + data)
            status = int((await reader.readline()).split()[1])
            async for line in reader:
                yield status, line.decode().rstrip()
        finally:
            writer.close()

    async def run(self, count):
        start = time.monotonic()
        for index in range(len(self.kinds)):
            self.alone.append(await self.whole(index))
        self.end += time.monotonic() - start
        await asyncio.gather(self.watch(), *(self.come_and_go() for _ in range(count)))

    async def come_and_go(self):
        while time.monotonic() < self.end and len(self.failures) < 10:
            await asyncio.sleep(self.random.expovariate(0.5))
            index = self.random.randrange(len(self.kinds))
            # How long the client stays: to the end, a while, or not even for the first byte.
            patience = self.random.choice([None, None, self.random.uniform(0, 1.5), 0.001])
            ask = self.whole if self.random.random() < 0.4 else self.stream
            try:
                text = await asyncio.wait_for(ask(index), patience)
                if text is None:
                    self.counts["refused"] += 1
                elif text != self.alone[index]:
                    self.failures.append(f"request {index}: {text!r}, alone {self.alone[index]!r}")
                else:
                    self.counts["answers"] += 1
            except asyncio.TimeoutError:
                self.counts["left"] += 1
            except (OSError, ValueError, IndexError) as error:
                self.failures.append(f"request {index}: {error!r}")

    async def whole(self, index):
        """The answer; None where the queue is full."""
        async with contextlib.aclosing(self.ask("/v1/chat/completions", self.kinds[index])) as lines:
            async for status, line in lines:
                if status == 503:
                    return None
                if line.startswith("{") and status == 200:
                    return json.loads(line)["choices"][0]["message"]["content"]
                if line.startswith("{"):
                    return f"status {status}: {line}"
        return "no answer"

    async def stream(self, index):
        text = ""
        body = self.kinds[index] | {"stream": True}
        async with contextlib.aclosing(self.ask("/v1/chat/completions", body)) as lines:
            async for status, line in lines:
                if status == 503:
                    return None
                if status != 200 and line.startswith("{"):
                    return f"status {status}: {line}"
                if line == "data: [DONE]":
                    return text
                if line.startswith("data: "):
                    for choice in json.loads(line[6:]).get("choices", []):
                        text += choice["delta"].get("content") or ""
        return text + " without its end"

    async def watch(self):
        """Memory and descriptors, once a second."""
        start = time.monotonic()
        warm = min(60, (self.end - start) / 5)
        first, largest = [], 0
        while time.monotonic() < self.end:
            await asyncio.sleep(1)
            resident = self.server.resident_bytes()
            if time.monotonic() - start < warm:
                first.append(resident)
            else:
                largest = max(largest, resident)
        self.memory = (max(first, default=largest), largest)


async def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=30)
    options = parser.parse_args()
    with Server("-np", "8", "--queue", "64", "-c", "512") as server:
        load = Load(server, options.seconds)
        descriptors = server.descriptor_count()
        await load.run(options.clients)
        if server.process.poll() is not None:
            print("\n".join(load.failures + server.lines[-40:]), file=sys.stderr)
            return 1
        # Everybody is gone; so is what they held.
        deadline = time.monotonic() + 10
        while True:
            lines = [line async for _, line in load.ask("/metrics")]
            busy = sum(
                float(line.rsplit(" ", 1)[1]) for line in lines
                if line.startswith(("taper_answers_open", "taper_answers_at_work", "taper_answers_waiting")))
            if busy == 0 or time.monotonic() > deadline:
                break
            await asyncio.sleep(0.05)
        if busy:
            load.failures.append(f"{busy:.0f} answers still have their places when all clients are gone")
        left = server.descriptor_count() - descriptors
        if left > 4:
            load.failures.append(f"{left} descriptors more than at the start")
        before, after = load.memory
        if after - before > GROWTH_LIMIT:
            load.failures.append(f"memory grew from {before >> 20} to {after >> 20} MiB")
        if load.counts["answers"] < options.clients / 4:
            load.failures.append("hardly any answer was waited for: the test shows nothing")
        seconds = server.stop()
        if seconds > 5:
            load.failures.append(f"ending took {seconds:.1f} s")
    print(
        f"{options.clients} clients, {options.seconds:.0f} s: {load.counts['answers']} answers as alone,"
        f" {load.counts['left']} left early, {load.counts['refused']} refused; memory {before >> 20} to"
        f" {after >> 20} MiB, {left} more descriptors")
    for failure in load.failures:
        print("error: " + failure, file=sys.stderr)
    return 1 if load.failures else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
