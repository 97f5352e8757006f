"""Jobs are done once, told about, tried again, and survive the service that did them."""

import datetime as dt
import threading
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, delete, func, insert, select, text, update

from geo_service import jobs
from geo_service.db import transaction
from geo_service.errors import Invalid, Unavailable
from geo_service.jobs import Schedule, Work, Worker, enqueue
from geo_service.tables import County, Job


@pytest.fixture
def table(engine: Engine) -> Iterator[Engine]:
    """The run's database with an empty table of jobs: workers commit for themselves."""
    yield engine
    with transaction(engine) as db:
        db.execute(delete(Job))
        db.execute(delete(County).where(County.code.like("job-%")))


def ask(engine: Engine, kind: str = "work", **more) -> int:
    with transaction(engine) as db:
        return enqueue(db, kind, **more)


def told(engine: Engine, number: int) -> Job:
    with transaction(engine) as db:
        return db.get_one(Job, number)


def do_one(engine: Engine, **handlers) -> bool:
    worker = Worker(engine, Work(handlers))
    with engine.connect() as connection:
        return worker.do_one(connection.execution_options(isolation_level="AUTOCOMMIT"))


def make_due(engine: Engine) -> None:
    with transaction(engine) as db:
        db.execute(update(Job).values(run_after=func.now()))


def wait_for(what, patience_s: float = 20) -> None:
    until = time.monotonic() + patience_s
    while not what():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.02)


def make_county(code):
    def handler(db, payload, progress):
        db.execute(insert(County).values(code=code, name=payload.get("name", "县"), time_zone="UTC"))

    return handler


def counties(engine: Engine) -> list[str]:
    with transaction(engine) as db:
        return list(db.scalars(select(County.code).where(County.code.like("job-%"))))


def test_a_job_and_the_note_that_it_is_done_are_one(table):
    number = ask(table, payload={"name": "甲"})
    assert do_one(table, work=make_county("job-1"))
    job = told(table, number)
    assert (job.state, job.attempts, job.error) == ("done", 1, None)
    assert job.finished_at is not None
    assert counties(table) == ["job-1"]
    assert not do_one(table, work=make_county("job-2")), "nothing is left"


def test_nothing_of_a_failed_job_stays_and_it_is_tried_again_later(table):
    number = ask(table)

    def half(db, payload, progress):
        make_county("job-half")(db, payload, progress)
        raise RuntimeError("张三")

    assert do_one(table, work=half)
    job = told(table, number)
    assert (job.state, job.error) == ("waiting", "RuntimeError")
    assert job.run_after > dt.datetime.now(dt.UTC) + dt.timedelta(seconds=3)
    assert counties(table) == []
    assert not do_one(table, work=half), "not before its time"
    make_due(table)
    assert do_one(table, work=make_county("job-2"))
    assert told(table, number).state == "done"


def test_it_is_given_up_after_some_attempts(table):
    number = ask(table)

    def never(db, payload, progress):
        raise Unavailable("稍后")

    for _ in range(jobs.MOST_ATTEMPTS):
        make_due(table)
        assert do_one(table, work=never)
    job = told(table, number)
    assert (job.state, job.error, job.attempts) == ("failed", "稍后", jobs.MOST_ATTEMPTS)


def test_what_was_asked_wrongly_fails_at_once_with_its_reason(table):
    number = ask(table)

    def wrong(db, payload, progress):
        raise Invalid("第 3 行没有名称。")

    assert do_one(table, work=wrong)
    assert (told(table, number).state, told(table, number).error) == ("failed", "第 3 行没有名称。")


