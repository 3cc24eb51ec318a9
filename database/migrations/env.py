"""Alembic's entry: runs on the connection that ``database.migrate`` hands over."""

from alembic import context
from sqlalchemy import text

from database.models import Base

connection = context.config.attributes["connection"]
if connection.dialect.name == "postgresql":
    # A migration that has to wait for a lock gives up, rather than stop everybody behind it.
    connection.execute(text("SET LOCAL lock_timeout = '4s'"))
    connection.execute(text("SET LOCAL statement_timeout = '60s'"))
context.configure(
    connection=connection, target_metadata=Base.metadata, render_as_batch=connection.dialect.name == "sqlite"
)
with context.begin_transaction():
    context.run_migrations()
