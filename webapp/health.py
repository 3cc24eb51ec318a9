"""Whether this process lives. Whether Noctis works is another question: ``python -m bridge doctor``."""

from flask import Blueprint, Response, jsonify

blueprint = Blueprint("health", __name__)


@blueprint.get("/livez")
def livez() -> Response:
    """Answers without a sign-in and tells the anonymous nothing but whose process this is."""
    return jsonify(application="noctis", status="alive")
