"""The conversations that fuzzing begins with are what they are called, and any bytes are a conversation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.corpus import decoded, encoded, hear, seeds
from tests.overhearing import overhear


@pytest.mark.parametrize("name", sorted(seeds()))
def test_a_seed_is_read_to_its_end(name: str) -> None:
    hear(seeds()[name])

    (_, request), *turns = decoded(seeds()[name])
    ended = overhear(request, turns).association
    assert "opaque_reason" not in ended
    assert ended["outcome"] in {"released", "aborted", "rejected"}


@given(st.binary(max_size=200))
def test_any_bytes_are_a_conversation(data: bytes) -> None:
    hear(data)
    turns = list(decoded(data))
    assert list(decoded(encoded(turns))) == turns
