"""The fixture that users' own test suites get."""

import pytest


def test_a_users_suite_gets_a_gateway_of_its_own(pytester: pytest.Pytester) -> None:
    """Without a conftest, each test that asks for kicc_sandbox gets a fresh gateway."""
    pytester.makepyfile(
        """
        import socket
        from urllib.parse import urlsplit
        seen = []

        def answers(base_url):
            url = urlsplit(base_url)
            with socket.socket() as client:
                return client.connect_ex((url.hostname, url.port)) == 0

        def test_first(kicc_sandbox):
            assert answers(kicc_sandbox.base_url)
            assert kicc_sandbox.charges() == []
            seen.append(kicc_sandbox)

        def test_second(kicc_sandbox):
            assert kicc_sandbox is not seen[0]
            assert not answers(seen[0].base_url)
        """
    )
    pytester.runpytest_subprocess("-W", "error").assert_outcomes(passed=2)
