"""A floor: decompress the input and look at none of it, one `gzip` a core."""

import argparse
import subprocess
import sys
from pathlib import Path


def main() -> None:
    """Deal the files out, the largest first, and wait for all."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--S3_JSON_INPUT_PATH", dest="input", type=Path)
    parser.add_argument("--cores", type=int)
    args, _ = parser.parse_known_args()
    files = sorted(args.input.rglob("*.gz"), key=lambda file: file.stat().st_size, reverse=True)
    processes = [
        subprocess.Popen(["gzip", "-dc", *files[core :: args.cores]], stdout=subprocess.DEVNULL)
        for core in range(args.cores)
    ]
    if any([process.wait() for process in processes]):
        sys.exit("gzip failed")


if __name__ == "__main__":
    main()
