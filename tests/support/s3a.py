"""Hadoop's S3A, the only S3 connector that Glue 6.0 has, and how Spark is told to use it.

Maven brings it, once, into `build/s3a`. The checksum of other versions:
python -m tests.support.s3a
"""

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from embedded_aws.server import EmbeddedAws
from tests.support import PROJECT

POM = Path(__file__).with_name("s3a.pom.xml")
# Of the jars that were tried: in their folder, `sha256sum * | sha256sum`.
CHECKSUM = "1d804b89130544ae74316ff067f5b6193d562780b41704e16f3423b08e6b8ad4"
JARS = PROJECT / "build" / "s3a"
_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1"
_SECONDS = 300
_OPTION = "spark.hadoop.fs.s3a."


class NotToBeHadError(Exception):
    """The connector is not on this machine, and could not be brought."""


def jars() -> Path:
    """Bring the connector; return the folder of its jars.

    Raises:
        NotToBeHadError: there is no Maven, or it could not download them.
        ValueError: what came is not what was tried.
    """
    if not _is_complete(JARS):
        JARS.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=JARS.parent) as scratch:
            folder = Path(scratch) / "jars"
            folder.mkdir()
            _download(folder)
            if not _is_complete(folder):
                raise ValueError(f"The jars that Maven brought do not have the checksum {CHECKSUM}")
            shutil.rmtree(JARS, ignore_errors=True)
            folder.rename(JARS)
    return JARS


def settings(
    connector: Path, server: EmbeddedAws, credentials: Mapping[str, Any], conf: str
) -> dict[str, str]:
    """Spark's settings by which `s3://` is S3A, as on Glue 6.0, on an embedded AWS.

    Args:
        connector: the folder of its jars.
        server: the embedded AWS.
        credentials: the session of the job's role, as STS answers it.
        conf: the job's own `--conf`, which names the region: `name=value`, more of them as
            ` --conf name=value` behind it.
    """
    committer = "org.apache.hadoop.fs.s3a.commit.S3ACommitterFactory"
    return {
        "spark.driver.extraClassPath": f"{connector}/*",
        "spark.hadoop.fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
        f"{_OPTION}endpoint": server.endpoint,
        f"{_OPTION}path.style.access": "true",
        f"{_OPTION}aws.credentials.provider": (
            "org.apache.hadoop.fs.s3a.TemporaryAWSCredentialsProvider"
        ),
        f"{_OPTION}access.key": credentials["AccessKeyId"],
        f"{_OPTION}secret.key": credentials["SecretAccessKey"],
        f"{_OPTION}session.token": credentials["SessionToken"],
        # The magic committer is Spark 4.1's default for s3a:// (SPARK-47618); Glue's s3:// is S3A.
        "spark.hadoop.mapreduce.outputcommitter.factory.scheme.s3": committer,
        # A file of more is uploaded in parts of this size, S3's least.
        f"{_OPTION}multipart.size": "5M",
        f"{_OPTION}multipart.threshold": "5M",
        # S3A buffers what it uploads in local files, and casts their file system.
        "spark.hadoop.fs.file.impl": "org.apache.hadoop.fs.LocalFileSystem",
    } | dict(setting.strip().split("=", 1) for setting in conf.split("--conf"))


def _download(folder: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise NotToBeHadError("there is no Maven to bring S3A (Debian, Ubuntu: apt install maven)")
    command = [maven, "--batch-mode", "--quiet", "--strict-checksums", f"--file={POM}"]
    command += [f"{_PLUGIN}:copy-dependencies", f"-DoutputDirectory={folder}"]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise NotToBeHadError(f"Maven did not bring S3A in {_SECONDS} seconds") from error
    except subprocess.CalledProcessError as error:
        lines = (error.stdout + error.stderr).strip().splitlines()
        raise NotToBeHadError(f"Maven could not bring S3A: {'; '.join(lines[:1])}") from error


def _is_complete(folder: Path) -> bool:
    return folder.is_dir() and _checksum(folder) == CHECKSUM


def _checksum(folder: Path) -> str:
    """The checksum of the jars' checksums and names."""
    jars = (
        f"{hashlib.sha256(jar.read_bytes()).hexdigest()}  {jar.name}\n"
        for jar in sorted(folder.iterdir())
    )
    return hashlib.sha256("".join(jars).encode()).hexdigest()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        _download(Path(scratch))
        print(_checksum(Path(scratch)))  # noqa: T201 - its output
