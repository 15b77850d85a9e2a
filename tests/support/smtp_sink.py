"""A mail server for tests: real SMTP, real TLS, and every way in which a mail server can be difficult.

Prints one line, `listening PORT...`, when it can be reached, and ends when its standard input does: no test, however it
ends, leaves one behind. Delivered mails stand in a Maildir, with headers that say how they came:
X-Mail-From, X-Rcpt-To, X-Mail-Options (those of MAIL FROM, or "none"), X-TLS (the protocol, or "none") and X-Auth (the
login's name, or "none").
"""

import argparse
import asyncio
import mailbox
import socket
import ssl
import struct
import sys

try:
    from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
except ImportError:
    sys.exit("smtp_sink.py needs aiosmtpd, which this Python does not have: pip install aiosmtpd")


# EHLO a second time, MAIL, RCPT, DATA, the first line of the message, its end, QUIT.
STAGES = ["hello-again", "sender", "recipient", "data", "body", "dot", "quit"]
# Say nothing more; reset the connection; close it.
DEEDS = ["silence", "cut", "close"]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--maildir", required=True)
    parser.add_argument("--port", type=int, default=0, help="where to listen; without it, where the system chooses")
    parser.add_argument("--tls", choices=["none", "starttls", "implicit"], default="none")
    parser.add_argument("--cert", help="certificate chain, PEM")
    parser.add_argument("--key", help="private key, PEM")
    parser.add_argument("--login", metavar="NAME:PASSWORD", help="AUTH is required, and this is the only account")
    parser.add_argument("--mechanism", choices=["PLAIN", "LOGIN"], help="offer this one only")
    parser.add_argument("--echo-login", action="store_true", help="a refused login is answered with what was sent")
    parser.add_argument("--refuse", metavar="ADDRESS", help="550 for this recipient")
    parser.add_argument("--greylist", action="store_true", help="451 for the first try of every recipient")
    parser.add_argument("--silent", action="store_true", help="accept connections and never say a word")
    parser.add_argument("--size-limit", metavar="BYTES", type=int, help="take no larger message, and announce that")
    parser.add_argument("--hide-size", action="store_true", help="announce no size limit")
    parser.add_argument("--at", metavar=("STAGE", "WHAT"), nargs=2, action="append",
                        help=f"misbehave at one of {', '.join(STAGES)}: {', '.join(DEEDS)}, or anything else as the reply; "
                             "several times: as many ports, in this order, each with one misbehaviour")
    return parser.parse_args()


class Sink:
    """Decides about recipients and keeps what was delivered."""

    def __init__(self, options):
        self.options = options
        self.maildir = mailbox.Maildir(options.maildir, create=True)
        self.seen = set()

    async def handle_RCPT(self, server, session, envelope, address, _options):
        if address == self.options.refuse:
            return "550 5.1.1 no such user here"
        if self.options.greylist and address not in self.seen:
            self.seen.add(address)
            return "451 4.7.1 greylisted, come back later"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 recipient ok"

    async def handle_EHLO(self, server, session, envelope, hostname, responses):
        session.host_name = hostname
        return [line for line in responses if not (self.options.hide_size and line[4:].startswith("SIZE"))]

    async def handle_DATA(self, server, session, envelope):
        reply = server.deeds.get("dot", "250 2.0.0 kept")
        if reply[0] not in "45":
            self.keep(server, session, envelope)
        if reply in DEEDS:
            server.end(reply)
            await asyncio.Event().wait()
        return reply

    def keep(self, server, session, envelope):
        tls = server.transport.get_extra_info("ssl_object")
        how = {
            "X-Mail-From": envelope.mail_from,
            "X-Rcpt-To": ",".join(envelope.rcpt_tos),
            "X-Mail-Options": " ".join(envelope.mail_options) or "none",
            "X-TLS": tls.version() if tls else "none",
            "X-Auth": session.auth_data.login.decode() if session.authenticated else "none",
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in how.items())
        self.maildir.add(head.encode() + envelope.original_content)


class Difficult(SMTP):
    """The misbehaviour that a handler cannot show."""

    def __init__(self, sink, deeds, **settings):
        super().__init__(sink, **settings)
        self.deeds = deeds

    def end(self, what):
        """Ends the connection so, or just says nothing more."""
        if what == "cut":
            # Without this the other side is told of an orderly end.
            linger = struct.pack("ii", 1, 0)
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.transport.abort()
        elif what == "close":
            self.transport.close()

    async def misbehaves(self, stage):
        """Does what is to be done at this stage; false when that is nothing."""
        what = self.deeds.get(stage)
        if what in DEEDS:
            self.end(what)
            # Ends with the connection.
            await asyncio.Event().wait()
        if what:
            await self.push(what)
        return bool(what)

    async def smtp_EHLO(self, hostname):
        if not (self.session.host_name and await self.misbehaves("hello-again")):
            await super().smtp_EHLO(hostname)

    async def smtp_MAIL(self, arg):
        if not await self.misbehaves("sender"):
            await super().smtp_MAIL(arg)

    async def smtp_RCPT(self, arg):
        if not await self.misbehaves("recipient"):
            await super().smtp_RCPT(arg)

    async def smtp_DATA(self, arg):
        if "body" in self.deeds:
            await self.push("354 go on")
            await self._reader.readline()
            await self.misbehaves("body")
        elif not await self.misbehaves("data"):
            await super().smtp_DATA(arg)

    async def smtp_QUIT(self, arg):
        if not await self.misbehaves("quit"):
            await super().smtp_QUIT(arg)


def smtp_settings(options, context):
    settings = {"hostname": "sink.example"}
    if options.size_limit:
        settings["data_size_limit"] = options.size_limit
    if options.tls == "starttls":
        settings |= {"tls_context": context, "require_starttls": True}
    if options.login:
        name, password = options.login.encode().split(b":", 1)

        def authenticate(_server, _session, _envelope, _mechanism, data):
            good = isinstance(data, LoginPassword) and (data.login, data.password) == (name, password)
            if good:
                return AuthResult(success=True, auth_data=data)
            if options.echo_login:
                import base64
                plain = base64.b64encode(b"\0" + data.login + b"\0" + data.password).decode()
                alone = base64.b64encode(data.password).decode()
                return AuthResult(success=False, handled=False,
                                  message=f"535 5.7.8 refused {data.password.decode()} {alone} {plain}")
            return AuthResult(success=False, handled=False)

        # aiosmtpd knows of no TLS but STARTTLS; where TLS comes first, or none at all, it must not ask for it.
        settings |= {
            "auth_required": True,
            "auth_require_tls": options.tls == "starttls",
            "authenticator": authenticate,
        }
        if options.mechanism:
            others = {"PLAIN", "LOGIN"} - {options.mechanism}
            settings["auth_exclude_mechanism"] = others
    return settings


class Mute(asyncio.Protocol):
    """Accepts and says nothing."""


async def serve(options):
    context = None
    if options.tls != "none":
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(options.cert, options.key)
    sink = Sink(options)
    settings = smtp_settings(options, context)

    loop = asyncio.get_running_loop()
    outer = context if options.tls == "implicit" else None
    ports = []
    servers = []
    for stage, what in options.at or [(None, None)]:
        def connection(deeds={stage: what}):
            return Mute() if options.silent else Difficult(sink, deeds, **settings)

        server = await loop.create_server(connection, "127.0.0.1", options.port, ssl=outer)
        servers.append(server)
        ports.append(server.sockets[0].getsockname()[1])
    print("listening", *ports, flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve(arguments()))
