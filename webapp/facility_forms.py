"""Forms about facilities, nodes and peers: what was typed, what is wrong with which field. No database."""

from collections.abc import Iterable, Mapping
from typing import Any

from flask import request

from webapp.connection_words import Node
from webapp.registry import EntityFields, FacilityFields, PeerFields, RegistryError, ae_titles
from webapp.registry.fields import check_port
from webapp.registry.hosts import check_host

_OPERATIONS = ("may_echo", "may_store", "may_find", "may_move", "may_get")
ENTITY_TEXTS = ("ae_title", "host", "port", "description", "local_ae_title", "allowed_hosts")
ENTITY_CHECKS = ("uses_tls", *_OPERATIONS)
FACILITY_TEXTS = ("name", "code", "address", "time_zone", "contact", "letterhead", "paper", "silent_hours")
FACILITY_CHECKS = ("has_preprinted_paper", "needs_second_signer")
PEER_TEXTS = ("name", "url", "username")


class Form:
    """Values by the name of their field, and errors beside them. ``error()`` is that of no field."""

    def __init__(self, values: Mapping[str, Any] | None = None) -> None:
        self.values: dict[str, Any] = dict(values or {})
        self.errors: dict[str, str] = {}
        self.present: dict[str, str] = {}
        """What is saved now, where it isn't what was typed, because somebody else was quicker."""

    @classmethod
    def sent(cls, checks: Iterable[str] = ()) -> "Form":
        """As the browser sends it: a box that isn't ticked isn't there. A password isn't shown again."""
        values: dict[str, Any] = {name: value for name, value in request.form.items() if name != "password"}
        return cls(values | {name: name in request.form for name in checks})

    def text(self, name: str) -> str:
        value = self.values.get(name, "")
        return "" if value is None else str(value)

    def is_checked(self, name: str) -> bool:
        return bool(self.values.get(name))

    def number(self, name: str) -> int | None:
        """None where nothing was typed. Raises RegistryError."""
        text = self.text(name).strip()
        if not text:
            return None
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            raise RegistryError(name, f"{text} is no whole number.")
        return int(text)

    def refuse(self, error: RegistryError) -> None:
        self.errors.setdefault(error.field, str(error))

    def confront(self, present: "Form", error: RegistryError) -> None:
        """With what is saved now. The next time it is known, and may be overwritten."""
        self.refuse(error)
        names = [name for name in present.values if _tell(present, name) != _tell(self, name)]
        self.present = {name: _tell(present, name) or "empty" for name in names}
        self.values["revision"] = present.values["revision"]

    def error(self, name: str = "") -> str:
        return self.errors.get(name, "")

    @property
    def first_error(self) -> str:
        """The field to put the cursor in."""
        return next(iter(self.errors), "")


def _tell(form: Form, name: str) -> str:
    value = form.values.get(name)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "\n".join(form.text(name).strip().splitlines())


def of_row(row: object, names: Iterable[str]) -> Form:
    """A form filled with what is now."""
    return Form({name: getattr(row, name) for name in names})


def new_facility() -> Form:
    return Form({"time_zone": "UTC", "has_node": True, "may_echo": True, "may_store": True})


def facility_fields(form: Form) -> FacilityFields:
    """Raises RegistryError."""
    values: dict[str, Any] = {name: form.text(name) for name in FACILITY_TEXTS if name != "silent_hours"}
    values |= {name: form.is_checked(name) for name in FACILITY_CHECKS}
    return FacilityFields(**values, silent_hours=form.number("silent_hours"))


def entity_fields(form: Form) -> EntityFields:
    """What is still as it was proposed counts as generated: somebody else may have taken it meanwhile.

    Raises RegistryError.
    """
    title, port = form.text("ae_title").strip(), form.number("port")
    if title == form.text("proposed_ae_title"):
        title = ""
    if port is not None and str(port) == form.text("proposed_port"):
        port = None
    return EntityFields(
        ae_title=title,
        host=form.text("host"),
        port=port,
        description=form.text("description"),
        local_ae_title=form.text("local_ae_title"),
        allowed_hosts=form.text("allowed_hosts"),
        **{name: form.is_checked(name) for name in ENTITY_CHECKS},
    )


def peer_fields(form: Form) -> PeerFields:
    return PeerFields(
        name=form.text("name"),
        url=form.text("url"),
        username=form.text("username"),
        password=request.form.get("password", ""),
    )


def sent_logo() -> bytes | None:
    """None when no file was chosen."""
    upload = request.files.get("logo")
    return (upload.read() or None) if upload and upload.filename else None


def node_to_try(form: Form, own_ae_title: str) -> Node:
    """The node as typed, not saved yet. Raises RegistryError."""
    title = form.text("ae_title").strip() or form.text("proposed_ae_title")
    host = check_host(form.text("host"))
    port = form.number("port") or form.number("proposed_port") or 0
    local = form.text("local_ae_title").strip()
    if not host:
        raise RegistryError("host", "Enter the host first: there is nothing to connect to yet.")
    return Node(
        ae_titles.check(title),
        host,
        check_port(port),
        ae_titles.check(local, "local_ae_title") if local else own_ae_title,
    )
