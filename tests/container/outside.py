"""The world outside, as containers find it: Autotask at the usual port of two names, by TLS, and a mail server. They listen
in a container's network, where these ports are free, and pass on what is said to ports of this host's loopback.

Prints one line, `listening`, and ends when its standard input does.
"""

import argparse
import asyncio
import ctypes
import socket
import ssl
import sys


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", required=True, help="the file of the network's namespace")
    parser.add_argument("--cert", required=True, help="certificate chain, PEM")
    parser.add_argument("--key", required=True, help="private key, PEM")
    parser.add_argument("--name", metavar=("NAME", "PORT"), nargs=2, action="append", help="port 443, called by this name")
    parser.add_argument("--mail", metavar="PORT", type=int, required=True, help="port 587")
    return parser.parse_args()


def enter(namespace):
    """This thread's new sockets are in that network from now on; old ones stay where they are."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace.fileno(), 0) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def listen_in(network, *ports):
    with open("/proc/self/ns/net", "rb") as own, open(network, "rb") as other:
        enter(other)
        try:
            return [socket.create_server(("0.0.0.0", port)) for port in ports]
        finally:
            enter(own)


async def pass_on(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def serve(options):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(options.cert, options.key)
    names = dict(options.name)

    def called(connection, name, _context):
        connection.port_within = names.get(name)

    context.sni_callback = called

    async def take(reader, writer):
        connection = writer.get_extra_info("ssl_object")
        port = connection.port_within if connection else options.mail
        within = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pass_on(reader, within[1]), pass_on(within[0], writer))

    https, mail = listen_in(options.network, 443, 587)
    servers = [await asyncio.start_server(take, sock=https, ssl=context), await asyncio.start_server(take, sock=mail)]
    print("listening", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    for server in servers:
        server.close()


asyncio.run(serve(arguments()))
