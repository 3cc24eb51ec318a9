"""Files that can't be imported: every bad line is named, and nothing is changed."""

import pytest

from database.models import ApplicationEntity
from database.session import Database
from tests.facility_files import entities, facilities, load, problems
from webapp import registry


def test_every_bad_line_is_named_with_column_and_reason(database: Database) -> None:
    load(database, "name,ae_title\nNorth,MR1\n")

    said = problems(
        database,
        "name,code,ae_title,host,port,may_find,time_zone\n"
        "East,E1,CT\\1,,,,\n"
        "East,E1,CT2,a b,,,\n"
        ",,CT3,,,,\n"
        "West,W1,MR1,,,,\n"
        "South,S1,,,70000,,\n"
        "South,S1,,,x,,Europe/Nowhere\n"
        "Good,G1,CT9,,,,\n"
        "Good,G1,ct9,,,maybe,\n"
        "Good,G 1,CT8,,,,\n",
    )

    assert [one.split(":")[0] for one in said] == [
        "line 2, column ae_title",
        "line 3, column host",
        "line 4, column name",
        "line 5, column ae_title",
        "line 6, column port",
        "line 7, column time_zone",
        "line 7, column port",
        "line 9, column ae_title",
        "line 9, column may_find",
        "line 10, column code",
    ]
    assert "already an AE title of North (NORTH)" in said[3]
    assert "x is no whole number" in said[6]
    assert "ct9 stands on line 8 already" in said[7]
    assert "maybe means neither yes nor no" in said[8]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1: The file is empty"),
        ("\n \n", "line 1: The file is empty"),
        ("code\nE1\n", "line 1, column name: This column is missing"),
        (
            "name,nmae\nEast,x\n",
            "line 1, column nmae: There is no such column. Known are: name, code, ae_title",
        ),
        ("name,name\nEast,East\n", "line 1, column name: This column is there twice"),
        ("name\nEast, Street 1\n", "line 2: There are more cells than columns"),
        ('name\nEast\n"We"st\n', "line 3: The quotes are not right"),
        ('name\nEast\n"West\n\n', "line 3: The quotes are not right"),
        ('sep=;\nname\n"We"st\n', "line 3: The quotes are not right"),
        ('name,contact\n"East","a\nb"\n"W,"\n,x\n', "line 5, column name: Please enter a name"),
        (b"name\nEast\nM\xfcller\n", "line 3: This is not UTF-8. In Excel, save it as “CSV UTF-8”"),
        ("name\nEast\n".encode("utf-16"), "line 1: This is UTF-16"),
        ("sep=;\nname;port\nEast;x\n", "line 3, column port: x is no whole number"),
        ("name\n" + "East\n" * 1_001, "line 1002: Too many lines"),
        (b"name\n" + b"\n" * 5_000_000, "line 1: The file is too large"),
        ("name\nEa\x00st\n", "line 2, column name: This contains a control character"),
        (f"name\n{'x' * 200_000}\n", "line 2: The quotes are not right (field larger than field limit"),
        ("name,contact\nEast,a\nEast,b\n", "line 3, column contact: Line 2 is the same facility"),
        (
            "name,code\nA,A1\nA,A2\nA,\n",
            "line 4, column code: The file has this name with several codes (A1, A2)",
        ),
        (f"name,port\nEast,{'9' * 5000}\n", "line 2, column port: 9999"),
        ("name,port\nEast,١٠٤\n", "line 2, column port: ١٠٤ is no whole number"),
        ("name,ae_title\nEast,noctis\n", "line 2, column ae_title: noctis is our own AE title"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(database: Database, text: str | bytes, said: str) -> None:
    assert [one for one in problems(database, text) if one.startswith(said)]


def test_a_row_that_could_mean_several_is_asked_back(database: Database) -> None:
    load(database, "name,code,ae_title\nEast,E1,CT1\nEast,E1,CT2\nWest,W1,CT3\nWest,W2,CT4\n")

    assert problems(database, "name,code\nEast,E1\nWest,\n") == [
        "line 2, column ae_title: Which node of this facility is meant? Give its AE title (CT1, CT2).",
        "line 3, column code: Several facilities could be meant: give the code of one (W1, W2).",
    ]


def test_what_is_retired_is_not_changed_silently(database: Database) -> None:
    load(database, "name,code,ae_title\nEast,E1,CT1\nWest,W1,CT2\n")
    registry.retire_facility(database, facilities(database)["E1"].id)
    registry.retire(database, ApplicationEntity, entities(database)["CT2"].id)

    said = problems(database, "name,code,ae_title\nEast,E1,CT1\nWest,W1,CT2\n")

    assert "East is retired: re-activate the facility first" in said[0]
    assert "CT2 was an AE title of West (W1) and is retired" in said[1]
    assert "East is retired" in problems(database, "name,code\nEastern,E1\n")[0]
