"""The gallery in a browser, headless: clicked through as a file, without a server or a network."""

import io
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from galleries import BLUE, BOTH, CAT, CLASSES, DOG, GREEN, ODD, PLAIN, SEEN, make
from PIL import Image

from aepsl.stages.gallery import Row, page
from aepsl.strips import save_strip

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
By = pytest.importorskip("selenium.webdriver.common.by").By
Wait = pytest.importorskip("selenium.webdriver.support.wait").WebDriverWait
Keys = webdriver.Keys
BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(not (BROWSER and DRIVER), reason="there is no chromium with its chromedriver here")

MANY = 10_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for word in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1400,900"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("gallery"))


@pytest.fixture
def gallery(browser: Any, made: Path) -> Iterator[Any]:
    """The page, just opened; whatever is done with it, it reports no error."""
    opened(browser, made)
    yield browser
    assert [entry["message"] for entry in browser.get_log("browser")] == []


def opened(browser: Any, path: Path, state: str = "") -> None:
    browser.get("about:blank")
    browser.get(path.as_uri() + state)


def names(browser: Any) -> list[str]:
    return [link.text for link in browser.find_elements(By.CSS_SELECTOR, "#rows a")]


def heads(browser: Any) -> list[str]:
    return [head.text.replace("\n", "") for head in browser.find_elements(By.CSS_SELECTOR, "#head th")][1:]


def choose(browser: Any, control: str, value: str) -> None:
    option = browser.find_element(By.CSS_SELECTOR, f"#{control}").find_elements(By.TAG_NAME, "option")
    next(one for one in option if one.get_attribute("value") == value).click()


def press(browser: Any, *keys: str) -> None:
    for key in keys:
        browser.switch_to.active_element.send_keys(key)


def told(browser: Any) -> str:
    return str(browser.find_element(By.ID, "count").text)


def state(browser: Any) -> dict[str, str]:
    """What the address holds, once what follows a little later has been written."""
    time.sleep(0.35)
    found: dict[str, str] = browser.execute_script(
        "return Object.fromEntries(new URLSearchParams(location.hash.slice(1)))"
    )
    return found


def seen(browser: Any, what: str, image: str) -> np.ndarray:
    """The picture on the screen, (h, w, 3)."""
    cell = next(
        one
        for one in browser.find_elements(By.CSS_SELECTOR, ".picture")
        if one.get_attribute("aria-label") == f"{what}, {image}"
    )
    return np.asarray(Image.open(io.BytesIO(cell.screenshot_as_png)).convert("RGB")).astype(int)


