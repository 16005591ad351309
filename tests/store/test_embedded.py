import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from redis import Redis

from app.errors import ConfigurationError
from app.store.embedded import EmbeddedStore, try_lock
from tests.stores import wait_until

OWNER = """
import sys, time
from pathlib import Path
from redis import Redis
from app.store.embedded import EmbeddedStore

store = EmbeddedStore.open(Path(sys.argv[1]))
redis = Redis(unix_socket_path=str(store.socket_path))
for number in range(1000):
    redis.set("confirmed", number)
    print(number, flush=True)
time.sleep(60)
"""


def redis_of(store: EmbeddedStore) -> Redis:
    return Redis(unix_socket_path=str(store.socket_path), decode_responses=True)


def pid_of(store: EmbeddedStore) -> int:
    return redis_of(store).info("server")["process_id"]


def is_alive(pid: int) -> bool:
    """A zombie is not: its parent has yet to look at it, but it does nothing any more."""
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


@pytest.fixture
def opened():
    """Stores that a test opened; they end with it, the guests first."""
    stores: list[EmbeddedStore] = []

    def open_store(directory: Path) -> EmbeddedStore:
        stores.append(EmbeddedStore.open(directory))
        return stores[-1]

    yield open_store
    for store in reversed(stores):
        store.stop()


def test_it_answers_once_it_is_open_and_is_for_its_owner_only(tmp_path, opened):
    store = opened(tmp_path / "data" / "store")

    assert redis_of(store).ping()
    assert stat.S_IMODE(store.directory.stat().st_mode) == 0o700
    assert stat.S_IMODE(store.socket_path.stat().st_mode) == 0o700


def test_it_listens_on_no_port_and_confirms_only_what_is_on_disk(tmp_path, opened):
    settings = redis_of(opened(tmp_path)).config_get("*")

    assert settings["port"] == "0"
    assert (settings["appendonly"], settings["appendfsync"]) == ("yes", "always")
    assert settings["maxmemory-policy"] == "noeviction"


def test_what_was_stored_is_there_after_a_restart(tmp_path):
    first = EmbeddedStore.open(tmp_path)
    redis_of(first).set("a", "1")
    pid = pid_of(first)
    first.stop()
    assert not is_alive(pid)

    second = EmbeddedStore.open(tmp_path)
    value, other_pid = redis_of(second).get("a"), pid_of(second)
    second.stop()

    assert value == "1"
    assert other_pid != pid


def test_a_killed_owner_loses_nothing_and_its_valkey_is_adopted(tmp_path):
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    confirmed = [owner.stdout.readline() for _ in range(20)][-1]
    owner.kill()
    confirmed = int(([confirmed, *owner.stdout.readlines()])[-1])
    owner.wait()
    owner.stdout.close()

    store = EmbeddedStore.open(tmp_path)
    found = int(redis_of(store).get("confirmed"))
    pid, is_owner = pid_of(store), store.is_owner
    store.stop()

    assert found >= confirmed
    assert is_owner
    wait_until(lambda: not is_alive(pid))


def test_nothing_that_was_confirmed_is_lost_when_both_are_killed(tmp_path):
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    confirmed = [owner.stdout.readline() for _ in range(20)][-1]
    pid = Redis(unix_socket_path=str(tmp_path / "valkey.sock")).info("server")["process_id"]
    owner.kill()
    os.kill(pid, signal.SIGKILL)
    confirmed = int(([confirmed, *owner.stdout.readlines()])[-1])
    owner.wait()
    owner.stdout.close()

    store = EmbeddedStore.open(tmp_path)
    found, other_pid = int(redis_of(store).get("confirmed")), pid_of(store)
    store.stop()

    assert found >= confirmed
    assert other_pid != pid


def test_who_comes_second_is_a_guest_and_leaves_the_store_running(tmp_path, opened):
    owner = opened(tmp_path)
    guest = EmbeddedStore.open(tmp_path)
    assert (owner.is_owner, guest.is_owner) == (True, False)
    assert pid_of(guest) == pid_of(owner)

    guest.stop()

    assert redis_of(owner).ping()


def test_a_guest_takes_over_when_the_owner_ends(tmp_path, opened):
    owner = EmbeddedStore.open(tmp_path)
    guest = opened(tmp_path)
    redis_of(owner).set("a", "1")
    owner.stop()

    wait_until(lambda: redis_of(guest).get("a") == "1")
    assert guest.is_owner


def test_a_valkey_that_dies_is_started_again_with_all_its_data(tmp_path, opened):
    store = opened(tmp_path)
    guest = opened(tmp_path)
    redis_of(store).set("a", "1")
    pid = pid_of(store)

    os.kill(pid, signal.SIGKILL)

    wait_until(lambda: redis_of(store).get("a") == "1" and redis_of(guest).get("a") == "1")
    assert pid_of(store) != pid
    assert (store.is_owner, guest.is_owner) == (True, False)


def test_ctrl_c_in_the_terminal_does_not_reach_valkey(tmp_path, opened):
    pid = pid_of(opened(tmp_path))

    assert os.getsid(pid) == pid != os.getsid(0)


def test_a_path_too_long_for_a_socket_has_it_in_a_private_directory(tmp_path):
    directory = tmp_path / ("deep" * 30)
    store, guest = EmbeddedStore.open(directory), EmbeddedStore.open(directory)
    elsewhere = store.socket_path.parent
    assert directory not in elsewhere.parents
    assert stat.S_IMODE(elsewhere.stat().st_mode) == 0o700
    assert pid_of(guest) == pid_of(store)

    guest.stop()
    store.stop()

    assert not elsewhere.exists()


def test_a_directory_of_something_else_is_refused_and_left_as_it_is(tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    tmp_path.chmod(0o755)

    with pytest.raises(ConfigurationError, match="holds no store"):
        EmbeddedStore.open(tmp_path)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


def test_a_file_in_place_of_the_directory_is_refused(tmp_path):
    (tmp_path / "store").write_text("")

    with pytest.raises(ConfigurationError, match="cannot be used"):
        EmbeddedStore.open(tmp_path / "store")


def test_a_damaged_file_is_refused_with_what_valkey_says_about_it(tmp_path):
    store = EmbeddedStore.open(tmp_path)
    redis_of(store).set("a", "1")
    store.stop()
    (tmp_path / "appendonlydir" / "appendonly.aof.manifest").write_text("damaged")

    with pytest.raises(ConfigurationError, match=r"stopped at once.*valkey\.log.*MANIFEST"):
        EmbeddedStore.open(tmp_path)


def test_a_process_that_holds_the_directory_and_does_not_answer_is_told(tmp_path, monkeypatch):
    held = try_lock(tmp_path / "valkey.lock")
    (tmp_path / "owner.lock").touch()

    with monkeypatch.context() as impatient:
        impatient.setattr("app.store.embedded.START_SECONDS", 0.2)
        with pytest.raises(ConfigurationError, match="does not answer"):
            EmbeddedStore.open(tmp_path)
    os.close(held)
    EmbeddedStore.open(tmp_path).stop()


def test_a_machine_without_the_binary_is_told_what_to_use_instead(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)

    with pytest.raises(ConfigurationError, match="redis://"):
        EmbeddedStore.open(tmp_path)
