"""A key opens one project until it is revoked, and is nowhere to be read after it was shown."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from tasks.core import clients, database
from tasks.core.errors import UsageError

pytestmark = pytest.mark.usefixtures("database_url")


def test_a_key_opens_its_project_alone_until_it_is_revoked() -> None:
    token, ann = clients.add("ship", "ann", 2.5)
    other, bob = clients.add("ship", "bob")
    kept = clients.snapshot("ship")
    assert clients.verify(token, kept) == ann == clients.clients("ship")[0] and ann.rate == 2.5
    assert clients.verify(other, kept) == bob and bob.rate is None
    assert clients.verify(token, clients.snapshot("boat")) is None
    revoked = clients.revoke("ship", "ann")
    assert revoked.revoked is not None and clients.revoke("ship", "ann") == revoked
    assert [*clients.snapshot("ship").values()] == [bob]
    assert clients.verify(token, clients.snapshot("ship")) is None


def test_something_else_than_the_key_opens() -> None:
    token, ann = clients.add("ship", "ann")
    other, _ = clients.add("ship", "bob")
    kept = clients.snapshot("ship")
    secret, foreign = token.split("_", 2)[2], other.split("_", 2)[2]
    wrong = ["", "_", "__", "kf", f"kf_{ann.id}", f"kf_{ann.id}_", f"kf_{ann.id}_{foreign}", f"kf__{secret}", secret]
    wrong += [f"KF_{ann.id}_{secret}", f"kf_{'0' * 12}_{secret}", f"{token} ", token[:-1], f"{token}\udce4", "kf___"]
    for guess in wrong:
        assert clients.verify(guess, kept) is None, guess
    assert clients.verify("kf__", {}) is None and clients.verify(token, kept) == ann


def test_a_secret_is_kept_shown_or_told() -> None:
    token, ann = clients.add("ship", "ann")
    secret = token.split("_", 2)[2]
    with database.reading() as connection:
        assert secret not in str(connection.execute(text("select * from clients")).all())
    for told in (repr(ann), ann.model_dump_json()):
        assert secret not in told and ann.secret_sha256 not in told


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 101])
def test_a_name_that_names_nobody_is_taken(name: str) -> None:
    with pytest.raises(UsageError, match="needs a name"):
        clients.add("ship", name)


def test_a_name_is_given_twice_or_a_wrong_one_is_a_riddle() -> None:
    clients.add("ship", "website")
    clients.add("boat", "website")
    clients.revoke("ship", "website")
    with pytest.raises(UsageError, match=r"called 'website' already.*another name"):
        clients.add("ship", " website ")
    with pytest.raises(UsageError, match="Perhaps 'website' is meant"):
        clients.revoke("ship", "web site")
    for rate in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(UsageError, match="more than 0"):
            clients.add("ship", "app", rate)
