"""A page of the built book opened in a real browser, and what it complains about."""

SIZES = {"wide": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}
PATIENCE = 150_000  # milliseconds: a busy machine is slow, and that is no defect of the book


def window(browser, size="wide", **more):
    """A browser context with nothing stored and nothing cached, for a device of this size."""
    context = browser.new_context(viewport=SIZES[size], **more)
    context.set_default_timeout(PATIENCE)
    return context


class Visit:
    """One page opened once, in a window: what it asked for, what it complained about, and the page itself.

    `prepare` is JavaScript that runs before the page's own.
    """

    def __init__(self, context, site, name, prepare=None):
        self.site, self.name = site, name
        self.page, self.complaints = context.new_page(), []
        if prepare:
            self.page.add_init_script(prepare)
        self.page.on("console", lambda message: self.complain(message.text, message.type == "error"))
        self.page.on("pageerror", lambda error: self.complain(str(error)))
        self.page.on("requestfailed", lambda request: self.complain(f"failed: {request.url}"))
        self.page.on("response", lambda answer: self.complain(f"{answer.status}: {answer.url}", answer.status >= 400))
        self.page.on("request", lambda request: self.complain(f"outside: {request.url}", not self.own(request.url)))
        self.page.goto(f"{site}{name}.html", wait_until="load")

    def close(self):
        """Close the page and forget what it stored, so that the next one in its window starts as new."""
        self.page.evaluate("localStorage.clear()")
        self.page.close()

    def own(self, url):
        """Whether an address is the book's own."""
        return url.startswith((self.site, "data:", "blob:"))

    def complain(self, text, really=True):
        """Note a complaint."""
        if really:
            self.complaints.append(text)

    def settle(self):
        """Wait until formulas are typeset and pictures are there, also those further down."""
        self.page.evaluate("window.MathJax?.startup?.promise")
        self.page.evaluate("document.querySelectorAll('img').forEach(image => image.loading = 'eager')")
        self.page.wait_for_function("[...document.images].every(image => image.complete)")
        return self

    def resize(self, size):
        """Make the window as wide as another device's, and wait until nothing sticks out, a few seconds at most."""
        self.page.set_viewport_size(SIZES[size])
        self.page.wait_for_timeout(300)

    def darken(self):
        """Use the page's own switch until it is dark."""
        switch = self.page.locator(".theme-switch-button:visible").first
        for _ in range(3):
            if self.theme() != "dark":
                switch.click()

    def theme(self):
        """The theme that the page shows."""
        return self.page.evaluate("document.documentElement.dataset.theme")
