"""The page for people, in a real browser: with mouse, keyboard and narrow screens, and whatever names the data have."""

from __future__ import annotations

import base64
import json
import re
import shutil
import wave
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from tasks.core.model_records import Member
from tasks.core.records import Claim, Column, Feature, Target
from tasks.modalities.image import Sight
from tasks.serving.site import Serving

CHROMIUM = shutil.which("chromium")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine")]

ROOT = Path(__file__).resolve().parents[2]
DIGIT = ROOT / "data" / "digits" / "images" / "3" / "0003.png"
QUIET = """--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
--disable-component-update --disable-sync"""
EVIL = "</script><b>evil</b>"
LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 2


def hostile(card: Any) -> Any:
    """A card whose names are markup, or too long for a phone."""
    names = [EVIL, LONG, "<img src=x onerror=alert(1)>"]
    row = dict.fromkeys(names, 1.5)
    return card.model_copy(
        update={
            "target": Target(name=f"{EVIL} {LONG}", problem="multiclass", classes=(EVIL, LONG, "__proto__")),
            "inputs": tuple(Column(name=name, type="number", n_missing=0) for name in names),
            "features": tuple(Feature(name=name, kind="number") for name in names),
            "members": (Member(family=EVIL, params="{}", weight=1.0, score=0.1),),
            "sample": tuple(json.dumps({**row, EVIL: value}) for value in (1.5, -3.0)),
        }
    )


def seeing(card: Any) -> Any:
    """A card of one image, and of a sound that no feature is made of."""
    sight = Sight(side=16, cell=4, grid=8)
    photo = Feature(name="photo", kind="image", width=sight.width, settings=sight.model_dump_json())
    return card.model_copy(
        update={
            "inputs": (
                Column(name="photo", type="image", n_missing=0),
                Column(name="clip", type="sound", n_missing=0),
            ),
            "features": (photo,),
            "sample": (json.dumps({"photo": base64.b64encode(DIGIT.read_bytes()).decode(), "clip": None}),),
        }
    )


def careful(card: Any) -> Any:
    """A card with expectations: one that refuses a row, and one that warns."""
    between = {"column": "age", "min_value": 0, "max_value": 120}
    known = {"column": "cabin class", "value_set": [1, 2]}
    return card.model_copy(
        update={
            "expectations": (
                Claim(
                    type="expect_column_values_to_be_between", arguments=between, severity="reject", reason="in years"
                ),
                Claim(type="expect_column_values_to_be_in_set", arguments=known, severity="warn"),
            )
        }
    )


