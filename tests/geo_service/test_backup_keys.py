"""Keys and passphrases of backups, and that their proof proves something; the list of deleted ids."""

import datetime as dt
import uuid
from pathlib import Path

import pyrage
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyrage.x25519 import Identity

from geo_service.accounts.scope import Actor, Scope
from geo_service.backups import archive, deletions, keys, restoring
from geo_service.backups.archive import Entry
from geo_service.backups.deletions import FILE, Forgotten
from geo_service.backups.keys import KeySeal, PassphraseSeal
from geo_service.errors import Conflict, Invalid
from geo_service.people import service as people
from geo_service.settings import Settings
from geo_service.tables import Deletion, Job
from layers.errors import BadFile
from layers.vocabulary import Right
from tests.geo_service.conftest import SmallCounty

KEY = Identity.generate()
PASSPHRASE = "correct horse battery staple"


def sealed(seal: keys.Seal, entries: list[Entry], path: Path) -> Path:
    with path.open("w+b") as file:
        archive.write(file, seal, entries)
    return path


def read(path: Path, opener: keys.Opener) -> dict[str, bytes]:
    with archive.reading(path, opener) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}


# --- archives


@given(
    contents=st.dictionaries(
        st.from_regex(r"[a-z名]{1,120}(/[a-z]{1,9})?", fullmatch=True),
        st.one_of(st.binary(max_size=300), st.integers(65_000, 200_000).map(bytes)),
        max_size=5,
    )
)
def test_what_went_in_comes_out(tmp_path_factory: pytest.TempPathFactory, contents: dict[str, bytes]) -> None:
    path = tmp_path_factory.mktemp("archive") / "a.age"
    entries = [Entry(name, len(content), [content[:9], content[9:]]) for name, content in contents.items()]
    sealed(KeySeal(str(KEY.to_public())), entries, path)
    found = read(path, keys.opener(identity=str(KEY)))
    assert found == contents


def test_plain_age_opens_an_archive_to_a_key(tmp_path: Path) -> None:
    path = sealed(KeySeal(str(KEY.to_public())), [Entry.of("a", b"content")], tmp_path / "a.age")
    assert b"content" in pyrage.decrypt(path.read_bytes(), [KEY])


@given(left=st.integers(0, 70_000))
def test_no_beginning_of_an_archive_passes_for_the_whole(
    tmp_path_factory: pytest.TempPathFactory, left: int
) -> None:
    folder = tmp_path_factory.mktemp("archive")
    path = sealed(KeySeal(str(KEY.to_public())), [Entry.of("a", bytes(66_000))], folder / "a.age")
    whole = path.read_bytes()
    path.write_bytes(whole[: min(left, len(whole) - 1)])
    with pytest.raises(BadFile):
        read(path, keys.opener(identity=str(KEY)))


def test_a_part_that_changes_its_length_while_it_is_read_is_no_backup(tmp_path: Path) -> None:
    with (tmp_path / "a").open("w+b") as file, pytest.raises(BadFile, match="变了长度"):
        archive.write(file, KeySeal(str(KEY.to_public())), [Entry("a", 10, [b"nine byte"])])


def test_what_reads_back_differently_from_the_disk_is_no_backup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "sha256_on_disk", lambda _: "another")
    with (tmp_path / "a").open("w+b") as file, pytest.raises(BadFile, match="检查磁盘"):
        archive.write(file, KeySeal(str(KEY.to_public())), [Entry.of("a", b"x")])


def test_something_else_is_no_archive(tmp_path: Path) -> None:
    other = tmp_path / "photo.jpg"
    for content in (b"", b"\xff\xd8\xff" * 1000, b"age-encryption.org/v1\n" * 50, keys.LOCKED + b"x\n"):
        other.write_bytes(content)
        with pytest.raises(BadFile, match="不是银巡的备份"):
            read(other, keys.opener(identity=str(KEY)))


def test_a_passphrase_opens_what_it_closed_and_nothing_else_does(tmp_path: Path) -> None:
    path = sealed(PassphraseSeal(PASSPHRASE), [Entry.of("a", b"content")], tmp_path / "a.age")
    assert read(path, keys.opener(passphrase=f"{PASSPHRASE}\n")) == {"a": b"content"}
    with pytest.raises(Invalid, match="口令不对"):
        read(path, keys.opener(passphrase="another one"))
    with pytest.raises(Invalid, match="--passphrase-file"):
        read(path, keys.opener(identity=str(KEY)))


# --- keys


