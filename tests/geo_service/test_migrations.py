"""Migrations and tables say the same, and no upgrade loses anything."""

import subprocess
import uuid

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from geoalchemy2 import alembic_helpers
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import ProgrammingError

from geo_service import migrations, programs
from geo_service.db import make_engine, psycopg_url
from geo_service.embedded import installed
from geo_service.errors import CannotRun
from geo_service.tables import Table


@pytest.fixture
def fresh(server: str):
    """An engine on an empty database that is dropped after the test."""
    name = f"yinxun_test_migrations_{uuid.uuid4().hex[:8]}"
    admin = create_engine(psycopg_url(server), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"create database {name}"))
    engine = make_engine(admin.url.set(database=name).render_as_string(hide_password=False))
    yield engine
    engine.dispose()
    with admin.connect() as connection:
        connection.execute(text(f"drop database {name} with (force)"))
    admin.dispose()


def pretend(engine: Engine, revision: str) -> None:
    with engine.begin() as connection:
        connection.execute(text("update alembic_version set version_num = :r"), {"r": revision})


def test_migrations_and_tables_agree(fresh, tmp_path):
    migrations.upgrade(fresh, tmp_path)
    with fresh.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={"include_object": alembic_helpers.include_object, "compare_server_default": True},
        )
        assert compare_metadata(context, Table.metadata) == []
        assert migrations.is_current(connection)
    migrations.check(fresh)


def test_each_geometry_has_its_index_exactly_once(fresh, tmp_path):
    migrations.upgrade(fresh, tmp_path)
    geometries = {
        (table.name, column.name)
        for table in Table.metadata.tables.values()
        for column in table.columns
        if hasattr(column.type, "geometry_type")
    }
    with fresh.connect() as connection:
        found = connection.execute(
            text(
                """
                select c.relname, a.attname from pg_index i join pg_class c on c.oid = i.indrelid
                join pg_attribute a on a.attrelid = c.oid and a.attnum = any(i.indkey)
                join pg_class x on x.oid = i.indexrelid join pg_am m on m.oid = x.relam
                where m.amname = 'gist'
                """
            )
        ).fetchall()
    assert geometries
    assert sorted(tuple(row) for row in found if tuple(row) in geometries) == sorted(geometries)


def test_the_audit_record_can_only_be_added_to(fresh, tmp_path):
    migrations.upgrade(fresh, tmp_path)
    with fresh.begin() as connection:
        connection.execute(text("insert into audit (action) values ('test.written')"))
    for change in ("update audit set action = 'x'", "delete from audit", "truncate audit"):
        with pytest.raises(ProgrammingError, match="append-only"), fresh.begin() as connection:
            connection.execute(text(change))
    with fresh.connect() as connection:
        assert connection.scalar(text("select action from audit")) == "test.written"


def test_a_second_upgrade_changes_nothing_and_writes_no_dump(fresh, tmp_path):
    migrations.upgrade(fresh, tmp_path)
    migrations.upgrade(fresh, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_database_newer_than_the_code_is_refused_untouched(fresh, tmp_path):
    migrations.upgrade(fresh, tmp_path)
    pretend(fresh, "9999")
    for refuse in (lambda: migrations.upgrade(fresh, tmp_path), lambda: migrations.check(fresh)):
        with pytest.raises(CannotRun, match=r"9999.*比本程序新"):
            refuse()


def test_tables_of_another_program_are_left_alone(fresh, tmp_path):
    with fresh.begin() as connection:
        connection.execute(text("create table person (name text)"))
    with pytest.raises(CannotRun, match=r"别的程序的表（person）"):
        migrations.upgrade(fresh, tmp_path)


def test_before_an_upgrade_the_rows_are_dumped_and_can_be_restored(fresh, tmp_path, monkeypatch):
    migrations.upgrade(fresh, tmp_path)
    with fresh.begin() as connection:
        connection.execute(
            text("insert into county (code, name, time_zone) values ('321281', '兴化', 'Asia/Shanghai')")
        )
    upgraded = []
    # The next revision does not exist yet: let the code believe in one, and carry nothing out.
    known = migrations.revisions()
    monkeypatch.setattr(migrations, "revisions", lambda: ["9999", *known])
    monkeypatch.setattr(migrations.command, "upgrade", lambda _, target: upgraded.append(target))
    dumps = tmp_path / "dumps"
    migrations.upgrade(fresh, dumps)
    [dump] = dumps.iterdir()
    assert upgraded == ["head"]
    assert dump.name.startswith("before-9999-")
    assert dump.stat().st_mode & 0o777 == 0o600
    listed = subprocess.run(
        [installed()[0].folder / "pg_restore", "--data-only", "--table=county", "--file=-", dump],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "兴化" in listed.stdout


def test_without_a_dump_there_is_no_upgrade(fresh, tmp_path, monkeypatch):
    migrations.upgrade(fresh, tmp_path)
    with fresh.begin() as connection:
        connection.execute(text("insert into county (code, name, time_zone) values ('1', '县', 'UTC')"))
    known = migrations.revisions()
    monkeypatch.setattr(migrations, "revisions", lambda: ["9999", *known])
    monkeypatch.setattr(migrations.command, "upgrade", lambda *_: pytest.fail("it was upgraded"))
    monkeypatch.setattr(programs, "fitting", lambda *_: "/bin/false")
    with pytest.raises(CannotRun, match="备份没有成功"):
        migrations.upgrade(fresh, tmp_path / "dumps")
    assert list((tmp_path / "dumps").iterdir()) == []
