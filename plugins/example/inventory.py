#!/usr/bin/env python3
"""A plugin for logd and dnsd in a hundred lines: what machines there are, from a JSON file that is read again when it changes.

    inventory.py SOCKET HOSTS.json

HOSTS.json is a list of hosts as io.ballast.Inventory1 describes them, such as
    [{"id": "web-1", "name": "web-1", "addresses": [{"address": "10.0.0.7"}], "labels": {"role": "frontend"}}]
`cloudd plugin-check SOCKET` tries whether it does what it should. Nothing but Python's standard library is needed.
"""

import asyncio
import json
import os
import sys
import uuid

INTERFACE = "io.ballast.Inventory1"
DESCRIPTIONS = {
    INTERFACE: open(os.path.join(os.path.dirname(__file__), "..", "interfaces", INTERFACE + ".varlink")).read(),
    "org.varlink.service": "interface org.varlink.service",
}
KEEP_ALIVE = 10  # seconds
CHUNK = 256  # hosts in a reply


class Inventory:
    """The hosts in their newest version. It keeps no history: a watcher that was away gets all of them again."""

    def __init__(self, path):
        self.path, self.epoch, self.seq, self.hosts = path, uuid.uuid4().hex, 0, {}
        self.news = asyncio.Condition()

    async def follow(self):
        """Reads the file whenever it is another one. One that can't be read changes nothing."""
        seen = None
        while True:
            try:
                stamp = os.stat(self.path)
                if seen != (stamp.st_mtime_ns, stamp.st_ino):
                    seen = (stamp.st_mtime_ns, stamp.st_ino)
                    with open(self.path) as file:
                        hosts = {host["id"]: host for host in json.load(file)}
                    async with self.news:
                        if hosts != self.hosts or self.seq == 0:
                            self.hosts, self.seq = hosts, self.seq + 1
                            self.news.notify_all()
            except (OSError, ValueError, KeyError, TypeError) as error:
                print(f"{self.path}: {error}", file=sys.stderr)
            await asyncio.sleep(1)

    def reply(self, seq, full, hosts, gone, complete):
        return {"epoch": self.epoch, "seq": seq, "full": full, "hosts": hosts, "gone": gone, "complete": complete}

    async def watch(self, known):
        """The replies to a watcher that has this epoch and seq."""
        had = self.hosts if known == (self.epoch, self.seq) else None
        seq = self.seq
        while True:
            async with self.news:
                if had is not None and self.seq == seq:
                    try:
                        await asyncio.wait_for(self.news.wait(), KEEP_ALIVE)
                    except asyncio.TimeoutError:
                        pass
                await self.news.wait_for(lambda: self.seq > 0)
                newest, hosts = self.seq, self.hosts
            if had is not None and newest == seq:
                yield self.reply(seq, False, [], [], True)
                continue
            # What is between two versions is one step only if the watcher has the one before.
            full = had is None or newest != seq + 1
            changed = [host for id, host in hosts.items() if full or had.get(id) != host]
            gone = [id for id in had or {} if id not in hosts]
            for start in range(0, max(len(changed), len(gone), 1), CHUNK):
                end = start + CHUNK
                complete = end >= max(len(changed), len(gone))
                yield self.reply(newest, full, changed[start:end], gone[start:end], complete)
            had, seq = hosts, newest


def error(name, **parameters):
    return {"error": "org.varlink.service." + name, "parameters": parameters}


async def answer(inventory, call):
    """The replies to a call."""
    interface, _, method = call["method"].rpartition(".")
    parameters = call.get("parameters") or {}
    if (interface, method) == ("org.varlink.service", "GetInfo"):
        about = {"vendor": "Ballast", "product": "example", "version": "1", "url": "", "interfaces": list(DESCRIPTIONS)}
        yield {"parameters": about}
    elif (interface, method) == ("org.varlink.service", "GetInterfaceDescription"):
        yield {"parameters": {"description": DESCRIPTIONS[parameters["interface"]]}}
    elif interface not in DESCRIPTIONS:
        yield error("InterfaceNotFound", interface=interface)
    elif method != "Watch":
        yield error("MethodNotFound", method=method)
    elif not call.get("more"):
        yield error("ExpectedMore")
    else:
        async for reply in inventory.watch((parameters.get("epoch"), parameters.get("seq"))):
            yield {"parameters": reply, "continues": True}


async def converse(inventory, reader, writer):
    """A connection: a task of its own, so that a watcher that takes nothing holds up nobody else."""
    try:
        while True:
            call = json.loads((await reader.readuntil(b"\0"))[:-1])
            async for reply in answer(inventory, call):
                writer.write(json.dumps(reply).encode() + b"\0")
                await asyncio.wait_for(writer.drain(), 30)
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.TimeoutError, OSError):
        pass  # it has gone, or takes nothing
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        print(f"garbage: {error}", file=sys.stderr)
    finally:
        writer.close()


async def main(socket, path):
    inventory = Inventory(path)
    if os.path.exists(socket):
        os.unlink(socket)
    server = await asyncio.start_unix_server(lambda r, w: converse(inventory, r, w), socket)
    os.chmod(socket, 0o660)
    async with server:
        await asyncio.gather(server.serve_forever(), inventory.follow())


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    asyncio.run(main(sys.argv[1], sys.argv[2]))
