"""Starts servers fast: everything is imported once, each line on standard input forks one server process."""

import gc
import json
import os
import sys
import threading
from pathlib import Path


def main() -> None:
    import deltalake  # noqa: F401
    import pyarrow.parquet  # noqa: F401
    import uvicorn  # noqa: F401
    from serve_system import open_service

    import hindcast.serve.app
    import hindcast.serve.service  # noqa: F401
    from hindcast.serve import run_server

    assert threading.active_count() == 1, "a fork must not leave threads behind"
    gc.freeze()
    for line in sys.stdin:
        ask = json.loads(line)
        pid = os.fork()
        if pid == 0:
            sys.stdin.close()
            run_server(lambda: open_service(Path(ask["home"]), **ask["options"]), port=0)  # noqa: B023
            os._exit(0)
        print(f"pid {pid}", flush=True)
        os.waitpid(pid, 0)
        print("gone", flush=True)


if __name__ == "__main__":
    main()
