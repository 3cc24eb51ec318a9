"""Gunicorn's settings: ``gunicorn --config python:launch.gunicorn_settings``, on hosts and in containers.

Threads, because a page may wait for Orthanc; no access log, because a search for a patient stands in the URL.
"""

from settings import load_settings

_settings = load_settings()
_host = f"[{_settings.http_host}]" if ":" in _settings.http_host else _settings.http_host

bind = f"{_host}:{_settings.http_port}"
worker_class = "gthread"
workers = 2
threads = 32  # at most a third of them wait for Orthanc (webapp.services)
timeout = 60
graceful_timeout = 10
keepalive = 5
accesslog = None
loglevel = _settings.log_level
control_socket_disable = True  # one fixed path a user: several copies on a machine would share it
