"""The pytest plugin: fixtures, a marker, options. The fake is loaded only when a fixture is used."""

from __future__ import annotations

import dataclasses
import gc
import os
import re
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Literal

import pytest

from leomock.testing.pytest_options import (
    CHOICES,
    MARKER,
    MARKS,
    OPTIONS,
    REAL_MARKER,
    TENANT_SETTINGS,
    marked,
    option,
    project_settings,
    unknown,
    wrong_marker,
    wrong_option,
    yes,
)

if TYPE_CHECKING:
    import httpx

    from leomock.interop.mcp.session import McpSession
    from leomock.testing.fake import Fake
    from leomock.testing.interception.processes import LazyGateway
    from leomock.testing.tenant import Tenant
    from leomock.testing.webhook_receiver import WebhookReceiver

KEY_VARIABLES = ("LEONARDO_API_KEY", "LEONARDO_AI_API_KEY")
URL_VARIABLE = "LEONARDO_BASE_URL"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
# The test that runs, for the fixtures that most tests use: pytest builds a new `request` each time.
_ITEM = pytest.StashKey[pytest.Item]()
_SERVER = pytest.StashKey["Fake"]()
_TENANTS = pytest.StashKey[list["Tenant"]]()
_CLOSED = pytest.StashKey[bool]()  # whether the real hosts are closed until the end of the session
_CHILDREN = pytest.StashKey["LazyGateway"]()  # leads the processes that tests start
_STRICT = pytest.StashKey["Tenant"]()  # the one whose findings fail the test
_RULES = pytest.StashKey[Sequence[str]]()  # the only rules whose findings fail it
_ONLY_BUDGET = pytest.StashKey[bool]()  # whether nothing but the budget fails it
_BEFORE = pytest.StashKey[dict[str, int]]()  # the last exchange of each key before the test
_WIDER = pytest.StashKey[list["Tenant"]]()  # the accounts of classes, modules and the session
_WIDER_BEFORE = pytest.StashKey[dict[str, int]]()  # the last exchange of each of these before the test


# --- options ------------------------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options for the command line and the ini file."""
    group = parser.getgroup(
        "leomock",
        "leomock, the fake Leonardo.AI API (each option also as LEOMOCK_… in the environment and as "
        "leomock_… in the ini file)",
    )
    for name, (default, text) in OPTIONS.items():
        group.addoption(
            f"--leomock-{name}", default=None, metavar="VALUE", help=f"{text} (default: {default or 'none'})"
        )
        if name == "scenario":
            parser.addini(f"leomock_{name}", text, type="linelist", default=[])
        else:
            parser.addini(f"leomock_{name}", text, type="string", default="")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker; refuse invalid options before any test runs."""
    told = "; ".join(f"{name}: {text}" for name, text in MARKS.items())
    config.addinivalue_line(
        "markers", f"{MARKER}({', '.join(f'{m}=…' for m in MARKS)}): the fake of this test. {told}."
    )
    config.addinivalue_line(
        "markers", f"{REAL_MARKER}: calls of this test to the real hosts are allowed if no fake answers them."
    )
    for name in ("intercept", "strict"):
        yes(config, name)
    for name, values in CHOICES.items():
        if (value := option(config, name)) not in values:
            raise wrong_option(config, name, f"{name}={value!r}: use {' or '.join(values)}")
    if (jobs := option(config, "jobs")) != OPTIONS["jobs"][0]:
        from leomock.state.settings import JobCompletion, SettingError

        try:
            JobCompletion.parse(jobs)
        except SettingError as error:
            raise wrong_option(config, "jobs", error) from None


def pytest_unconfigure(config: pytest.Config) -> None:
    """Unblock the real hosts, which the first use of a fixture blocked."""
    if config.stash.get(_CLOSED, False):
        from leomock.testing.interception import open_real_hosts

        config.stash[_CLOSED] = False
        open_real_hosts()


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Name the options that differ from their defaults; nothing if all are at their defaults."""
    chosen = [
        f"{name}={value}"
        for name, (default, _) in OPTIONS.items()
        if (value := option(config, name)) != default
    ]
    return [f"leomock: {', '.join(chosen)}"] if chosen else []