@pytest.fixture(scope="module")
def site(ship: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A server of four projects."""
    home = tmp_path_factory.mktemp("site")
    cards = {
        "ship": careful(ship.card()),
        "evil": hostile(ship.card("multiclass")),
        "photo": seeing(ship.card("multiclass")),
        "price": ship.card("regression", n_numbers=3),
    }
    for name, card in cards.items():
        ship.point(home, ship.keep(home, card), name=name)
    server = ship.run(Serving(projects=tuple(ship.served(home, name) for name in cards)), home, cards["ship"])
    yield server
    server.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET.split())
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, site: Any, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page that is watched: it asks nobody else, and nothing in it breaks."""
    context = browser.new_context(
        base_url=site.url, **getattr(request, "param", {"viewport": {"width": 1200, "height": 900}})
    )
    context.set_default_timeout(5_000)
    page = context.new_page()
    foreign, broken = [], []
    page.on("request", lambda sent: foreign.append(sent.url) if not sent.url.startswith((site.url, "data:")) else None)
    page.on("pageerror", lambda error: broken.append(str(error)))
    page.on("console", lambda said: broken.append(said.text) if said.type in ("error", "warning") else None)
    yield page
    context.close()
    # The browser itself notes each answer that is no 200.
    assert foreign == [] and [text for text in broken if not text.startswith("Failed to load resource")] == []


def opened(page: Page, project: str) -> Page:
    """The page, ready, with that project."""
    page.goto(f"/#{project}")
    expect(page.locator("main")).to_be_visible()
    expect(page.get_by_label("Project")).to_have_value(project)
    return page


def predict(page: Page) -> None:
    """Ask, and wait for the answer and what moved it."""
    page.get_by_role("button", name="Predict").click()
    expect(page.locator("#prediction")).to_be_visible()
    expect(page.get_by_role("heading", name="What moved it")).to_be_visible()


def signed(text: str) -> list[float]:
    """The numbers with a sign in it."""
    found = re.findall("[+\N{MINUS SIGN}][0-9][0-9.,]*", text)
    return [float(each.replace("\N{MINUS SIGN}", "-").replace(",", "")) for each in found]


def field(page: Page, name: str) -> Any:
    return page.get_by_label(name, exact=True)


def test_a_row_is_filled_in_and_answered_with_what_moved_it(page: Page) -> None:
    opened(page, "ship")
    assert page.title() == "Predict fate"
    expect(field(page, "age")).to_have_value("29.5")
    page.get_by_role("button", name="Fill in example 2").click()
    expect(field(page, "age")).to_have_value("")
    expect(field(page, 'the "name" \\')).to_have_value("<b>Ødegård</script>")
    expect(field(page, "boarded")).to_have_value("1912-04-11")
    field(page, "age").fill("40")
    field(page, "embarked").select_option("Q")
    predict(page)
    shares = page.get_by_role("list", name="Probabilities").get_by_role("listitem")
    expect(shares).to_have_count(2)
    assert sum(float(re.findall(r"([\d.]+) %", text)[-1]) for text in shares.all_inner_texts()) == pytest.approx(
        100, abs=0.2
    )
    expect(page.locator("#answer .warning")).to_contain_text("cabin class")  # 3 is not as expected
    moved = page.get_by_role("list", name=re.compile("^What moved the probability of")).get_by_role("listitem")
    expect(moved.filter(has_text="embarked: Q")).to_have_count(1)
    expect(moved.filter(has_text=re.compile("(raises|lowers) it by .[0-9.]+ points"))).to_have_count(5)
    points = signed(page.locator("#why").inner_text())
    base, answer = (float(text) for text in re.findall(r"([\d.]+) %", page.locator("#why p").inner_text()))
    assert base + sum(points) == pytest.approx(answer, abs=0.4)
    field(page, "age").fill("41")
    expect(page.get_by_text("The row has changed since")).to_be_visible()
    page.get_by_role("button", name="Clear").click()
    expect(field(page, "embarked")).to_have_value("")


def test_a_wrong_value_is_said_at_its_field(page: Page) -> None:
    opened(page, "ship")
    expect(page.locator("#hint-0")).to_have_text("Expected: 0 to 120")
    age = field(page, "age")
    age.fill("500")
    page.get_by_role("button", name="Predict").click()
    expect(age).to_have_attribute("aria-invalid", "true")
    expect(age).to_be_focused()
    expect(age).to_have_accessible_description(re.compile("Expected values between 0 and 120.*in years"))
    age.fill("50")
    predict(page)
    assert age.get_attribute("aria-invalid") is None
    expect(page.locator("#problem-0")).to_be_empty()


def test_the_keyboard_is_enough(page: Page) -> None:
    opened(page, "ship")
    seen: list[str] = []
    for _ in range(12):
        page.keyboard.press("Tab")
        if len(seen) == 1:
            assert page.evaluate("getComputedStyle(document.activeElement).outlineWidth") == "3px"
        seen.append(
            page.evaluate("document.activeElement.labels?.[0]?.textContent ?? document.activeElement.innerText")
        )
    names = [name for name in page.evaluate("state.facts.fields.map((each) => each.name)") if name != "boarded"]
    assert [name for name in seen if name in names] == names  # a date takes several
    assert seen[0].startswith("Project") and seen[1:3] == ["1", "2"]
    field(page, "age").focus()
    page.keyboard.press("ControlOrMeta+A")
    page.keyboard.type("61")
    page.keyboard.press("Enter")
    expect(page.locator("#prediction")).to_be_visible()
    expect(page.locator("#answer")).to_have_attribute("aria-live", "polite")


NAMELESS = """[...document.querySelectorAll('input, select, textarea')]
    .filter((each) => each.checkVisibility() && !each.labels.length && !each.ariaLabel).map((each) => each.outerHTML)"""
LEVELS = """[...document.querySelectorAll('h1, h2, h3')]
    .filter((each) => each.checkVisibility()).map((each) => Number(each.tagName[1]))"""


def test_every_control_has_a_name_and_every_part_a_heading(page: Page) -> None:
    opened(page, "ship")
    predict(page)
    page.get_by_text("Ask from a program").click()
    assert page.evaluate(NAMELESS) == []
    levels = page.evaluate(LEVELS)
    assert levels[0] == 1 and levels.count(1) == 1 and all(b - a <= 1 for a, b in pairwise(levels))
    for name in ("Answer", "Live figures", "The model", "Decisions"):
        expect(page.get_by_role("region", name=name, exact=True)).to_be_visible()
    expect(page.get_by_role("main")).to_have_count(1)


def test_the_model_and_its_figures_are_shown_and_refreshed(page: Page) -> None:
    page.clock.install()
    opened(page, "ship")
    expect(page.locator("#card")).to_contain_text("Version")
    expect(page.locator("#card")).to_contain_text("data 000000000000, 6 columns")
    predict(page)
    requests = page.locator("#counts dd").first
    n = page.request.get("/v1/ship/figures").json()["in_all"]["requests"]
    expect(requests).to_have_text(str(n))
    page.request.post("/v1/ship/predict", data=page.evaluate("row()"))
    page.clock.run_for(5_100)
    expect(requests).to_have_text(str(n + 1))
    expect(page.get_by_role("img", name=re.compile("^Answers of the last 60 minutes: .*saved|drowned"))).to_be_visible()
    assert page.locator("#charts svg rect").count() >= 2


def test_the_evidence_is_shown_as_far_as_there_is_any(page: Page) -> None:
    figures = {"log_loss": [0.4207, 0.3539, 0.4887], "accuracy": 0.8058, "odd": None}
    found = {"evidence": {"metrics": figures, "n_rows": 278, "reasons": ["Better than the baseline"]}}

    def with_evidence(route: Route) -> None:
        route.fulfill(json={**route.fetch().json(), "evidence": found})

    page.route("**/v1/ship/model", with_evidence)
    opened(page, "ship")
    shown = page.locator("#card")
    expect(shown).to_contain_text("278 rows (95 % intervals)")
    expect(shown).to_contain_text("0.4207 (0.3539 to 0.4887)")
    expect(shown).to_contain_text("0.8058")
    expect(shown).not_to_contain_text("odd")
    expect(page.locator("#evidence")).to_contain_text("Better than the baseline")


def test_what_stands_beside_the_champion_is_told(page: Page) -> None:
    def with_more(route: Route) -> None:
        told = route.fetch().json()
        canary = {**told["in_all"], "requests": 120, "refused": 2, "p95_ms": 3.2}
        shadow = {"answered": 70, "failed": 1, "missed": 0}
        route.fulfill(json={**told, "canary": canary, "shadow": shadow, "lost": 5})

    page.route("**/v1/ship/figures", with_more)
    opened(page, "ship")
    charts = page.locator("#charts")
    expect(charts).to_contain_text("The canary answered 120 requests, refused 2; 95 % within 3.2 ms.")
    expect(charts).to_contain_text("answered 70 rows, failed at 1, missed 0.")
    expect(charts).to_contain_text("5 answers could not be logged.")


def test_an_answer_without_an_explanation_is_an_answer(page: Page) -> None:
    def another(route: Route) -> None:
        model = {"name": "ship", "version": "2", "digest": "0" * 12}
        route.fulfill(json={**route.fetch().json(), "model": model})

    opened(page, "ship")
    page.route("**/v1/ship/explain", lambda route: route.fulfill(status=429, json={"error": {"what": "Too many"}}))
    page.get_by_role("button", name="Predict").click()
    expect(page.locator("#why")).to_have_text("Too many.")
    expect(page.locator("#prediction")).to_be_visible()
    page.unroute("**/v1/ship/explain")
    page.route("**/v1/ship/predict", another)  # as a canary does
    predict(page)
    expect(page.locator("#why")).to_contain_text("Version 3, which serves, is explained; version 2 gave the answer.")


def test_what_happened_is_told_to_the_server(page: Page) -> None:
    opened(page, "ship")
    predict(page)
    truth = page.get_by_label("What really happened: fate")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("Say first what happened.")).to_be_visible()
    truth.select_option("saved")
    with page.expect_request("**/v1/ship/outcomes") as sent:
        page.get_by_role("button", name="Send").click()
    told = sent.value.post_data_json
    assert told["outcome"] == "saved" and told["id"] in page.locator("#answer").inner_text()
    expect(page.get_by_text("Thank you: it is noted.")).to_be_visible()


