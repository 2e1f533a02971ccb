"""The whole line with its warehouse in a bucket, against a real HTTP service that speaks S3."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from sim_data.aerial import write_demo_footage

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    client = boto3.client(
        "s3", endpoint_url=address, region_name="us-east-1",
        aws_access_key_id="test", aws_secret_access_key="test",
    )  # fmt: skip
    client.create_bucket(Bucket="parks")
    client.close()
    yield {
        **os.environ, **keys, "AWS_ENDPOINT_URL": address, "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true", "PYTHONPATH": str(REPOSITORY),
        "PARKWATCH_WAREHOUSE": "s3://parks/drawn",
    }  # fmt: skip
    server.stop()


@pytest.mark.slow
def test_footage_to_report_with_everything_in_a_bucket(
    environment: dict[str, str], tmp_path: Path
) -> None:
    def parkwatch(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", "from ops.cli import main; main()", *map(str, arguments)],
            env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=200,
        )  # fmt: skip

    drawn = write_demo_footage(tmp_path, 7, passes=1)
    for photo in drawn.footage_dir.iterdir():
        if photo.name not in {"SIM_0004.JPG", "SIM_0005.JPG"}:
            photo.unlink()
    run = ("reprocess", drawn.footage_dir, "--site", drawn.site_path)
    first = parkwatch(*run)
    assert first.returncode == 0, first.stderr
    again = parkwatch(*run)
    assert "nothing to change" in again.stdout, again.stderr
    counted = parkwatch("sql", "SELECT zone_id, evidence_uri FROM incidents", "--format", "csv")
    _, row = counted.stdout.strip().splitlines()
    assert row.startswith("tank-yard,s3://parks/drawn/evidence/2026-09-16/")
    listed = parkwatch("incidents", "--day", "2026-09-16")
    assert "1 incidents" in listed.stdout
    reported = parkwatch("report", tmp_path / "page.html", "--site", drawn.site_path)
    assert reported.returncode == 0, reported.stderr
    assert "data:image/jpeg;base64," in (tmp_path / "page.html").read_text("utf-8")
