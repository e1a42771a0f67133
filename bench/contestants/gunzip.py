"""A floor: the input is read and decompressed, by as many processes as there are cores."""

import gzip
from multiprocessing import Pool
from pathlib import Path

from bench.contestants import CORES

PIECE = 1024 * 1024


def transform(input_folder: Path, output: Path) -> None:
    """Decompress all logs below the input folder, and keep nothing."""
    del output
    with Pool(CORES) as pool:
        for _ in pool.imap_unordered(_gunzip, sorted(input_folder.rglob("*.gz"))):
            pass


def _gunzip(path: Path) -> None:
    with gzip.open(path) as file:
        while file.read(PIECE):
            pass
