"""Run a program against an S3 server on this machine, which is started before it and stopped after it.

    python examples/with_moto.py examples/digits_trainer.py --logdir s3://demo-bucket/runs

The server (moto) keeps everything in memory: when it stops, the bucket is gone. Another terminal can look while the program runs.
"""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

BUCKET = "demo-bucket"


def free_port() -> int:
    """Return a port of the loopback interface that nobody listens on."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
    return port


def wait_until_served(url: str, seconds: float = 60.0) -> None:
    """Wait until the server answers."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except urllib.error.HTTPError:
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def main(program: list[str]) -> int:
    """Start the server, make the bucket, run the program, say what is in the bucket, stop the server."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    server = subprocess.Popen([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], stderr=subprocess.DEVNULL)
    try:
        wait_until_served(url)
        with urllib.request.urlopen(urllib.request.Request(f"{url}/{BUCKET}", method="PUT"), timeout=30):
            pass
        print(f"S3 server at {url}, bucket {BUCKET}", flush=True)
        aws = {"AWS_ACCESS_KEY_ID": "demo", "AWS_SECRET_ACCESS_KEY": "demo", "AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL": url}
        code = subprocess.run([sys.executable, *program], env={**os.environ, **aws}, check=False).returncode
        if code == 0:
            with urllib.request.urlopen(f"{url}/{BUCKET}?list-type=2", timeout=30) as listing:
                print(f"the bucket held {listing.read().count(b'<Key>')} objects; it is gone now, as its server stops")
        return code
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
