"""What is no address, and stores that cannot be used: a sentence each."""

import re
from pathlib import Path

import pytest

from tests.object_store import ObjectStore, say_where
from warehouse.layout import Layout
from warehouse.store.address import StoreError, address_of, judge_address, opened


@pytest.mark.parametrize(
    "address",
    [
        "s3://shop-data",
        "s3://shop-data/",
        "s3://shop-data/tables/of the shop".replace(" ", "_"),
        "s3://shop.data/a=1/b.c/?region=eu-central-1&scheme=http&endpoint_override=minio:9000",
    ],
)
def test_addresses(address: str, tmp_path: Path) -> None:
    judge_address(address)
    say_where(tmp_path, address)
    assert (address_of(tmp_path), address_of(tmp_path, "raw")) == (address, "")
    stored = Layout(tmp_path).stored
    assert stored is not None
    assert stored.place("events", "2026-01-31").endswith("/events/2026-01-31.parts")
    assert "?" not in stored.place("events", "2026-01-31")


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("", "not of a store that speaks S3"),
        ("shop", "not of a store that speaks S3"),
        ("gs://bucket/shop", "not of a store that speaks S3"),
        ("hdfs://host:8020/shop", "not of a store that speaks S3"),
        ("abfs://c@account.dfs.core.windows.net/shop", "holds a key|speaks S3"),
        ("file:///data/tables", "not of a store that speaks S3"),
        ("/data/tables", "not of a store that speaks S3"),
        ("s3://", "names no bucket"),
        ("s3:///shop", "names no bucket"),
        ("s3://Bucket/shop", "names no bucket"),
        ("s3://bucket/../other", "names no bucket"),
        ("s3://bucket/a//b", "names no bucket"),
        ("s3://bucket/a#b", "names no bucket"),
        ("s3://bucket/a b", "names no bucket"),
        ("s3://key:secret@bucket/shop", "holds a key"),
        ("s3://bucket/shop?region", "no address"),
        ("s3://bucket/shop?access_key=a&secret_key=b", "'access_key' is no option"),
        ("s3://bucket/shop?scheme=ftp", "use http or https"),
        ("s3://[bucket/shop", "no address"),
    ],
)
def test_what_is_no_address_is_a_sentence_and_shows_no_secret(address: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=said) as raised:
        judge_address(address)
    assert "secret@" not in str(raised.value)
    (tmp_path / "storage.toml").write_text(f'tables = "{address}"')
    with pytest.raises(StoreError, match=re.escape(f"tables in {tmp_path / 'storage.toml'}: ")):
        Layout(tmp_path).days("events")


@pytest.mark.parametrize(
    "text", ["", "tables", "tables = 1", 'table = "s3://bucket/shop"', 'tables = "s3://b/c"\nx = 1']
)
def test_a_file_that_names_no_address_is_a_sentence(text: str, tmp_path: Path) -> None:
    (tmp_path / "storage.toml").write_text(text)
    with pytest.raises(StoreError, match=r"storage\.toml"):
        Layout(tmp_path).files("events", "2026-01-31")


def test_a_bucket_that_is_not_there(object_store: ObjectStore) -> None:
    with pytest.raises(StoreError, match=r"there is no bucket not-there at s3://not-there/shop on 127.0.0.1:.*make it"):
        opened(object_store.address("not-there"))


def test_a_store_that_refuses_whoever_has_no_key(
    object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    address = object_store.address()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    say_where(tmp_path, address)
    with (
        object_store.watching(lambda request: None if request.signed else (403, "AccessDenied")),
        pytest.raises(StoreError, match="refuses these credentials: set AWS_ACCESS_KEY_ID"),
    ):
        Layout(tmp_path).days("events")


@pytest.mark.slow
def test_a_store_that_cannot_be_reached(object_store: ObjectStore) -> None:
    address = object_store.address("bucket").replace(f":{object_store.port}", ":1")
    with pytest.raises(
        StoreError, match=r"s3://bucket/shop on 127.0.0.1:1 cannot be reached: check the address"
    ) as raised:
        opened(address)
    assert len(str(raised.value).splitlines()) == 1