def test_a_value_is_explained_in_its_own_unit(page: Page) -> None:
    opened(page, "price")
    field(page, "x1").fill("-4")
    predict(page)
    effects = signed(page.locator("#why ul").inner_text())
    assert len(effects) == 3 and sum(map(abs, effects)) > 0
    expect(page.locator("#charts h3").nth(1)).to_contain_text("Mean answer a minute")


def test_a_sound_can_be_heard_before_it_is_sent(page: Page, tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "clip.wav"), "wb") as clip:
        clip.setparams((1, 2, 8_000, 0, "NONE", ""))
        clip.writeframes(bytes(8_000))
    opened(page, "photo")
    field(page, "clip").set_input_files(tmp_path / "clip.wav")
    heard = page.get_by_label("The sound that will be sent")
    expect(heard).to_be_visible()
    page.wait_for_function("document.querySelector('audio').duration === 0.5")
    with page.expect_request("**/v1/photo/predict") as sent:
        predict(page)
    assert base64.b64decode(sent.value.post_data_json["clip"]) == (tmp_path / "clip.wav").read_bytes()


def test_an_image_is_chosen_or_dropped_and_a_broken_one_refused(page: Page) -> None:
    opened(page, "photo")
    page.get_by_role("button", name="Clear").click()
    photo = field(page, "photo")
    photo.set_input_files(DIGIT)
    expect(page.get_by_alt_text("The image that will be sent")).to_be_visible()
    with page.expect_request("**/v1/photo/predict") as sent:
        predict(page)
    assert base64.b64decode(sent.value.post_data_json["photo"]) == DIGIT.read_bytes()
    expect(page.locator("#why")).to_contain_text("no columns to compare")
    dropped = page.evaluate_handle(
        "() => { const data = new DataTransfer(); data.items.add(new File(['no image'], 'a.png')); return data; }"
    )
    page.dispatch_event(".drop:has(img)", "dragover", {"dataTransfer": dropped})
    expect(page.locator(".drop:has(img)")).to_have_class("drop over")
    page.dispatch_event(".drop:has(img)", "drop", {"dataTransfer": dropped})
    expect(page.get_by_text("The row has changed since")).to_be_visible()
    page.get_by_role("button", name="Predict").click()
    expect(photo).to_have_accessible_description(re.compile("cannot be read.*does not begin like an image"))


