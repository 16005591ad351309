"""File bytes are stored whole or not at all, come back in pieces, and an outage is never a missing file."""

import asyncio
import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.domain import file_store as domain
from app.errors import ConfigurationError, NotFound, StoreUnavailable
from app.files import file_store as files
from app.files.file_store import PIECE_BYTES, FileStore
from app.files.later import open_files

BIG = bytes(range(256)) * (3 * PIECE_BYTES // 256) + b"tail"
BUCKET_NAMES = ("AWS_", "AZURE_", "GOOGLE_")


@pytest.fixture(params=["file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> FileStore:
    return FileStore.open(f"file:{tmp_path / 'files'}" if request.param == "file" else "memory:")


@pytest.fixture
def no_credentials(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment that names no bucket of the machine the tests run on."""
    for name in [name for name in os.environ if name.startswith(BUCKET_NAMES)]:
        monkeypatch.delenv(name)
    return monkeypatch


async def pieces(*parts: bytes, then: Exception | None = None) -> AsyncIterator[bytes]:
    for part in parts:
        await asyncio.sleep(0)
        yield part
    if then is not None:
        raise then


async def read(store: domain.FileStore, key: str, start: int, end: int) -> bytes:
    return b"".join([piece async for piece in store.stream(key, start, end)])


def everything_in(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())


class TestWritingAndReading:
    async def test_what_was_put_comes_back(self, store):
        assert await store.put("r1/f1", b"hello") == 5
        assert await store.get("r1/f1") == b"hello"

    async def test_an_upload_of_unknown_length_is_counted_and_comes_back(self, store):
        assert await store.put("r1/f1", pieces(BIG[:7], BIG[7:6000], BIG[6000:])) == len(BIG)
        assert await store.get("r1/f1") == BIG

    async def test_an_upload_over_several_parts_comes_back(self, store):
        part = bytes(files.PART_BYTES)

        assert await store.put("r1/f1", pieces(part, part, b"end")) == 2 * len(part) + 3
        assert await read(store, "r1/f1", 2 * len(part), 2 * len(part) + 3) == b"end"

    @pytest.mark.parametrize("empty", [b"", pieces()], ids=["bytes", "iterator"])
    async def test_an_empty_file_is_a_file(self, tmp_path, empty):
        store = FileStore.open(f"file:{tmp_path}")

        assert await store.put("r1/f1", empty) == 0
        assert await store.get("r1/f1") == b""
        assert await read(store, "r1/f1", 0, 0) == b""

    async def test_a_stream_stays_within_its_bounds(self, store):
        await store.put("r1/f1", BIG)

        for start, end in [(0, len(BIG)), (0, 1), (5, 5), (PIECE_BYTES - 1, PIECE_BYTES + 1), (len(BIG) - 4, len(BIG))]:
            assert await read(store, "r1/f1", start, end) == BIG[start:end]

    async def test_a_stream_never_holds_more_than_one_piece(self, store):
        await store.put("r1/f1", BIG)

        lengths = [len(piece) async for piece in store.stream("r1/f1", 0, len(BIG))]

        assert lengths == [PIECE_BYTES, PIECE_BYTES, PIECE_BYTES, 4]

    async def test_a_reader_that_leaves_causes_no_further_reading(self, store, monkeypatch):
        await store.put("r1/f1", BIG)
        asked: list[int] = []
        get_range = files.get_range_async

        async def watched(objects, key, *, start, end):
            asked.append(start)
            return await get_range(objects, key, start=start, end=end)

        monkeypatch.setattr(files, "get_range_async", watched)
        reading = store.stream("r1/f1", 0, len(BIG))
        await anext(reading)
        await reading.aclose()

        assert asked == [0]

    async def test_a_second_put_replaces_the_first(self, store):
        await store.put("r1/f1", b"old")
        await store.put("r1/f1", b"new")

        assert await store.get("r1/f1") == b"new"

    async def test_deleting_removes_and_may_be_repeated(self, store):
        await store.put("r1/f1", b"hello")
        await store.delete("r1/f1")
        await store.delete("r1/f1")

        with pytest.raises(NotFound):
            await store.get("r1/f1")


class TestAllOrNothing:
    @pytest.mark.parametrize("sent_bytes", [3, files.PART_BYTES + 3], ids=["first part", "second part"])
    async def test_an_upload_that_fails_half_way_leaves_nothing(self, store, tmp_path, sent_bytes):
        with pytest.raises(ConnectionResetError):
            await store.put("r1/f1", pieces(bytes(sent_bytes), then=ConnectionResetError("the uploader left")))

        with pytest.raises(NotFound):
            await store.get("r1/f1")
        assert everything_in(tmp_path) == []

    async def test_an_upload_that_fails_half_way_leaves_what_was_there(self, store):
        await store.put("r1/f1", b"old")

        with pytest.raises(LookupError):
            await store.put("r1/f1", pieces(bytes(files.PART_BYTES + 3), then=LookupError("refused")))

        assert await store.get("r1/f1") == b"old"

    async def test_a_cancelled_upload_leaves_nothing(self, store, tmp_path):
        started = asyncio.Event()

        async def endless() -> AsyncIterator[bytes]:
            yield bytes(files.PART_BYTES + 1)
            started.set()
            await asyncio.Event().wait()

        upload = asyncio.create_task(store.put("r1/f1", endless()))
        await started.wait()
        upload.cancel()
        with pytest.raises(asyncio.CancelledError):
            await upload

        with pytest.raises(NotFound):
            await store.get("r1/f1")
        assert [name for name in everything_in(tmp_path) if "#" not in name] == []


class TestFailures:
    async def test_a_missing_object_is_not_found(self, store):
        with pytest.raises(NotFound):
            await store.get("r1/nothing")
        with pytest.raises(NotFound):
            await read(store, "r1/nothing", 0, 1)

    async def test_an_object_shorter_than_it_should_be_is_an_outage(self, store):
        await store.put("r1/f1", b"12345")

        with pytest.raises(StoreUnavailable):
            await read(store, "r1/f1", 0, 6)
        with pytest.raises(StoreUnavailable):
            await read(store, "r1/f1", 5, 6)

    async def test_a_bucket_that_does_not_answer_is_an_outage(self, no_credentials):
        no_credentials.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        no_credentials.setenv("AWS_ALLOW_HTTP", "true")
        no_credentials.setenv("AWS_ACCESS_KEY_ID", "id-of-the-key")
        no_credentials.setenv("AWS_SECRET_ACCESS_KEY", "value-of-the-key")
        store = FileStore.open("s3://bucket/prefix")

        with pytest.raises(StoreUnavailable) as refused:
            await store.get("r1/f1")

        assert "Error performing GET" in refused.value.detail
        assert "\n" not in refused.value.detail
        assert "of-the-key" not in refused.value.detail

    async def test_a_disk_that_refuses_is_an_outage(self, tmp_path):
        store = FileStore.open(f"file:{tmp_path}")
        (tmp_path / "r1").write_bytes(b"in the way")

        with pytest.raises(StoreUnavailable):
            await store.put("r1/f1", b"hello")

    @pytest.mark.parametrize("key", ["", "/a", "a/", "a//b", "../a", "a/../b", "a.b", "a b", "a#1", "é", "a\n"])
    async def test_a_key_that_is_not_ours_reaches_nothing(self, store, key):
        with pytest.raises(ValueError, match="segments"):
            await store.get(key)
        with pytest.raises(ValueError, match="segments"):
            await store.put(key, b"")


class TestOpening:
    def test_the_directory_is_made_for_its_owner_alone(self, tmp_path):
        FileStore.open(f"file:{tmp_path / 'a' / 'files'}")

        assert stat.S_IMODE((tmp_path / "a" / "files").stat().st_mode) == 0o700

    @pytest.mark.parametrize("form", ["file:{}", "file://{}"])
    async def test_a_path_may_stand_with_or_without_slashes(self, tmp_path, form):
        store = FileStore.open(form.format(tmp_path / "files"))
        await store.put("r1/f1", b"hello")

        assert (tmp_path / "files" / "r1" / "f1").read_bytes() == b"hello"

    async def test_a_relative_path_counts_from_the_working_directory(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        await FileStore.open("file:.data/files").put("r1/f1", b"hello")

        assert everything_in(tmp_path) == [".data/files/r1/f1"]

    async def test_files_outlive_the_process(self, tmp_path):
        await FileStore.open(f"file:{tmp_path}").put("r1/f1", b"hello")

        assert await FileStore.open(f"file:{tmp_path}").get("r1/f1") == b"hello"

    def test_a_file_in_the_place_of_the_directory_is_refused(self, tmp_path):
        (tmp_path / "files").write_text("in the way")

        with pytest.raises(ConfigurationError, match="cannot be made a directory"):
            FileStore.open(f"file:{tmp_path / 'files'}")

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
    def test_a_directory_that_is_not_ours_is_refused(self, tmp_path):
        tmp_path.chmod(0o500)

        with pytest.raises(ConfigurationError, match="may not write"):
            FileStore.open(f"file:{tmp_path}")

    @pytest.mark.parametrize(
        "url", ["", "file:", "file://", "memory:x", "memory", "ftp://host/x", "/var/files", "s3:b"]
    )
    def test_anything_else_is_refused_with_what_to_write(self, url):
        with pytest.raises(ConfigurationError, match="file:PATH, memory:"):
            FileStore.open(url)

    @pytest.mark.parametrize("url", ["s3://", "s3:///x", "gs://", "az://"])
    def test_a_bucket_needs_its_name(self, url):
        with pytest.raises(ConfigurationError, match="names no bucket"):
            FileStore.open(url)

    @pytest.mark.parametrize("url", ["s3://id:value@bucket", "s3://bucket?region=x", "gs://bucket#x"])
    def test_a_bucket_url_carries_no_credentials_or_options(self, url):
        with pytest.raises(ConfigurationError, match="and nothing else") as refused:
            FileStore.open(url)

        assert "value" not in str(refused.value)

    @pytest.mark.usefixtures("no_credentials")
    def test_azure_without_an_account_is_refused_with_the_names_to_set(self):
        with pytest.raises(ConfigurationError, match=r"Account must be specified.*AZURE_STORAGE_ACCOUNT_NAME"):
            FileStore.open("az://container/prefix")

    def test_buckets_open_without_being_contacted(self, no_credentials):
        no_credentials.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")

        for url in ("s3://bucket/some/prefix", "gs://bucket/some/prefix", "az://container/some/prefix"):
            assert FileStore.open(url).objects.prefix == "some/prefix"


class TestOpeningForAServer:
    async def test_a_directory_is_used_as_if_it_had_been_opened_at_the_start(self, tmp_path):
        store = open_files(f"file:{tmp_path / 'files'}")
        assert stat.S_IMODE((tmp_path / "files").stat().st_mode) == 0o700

        assert await store.put("r1/f1", b"hello") == 5
        assert await store.get("r1/f1") == b"hello"
        assert await read(store, "r1/f1", 1, 4) == b"ell"
        await store.delete("r1/f1")
        with pytest.raises(NotFound):
            await store.get("r1/f1")

    @pytest.mark.parametrize("url", ["file:", "memory", "ftp://host/x", "s3://"])
    def test_what_is_wrong_shows_at_the_start(self, url):
        with pytest.raises(ConfigurationError):
            open_files(url)

    def test_so_does_a_directory_that_cannot_be_made(self, tmp_path):
        (tmp_path / "files").write_text("in the way")

        with pytest.raises(ConfigurationError, match="cannot be made a directory"):
            open_files(f"file:{tmp_path / 'files'}")

    async def test_a_directory_that_has_gone_bad_meanwhile_is_an_outage(self, tmp_path):
        store = open_files(f"file:{tmp_path / 'files'}")
        (tmp_path / "files").rmdir()
        (tmp_path / "files").write_text("in the way")

        with pytest.raises(StoreUnavailable):
            await store.put("r1/f1", b"hello")