def test_only_the_public_part_of_a_key_stays(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    assert keys.seal(settings) is None
    pair = keys.make_pair(settings, replace=False)
    keys.keep_public(settings, pair)
    assert keys.seal(settings) == KeySeal(str(pair.to_public()))
    assert "SECRET" not in "".join(path.read_text() for path in tmp_path.rglob("*"))
    with pytest.raises(Conflict, match="--replace"):
        keys.make_pair(settings, replace=False)
    assert str(keys.make_pair(settings, replace=True)) != str(pair)
    with pytest.raises(Conflict, match="GEO_BACKUP_RECIPIENT"):
        keys.make_pair(Settings(data_dir=tmp_path, backup_recipient=str(pair.to_public())), replace=True)


def test_a_proof_needs_the_right_secret_and_lapses_with_a_new_key(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    keys.keep_public(settings, KEY)
    seal = keys.demand_seal(settings)
    assert not keys.is_proved(settings, seal)
    for wrong in (str(Identity.generate()), str(KEY.to_public()), "yes, I saved it", ""):
        with pytest.raises(Invalid):
            keys.prove(settings, wrong)
    assert not keys.is_proved(settings, seal)
    keys.prove(settings, f"# a comment\n{KEY}\n")
    assert keys.is_proved(settings, seal)
    assert "SECRET" not in "".join(path.read_text() for path in tmp_path.rglob("*"))
    keys.keep_public(settings, Identity.generate())
    assert not keys.is_proved(settings, keys.demand_seal(settings))


def test_a_passphrase_is_proved_by_a_copy_from_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    word = tmp_path / "word"
    word.write_text(f"{PASSPHRASE}\n")
    settings = Settings(data_dir=tmp_path / "data", backup_passphrase_file=word)
    with pytest.raises(Invalid, match="另外保存"):
        keys.demand_elsewhere(settings, word)
    with pytest.raises(Invalid, match="数据目录里"):
        keys.demand_elsewhere(settings, tmp_path / "data/copy")
    keys.demand_elsewhere(settings, tmp_path / "copy")
    keys.prove(settings, PASSPHRASE)
    assert keys.is_proved(settings, keys.demand_seal(settings))
    word.write_text("quite another passphrase")
    assert not keys.is_proved(settings, keys.demand_seal(settings))


def test_a_passphrase_beside_the_data_or_too_short_or_away_is_refused(tmp_path: Path) -> None:
    inside, short = tmp_path / "data/word", tmp_path / "short"
    inside.parent.mkdir()
    inside.write_text(PASSPHRASE)
    short.write_text("short")
    data = tmp_path / "data"
    with pytest.raises(Invalid, match="数据目录里"):
        keys.seal(Settings(data_dir=data, backup_passphrase_file=inside))
    with pytest.raises(Invalid, match="太短"):
        keys.seal(Settings(data_dir=data, backup_passphrase_file=short))
    with pytest.raises(BadFile, match="读不到"):
        keys.seal(Settings(data_dir=data, backup_passphrase_file=tmp_path / "none"))
    with pytest.raises(Invalid, match="抄全"):
        keys.seal(Settings(data_dir=data, backup_recipient="age1" + "q" * 58))


# --- the list


def deleted(county: SmallCounty, *people_ids: uuid.UUID) -> list[uuid.UUID]:
    for person_id in people_ids:
        county.db.add(Deletion(county_id=county.id, person_id=person_id))
    county.db.flush()
    return list(people_ids)


def test_a_deletion_is_noted_with_a_job_that_lists_it(small_county: SmallCounty, tmp_path: Path) -> None:
    person_id = small_county.person("王秀英")
    everything = Scope(small_county.id, Actor(os_user="tester"), dict.fromkeys(Right, None))
    people.delete_person(small_county.db, everything, person_id, data_dir=tmp_path)
    assert small_county.db.get_one(Deletion, person_id).county_id == small_county.id
    waiting = [job.kind for job in small_county.db.query(Job)]
    assert deletions.JOB in waiting


def test_the_list_is_only_added_to_and_completed(small_county: SmallCounty, tmp_path: Path) -> None:
    first = deleted(small_county, *(uuid.uuid4() for _ in range(3)))
    assert deletions.complete(small_county.db, tmp_path) == 3
    before = (tmp_path / FILE).read_text()
    more = deleted(small_county, uuid.uuid4())
    assert deletions.complete(small_county.db, tmp_path) == 1
    assert deletions.complete(small_county.db, tmp_path) == 0
    assert (tmp_path / FILE).read_text().startswith(before)
    assert set(deletions.listed(tmp_path / FILE).people) == {*first, *more}
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


def test_a_line_that_a_power_cut_broke_off_is_written_again(
    small_county: SmallCounty, tmp_path: Path
) -> None:
    ids = deleted(small_county, *(uuid.uuid4() for _ in range(2)))
    deletions.complete(small_county.db, tmp_path)
    path = tmp_path / FILE
    path.write_text(path.read_text()[:-30])
    assert len(deletions.listed(path).people) == 1
    assert deletions.complete(small_county.db, tmp_path) == 1
    found = deletions.listed(path)
    assert (set(found.people), len(found.unreadable)) == (set(ids), 1)


def test_a_list_of_another_system_keeps_its_lines(small_county: SmallCounty, tmp_path: Path) -> None:
    other = Forgotten(uuid.uuid4(), 7, dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    (tmp_path / FILE).write_text(f"{other}\n")
    deleted(small_county, uuid.uuid4())
    deletions.complete(small_county.db, tmp_path)
    assert deletions.listed(tmp_path / FILE).people[other.person_id] == other


def test_a_missing_list_says_where_to_look(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="--without-deletions"):
        restoring.deletion_list(tmp_path / FILE)


def test_a_list_that_is_older_than_the_archive_is_told(small_county: SmallCounty) -> None:
    deleted(small_county, uuid.uuid4())
    (told,) = restoring._doubts(small_county.db, deletions.DeletionList({}, []))
    assert "不是最新的" in told
    damaged = restoring._doubts(small_county.db, deletions.DeletionList({}, [3, 9]))
    assert "第 3、9 行" in damaged[0]
    assert "可能重新出现" in restoring._doubts(small_county.db, None)[0]