# --- the marker ---------------------------------------------------------------------------------------


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Fail the collection if a marker is invalid, also in a worker of pytest-xdist."""
    report = yield
    tests = (item for item in report.result if isinstance(item, pytest.Item))
    # For a test with many parameters, report only the first.
    wrong = {text: item.nodeid for item in reversed([*tests]) if (text := wrong_marker(item))}
    if wrong:
        report.outcome = "failed"
        told = [f"{nodeid}: @pytest.mark.leomock {text}" for text, nodeid in wrong.items()]
        report.longrepr = "\n".join(reversed(told))
        report.result = []
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the fixture to a test with the marker if the test does not request it."""
    for item in items:
        names = getattr(item, "fixturenames", None)
        if names is not None and "leomock" not in names and item.get_closest_marker(MARKER):
            names.append("leomock")


# --- fixtures -----------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def leomock_address() -> tuple[str, int]:
    """Where the session's fake listens, as (host, port); override it for a fixed port."""
    return "127.0.0.1", 0


@pytest.fixture(scope="session")
def leomock_settings(pytestconfig: pytest.Config) -> dict[str, Any]:
    """Settings of the session's fake, as `leomock.Fake` takes them; override it to change them."""
    names = [name.strip() for name in option(pytestconfig, "scenario").split(",") if name.strip()]
    from leomock.files.project_settings import for_fake

    return {
        **for_fake(project_settings(pytestconfig)),
        "jobs": option(pytestconfig, "jobs"),
        "clock": option(pytestconfig, "clock"),
        "scenario": names,
    }


@pytest.fixture(scope="session")
def leomock_server(
    leomock_address: tuple[str, int], leomock_settings: dict[str, Any], pytestconfig: pytest.Config
) -> Iterator[Fake]:
    """The fake Leonardo.AI API on a port, shared by the session.

    From then on until the end of the session, calls for the real hosts fail unless a fake answers them.
    """
    _close_real_hosts(pytestconfig)
    with _no_search_for_garbage():
        from leomock.state.settings import Settings
        from leomock.testing.fake import Fake

    known = ("clock", "scenario", *(field.name for field in dataclasses.fields(Settings)))
    if not (isinstance(leomock_settings, dict) and all(isinstance(name, str) for name in leomock_settings)):
        raise _failed(f"the fixture leomock_settings gives {leomock_settings!r}, not settings by their names")
    if wrong := unknown(leomock_settings, known):
        raise _failed(f"the fixture leomock_settings {wrong}")
    match leomock_address:
        case (str() as host, int() as port):
            pass
        case _:
            raise _failed(f"the fixture leomock_address gives {leomock_address!r}, not (host, port)")
    with _plain_errors(), _no_search_for_garbage():
        fake = Fake(**{"max_worlds": 100_000, **leomock_settings, "host": host, "port": port})
    with ExitStack() as stack:
        try:
            stack.enter_context(fake)
        except (RuntimeError, UserWarning) as error:
            if not str(error).startswith("A test tried to use socket.socket"):
                raise
            text = "pytest-socket blocks every socket, and the fake answers on one of 127.0.0.1"
            use = "--allow-hosts=127.0.0.1 instead of --disable-socket"
            raise _failed(f"{text}; use {use}, which blocks all other hosts") from None
        except OSError as error:
            text = f"cannot listen on {host}:{port}, as the fixture leomock_address says: {error.strerror}"
            raise _failed(f"{text}; port 0 is any that is free") from None
        children = _lazy_gateway(fake)
        stack.callback(children.close)
        pytestconfig.stash[_CHILDREN] = children
        yield fake


def _lazy_gateway(fake: Fake) -> LazyGateway:
    """Return the gateway that directs the processes of tests to the fake; it opens with the first of them."""
    from leomock.testing.interception import processes

    return processes.LazyGateway(fake)


def _close_real_hosts(config: pytest.Config) -> None:
    if option(config, "real") == "closed" and not config.stash.get(_CLOSED, False):
        from leomock.testing.interception import close_real_hosts

        config.stash[_CLOSED] = True
        close_real_hosts()


@contextmanager
def _plain_errors() -> Iterator[None]:
    """Report an invalid setting by its message alone, without the traceback through leomock."""
    try:
        yield
    except (ValueError, TypeError) as error:
        raise _failed(str(error)) from None


def _failed(text: str) -> BaseException:
    return pytest.fail.Exception(f"leomock: {text}", pytrace=False)


