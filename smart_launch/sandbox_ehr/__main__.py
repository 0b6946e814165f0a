"""python -m smart_launch.sandbox_ehr --port P --db FILE --clients FILE: the EHR as a process of its own."""

import argparse
import signal
import socket
import sys
import threading
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from .config import Config, read_clients
from .serving import listening, serving
from .signing_keys import ID_TOKEN_ALGORITHMS

_LOOPBACK = ("127.0.0.1", "localhost")


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM. Returns 0 then, 2 for wrong usage or a busy port."""
    asked = _parser().parse_args(arguments)
    zone = ZoneInfo(asked.zone)
    try:
        clients = read_clients(asked.clients)
        listener = listening("127.0.0.1", asked.port)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"The sandbox EHR cannot start: {error}\n")
        return 2
    with closing(listener):
        config = Config(
            base_url=f"http://localhost:{listener.getsockname()[1]}",
            database=str(asked.db),
            clients=clients,
            clock=lambda: datetime.now(UTC),
            today=asked.today or datetime.now(zone).date(),
            zone=zone,
            faults=asked.faults,
            permissions=frozenset(asked.scopes.split(",")),
            id_token_algorithm=asked.id_token_alg,
            app_state=asked.app_state,
            style=not asked.no_style,
            token_seconds=asked.token_seconds,
        )
        _serve(config, listener)
    return 0


def _serve(config: Config, listener: socket.socket) -> None:
    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    with serving(config, listener) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True)
        thread.start()
        sys.stdout.write(f"Sandbox EHR on {config.base_url} (FHIR base {config.fhir_base})\n")
        sys.stdout.flush()
        stop.wait()
        server.shutdown()
        thread.join(10)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m smart_launch.sandbox_ehr", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="0 takes a free port")
    parser.add_argument("--db", type=Path, required=True, help="SQLite file; made when it is not there")
    parser.add_argument("--clients", type=Path, required=True, help="JSON list of registered apps")
    parser.add_argument("--host", choices=_LOOPBACK, default="127.0.0.1", help="loopback only")
    parser.add_argument("--today", type=date.fromisoformat, help="the day the invented people live in")
    parser.add_argument("--zone", default="America/New_York", help="time zone of the clinic")
    parser.add_argument("--faults", action="store_true", help="allow planned faults (tests only)")
    parser.add_argument("--scopes", choices=("v1", "v2", "v1,v2"), default="v1,v2", help="versions granted")
    parser.add_argument("--id-token-alg", choices=ID_TOKEN_ALGORITHMS, default="RS256")
    parser.add_argument("--app-state", action="store_true", help="keep the state of apps at /appstate")
    parser.add_argument("--token-seconds", type=int, default=3600, help="how long access tokens live")
    parser.add_argument("--no-style", action="store_true", help="name no smart_style_url")
    return parser


if __name__ == "__main__":
    sys.exit(main())
