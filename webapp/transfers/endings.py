"""Why associations are turned away or broken off: by the recorder and by PS3.8, with what to do. Pure.

Placeholders: ``calling`` (the sender's AE title) and ``ip`` (its address).
"""

from database.transfer_terms import DoorReason

_TRIES_AGAIN = "Most senders try again by themselves."

AT_THE_DOOR = {
    DoorReason.BLOCKED: (
        "An administrator has blocked {calling}.",
        "If it may send after all, unblock it under Facilities, Unknown senders.",
    ),
    DoorReason.RETIRED: (
        "{calling} is retired.",
        "If it may send again, re-activate it under Facilities.",
    ),
    DoorReason.HOST_NOT_ALLOWED: (
        "{calling} may not come from {ip}: its facility allows other hosts.",
        "If this address is right, add it to the node's allowed hosts, under Facilities.",
    ),
    DoorReason.MALFORMED_AE_TITLE: (
        "An AE title was empty, or had characters that no AE title may have.",
        "Give the sender valid ones: 1 to 16 printable ASCII characters, no backslash.",
    ),
    DoorReason.TOO_MANY_ASSOCIATIONS: (
        "As many associations as this server takes were open (NOCTIS_MAX_ASSOCIATIONS).",
        f"{_TRIES_AGAIN} If it happens often, see who keeps associations open.",
    ),
    DoorReason.TOO_MANY_FROM_ADDRESS: (
        "From {ip} as many were open as one address may have (NOCTIS_MAX_ASSOCIATIONS_PER_ADDRESS).",
        f"{_TRIES_AGAIN} If it happens often, have it use fewer at the same time.",
    ),
    DoorReason.REQUEST_TIMEOUT: (
        "It connected, but sent no association request in time.",
        "Harmless if a monitor does it; otherwise look at the sender and the network between.",
    ),
    DoorReason.NOT_AN_ASSOCIATION_REQUEST: (
        "What came first was no association request.",
        (
            "Harmless if a monitor or a port scan did it; otherwise find out what connects from {ip}. "
            "A sender that uses TLS needs the TLS port."
        ),
    ),
    DoorReason.ORTHANC_UNREACHABLE: (
        "Orthanc did not answer, so the recorder turned the sender away for the moment.",
        f"{_TRIES_AGAIN} If this lasts, see whether Orthanc runs.",
    ),
    DoorReason.ENDING: ("The recorder was being stopped.", _TRIES_AGAIN),
}
REJECTIONS = {  # of an A-ASSOCIATE-RJ, by source and reason, PS3.8 9.3.4
    (1, 1): ("No reason was given.", ""),
    (1, 2): ("It asked for another application context than DICOM's.", "The sender needs to be corrected."),
    (2, 1): ("No reason was given.", ""),
    (2, 2): (
        "It speaks a version of the protocol that isn't supported.",
        "The sender needs to be corrected.",
    ),
    (3, 1): ("Too much to do at the moment.", _TRIES_AGAIN),
    (3, 2): ("As many associations as allowed were open.", _TRIES_AGAIN),
}


ABORTS = {  # of an A-ABORT of the protocol's own layer (source 2), by reason, PS3.8 9.3.8
    0: "it doesn't say why",
    1: "a PDU of a kind that it doesn't know",
    2: "a PDU that it didn't expect",
    4: "a PDU's parameter that it doesn't know",
    5: "a PDU's parameter that it didn't expect",
    6: "a PDU's parameter with an invalid value",
}