NARROW = {"viewport": {"width": 360, "height": 740}, "color_scheme": "light"}
DARK = {"viewport": {"width": 360, "height": 740}, "color_scheme": "dark", "reduced_motion": "reduce"}
CONTRASTS = """() => {
  const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (rgb) => rgb.map((v) => v / 255).map((v) => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const ground = (at) => {
    const [r, g, b, opaque = 1] = parts(getComputedStyle(at).backgroundColor);
    return opaque || !at.parentElement ? [r, g, b] : ground(at.parentElement);
  };
  const hasText = (at) => [...at.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
  const shown = (at) => at.checkVisibility() && !at.closest('svg') && hasText(at);
  return [...document.querySelectorAll('body *')].filter(shown).map((at) => {
    const colours = [parts(getComputedStyle(at).color).slice(0, 3), ground(at)];
    const [a, b] = colours.map(light).sort((x, y) => y - x);
    return [(a + .05) / (b + .05), at.textContent.slice(0, 40)];
  });
}"""
"""WCAG's ratio of a text's colour and what is behind it, for each text."""


@pytest.mark.parametrize("page", [NARROW, DARK], indirect=True, ids=["light", "dark"])
def test_a_phone_shows_all_of_it_readably(page: Page, request: pytest.FixtureRequest) -> None:
    for project in ("ship", "evil", "photo"):
        opened(page, project)
        predict(page)
        page.get_by_text("Ask from a program").click()
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, project
        page.locator("#fields input, #examples button").first.dispatch_event("input")  # the answer is outdated now
        expect(page.locator("#stale")).to_be_visible()
        contrasts = page.evaluate(CONTRASTS)
        assert len(contrasts) > 30 and [each for each in contrasts if each[0] < 4.5] == []
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    dark = "dark" in request.node.name
    assert (max(int(part) for part in re.findall(r"\d+", ground)) < 60) == dark
    if dark:
        assert page.evaluate("getComputedStyle(document.querySelector('.track > div')).transitionDuration") == "0s"