@contextmanager
def _no_search_for_garbage() -> Iterator[None]:
    """Skip garbage collection while the fake is loaded, where it takes a quarter of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@pytest.fixture
def make_leomock(leomock_server: Fake, pytestconfig: pytest.Config) -> Callable[..., Tenant]:
    """Make tenants of the fake: several accounts, or other settings, in one test.

    Each tenant has its own key, and only calls with that key belong to it. This fixture does not intercept
    calls: request `leomock` as well, or use `intercept()` of a tenant.
    """
    return _maker(leomock_server, pytestconfig.stash[_ITEM])


def _maker(server: Fake, node: pytest.Item) -> Callable[..., Tenant]:
    """Return a function that makes tenants for a test, and record what the test's report needs."""
    stash = node.stash
    tenants: list[Tenant] = stash.setdefault(_TENANTS, [])
    if _SERVER not in stash:
        stash[_SERVER] = server
        stash[_BEFORE] = {key: journal.last for key, journal in server.journals()}

    def make(**settings: Any) -> Tenant:
        """Make a tenant; takes the marker's arguments except `strict` and `keys`, plus `ids` and `limits`."""
        if wrong := unknown(settings, TENANT_SETTINGS):
            raise _failed(f"make_leomock {wrong}")
        tenant = _new_tenant(server, f"{node.nodeid}#{len(tenants)}", settings)
        tenants.append(tenant)
        return tenant

    return make


def _new_tenant(server: Fake, name: str, settings: dict[str, Any]) -> Tenant:
    """Create an account with its settings and its initial content."""
    from leomock.state.outbox import target_of
    from leomock.state.settings import Settings

    settings = dict(settings)
    generations = settings.pop("generations", 0)
    webhook = {name: settings.pop(name) for name in [*settings] if name.startswith("webhook_")}
    if webhook and not webhook.get("webhook_url"):
        raise _failed(f"{min(webhook)}: needs webhook_url as well")
    with _plain_errors():
        tenant = server.new_tenant(name, **settings)
        if generations != 0:
            tenant.add_generations(generations)
        if webhook:
            tenant.world.set_target(target_of(Settings(**webhook)))
    return tenant


@pytest.fixture
def leomock_mcp(leomock: Tenant) -> McpSession:
    """The API as MCP tools, on the account of the `leomock` fixture and without a port.

    Needs the extra `leomock[mcp]`.
    """
    from leomock.interop.mcp.address import MCP_MISSING

    try:
        from leomock.interop.mcp.session import McpSession
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("leomock"):
            raise
        raise _failed(MCP_MISSING) from None
    return McpSession(leomock)


@pytest.fixture
def leomock(
    leomock_server: Fake, pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Tenant]:
    """The fake Leonardo.AI API for one test: an empty tenant with its own key, clock and faults.

    While the test runs, calls for the real hosts go to it, whatever their key, including those of processes
    that the test starts, and LEONARDO_API_KEY, LEONARDO_AI_API_KEY and LEONARDO_BASE_URL are set.
    `@pytest.mark.leomock(...)` chooses scenarios and settings.
    """
    item = pytestconfig.stash[_ITEM]
    arguments = marked(item)
    strict = arguments.pop("strict", yes(pytestconfig, "strict"))
    keys = arguments.pop("keys", option(pytestconfig, "keys"))
    budget = arguments.pop("budget", None)
    tenant = _maker(leomock_server, item)(**arguments)
    with _plain_errors():
        tenant.budget = budget
    if strict or budget is not None:
        item.stash[_STRICT] = tenant
        item.stash[_ONLY_BUDGET] = not strict
        if not isinstance(strict, bool):
            item.stash[_RULES] = strict
    with _in_use(tenant, pytestconfig, monkeypatch, keys):
        yield tenant


@contextmanager
def _in_use(
    tenant: Tenant, config: pytest.Config, monkeypatch: pytest.MonkeyPatch, keys: Any
) -> Iterator[None]:
    """Set the variables that programs read, and direct calls for the real hosts to an account."""
    for name in KEY_VARIABLES:
        monkeypatch.setenv(name, tenant.api_key)
    monkeypatch.setenv(URL_VARIABLE, tenant.base_url)
    for name in ("NO_PROXY", "no_proxy"):
        # A proxy set in the environment cannot reach this machine's 127.0.0.1.
        before = os.environ.get(name, "")
        monkeypatch.setenv(name, ",".join(filter(None, [before, *LOOPBACK])))
    with ExitStack() as stack:
        if yes(config, "intercept"):
            stack.enter_context(tenant.intercept(keys=keys, children=config.stash[_CHILDREN]))
        yield


