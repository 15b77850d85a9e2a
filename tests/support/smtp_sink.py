"""A mail server for tests: real SMTP, real TLS, and every way in which a mail server can be difficult.

Prints one line, `listening PORT`, when it can be reached, and ends when its standard input does: no test, however it
ends, leaves one behind. Delivered mails stand in a Maildir, with headers that say how they came:
X-Mail-From, X-Rcpt-To, X-TLS (the protocol, or "none") and X-Auth (the login's name, or "none").
"""

import argparse
import asyncio
import mailbox
import ssl
import sys

try:
    from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
except ImportError:
    sys.exit("smtp_sink.py needs aiosmtpd, which this Python does not have: pip install aiosmtpd")


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
    parser.add_argument("--silent-after-data", action="store_true", help="take the message and never answer")
    parser.add_argument("--silent-at-quit", action="store_true", help="never answer QUIT")
    parser.add_argument("--close-in-data", action="store_true", help="hang up as soon as the message begins")
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

    async def handle_DATA(self, server, session, envelope):
        if self.options.silent_after_data:
            await asyncio.Event().wait()
        tls = server.transport.get_extra_info("ssl_object")
        how = {
            "X-Mail-From": envelope.mail_from,
            "X-Rcpt-To": ",".join(envelope.rcpt_tos),
            "X-TLS": tls.version() if tls else "none",
            "X-Auth": session.auth_data.login.decode() if session.authenticated else "none",
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in how.items())
        self.maildir.add(head.encode() + envelope.original_content)
        return "250 2.0.0 kept"


class Difficult(SMTP):
    """The misbehaviour that a handler cannot show."""

    def __init__(self, sink, options, **settings):
        super().__init__(sink, **settings)
        self.options = options

    async def smtp_DATA(self, arg):
        if self.options.close_in_data:
            await self.push("354 go on")
            self.transport.abort()
            return
        await super().smtp_DATA(arg)

    async def smtp_QUIT(self, arg):
        if self.options.silent_at_quit:
            await asyncio.Event().wait()
        await super().smtp_QUIT(arg)


def smtp_settings(options, context):
    settings = {"hostname": "sink.example"}
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

    def connection():
        return Mute() if options.silent else Difficult(sink, options, **settings)

    loop = asyncio.get_running_loop()
    outer = context if options.tls == "implicit" else None
    server = await loop.create_server(connection, "127.0.0.1", options.port, ssl=outer)
    print("listening", server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve(arguments()))