def test_names_are_shown_as_they_are_and_never_run(page: Page) -> None:
    page.on("dialog", lambda dialog: pytest.fail(f"a name ran: {dialog.message}"))
    page.route("**/v1/evil/ledger", lambda route: route.fulfill(json={"decisions": [DECISION]}))
    opened(page, "evil")
    expect(field(page, EVIL)).to_have_value("1.5")
    predict(page)
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Predict {EVIL} {LONG}")
    for name in (EVIL, LONG, "__proto__"):
        expect(page.get_by_role("list", name="Probabilities")).to_contain_text(name)
    expect(page.get_by_role("cell", name=EVIL)).to_have_count(2)
    assert page.evaluate("document.querySelectorAll('b, script[src], img[src=x]').length") == 0


DECISION = {
    "at": "2026-11-28T12:00:00Z",
    "decision": "canary_ended",
    "version": "7",
    "cause": EVIL,
    "actor": "ann@host",
    "why": EVIL,
    "evidence": {},
}


def test_decisions_are_a_table_newest_first(page: Page) -> None:
    decisions = [DECISION, {**DECISION, "decision": "champion", "why": "", "evidence": {"reasons": ["Better"]}}]
    page.route("**/v1/ship/ledger", lambda route: route.fulfill(json={"decisions": decisions}))
    opened(page, "ship")
    rows = page.get_by_role("table").get_by_role("row")
    expect(rows.nth(0)).to_contain_text("Decision")
    expect(rows.nth(1)).to_contain_text("canary ended")
    expect(rows.nth(2)).to_contain_text("Better")
    assert page.locator("td time").first.get_attribute("datetime") == "2026-11-28T12:00:00Z"


def test_another_project_is_another_form(page: Page) -> None:
    opened(page, "ship")
    predict(page)
    page.get_by_label("Project").select_option("price")
    expect(field(page, "x0")).to_be_visible()
    expect(field(page, "age")).to_have_count(0)
    expect(page.locator("#prediction")).to_have_count(0)
    assert page.url.endswith("#price")


def test_the_shell_command_asks_what_the_form_asks(page: Page) -> None:
    opened(page, "ship")
    field(page, 'the "name" \\').fill("O'Brien")
    page.get_by_text("Ask from a program").click()
    command = page.locator("#program").inner_text()
    assert "/v1/ship/predict" in command and r"O'\''Brien" in command and "authorization" not in command


