"""How long does ``import asyncsummary`` take beyond what it cannot do without, and does it load what only some users need?

    python -m benchmarks.programs.imports asyncsummary

In one fresh interpreter: first numpy and protobuf's runtime, then asyncsummary.
"""

import importlib
import sys
import time

from benchmarks.programs import common
from benchmarks.programs.common import Figures, Options

BASE = ("numpy", "google.protobuf.descriptor_pb2", "google.protobuf.descriptor_pool", "google.protobuf.message_factory")

LATER = ("s3fs", "gcsfs", "aiobotocore", "botocore", "boto3", "aiohttp", "google.cloud", "google.auth", "PIL", "tensorflow", "tensorboard")
"""Packages that a program without buckets and images need not load."""


def ours(options: Options) -> Figures:
    """Import one after the other, and look at what is loaded."""
    begun = time.perf_counter()
    for name in BASE:
        importlib.import_module(name)
    middle = time.perf_counter()
    importlib.import_module("asyncsummary")
    ended = time.perf_counter()
    loaded = [name for name in LATER if name in sys.modules]
    print("loaded:", *loaded, file=sys.stderr)
    return {"base_milliseconds": 1e3 * (middle - begun), "milliseconds": 1e3 * (ended - middle), "loaded_too_soon": len(loaded)}


PROGRAMS = {"asyncsummary": ours}

if __name__ == "__main__":
    common.main(Options(), PROGRAMS)