def _wider(scope: Literal["class", "module", "session"]) -> Any:
    """Return a fixture with one account for all tests of a class, a module or the session."""

    def account(leomock_server: Fake, request: pytest.FixtureRequest) -> Iterator[Tenant]:
        name = getattr(request.node, "nodeid", "") or "session"
        tenant = _new_tenant(leomock_server, f"{name}#{scope}", {})
        keys = option(request.config, "keys")
        wider = request.config.stash.setdefault(_WIDER, [])
        wider.append(tenant)
        with pytest.MonkeyPatch.context() as patch, _in_use(tenant, request.config, patch, keys):
            yield tenant
        wider.remove(tenant)
        leomock_server.forget(tenant)

    account.__doc__ = f"One account for all tests of a {scope}; a test's own `leomock` takes precedence."
    return pytest.fixture(scope=scope, name=f"leomock_{scope}")(account)


leomock_class = _wider("class")
leomock_module = _wider("module")
leomock_session = _wider("session")


@pytest.fixture
def leomock_client(leomock: Tenant) -> Iterator[httpx.Client]:
    """An httpx client with the test's key, based at the API."""
    import httpx

    headers = {"authorization": f"Bearer {leomock.api_key}"}
    with httpx.Client(base_url=leomock.base_url, headers=headers, trust_env=False) as client:
        yield client


@pytest.fixture
def leomock_webhooks(leomock: Tenant) -> Iterator[WebhookReceiver]:
    """A receiver for the test's webhooks, with `wait_for(...)`."""
    from leomock.testing.webhook_receiver import WebhookReceiver

    with WebhookReceiver(leomock) as receiver:
        leomock.set_webhook(receiver.url)
        yield receiver


# --- reports ------------------------------------------------------------------------------------------


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Let a test with the marker `leomock_real` call the real service where no fake answers."""
    item.config.stash[_ITEM] = item
    item.stash[_WIDER_BEFORE] = {
        tenant.api_key: tenant.world.journal.last for tenant in item.config.stash.get(_WIDER, ())
    }
    if item.get_closest_marker(REAL_MARKER) is None:
        return (yield)
    from leomock.testing.interception import real_calls_allowed

    with real_calls_allowed():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Fail a strict test that passed if the verdict has findings."""
    yield
    tenant = item.stash.get(_STRICT, None)
    if tenant is None:
        return
    verdict = tenant.verdict()
    if _RULES in item.stash:
        verdict = verdict.only([*item.stash[_RULES], "over-budget"])
    rules = {finding.rule for finding in verdict.findings}
    if "over-budget" in rules or (rules and not item.stash[_ONLY_BUDGET]):
        # The first line is all that pytest's summary shows.
        raise _failed(f"{', '.join(sorted(rules))}\n\n{verdict}")


# pytest's own words where a fixture of a class, a module or a session requests one of a test.
_WIDER_THAN_A_TEST = re.compile(r"tried to access the function scoped fixture (make_)?leomock\b")
_WIDER_FIXTURES = (
    "The fixture leomock is a new account for each test. A fixture that lives longer can request "
    "leomock_class, leomock_module or leomock_session, which are accounts that live as long."
)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Attach journal and verdict to the report of a failed test; delete its tenants at the end."""
    if call.excinfo is not None and not item.config.getoption("fulltrace"):
        from leomock.testing.pytest_reports import end_before_leomock

        end_before_leomock(call.excinfo.value)
    report = yield
    tenants = item.stash.get(_TENANTS, [])
    wider = item.config.stash.get(_WIDER, [])
    if report.failed:
        from leomock.testing.pytest_reports import calls_elsewhere, calls_of

        report.sections.extend(calls_of(wider, item.stash.get(_WIDER_BEFORE, {})))
        for tenant in tenants:
            if lines := tenant.story():
                report.sections.append((f"leomock journal of {tenant.api_key[:4]}…", lines))
            verdict = tenant.verdict()
            if not verdict.clean and str(verdict) not in report.longreprtext:
                report.sections.append(("leomock verdict", str(verdict)))
        if _SERVER in item.stash:
            known = [tenant.api_key for tenant in (*tenants, *wider)]
            report.sections.extend(calls_elsewhere(item.stash[_SERVER], known, item.stash[_BEFORE]))
        if _WIDER_THAN_A_TEST.search(report.longreprtext):
            report.sections.append(("leomock", _WIDER_FIXTURES))
    if report.when == "teardown":
        # Not earlier: a failure during fixture teardown has a report as well.
        for tenant in tenants:
            item.stash[_SERVER].forget(tenant)
        tenants.clear()
    return report
