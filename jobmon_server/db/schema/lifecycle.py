"""The schema's life: made in an empty database, checked at every start, upgraded on request, never dropped but by who made it for a while."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import Column, MetaData, String, Table, func, insert, inspect, select, update
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import DBAPIError

from jobmon_server.db.core.transaction import Database
from jobmon_server.db.schema import indexes, views
from jobmon_server.db.schema.columns import complete_for_making
from jobmon_server.db.schema.drift import missing
from jobmon_server.db.schema.tables_control import metadata
from jobmon_server.errors import Busy, ConfigurationError, CorruptDatabase, Refused, WrongSchema
from jobmon_server.settings.extra_index import ExtraIndex

#: The revision that this version's code works on; a test compares it with the migrations.
HEAD = "0005_auth"
#: Stands in the version table while tables are being made: MariaDB commits each of them by itself.
CREATING = "creating"
LOCK_SECONDS = 60
NOT_READY_SECONDS = 10

version = Table("alembic_version", MetaData(), Column("version_num", String(32), primary_key=True))
version.primary_key.name = "alembic_version_pkc"


def create_all(engine: Engine) -> None:
    """Make the schema in an empty database, as the migrations would."""
    Database(engine).transact(_create)


def create_in_empty(engine: Engine) -> None:
    """Make the schema; raise Refused, and change nothing, where the database holds any table or view."""
    Database(engine).transact(_create_in_empty)


def drop_all(engine: Engine) -> None:
    """Drop the tables and views that `create_all` makes, and nothing else: for who made them, and nobody else."""
    Database(engine).transact(_drop)


def prepare(engine: Engine) -> None:
    """Make the schema if the database is empty; raise WrongSchema unless it then is this version's."""
    Database(engine).transact(_prepare)


def upgrade(engine: Engine, extra: Sequence[ExtraIndex] = ()) -> str:
    """Bring the schema to this version's revision, or make it, with the indexes of this site; return the revision."""
    return Database(engine).transact(_upgrade, extra)


def is_empty(connection: Connection) -> bool:
    """Tell whether the database holds no table at all."""
    return not inspect(connection).get_table_names()


def revision(connection: Connection) -> str | None:
    """Return the revision of the schema; None where no version of this software made one."""
    if not inspect(connection).has_table(version.name):
        return None
    return connection.execute(select(version.c.version_num)).scalar_one_or_none()


def check_current(connection: Connection) -> str:
    """Return the revision if it is this version's; raise WrongSchema saying what to do about any other."""
    found = revision(connection)
    if found == HEAD:
        return found
    raise WrongSchema(_advice(found))


def check_columns(connection: Connection) -> None:
    """Raise WrongSchema if a table lacks what this version's code works on, whatever the revision says."""
    if found := missing(connection):
        raise WrongSchema(
            f"The schema says that it is of revision {HEAD}, and is not: {'; '.join(found)}."
            " Restore the database from a backup, or give Jobmon an empty one."
        )


def ready(database: Database) -> str:
    """Return the revision of a database that can be used now; raise Busy saying why it cannot."""
    try:
        return database.read(check_current)
    except (WrongSchema, CorruptDatabase) as error:
        raise Busy(error.message, retry_after=NOT_READY_SECONDS) from None
    except DBAPIError as error:
        raise Busy("The database cannot be reached.", retry_after=NOT_READY_SECONDS) from error


@contextmanager
def usable(url: str | URL) -> Iterator[Database]:
    """Open a database for one act; raise ConfigurationError in one sentence if it is away or cannot be written."""
    database = Database.connect(url, pool_size=1)
    try:
        yield database
    except (DBAPIError, Busy) as error:
        cause = error.__cause__ if isinstance(error, Busy) else error
        said = getattr(cause, "orig", None) or error
        shown = make_url(url).render_as_string(hide_password=True)
        raise ConfigurationError(
            f"The database cannot be used: {said} ({shown}); JOBMON_DATA_DIR and JOBMON_DATABASE_URL say where it is."
        ) from error
    finally:
        database.dispose()


def _advice(found: str | None) -> str:
    """Say what may be done about a schema that is not current."""
    if found is None:
        return "The database holds tables that are not Jobmon's; give Jobmon a database of its own."
    if found == CREATING:
        return "The schema is half made; start the server again to finish it."
    if found in _older():
        return f"The schema is of revision {found}, older than {HEAD}: stop every server and run `jobmon-server db upgrade`."
    return f"The schema is of revision {found}, which this version ({HEAD}) does not know: install a newer version."


def _older() -> list[str]:
    """Return the revisions that can be upgraded from."""
    from jobmon_server.migrations import revisions

    return [known for known in revisions() if known != HEAD]


def _prepare(connection: Connection) -> None:
    with _alone(connection):
        if is_empty(connection) or revision(connection) == CREATING:
            _make(connection)
        check_current(connection)
        check_columns(connection)


def _create(connection: Connection) -> None:
    with _alone(connection):
        _make(connection)


def _create_in_empty(connection: Connection) -> None:
    with _alone(connection):
        found = [*inspect(connection).get_table_names(), *inspect(connection).get_view_names()]
        if found:
            raise Refused(f"The database is not empty: it holds {', '.join(sorted(found)[:5])}.")
        _make(connection)


def _drop(connection: Connection) -> None:
    with _alone(connection):
        views.drop(connection)
        metadata.drop_all(connection)
        version.drop(connection, checkfirst=True)


def _upgrade(connection: Connection, extra: Sequence[ExtraIndex]) -> str:
    from jobmon_server.migrations import upgrade_to_head

    with _alone(connection):
        if is_empty(connection) or revision(connection) == CREATING:
            _make(connection)
        elif revision(connection) in _older():
            upgrade_to_head(connection)
        found = check_current(connection)
        views.make(connection)
        indexes.make_missing(connection, indexes.known(connection, extra))
        return found


def _make(connection: Connection) -> None:
    """Make what is missing and stamp it; may be run again after it was interrupted."""
    complete_for_making()
    version.create(connection, checkfirst=True)
    if revision(connection) is None:
        connection.execute(insert(version).values(version_num=CREATING))
    for table in metadata.sorted_tables:
        table.create(connection, checkfirst=True)
        for index in table.indexes:
            index.create(connection, checkfirst=True)
    views.make(connection)
    connection.execute(update(version).values(version_num=HEAD))


@contextmanager
def _alone(connection: Connection) -> Iterator[None]:
    """Keep other servers out: SQLite's transaction does so by itself, MariaDB's ends with each table made."""
    if connection.dialect.name == "sqlite":
        yield
        return
    name = func.concat("jobmon_", func.md5(func.database()))
    if connection.execute(select(func.get_lock(name, LOCK_SECONDS))).scalar_one() != 1:
        raise Busy("Another server is making or upgrading the schema.")
    try:
        yield
    finally:
        connection.execute(select(func.release_lock(name)))