def test_progress_is_seen_by_others_while_the_job_runs(table):
    number = ask(table)
    seen = []

    def slow(db, payload, progress):
        for done in range(3):
            progress(done, 3, "正在生成河道")
        seen.append(told(table, number).progress)
        progress(3, 3, "完成")
        seen.append(told(table, number).progress)
        with transaction(table) as other:
            seen.append(jobs.unfinished(other, "work").id)

    do_one(table, work=slow)
    assert seen == [
        {"done": 0, "of": 3, "what": "正在生成河道"},
        {"done": 3, "of": 3, "what": "完成"},
        number,
    ]
    with transaction(table) as db:
        assert jobs.unfinished(db, "work") is None


def test_a_job_left_running_by_a_killed_service_is_taken_again(table):
    number = ask(table)
    with transaction(table) as db:
        db.execute(update(Job).values(state="running", attempts=1))
    assert do_one(table, work=make_county("job-again"))
    assert (told(table, number).state, told(table, number).attempts) == ("done", 2)


def test_a_job_that_kills_its_service_again_and_again_is_given_up(table):
    number = ask(table)
    with transaction(table) as db:
        db.execute(update(Job).values(state="running", attempts=jobs.MOST_ATTEMPTS))
    assert not do_one(table, work=make_county("job-never"))
    assert told(table, number).state == "failed"
    assert "多次中断" in told(table, number).error


def test_workers_never_do_the_same_job_twice(table):
    for _ in range(12):
        ask(table)
    done = []

    def handler(db, payload, progress):
        done.append(db.scalar(select(func.pg_backend_pid())))
        time.sleep(0.02)

    workers = [Worker(table, Work({"work": handler})) for _ in range(3)]
    for worker in workers:
        worker.start()
    wait_for(lambda: len(done) >= 12)
    for worker in workers:
        worker.stop()
    assert len(done) == 12
    with transaction(table) as db:
        assert set(db.execute(select(Job.state, Job.attempts))) == {("done", 1)}


def test_the_worker_outlives_a_lost_database(table):
    begun, go_on = threading.Event(), threading.Event()

    def handler(db, payload, progress):
        begun.set()
        go_on.wait(10)
        make_county("job-after")(db, payload, progress)

    number = ask(table)
    worker = Worker(table, Work({"work": handler}))
    worker.start()
    assert begun.wait(10)
    with transaction(table) as db:  # every connection but our own is cut, as when the server is killed
        db.execute(
            text(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid()"
            )
        )
    go_on.set()
    wait_for(lambda: told(table, number).state != "running" or told(table, number).attempts > 1)
    make_due(table)
    wait_for(lambda: told(table, number).state == "done")
    worker.stop()
    assert counties(table) == ["job-after"]


def test_scheduled_work_is_asked_for_once_in_its_period(table):
    done = []
    work = Work(
        {"daily": lambda db, payload, progress: done.append(1)}, (Schedule("daily", dt.timedelta(days=1)),)
    )
    for _ in range(2):  # a restart does not ask again
        worker = Worker(table, work)
        worker.start()
        wait_for(lambda: done)
        time.sleep(0.2)
        worker.stop()
    assert done == [1]
    with transaction(table) as db:
        db.execute(update(Job).values(created_at=func.now() - dt.timedelta(days=1, minutes=1)))
    worker = Worker(table, work)
    worker.start()
    wait_for(lambda: len(done) == 2)
    worker.stop()


def test_a_kind_that_nobody_here_knows_is_left_for_who_does(table):
    number = ask(table, "of.tomorrow")
    assert not do_one(table, work=make_county("job-x"))
    assert told(table, number).state == "waiting"


def test_jobs_that_ended_long_ago_are_forgotten(table):
    old, new, waiting = ask(table), ask(table), ask(table)
    with transaction(table) as db:
        ended = update(Job).values(state="done", finished_at=func.now() - dt.timedelta(days=31))
        db.execute(ended.where(Job.id == old))
        db.execute(ended.where(Job.id == new).values(finished_at=func.now() - dt.timedelta(days=29)))
    with transaction(table) as db:
        assert jobs.drop_finished(db, older_than=dt.timedelta(days=30)) == 1
        assert set(db.scalars(select(Job.id))) == {new, waiting}
