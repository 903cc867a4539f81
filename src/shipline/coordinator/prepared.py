"""Questions that are asked hundreds of times a second, written as Django's ORM writes them, but only once; and
rows that are written as often.

Making the SQL of a question with a few joins costs Django several times what the database needs for the answer.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, DatabaseError, connection, connections, models
from django.db.models import query

from shipline.coordinator.database import often

Row = TypeVar("Row", bound=models.Model)


class Prepared(Generic[Row]):
    """`question` makes a query set from example values, each of them different from every other value in it; a
    call asks it with others and answers its rows, with what `select_related` brings."""

    def __init__(self, question: Callable[..., models.QuerySet[Row]], *examples: Any) -> None:
        self._question = question
        self._examples = examples
        # A connection belongs to its thread, and so does what is made with it.
        self._of_thread = threading.local()

    def all(self, *values: Any) -> list[Row]:
        if (made := getattr(self._of_thread, "made", None)) is None:
            made = self._of_thread.made = _Made(self._question(*self._examples), self._examples)
        found: list[Row] = made.all(values)
        return found

    def first(self, *values: Any) -> Row | None:
        """For questions that say themselves that they want one row at most."""
        return next(iter(self.all(*values)), None)


class _Made:
    def __init__(self, rows: models.QuerySet[Any], examples: tuple[Any, ...]) -> None:
        self._compiler: Any = rows.query.get_compiler(connection=connection)
        self._sql, parameters = self._compiler.as_sql()
        self._places = [examples.index(one) if one in examples else None for one in parameters]
        self._parameters = list(parameters)
        if {place for place in self._places if place is not None} != set(range(len(examples))):
            raise ValueError("an example value does not stand in the question as it is")
        self._converters = self._compiler.get_converters([one[0] for one in self._compiler.select])
        info = self._compiler.klass_info
        self._model = info["model"]
        self._columns = info["select_fields"]
        self._names = [self._compiler.select[index][0].target.attname for index in self._columns]
        populators: Any = query.get_related_populators
        self._related = populators(info, self._compiler.select, rows.db)

    def all(self, values: tuple[Any, ...]) -> list[Any]:
        given = [
            old if place is None else values[place]
            for old, place in zip(self._parameters, self._places, strict=True)
        ]
        with often() as cursor:
            cursor.execute(self._sql, given)
            rows = cursor.fetchall()
        return [self._object(row) for row in self._compiler.apply_converters(rows, self._converters)]

    def _object(self, row: list[Any]) -> Any:
        found = self._model.from_db(connection.alias, self._names, [row[index] for index in self._columns])
        for populator in self._related:
            populator.populate(row, found)
        return found


class PreparedUpdate(Generic[Row]):
    """Writes these fields of a row that is there, as `save(update_fields=...)` would; no signal is sent."""

    def __init__(self, model: type[Row], names: Iterable[str]) -> None:
        self._fields: list[Any] = [model._meta.get_field(name) for name in names]
        columns = ", ".join(f'"{one.column}" = %s' for one in self._fields)
        self._sql = f'UPDATE "{model._meta.db_table}" SET {columns} WHERE "id" = %s'  # noqa: S608 - names of ours

    def write(self, row: Row) -> None:
        """Raises DatabaseError when the row is gone, as Django's own does."""
        # The one behind the proxy, which looks it up each time that it is asked anything.
        using = connections[DEFAULT_DB_ALIAS]
        values = [one.get_db_prep_save(getattr(row, one.attname), using) for one in self._fields]
        with often() as cursor:
            cursor.execute(self._sql, [*values, row.pk])
            if not cursor.rowcount:
                raise DatabaseError(f"{row._meta.label} {row.pk} is gone")
