"""The documentation's pictures, taken from a running demo: ``make demo``, then ``make screenshots``.

Without arguments it asks the Noctis that the ``NOCTIS_`` variables describe, as its first administrator.
"""

# ruff: noqa: INP001 - a script, not a package
import sys
from dataclasses import dataclass
from pathlib import Path

import click
from playwright.sync_api import Browser, Error, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from settings import SettingsError, load_settings  # noqa: E402 - needs the path above

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
_PICTURE_SHOWN = """() => {
  const canvas = document.getElementById("canvas");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return data.some((value, index) => index % 4 < 3 && value > 60);
}"""


@dataclass(frozen=True)
class Shot:
    """One picture: where, how large, light or dark."""

    name: str
    path: str
    size: tuple[int, int]
    scheme: str
    study: str = ""
    """The accession number of the study to open; empty for the list itself."""


SHOTS = (
    Shot("worklist", "/worklist", (1440, 560), "dark"),
    Shot("worklist-light", "/worklist", (1440, 560), "light"),
    Shot("study", "/worklist", (1440, 900), "dark", "A2600101"),
    Shot("facilities", "/facilities", (1440, 480), "light"),
    Shot("transfers", "/transfers", (1440, 560), "light"),
    Shot("phone", "/worklist", (390, 844), "light"),
)


@click.command()
@click.option("--url", envvar="SCREENSHOTS_URL", help="Address of the running webapp.")
@click.option("--username", envvar="SCREENSHOTS_USERNAME")
@click.option("--password", envvar="SCREENSHOTS_PASSWORD")
@click.option(
    "--folder", type=click.Path(path_type=Path), default=ROOT / "docs" / "images", show_default=True
)
def main(url: str | None, username: str | None, password: str | None, folder: Path) -> None:
    """Take the documentation's pictures from a running demo."""
    try:
        settings = load_settings()
        url = url or f"http://127.0.0.1:{settings.http_port}"
        username = username or settings.admin_username
        password = password or settings.secret("admin_password")
    except SettingsError as error:
        raise click.ClickException(str(error)) from error
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            for shot in SHOTS:
                _take(browser, shot, url, (username, password), folder / f"{shot.name}.png")
                click.echo(f"{shot.name}.png")
        except Error as error:
            raise click.ClickException(f"{url} did not show what was expected: {error.message}") from error
        finally:
            browser.close()


def _take(browser: Browser, shot: Shot, url: str, account: tuple[str, str], file: Path) -> None:
    width, height = shot.size
    context = browser.new_context(
        base_url=url,
        viewport={"width": width, "height": height},
        color_scheme="dark" if shot.scheme == "dark" else "light",
        has_touch=width < 500,
    )
    page = context.new_page()
    _sign_in(page, *account)
    page.goto(shot.path)
    if shot.study:
        page.get_by_role("row").filter(has_text=shot.study).first.get_by_role("link").click()
        page.wait_for_function(_PICTURE_SHOWN)
    page.wait_for_load_state("networkidle" if shot.study else "load")
    page.screenshot(path=file)
    context.close()


def _sign_in(page: Page, username: str, password: str) -> None:
    page.goto("/sign-in")
    page.get_by_label("User name").fill(username)
    page.get_by_label("Password").fill(password)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/worklist")


if __name__ == "__main__":
    main()
