"""Files of `cds-server export`: read with the right key and as they were written, or not at all."""

import io
from collections.abc import Sequence

import pytest

from app.crypto.export_file import Damaged, ExportReader, ExportWriter
from app.crypto.export_keys import FileKeys
from app.crypto.secret_keys import keys_document, new_key
from app.errors import ConfigurationError

KEYS = FileKeys([new_key()])
PIECES = [b"one", b"two" * 1000, b"", b"four", b"the last"]


def written(pieces: Sequence[bytes] = PIECES, keys: FileKeys = KEYS, *, last: bool = True) -> bytes:
    file = io.BytesIO()
    writer = ExportWriter.begin(file, keys)
    for number, piece in enumerate(pieces, 1):
        writer.write(piece, last=last and number == len(pieces))
    return file.getvalue()


def read(content: bytes, keys: FileKeys = KEYS) -> list[bytes]:
    return list(ExportReader(io.BytesIO(content), keys).pieces())


def frames(content: bytes) -> list[bytes]:
    """The beginning, then each frame."""
    reader = ExportReader(io.BytesIO(content), KEYS)
    parts, at = [content[: reader.size_bytes]], reader.size_bytes
    while at < len(content):
        length = 5 + int.from_bytes(content[at + 1 : at + 5])
        parts.append(content[at : at + length])
        at += length
    return parts


def test_what_was_written_is_read():
    assert read(written()) == PIECES


def test_nothing_that_was_written_can_be_seen():
    content = written([b"a client_secret that nobody may see" * 10, b"end"])

    assert b"client_secret" not in content
    assert content.startswith(b"cds-server export\n")


def test_the_same_pieces_never_look_the_same_twice():
    assert not set(frames(written())[1:]) & set(frames(written())[1:])


def test_a_file_that_was_cut_off_anywhere_is_refused():
    content = written()

    for length in range(len(content)):
        with pytest.raises(ConfigurationError):
            read(content[:length])


def test_a_file_in_which_any_byte_was_changed_is_refused():
    content = written()

    for at in range(len(content)):
        with pytest.raises(ConfigurationError):
            read(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])


@pytest.mark.parametrize(
    "changed",
    [
        lambda parts: [*parts[:2], parts[3], parts[2], *parts[4:]],
        lambda parts: [*parts[:2], *parts[3:]],
        lambda parts: [*parts[:3], parts[2], *parts[3:]],
        lambda parts: [*parts[:3], *frames(written())[1:]],
        lambda parts: [*parts[:2], frames(written())[2], *parts[3:]],
        lambda parts: [*parts, b"more"],
    ],
    ids=["moved", "left out", "twice", "the end of another", "one of another", "longer"],
)
def test_a_file_whose_pieces_are_not_where_they_were_is_refused(changed):
    with pytest.raises(Damaged):
        read(b"".join(changed(frames(written()))))


def test_writing_goes_on_behind_any_good_piece_with_another_key():
    first = written(PIECES[:4], last=False)
    for kept in range(5):
        reader = ExportReader(io.BytesIO(first[: len(b"".join(frames(first)[: 2 + kept]))]), KEYS)
        with pytest.raises(Damaged, match="before its end"):
            list(reader.pieces())
        file = io.BytesIO(first)
        file.seek(reader.size_bytes)
        file.truncate()
        writer = ExportWriter(file, reader.key, reader.before)
        for piece in PIECES[kept:]:
            writer.write(piece, last=piece is PIECES[-1])

        assert read(file.getvalue()) == PIECES
        assert not set(frames(file.getvalue())[3 + kept :]) & set(frames(first))


def test_another_key_is_told_from_a_damaged_file():
    content = written()

    with pytest.raises(ConfigurationError, match=r"protected by key .* not at hand; .*--key-file"):
        read(content, FileKeys([new_key()]))
    with pytest.raises(ConfigurationError, match="not by a passphrase"):
        read(content, FileKeys(passphrase=b"x" * 20))


def test_a_passphrase_protects_a_file_and_another_one_does_not_open_it(tmp_path, monkeypatch):
    monkeypatch.setattr("app.crypto.export_keys._COST", 2**10)  # takes a moment, otherwise
    path = tmp_path / "passphrase"
    path.write_text("correct horse battery staple\n")
    content = written(PIECES, FileKeys.read(path))

    assert read(content, FileKeys(passphrase=b"correct horse battery staple")) == PIECES
    with pytest.raises(ConfigurationError, match="passphrase is not the one"):
        read(content, FileKeys(passphrase=b"correct horse battery stable"))
    with pytest.raises(ConfigurationError, match="by a passphrase; name a file"):
        read(content)


def test_keys_that_came_later_do_not_keep_a_file_from_being_read(tmp_path):
    old, new = new_key(), new_key()
    path = tmp_path / "keys.json"
    path.write_bytes(keys_document([new, old]))

    assert read(written(PIECES, FileKeys([old])), FileKeys.read(path)) == PIECES


@pytest.mark.parametrize(("content", "says"), [("short", "20 characters"), ('{"keys": []}', "JWK Set")])
def test_a_key_file_that_protects_nothing_is_refused(tmp_path, content, says):
    path = tmp_path / "key"
    path.write_text(content)

    with pytest.raises(ConfigurationError, match=says):
        FileKeys.read(path)


@pytest.mark.parametrize("content", [b"", b"PK\3\4 something else that is long enough"])
def test_something_else_is_not_taken_for_an_export(content):
    with pytest.raises(Damaged, match="not one that cds-server export has written"):
        read(content)


def test_a_format_of_later_versions_is_named():
    content = written().replace(b"\xa6format\x01", b"\xa6format\x02", 1)

    with pytest.raises(Damaged, match="format 2"):
        read(content)