def ends(picture: np.ndarray) -> list[list[int]]:
    """The colours a little inside its left and its right end."""
    height, width, _ = picture.shape
    return [picture[height // 4, column].tolist() for column in (3, width - 4)]


def near(found: list[list[int]], *expected: tuple[int, ...]) -> bool:
    return bool(np.abs(np.subtract(found, expected)).max() <= 25)


def test_it_opens_with_the_training_images_through_all_rounds(gallery: Any) -> None:
    assert names(gallery) == [ODD, BOTH, PLAIN]
    assert heads(gallery) == [
        "photograph", "H1 on I1", "H2 on I2", "saliency", "pseudo-label", "prediction", "after CRF", "truth"
    ]  # fmt: skip
    assert told(gallery) == "3 of 4 images, as listed, all rounds"
    assert gallery.title == "Gallery: results"


def test_filters_leave_the_images_that_they_name(gallery: Any) -> None:
    choose(gallery, "use", "2")
    assert names(gallery) == [BOTH, SEEN] and "of 4 images" in told(gallery)
    choose(gallery, "use", "3")
    choose(gallery, "class", CAT)
    assert names(gallery) == [ODD, BOTH, PLAIN, SEEN], "in the label or in the map"
    choose(gallery, "use", "2")
    press(gallery, Keys.ESCAPE, "1")
    cells = gallery.find_elements(By.CSS_SELECTOR, "#rows tr[aria-rowindex='3'] td")
    assert [cell.get_attribute("class") == "empty" for cell in cells] == [False, *[True] * 5, *[False] * 3]
    choose(gallery, "use", "3")
    choose(gallery, "class", CLASSES[2])
    assert names(gallery) == [] and told(gallery).startswith("No image")
    choose(gallery, "class", "")
    gallery.find_element(By.ID, "find").send_keys('50%"#')
    assert names(gallery) == [ODD]


def test_the_worst_come_first_and_what_cannot_be_judged_comes_last(gallery: Any) -> None:
    choose(gallery, "use", "3")
    choose(gallery, "order", "worst")
    assert names(gallery) == [BOTH, SEEN, PLAIN, ODD]
    choose(gallery, "order", "best")
    assert names(gallery) == [PLAIN, BOTH, SEEN, ODD]
    choose(gallery, "class", DOG)
    assert names(gallery) == [PLAIN, BOTH, ODD], "by the class's own IoU"


def test_the_pictures_are_the_right_parts_of_the_strips_and_blend(gallery: Any) -> None:
    gallery.execute_script("toOpacity(100)")
    time.sleep(0.2)
    red, green, black, cream = (128, 0, 0), (0, 128, 0), (0, 0, 0), (224, 224, 192)
    assert near(ends(seen(gallery, "photograph", ODD)), GREEN, GREEN)
    assert near(ends(seen(gallery, "pseudo-label", ODD)), green, cream)
    assert near(ends(seen(gallery, "after CRF", BOTH)), black, red)
    assert near(ends(seen(gallery, "truth", BOTH)), green, black)
    assert near(ends(seen(gallery, "saliency", PLAIN)), (200,) * 3, (50,) * 3)
    press(gallery, "o")
    assert near(ends(seen(gallery, "heat map of round 2", PLAIN)), BLUE, BLUE), "what the second classifier saw"
    assert near(ends(seen(gallery, "heat map of round 1", PLAIN)), GREEN, GREEN)
    press(gallery, "o", "2")
    assert near(ends(seen(gallery, "mined regions of round 2", ODD)), red, cream)
    assert near(ends(seen(gallery, "image of round 2", ODD)), BLUE, BLUE)
    choose(gallery, "class", DOG)
    hot, cold = (252, 255, 164), (0, 0, 4)
    assert near([ends(seen(gallery, f"heat map of round 2 for {DOG}", ODD))[0]], cold)
    assert near([ends(seen(gallery, f"heat map of round 2 for {DOG}", ODD))[1]], hot)


def test_keys_turn_rounds_and_walk_through_images(gallery: Any) -> None:
    press(gallery, Keys.ARROW_RIGHT)
    assert heads(gallery)[1:4] == ["I1", "H1 on I1", "F1 on I1"]
    press(gallery, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert heads(gallery)[1] == "I2", "the last round is the last"
    press(gallery, "7", "1")
    assert heads(gallery)[1] == "I1"
    press(gallery, Keys.ARROW_LEFT, "m")
    assert heads(gallery)[1:3] == ["F1 on I1", "F2 on I2"]
    press(gallery, "j", Keys.ARROW_DOWN)
    assert gallery.switch_to.active_element.text == BOTH
    current = gallery.find_elements(By.CSS_SELECTOR, "[aria-current=true]")
    assert len(current) == 1 and BOTH in current[0].text
    press(gallery, "k", "2")
    assert gallery.switch_to.active_element.text == ODD, "the focus stays on its image"
    press(gallery, "?")
    assert gallery.find_element(By.ID, "about").is_displayed()
    press(gallery, Keys.ESCAPE)
    assert not gallery.find_element(By.ID, "about").is_displayed()
    press(gallery, "/", "o2")
    assert gallery.find_element(By.ID, "find").get_attribute("value") == "o2", "in a control keys are its own"
    assert heads(gallery) == [] or heads(gallery)[1] == "I2"


def test_the_slider_sets_the_opacity_of_what_lies_over(gallery: Any) -> None:
    slider = gallery.find_element(By.ID, "opacity")
    slider.send_keys(Keys.HOME)
    over = gallery.find_element(By.CSS_SELECTOR, ".over")
    assert over.value_of_css_property("opacity") == "0"
    slider.send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert over.value_of_css_property("opacity") == "0.1" and gallery.find_element(By.ID, "percent").text == "10 %"


def test_the_address_holds_image_and_state_and_steps_back(gallery: Any, made: Path) -> None:
    assert state(gallery) == {}
    choose(gallery, "class", DOG)
    press(gallery, Keys.ESCAPE, "2", "-", "m")
    gallery.find_element(By.LINK_TEXT, BOTH).click()
    expected = {"class": DOG, "round": "2", "over": "mined", "opacity": "55", "image": BOTH}
    assert state(gallery) == expected
    link = gallery.find_element(By.LINK_TEXT, ODD).get_attribute("href")
    gallery.back()
    assert state(gallery) == {key: value for key, value in expected.items() if key != "image"}
    gallery.back()
    gallery.back()
    assert heads(gallery)[1] == "H1 on I1" and told(gallery).startswith(f"3 of 4 images with {DOG}")
    gallery.back()
    assert told(gallery).startswith("3 of 4 images, as listed")
    gallery.forward()
    assert told(gallery).startswith(f"3 of 4 images with {DOG}")
    gallery.get("about:blank")
    gallery.get(link)
    assert state(gallery) == {**expected, "image": ODD}
    assert gallery.find_element(By.CSS_SELECTOR, "[aria-current] a").text == ODD
    opened(gallery, made, f"#image={SEEN}")
    assert SEEN in names(gallery), "a link to an image shows it, of whatever split"
    opened(gallery, made, "#round=99&opacity=-3&use=%00&order=x&class=%3Cb%3E&over&image=%F0")
    assert names(gallery) == [ODD, BOTH, PLAIN] and heads(gallery)[1] == "I2"


def test_who_hears_the_page_is_told_what_there_is(gallery: Any) -> None:
    for control in gallery.find_elements(By.CSS_SELECTOR, "select, input, button"):
        assert control.accessible_name or not control.is_displayed(), control.get_attribute("outerHTML")
    for picture in gallery.find_elements(By.CSS_SELECTOR, ".picture"):
        assert picture.aria_role == "image" and picture.accessible_name.endswith((ODD, BOTH, PLAIN))
    table = gallery.find_element(By.ID, "table")
    assert table.aria_role == "table" and table.accessible_name == "Images as rows through the pipeline"
    assert table.get_attribute("aria-rowcount") == "4"
    rows = gallery.find_elements(By.CSS_SELECTOR, "#rows tr[aria-rowindex]")
    assert [row.get_attribute("aria-rowindex") for row in rows] == ["2", "3", "4"]
    assert gallery.find_element(By.CSS_SELECTOR, "#rows th").aria_role == "rowheader"
    assert [head.accessible_name for head in gallery.find_elements(By.CSS_SELECTOR, "#head th")][2] == (
        "heat map of round 1"
    )
    assert gallery.find_element(By.ID, "count").aria_role == "status"


def test_ten_thousand_images_are_there_at_once(browser: Any, tmp_path: Path) -> None:
    layout = ("I1", "H1", "S"), ("F1", "P")
    rows = []
    for n in range(MANY):
        label = n % 20 + 1
        rows.append(Row(f"image {n:05}", 1, (180, 240), layout, [label], n / MANY, {0: 0.5, label: n / MANY}, [label]))
    (tmp_path / "index.html").write_text(page(rows, tuple(f"class {k}" for k in range(1, 21)), rounds=1, title="many"))
    strip = tmp_path / "strip"
    save_strip(strip, [np.zeros((180, 240, 3), np.uint8)] * 3, lossless=True)
    for kind in ("pictures", "labels"):
        (tmp_path / "train" / kind).mkdir(parents=True)
        for row in rows:
            (tmp_path / "train" / kind / f"{row.id}.webp").hardlink_to(strip)
    assert (tmp_path / "index.html").stat().st_size < 100 * MANY
    opened(browser, tmp_path / "index.html")
    assert told(browser).startswith("10,000 of 10,000")
    loaded = browser.execute_script("return performance.getEntriesByType('navigation')[0].domComplete")
    filtered = browser.execute_script("const t = performance.now(); change({ class: 'class 7', order: 'worst' });"
                                      "show(); document.body.offsetHeight; return performance.now() - t")  # fmt: skip
    assert told(browser).startswith("500 of 10,000") and names(browser)[0] == "image 00006"
    print(f"loaded in {loaded:.0f} ms, filtered and sorted in {filtered:.0f} ms")
    assert loaded < 5000 and filtered < 1000, "a person waits"
    browser.execute_script("change({ class: '', order: 'list' }); show()")
    places = [f"scrollTo(0, document.body.scrollHeight * {k / 10})" for k in range(11)]
    for place in places:
        browser.execute_script(place)
        Wait(browser, 5).until(lambda one: in_sight(one))
        assert len(browser.find_elements(By.CSS_SELECTOR, "#rows tr")) < 40, "only those in sight are in the page"
    assert "image 09999" in names(browser)
    press(browser, *["k"] * 3)
    assert browser.switch_to.active_element.is_displayed()
    browser.execute_script("scrollTo(0, document.body.scrollHeight / 2)")
    time.sleep(0.5)
    first = browser.execute_script("return firstInSight().id")
    browser.refresh()
    assert browser.execute_script("return firstInSight().id") == first > "image 04"
    opened(browser, tmp_path / "index.html", "#image=image+07777")
    assert browser.find_element(By.CSS_SELECTOR, "[aria-current] a").text == "image 07777" and in_sight(browser)
    assert browser.get_log("browser") == []


def in_sight(browser: Any) -> bool:
    """Whether there are rows from the head of the table to the end of the window, or to the last."""
    return bool(
        browser.execute_script(
            "const all = [...rows.values()].map((one) => one.getBoundingClientRect());"
            "const low = Math.min(...all.map((one) => one.top)), high = Math.max(...all.map((one) => one.bottom));"
            "return low <= headBottom() + 1 && (high >= innerHeight || rows.has(shown.length - 1))"
        )
    )
