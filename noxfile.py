"""The default install and its tests on every Python that is supported: `uvx nox`.

Each session has an environment of its own in `.nox/`, filled from the hashes in
`requirements.txt`; the project's `.venv` is not touched. One version: `uvx nox -s tests-3.12`;
some of the tests: `uvx nox -- tests/gateway`.
"""

import nox

nox.options.default_venv_backend = "uv"
nox.options.error_on_missing_interpreters = True


@nox.session(python=["3.11", "3.12", "3.13"])
def tests(session: nox.Session) -> None:
    """Run the tests as the README does, without the extras."""
    session.install("--require-hashes", "-r", "requirements.txt")
    session.run("pytest", *session.posargs)
