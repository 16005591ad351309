"""`cds-server export` and `import` as an operator calls them: what they say, and what an interruption leaves behind."""

import os
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from redis import Redis

from app import backup_file
from app.cli import main
from app.crypto.secret_keys import keys_document, new_key
from app.errors import StoreUnavailable
from app.files.file_store import FileStore
from app.store import exporting
from app.store.connect import connect
from tests.stores import Servers, start_valkey

FILES = {"messages/a/1": b"small", "messages/a/2": b"", "uploads/b": os.urandom(2_500_000)}


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch, tmp_path):
    """Commands start in an empty directory, without the settings of whoever runs the tests."""
    for name in [name for name in os.environ if name.startswith("CDS_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CDS_SECRET_KEYS", str(tmp_path / "keys.json"))
    (tmp_path / "keys.json").write_bytes(keys_document([new_key()]))


@pytest.fixture(scope="module")
def two_stores() -> Iterator[tuple[Servers, Servers]]:
    """Where from and where to."""
    both = start_valkey(), start_valkey()
    yield both
    for one in both:
        one.stop()


@dataclass
class Place:
    """A store and a directory of files, and commands on them."""

    store_url: str
    directory: Path
    run: CliRunner

    @property
    def files_url(self) -> str:
        return f"file:{self.directory}"

    def __call__(self, *arguments: str, **more: object) -> Result:
        environment = {"CDS_STORE_URL": self.store_url, "CDS_FILES_URL": self.files_url}
        answer = self.run.invoke(main, list(arguments), env=environment, **more)  # type: ignore[arg-type]
        assert answer.exception is None or isinstance(answer.exception, SystemExit), answer.exception
        return answer

    def files(self) -> dict[str, bytes]:
        found = (path for path in self.directory.rglob("*") if path.is_file())
        return {str(path.relative_to(self.directory)): path.read_bytes() for path in found}

    def keys(self) -> int:
        with Redis(unix_socket_path=self.store_url.removeprefix("unix:")) as redis:
            size: int = redis.dbsize()
            return size


@pytest.fixture
def elsewhere(two_stores, tmp_path) -> Place:
    """An empty place."""
    with Redis(unix_socket_path=two_stores[1].url.removeprefix("unix:")) as redis:
        redis.flushall()
    return Place(two_stores[1].url, tmp_path / "elsewhere", CliRunner())


@pytest.fixture
async def here(two_stores, tmp_path, make_server) -> Place:
    """A place with three registrations and some files."""
    store = await connect(two_stores[0].url)
    await store.client.flushall()
    server = await make_server(store=store, CDS_SECRET_KEYS=os.environ["CDS_SECRET_KEYS"])
    for _ in range(3):
        await server.register()
    await server.service.stop()
    await store.close()
    objects = FileStore.open(f"file:{tmp_path}/here")
    for key, content in FILES.items():
        await objects.put(key, content)
    return Place(two_stores[0].url, tmp_path / "here", CliRunner())


def test_everything_comes_over_with_its_files(here, elsewhere):
    exported = here("export", "backup")
    checked = elsewhere("import", "--check", "backup")
    untouched = elsewhere.keys()
    imported = elsewhere("import", "backup")

    assert (exported.exit_code, checked.exit_code, imported.exit_code) == (0, 0, 0)
    what = "3 registrations with 15 objects, 1 audit record, 3 files"
    assert exported.stdout.startswith(f"{what} are in backup, 2.5 MB.")
    assert checked.stdout.startswith("The file is whole. It was begun at ")
    assert f" and holds {what}.\nThe audit log in it has 1 record, each as it was written: " in checked.stdout
    assert untouched == 0
    assert imported.stdout.startswith(f"{what} were in the file of ")
    assert imported.stdout.endswith("; 3 registrations written.\n")
    assert elsewhere.files() == here.files() == FILES
    assert Path("backup").stat().st_mode & 0o777 == 0o600
    assert elsewhere("audit").output.startswith("The audit log has 2 records, each as it was written.")
    assert "0 entries put right" in elsewhere("reindex").stdout


def test_files_are_left_out_on_request(here, elsewhere):
    here("export", "backup", "--no-files")

    assert elsewhere("import", "backup").exit_code == 0
    assert elsewhere.files() == {}


def test_an_interrupted_export_goes_on(here, elsewhere, monkeypatch):
    monkeypatch.setattr(backup_file, "PIECE_BYTES", 1)
    with monkeypatch.context() as patched:
        patched.setattr(exporting.Exporter, "records", broken_off_after(6, exporting.Exporter.records))
        broken = here("export", "backup")
    with monkeypatch.context() as patched:
        patched.setattr(FileStore, "stream", broken_off_after(2, FileStore.stream))
        broken_again = here("export", "backup")
    assert [one.exit_code for one in (broken, broken_again)] == [1, 1]
    assert broken.stderr.endswith("Call this again, it goes on where it stopped.\n")
    assert not Path("backup").exists()
    with Path("backup.part").open("ab") as file:
        file.write(b"d\0\0")  # a piece that did not get to its end

    finished = here("export", "backup")

    assert finished.exit_code == 0
    assert finished.stdout.startswith("Going on with backup.part, 3 registrations with 15 objects, 1 audit record")
    assert elsewhere("import", "backup").exit_code == 0
    assert elsewhere.files() == FILES
    assert not Path("backup.part").exists()


def broken_off_after(count: int, method: Callable[..., AsyncIterator[object]]) -> Callable[..., AsyncIterator[object]]:
    """The method, but the store does not answer any more after so much of it."""

    async def some(*arguments: object) -> AsyncIterator[object]:
        left = count
        async for one in method(*arguments):
            yield one
            left -= 1
            if not left:
                raise StoreUnavailable("The store does not answer.")

    return some


def test_a_damaged_or_foreign_file_changes_nothing(here, elsewhere, tmp_path):
    here("export", "backup")
    whole = Path("backup").read_bytes()
    Path("cut").write_bytes(whole[:-100])
    Path("changed").write_bytes(whole[:2000] + b"?" + whole[2001:])
    Path("other.json").write_bytes(keys_document([new_key()]))

    answers = [elsewhere("import", name) for name in ("cut", "changed", "keys.json", "nowhere")]
    answers.append(elsewhere("import", "backup", "--key-file", "other.json"))

    assert [answer.exit_code for answer in answers] == [1] * 5
    assert [answer.stderr.count("\n") for answer in answers] == [1] * 5
    for answer, says in zip(
        answers,
        ("ends before its end", "was changed", "not one that", "nowhere cannot be read", "--key-file"),
        strict=True,
    ):
        assert says in answer.stderr
    assert elsewhere.keys() == 0


def test_pipes_carry_it_and_half_of_it_starts_no_server(here, elsewhere):
    sent = here("export", "-")
    assert sent.exit_code == 0
    assert "audit record" in sent.stderr

    broken = elsewhere("import", "-", input=sent.stdout_bytes[:-100])
    refused = elsewhere("operator", "list")
    done = elsewhere("import", "-", input=sent.stdout_bytes)

    assert [one.exit_code for one in (broken, refused, done)] == [1, 1, 0]
    assert "ends before its end" in broken.stderr
    assert "import the same file again" in refused.stderr
    assert elsewhere("operator", "list").exit_code == 0
    assert elsewhere.files() == FILES


def test_a_passphrase_opens_it_where_the_keys_are_others(here, elsewhere, monkeypatch):
    monkeypatch.setattr("app.crypto.export_keys._COST", 2**10)  # takes a moment, otherwise
    Path("passphrase").write_text("correct horse battery staple")
    here("export", "backup", "--key-file", "passphrase")
    Path("keys.json").write_bytes(keys_document([new_key()]))

    assert elsewhere("import", "backup", "--key-file", "passphrase").exit_code == 0
    assert "0 sealed again" in elsewhere("keys", "rotate", "secret", "--no-new-key").stdout


def test_nothing_is_overwritten(here, elsewhere):
    assert here("export", "backup").exit_code == 0
    again, back = here("export", "backup"), here("import", "backup")

    assert (again.exit_code, back.exit_code) == (1, 1)
    assert again.stderr == "cds-server: backup is there already; choose another name, or remove it.\n"
    assert "The store is not empty." in back.stderr
    added = here("import", "backup", "--missing-only")
    assert added.stdout.endswith("; 0 were added, 3 were there already and stay as they are.\n")


def test_a_secret_that_no_key_opens_is_told_of(here):
    Path("keys.json").write_bytes(keys_document([new_key()]))

    answer = here("export", "backup")

    assert answer.exit_code == 1
    assert answer.stdout.endswith("3 secrets cannot be opened with any of the keys; they are as they were.\n")


def test_an_embedded_store_is_made_and_the_need_for_its_keys_is_told(here, elsewhere, monkeypatch, tmp_path):
    """Whatever is in the directory beside the store would be lost together with it."""
    here("export", "backup", "--key-file", "keys.json")
    key_file = tmp_path / "keys.json"
    monkeypatch.delenv("CDS_SECRET_KEYS")
    own = Place(f"embedded:{tmp_path}/own", tmp_path / "files", CliRunner())

    assert own("import", "backup", "--key-file", str(key_file)).exit_code == 0
    answer = own("export", "second")

    assert answer.exit_code == 0
    assert answer.stdout.endswith("own/secret-keys.json: keep a copy of these elsewhere, or use --key-file.\n")


@pytest.mark.parametrize("arguments", [["export", "x"], ["import", "x"]])
def test_a_store_in_memory_has_nothing_to_export_or_to_keep(arguments):
    answer = CliRunner().invoke(main, arguments, env={"CDS_STORE_URL": "memory:"})

    assert answer.exit_code == 1
    assert answer.stderr.startswith("cds-server: CDS_STORE_URL is memory:")
