"""The webapp: pages for people. Each module is one feature; ``create_app`` puts them together.

Nothing here writes to Orthanc; every query for studies starts from ``visibility.visible_studies``.
"""

from flask import Flask, g
from werkzeug.routing import IntegerConverter, Map

from settings import Settings, load_settings
from webapp import (
    application_entities,
    commands,
    errors,
    facilities,
    facility_exchange,
    health,
    peers,
    pictures,
    presentation,
    saved_filters,
    security,
    services,
    sessions,
    studies,
    study_flags,
    study_links,
    unknown_senders,
    users,
    worklist,
)
from webapp.prepared_texts import study_texts, template_pages, text_pages
from webapp.report_figures import pages as report_figure_pages
from webapp.reports import acts as report_acts
from webapp.reports import lock_pages, printing, prior_pages
from webapp.reports import pages as report_pages
from webapp.transfers import pages as transfer_pages

_FEATURES = (
    health,
    sessions,
    worklist,
    saved_filters,
    studies,
    study_flags,
    pictures,
    users,
    facilities,
    application_entities,
    peers,
    unknown_senders,
    facility_exchange,
    study_links,
    transfer_pages,
    report_pages,
    report_acts,
    lock_pages,
    prior_pages,
    template_pages,
    text_pages,
    study_texts,
    printing,
    report_figure_pages,
)


class RowIdConverter(IntegerConverter):
    """A row's number in an address; what no database column can hold is no such row."""

    def __init__(self, url_map: Map) -> None:
        super().__init__(url_map, min=1, max=2**63 - 1)


def create_app(settings: Settings | None = None) -> Flask:
    """The WSGI application. Raises SettingsError or NotMigratedError in words for the operator."""
    settings = settings or load_settings()
    app = Flask(__name__)
    app.secret_key = settings.secret("secret_key")
    app.url_map.converters["id"] = RowIdConverter
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    app.jinja_env.autoescape = True
    services.init_app(app, settings)
    security.init_app(app, settings)
    errors.init_app(app)
    presentation.init_app(app)
    commands.init_app(app)
    for feature in _FEATURES:
        app.register_blueprint(feature.blueprint)

    @app.context_processor
    def base_context() -> dict[str, object]:
        # g, not a look-up: an error page must not fail on what failed already
        return {
            "user": g.get("user"),
            "ae_title": settings.ae_title,
            "has_recorder": settings.has_recorder,
        }

    return app
