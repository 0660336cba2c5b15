"""Databases: the rows of a query, through pandas and SQLAlchemy."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd

from rnnfast.data.sources.bounds import check_bytes
from rnnfast.data.sources.formats import needs
from rnnfast.data.sources.source import plain
from rnnfast.data.sources.typedfile import frame_of_rows
from rnnfast.display import printable
from rnnfast.errors import DataError, UsageError, did_you_mean
from rnnfast.memory import available_memory

SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9.-]*(?:\+[A-Za-z0-9_.-]+)?)://")  # sqlite:// or postgresql+psycopg://
REMOTE = ("http", "https", "ftp", "ftps", "sftp", "s3", "gs", "az", "abfs", "hdfs", "file")  # of files, not databases
ROWS = 1 << 14  # taken from a database at a time
TABLES_SHOWN = 8


def is_database(name: str) -> bool:
    """Whether a table is named by the URL of a database; raises UsageError for the URL of a file."""
    match = SCHEME.match(name)
    if match is None:
        return False
    scheme = match[1].lower()
    if scheme in REMOTE:
        path = name.split("?")[0].rstrip("/")
        how = f" (curl -L -o {path.rsplit('/', 1)[-1]} '{name}')" if scheme in ("http", "https") else ""
        raise UsageError(f"{name}: rnnfast reads no URLs of files; download it first{how}")
    return True


def query_rows(url: str, query: str | None) -> pd.DataFrame:
    """Return the rows of a query; types are those of the database.

    Raises UsageError for a URL with a password, an unknown kind of database and where there is no query, RnnfastError
    where SQLAlchemy is not installed, DataError where the database refuses and where memory cannot hold the rows.
    """
    try:
        import sqlalchemy
        from sqlalchemy.exc import NoSuchModuleError, SQLAlchemyError
    except ImportError:
        raise needs("sql", f"{url.split('://')[0]}://...: a database") from None
    try:
        address = sqlalchemy.engine.make_url(url)
        if address.password is not None:
            raise UsageError(
                f"{address.render_as_string()}: the password would stand in the files of the run; leave it out, and "
                "give it by the database's own means (~/.pgpass or PGPASSWORD, ~/.my.cnf)"
            )
        engine = sqlalchemy.create_engine(address)
    except NoSuchModuleError:
        raise UsageError(
            f"{url}: no database of the kind {url.split('://')[0]!r} is known; such as sqlite:///file.db"
        ) from None
    except ModuleNotFoundError as error:
        raise UsageError(f"{url}: needs the driver {error.name}; pip install {error.name}") from None
    except SQLAlchemyError as error:
        raise UsageError(f"{url}: is no URL of a database ({_first(error)}); such as sqlite:///file.db") from None
    try:
        _check_file(url, address)
        if query is None:
            raise UsageError(f"{url}: is a database; say which rows to read with --query{_proposal(engine)}")
        return _rows(engine, url, query)
    except (SQLAlchemyError, pd.errors.DatabaseError) as error:
        raise DataError(f"{url}: the database refuses the query {query!r}: {_first(error)}{_hint(engine)}") from None
    finally:
        engine.dispose()


def _rows(engine: Any, url: str, query: str) -> pd.DataFrame:
    frames, size, limit = [], 0, available_memory()
    with engine.connect() as connection:
        # Without parameters: a colon or a percent sign of the query is one.
        options = {"stream_results": True, "max_row_buffer": ROWS, "no_parameters": True}
        cursor = connection.exec_driver_sql(query, execution_options=options)
        if not cursor.returns_rows:
            raise UsageError(f"--query {query!r} gives no rows; it has to be a SELECT")
        names = list(cursor.keys())
        while rows := cursor.fetchmany(ROWS):
            frame = frame_of_rows([tuple(row) for row in rows], names)
            size += int(frame.memory_usage(deep=True).sum())
            check_bytes(url, "database", size, limit)
            frames.append(frame)
    if not frames:
        raise DataError(f"{url}: the query {query!r} gives no rows; there is nothing to read")
    return pd.concat(frames, ignore_index=True)


def _check_file(url: str, address: Any) -> None:
    """Raise DataError for an SQLite file that is not there, which opening it would make."""
    if address.get_backend_name() != "sqlite":
        return
    path = Path(address.database or "")
    if not path.is_file():
        names = [item.name for item in path.parent.iterdir()] if path.name and path.parent.is_dir() else []
        near = did_you_mean(path.name, names) or "; an absolute path has four strokes, as in sqlite:////data/f.db"
        raise DataError(f"{url}: no such file{near}")


def _tables(engine: Any) -> list[str]:
    import sqlalchemy
    from sqlalchemy.exc import SQLAlchemyError

    try:
        return list(sqlalchemy.inspect(engine).get_table_names())
    except SQLAlchemyError:
        return []


def _proposal(engine: Any) -> str:
    names = _tables(engine)
    return f" 'select * from {plain(names[0])}'{_listed(names)}" if names else " 'select ... from ...'"


def _hint(engine: Any) -> str:
    return _listed(_tables(engine))


def _listed(names: list[str]) -> str:
    more = ", ..." if len(names) > TABLES_SHOWN else ""
    return f" (tables: {', '.join(map(plain, names[:TABLES_SHOWN]))}{more})" if names else ""


def _first(error: Exception) -> str:
    """First line of what a database says."""
    original = getattr(error, "orig", None) or error
    return printable((str(original).strip().splitlines() or [type(original).__name__])[0])
