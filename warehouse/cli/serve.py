"""`warehouse serve`: users' lists by HTTP, on this machine alone unless told otherwise."""

import argparse
import errno
import re
import socket
import sys
from contextlib import suppress
from threading import Event

from warehouse.cli.arguments import Parser, add_data_folder
from warehouse.layout import Layout
from warehouse.sentences import shown

LOOPBACK = ("127.0.0.1", "localhost")
HOST = re.compile(r"\*|(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", re.ASCII)
EVERY_ADDRESS = ("0.0.0.0", "::", "")
SWITCH = 0.0005  # seconds after which the thread that opens a night lets the one that answers go on


def add_commands(subparsers: "argparse._SubParsersAction[Parser]") -> None:
    """Add `serve`; it sets `run`, a function of the parsed arguments -> exit status."""
    parser = subparsers.add_parser(
        "serve",
        help="answer with users' lists by HTTP",
        description="A page for people at /; GET /users/ID?n=10, /items/ID/similar, /night, /health, /openapi.json.",
    )
    add_data_folder(parser, "the data folder")
    parser.add_argument("--host", default=LOOPBACK[0], help="the address to listen on (default: this machine alone)")
    parser.add_argument("--port", type=int, default=8000, help="the port (default 8000; 0: any that is free)")
    parser.add_argument(
        "--allow-host",
        metavar="NAME",
        type=_name,
        action="append",
        default=[],
        help="a further name that requests may call this server by; may be repeated",
    )
    parser.add_argument("--wait", action="store_true", help="start before there is a night; answer 503 until then")
    parser.set_defaults(run=_serve)


def _name(text: str) -> str:
    """The type of an argument that is the name of a host, perhaps with a star for its first part."""
    if not HOST.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{shown(text)} is not the name of a host: write it like lists.example.com")
    return text.lower()


def _serve(args: argparse.Namespace) -> int:
    import uvicorn

    from warehouse.recommendations import NoNight
    from warehouse.serve.app import make_app
    from warehouse.serve.open_night import OpenNight

    if args.host in EVERY_ADDRESS and not args.allow_host:
        raise ValueError(f"--host {args.host} needs --allow-host NAME: the name that requests will call this server by")
    hosts = [*args.allow_host, *LOOPBACK, *([] if args.host in EVERY_ADDRESS else [args.host])]
    sys.setswitchinterval(SWITCH)
    stopping = Event()
    listener = _listener(args.host, args.port)
    layout, opened = Layout(args.data), None
    with suppress(*([NoNight] if args.wait else [])):
        opened = OpenNight(layout, stopping)
    config = uvicorn.Config(make_app(layout, opened, hosts, stopping), access_log=False, log_level="warning")
    address, port = listener.getsockname()[:2]
    lists = "lists, once there is a night," if opened is None else f"lists of the night {opened.night.run_date}"
    print(f"{lists} on http://{address}:{port} (a page for people) and http://{address}:{port}/users/ID", flush=True)
    uvicorn.Server(config).run(sockets=[listener])
    return 0


def _listener(host: str, port: int) -> socket.socket:
    """A socket that listens; the sentence of an OSError says where it could not."""
    try:
        return socket.create_server((host, port))
    except OverflowError as error:
        raise OSError(f"cannot listen on {host}, port {port} ({error}): choose another with --port") from None
    except OSError as error:
        raise OSError(
            f"cannot listen on {host}, port {port} ({error}): choose another with --host and --port"
            f"{'; `pipelines ui` serves lists there too' if error.errno == errno.EADDRINUSE else ''}"
        ) from None