def test_a_server_with_keys_asks_for_one(browser: Browser, ship: Any, tmp_path: Path) -> None:
    server = ship.start(tmp_path, ship.card(), access="keys")
    try:
        locked = browser.new_page(base_url=server.url)
        locked.goto("/")
        key = locked.get_by_label("API key", exact=True)
        expect(key).to_be_focused()
        expect(locked.get_by_role("heading", name="This server asks for an API key")).to_be_visible()
        assert key.get_attribute("type") == "password"
        with locked.expect_request("**/v1") as sent:
            key.fill("kf_wrong")
            locked.keyboard.press("Enter")
        assert sent.value.all_headers()["authorization"] == "Bearer kf_wrong"
        expect(locked.get_by_text("The key was not taken.")).to_be_visible()
        expect(locked.locator("main")).to_be_hidden()
        key.fill("two words")
        locked.keyboard.press("Enter")
        expect(locked.get_by_text("This cannot be a key")).to_be_visible()
        locked.context.close()
    finally:
        server.stop()


def test_a_key_that_is_right_is_kept_for_the_tab(page: Page) -> None:
    def guarded(route: Route) -> None:
        if route.request.headers.get("authorization") == "Bearer kf_right":
            route.continue_()
        else:
            route.fulfill(status=401, json={"error": {"what": "The request has no API key"}})

    page.route("**/v1**", guarded)
    page.goto("/#ship")
    page.get_by_label("API key", exact=True).fill("kf_right")
    page.get_by_role("button", name="Use this key").click()
    predict(page)
    assert page.get_by_label("API key", exact=True).is_hidden()
    page.reload()
    expect(page.locator("main")).to_be_visible()
    assert "Bearer $KEEPFIT_KEY" in str(page.locator("#program").text_content())
    assert "kf_right" not in page.content()


def test_a_server_that_went_away_is_said_in_words(page: Page) -> None:
    opened(page, "ship")
    page.route("**/v1/**", lambda route: route.abort())
    page.get_by_role("button", name="Predict").click()
    expect(page.locator("#problem")).to_have_text("The server did not answer. Is it still running?")


def test_the_page_may_run_its_own_script_alone(page: Page) -> None:
    response = page.goto("/")
    assert response is not None
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
    assert re.search(r"https?://(?!www\.w3\.org)", response.text()) is None


def test_the_newest_window_is_told_and_its_report_opens(page: Page) -> None:
    told = {
        "project": "ship",
        "current": True,
        "due": "2026-04-13T00:00:00Z",
        "report": "/v1/ship/monitoring/newest.html",
        "window": {
            "window": "2026-04-11",
            "judged": "2026-04-12T00:10:00Z",
            "version": "3",
            "n_rows": 500,
            "state": "drift",
            "incident": None,
            "n_drifted": 1,
            "n_columns": 2,
            "columns": [
                {"column": EVIL, "score": 2.5, "drift": True, "words": "0.31 sd higher"},
                {"column": LONG, "score": 0.1, "drift": False, "words": "0.01 sd lower"},
            ],
            "performance": [{"metric": "log_loss", "value": 0.5, "low": 0.4, "high": 0.6}],
            "performance_window": "2026-04-09",
            "n_labelled": 300,
            "estimated": None,
            "alarms_promised": 0.01,
            "alarms_spent": 1,
            "verdict": None,
        },
    }
    page.route("**/v1/ship/monitoring", lambda route: route.fulfill(json=told))
    opened(page, "ship")
    card = page.locator("#watched")
    expect(card).to_contain_text("Drift in 1 of 2 columns")
    expect(card).to_contain_text("log_loss 0.5 (0.4 to 0.6) by 300 outcomes of 2026-04-09")
    assert card.locator("li").first.inner_text().startswith(EVIL) and page.locator("#watched b b").count() == 0
    expect(card.get_by_role("link")).to_have_attribute("href", "/v1/ship/monitoring/newest.html")
    page.unroute_all()
    opened(page, "price")
    expect(card).to_contain_text("No day was judged yet")
