"""The page in a real browser. Set LEOMOCK_SCREENSHOTS to a folder to keep pictures of it."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from leomock import Fake
from tests.server.page.chromium import ARGUMENTS, CHROMIUM

AXE = Path(__file__).parents[2] / "clients" / "node" / "node_modules" / "axe-core" / "axe.min.js"
PANELS = {
    "journal": "Journal",
    "gallery": "Gallery",
    "verdict": "Verdict",
    "steering": "Steering",
    "builder": "Send a request",
}

playwright = pytest.importorskip("playwright.sync_api")
# The page is told what is new four times a second; a machine that runs other tests may be slower.
playwright.expect.set_options(timeout=20_000)
pytestmark = [
    pytest.mark.skipif(not CHROMIUM, reason="Chromium is not installed"),
    pytest.mark.xdist_group("chromium"),
]
Open = Callable[..., Any]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def served() -> Iterator[Fake]:
    with Fake(jobs="immediate") as fake:
        yield fake


@pytest.fixture
def open_page(browser: Any, served: Fake) -> Iterator[Open]:
    """Open the page; at the end, it must have called no other host and logged no error."""
    problems: list[str] = []
    contexts = []

    def open_page(path: str = "/", **options: Any) -> Any:
        context = browser.new_context(
            viewport=options.pop("viewport", {"width": 1280, "height": 900}), **options
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on(
            "request",
            lambda request: (
                None
                if request.url.startswith((served.url, "blob:", "data:"))
                else problems.append(f"called {request.url}")
            ),
        )
        page.goto(served.url + path)
        playwright.expect(page.get_by_text("live", exact=True)).to_be_visible()
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert problems == []


def post(fake: Fake, **body: Any) -> str:
    headers = {"authorization": f"Bearer {fake.api_key}"}
    answer = httpx.post(f"{fake.base_url}/generations", json={"num_images": 1, **body}, headers=headers)
    id: str = answer.json()["sdGenerationJob"]["generationId"]
    return id


def show(page: Any, panel: str) -> None:
    page.get_by_role("tab", name=PANELS[panel], exact=True).click()


def calls(page: Any) -> Any:
    return page.get_by_role("list", name="Calls, newest first").get_by_role("listitem")


def test_new_calls_appear_without_a_reload(open_page: Open, served: Fake) -> None:
    page = open_page()
    playwright.expect(page.get_by_text("No calls yet.")).to_be_visible()
    post(served, prompt="a lighthouse")
    playwright.expect(calls(page)).to_have_count(1, timeout=20_000)
    calls(page).first.get_by_role("button").first.click()
    playwright.expect(page.get_by_text('"prompt": "a lighthouse"')).to_be_visible()
    assert served.api_key not in page.content()


def test_two_pages_follow_at_once(open_page: Open, served: Fake) -> None:
    pages = [open_page(), open_page()]
    post(served, prompt="a lighthouse")
    for page in pages:
        playwright.expect(calls(page)).to_have_count(1, timeout=20_000)


def test_journal_is_filtered(open_page: Open, served: Fake) -> None:
    page = open_page()
    post(served, prompt="a lighthouse")
    httpx.get(f"{served.base_url}/me", headers={"authorization": f"Bearer {served.api_key}"})
    playwright.expect(calls(page)).to_have_count(2)
    page.get_by_label("Filter").fill("getusers")
    playwright.expect(calls(page)).to_have_count(1)
    page.get_by_label("Filter").fill("")
    page.get_by_label("Status").select_option("4")
    playwright.expect(calls(page)).to_have_count(0)


def test_prompt_that_is_html_is_shown_as_text(open_page: Open, served: Fake) -> None:
    prompt = "<img src=x onerror=\"document.title='hit'\">"
    post(served, prompt=prompt)
    page = open_page()
    show(page, "gallery")
    playwright.expect(page.get_by_text(prompt)).to_be_visible()
    calls_of_page = page.get_by_role("tab", name="Journal", exact=True)
    calls_of_page.click()
    calls(page).first.get_by_role("button").first.click()
    assert page.title() == "leomock"


def test_gallery_shows_pictures(open_page: Open, served: Fake) -> None:
    page = open_page()
    show(page, "gallery")
    id = post(served, prompt="a lighthouse", width=512, height=512)
    card = page.get_by_role("article", name=f"Generation {id}")
    playwright.expect(card.locator("img")).to_be_visible(timeout=20_000)
    assert card.locator("img").evaluate("image => image.naturalWidth") == 192


def test_long_prompt_is_cut_in_the_gallery(open_page: Open, served: Fake) -> None:
    id = post(served, prompt="a very long prompt " * 60)
    page = open_page()
    show(page, "gallery")
    prompt = page.get_by_role("article", name=f"Generation {id}").locator(".prompt")
    playwright.expect(prompt).to_have_attribute("title", "a very long prompt " * 60)
    # A few lines of 15 pixels, each 1.5 high.
    assert prompt.evaluate("element => element.clientHeight") <= 6 * 15 * 1.5 + 1


def test_call_says_whose_it_is_if_there_are_several_keys(open_page: Open, served: Fake) -> None:
    page = open_page()
    for key in ("first-key", "second-key"):
        httpx.get(f"{served.base_url}/me", headers={"authorization": f"Bearer {key}"})
    playwright.expect(calls(page).first).to_contain_text("key seco…")
    playwright.expect(calls(page).last).to_contain_text("key firs…")
    page.get_by_label("Key").select_option(index=1)
    playwright.expect(calls(page)).to_have_count(1)
    assert "key firs…" not in (calls(page).first.text_content() or "")


def test_hints_of_the_builder_end_with_a_word(open_page: Open) -> None:
    page = open_page()
    show(page, "builder")
    playwright.expect(page.get_by_text("default 768, from 32 to 3840")).to_be_visible()
    long = [text for text in page.locator(".fields small").all_text_contents() if len(text) > 250]
    assert [text for text in long if not re.search(r"(\w[.)]*|\W) …$|\.$", text)] == []
    assert any(text.endswith(" …") for text in long)


def test_balance_includes_the_credits_of_the_plan(browser: Any) -> None:
    with Fake(plan_credits=500) as fake:
        httpx.get(f"{fake.base_url}/me", headers={"authorization": f"Bearer {fake.api_key}"})
        page = browser.new_page()
        page.goto(f"{fake.url}/#steering")
        page.locator("header select").select_option(index=1)
        page.locator("#credits").fill("40")
        page.locator("form:has(#credits) button").click()
        playwright.expect(page.get_by_text("The balance is 540.")).to_be_visible()
        page.close()


def test_scenario_is_switched_on_for_one_key(open_page: Open, served: Fake) -> None:
    post(served, prompt="a lighthouse")
    page = open_page()
    page.get_by_label("Key").select_option(served.user_id)
    show(page, "steering")
    page.get_by_role("checkbox", name=re.compile("^out_of_credits ")).click()
    playwright.expect(page.get_by_role("checkbox", name=re.compile("^out_of_credits "))).to_be_checked()
    headers = {"authorization": f"Bearer {served.api_key}"}
    refused = httpx.post(f"{served.base_url}/generations", json={"prompt": "a"}, headers=headers)
    assert refused.status_code == 400


def test_clock_is_frozen_and_moved(open_page: Open, served: Fake) -> None:
    post(served, prompt="a lighthouse")
    page = open_page()
    page.get_by_label("Key").select_option(served.user_id)
    show(page, "steering")
    page.get_by_role("button", name="Freeze").click()
    playwright.expect(page.get_by_text("(frozen)")).to_be_visible()
    before = served.clock.now()
    page.get_by_role("button", name="+1 min").click()
    page.wait_for_function("() => true")
    playwright.expect(page.get_by_role("button", name="+1 min")).to_be_enabled()
    assert served.clock.now() == before + 60


def test_request_is_built_and_its_job_watched(open_page: Open, served: Fake) -> None:
    page = open_page()
    show(page, "builder")
    page.get_by_label("num_images", exact=True).fill("1")
    page.get_by_role("button", name="Send", exact=True).click()
    playwright.expect(page.get_by_role("heading", name=re.compile("^Answer 200"))).to_be_visible()
    playwright.expect(page.get_by_role("status").filter(has_text="COMPLETE")).to_be_visible(timeout=20_000)


def test_call_is_sent_again(open_page: Open, served: Fake) -> None:
    post(served, prompt="a lighthouse")
    page = open_page()
    calls(page).first.get_by_role("button").first.click()
    page.get_by_role("button", name="Send again").click()
    assert '"prompt":"a lighthouse"' in page.get_by_label("Body").input_value()
    page.get_by_role("button", name="Send", exact=True).click()
    playwright.expect(page.get_by_role("heading", name=re.compile("^Answer 200"))).to_be_visible()


def test_finding_leads_to_its_calls(open_page: Open, served: Fake) -> None:
    headers = {"authorization": f"Bearer {served.api_key}"}
    for _ in range(3):
        httpx.post(f"{served.base_url}/generations", json={"promt": "a"}, headers=headers)
    page = open_page()
    show(page, "verdict")
    page.get_by_role("button", name="#1", exact=True).first.click()
    playwright.expect(calls(page).last.get_by_role("button").first).to_have_attribute("aria-expanded", "true")
    playwright.expect(page.get_by_text('"promt": "a"')).to_be_visible()


def test_finding_about_many_calls_shows_the_first(open_page: Open, served: Fake) -> None:
    id = post(served, prompt="a lighthouse")
    headers = {"authorization": f"Bearer {served.api_key}"}
    for _ in range(20):
        httpx.get(f"{served.base_url}/generations/{id}", headers=headers)
    page = open_page()
    show(page, "verdict")
    finding = page.get_by_role("article").filter(has_text="polled-after-the-end")
    playwright.expect(finding.get_by_text("and 10 more")).to_be_visible()
    playwright.expect(finding.get_by_role("button")).to_have_count(10)


def test_thousand_calls_do_not_freeze_the_page(open_page: Open, served: Fake) -> None:
    page = open_page()
    headers = {"authorization": f"Bearer {served.api_key}"}
    page.evaluate(
        "() => { window.longest = 0; let last = performance.now(); const beat = () => { const now = "
        "performance.now(); window.longest = Math.max(window.longest, now - last); last = now; "
        "setTimeout(beat, 20); }; beat(); }"
    )
    with httpx.Client(base_url=served.base_url, headers=headers) as client:
        began, number, took = time.perf_counter(), 0, 0.0
        while number < 1000 or took < 3000:  # milliseconds; in a shorter time a busy machine looks frozen
            client.get("/me")
            number += 1
            took = (time.perf_counter() - began) * 1000
    playwright.expect(page.get_by_text(re.compile(r"^\d+ of \d+ calls$"))).to_be_visible()
    playwright.expect(calls(page).first).to_contain_text("getUserSelf")
    # A page that froze would miss its beats for as long as the calls took, however fast the machine is.
    assert page.evaluate("window.longest") < took / 2


def test_page_reconnects_after_a_restart(browser: Any) -> None:
    fake = Fake()
    port = int(fake.open().rpartition(":")[2])
    context = browser.new_context()
    page = context.new_page()
    page.goto(fake.url)
    playwright.expect(page.get_by_text("live", exact=True)).to_be_visible()
    fake.close()
    playwright.expect(page.get_by_text("reconnecting")).to_be_visible()
    with Fake(port=port) as again:
        playwright.expect(page.get_by_text("live", exact=True)).to_be_visible(timeout=20_000)
        post(again, prompt="a lighthouse")
        playwright.expect(calls(page)).to_have_count(1, timeout=20_000)
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_panel_is_accessible(open_page: Open, served: Fake, scheme: str) -> None:
    if not AXE.exists():
        pytest.skip("axe-core is not installed")
    post(served, prompt="a lighthouse")
    page = open_page(color_scheme=scheme, reduced_motion="reduce", bypass_csp=True)
    page.add_script_tag(path=str(AXE))
    page.get_by_label("Key").select_option(served.user_id)
    for panel in PANELS:
        show(page, panel)
        page.wait_for_timeout(300)
        found = page.evaluate("axe.run()")["violations"]
        assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found] == [], panel


def test_panels_are_reached_by_keyboard(open_page: Open) -> None:
    page = open_page()
    page.get_by_role("tab", name="Journal").focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.textContent.trim()") == "Gallery"
    playwright.expect(page.get_by_role("tab", name="Gallery")).to_have_attribute("aria-selected", "true")


@pytest.mark.parametrize("width", [390, 1280])
def test_no_panel_is_wider_than_the_window(open_page: Open, served: Fake, width: int) -> None:
    folder = os.environ.get("LEOMOCK_SCREENSHOTS")
    for prompt in ("a lighthouse at dusk", "a red boat", "mountains in the morning"):
        post(served, prompt=prompt, num_images=2)
    page = open_page(viewport={"width": width, "height": 900})
    page.get_by_label("Key").select_option(served.user_id)
    for panel in PANELS:
        show(page, panel)
        page.wait_for_timeout(300)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, panel
        if folder:
            page.wait_for_timeout(700)
            page.screenshot(path=str(Path(folder) / f"page-{panel}-{width}.png"))


def test_admin_token_is_asked_for_once(browser: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leomock.server.admin.access.is_loopback", lambda host: False)
    with Fake(admin_token="open sesame") as fake:
        context = browser.new_context()
        page = context.new_page()
        page.goto(fake.url)
        page.get_by_label("Admin token").fill("open sesame")
        page.get_by_role("button", name="Open").click()
        playwright.expect(page.get_by_text("live", exact=True)).to_be_visible()
        page.reload()
        playwright.expect(page.get_by_text("live", exact=True)).to_be_visible()
        context.close()
